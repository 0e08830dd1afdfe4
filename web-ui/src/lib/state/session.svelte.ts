// Who is logged in, and what they may do.

import { ask, Fault, toldOf, whenLoggedOut, type Schemas } from '../api/client';

export type Permission = 'read' | 'payloads' | 'inject' | 'deploy' | 'admin' | 'metrics' | 'dashboard' | 'operate';

const LOOK_AGAIN = 3_000;

export class Session {
  who = $state.raw<Schemas['Session'] | undefined>();
  /** `asking` until the gateway has answered, `none` where somebody has to log in, `nobody` where the gateway has no users yet. */
  standing = $state<'asking' | 'in' | 'none' | 'nobody' | 'unreachable'>('asking');
  /** Somebody was logged in, and is no more: the draft waits behind the form. */
  expired = $state(false);
  trouble = $state('');

  constructor() {
    whenLoggedOut(() => this.ended());
  }

  /** The gateway knows the session no more. */
  ended(): void {
    if (this.standing !== 'in') return;
    this.expired = true;
    this.standing = 'none';
  }

  may(permission: Permission): boolean {
    return (this.who?.may as readonly string[] | undefined)?.includes(permission) ?? false;
  }

  async look(): Promise<void> {
    try {
      this.#enter(await ask<Schemas['Session']>('/api/v1/session'));
    } catch (error) {
      this.trouble = toldOf(error);
      if (error instanceof Fault && error.code === 'no_users') this.standing = 'nobody';
      else if (error instanceof Fault && error.status === 401) this.standing = 'none';
      else this.standing = 'unreachable';
    }
  }

  /** Looks again after a while, for as long as the gateway cannot be reached or has nobody who could log in. */
  lookAgain(): () => void {
    const timer = setInterval(() => void this.look(), LOOK_AGAIN);
    return () => clearInterval(timer);
  }

  /** Gives why not, for a person; nothing when they are in. */
  async logIn(username: string, password: string): Promise<string> {
    try {
      this.#enter(await ask<Schemas['Session']>('/api/v1/session', { method: 'POST', body: { username, password } }));
      return '';
    } catch (error) {
      return toldOf(error);
    }
  }

  /** This session stays; all others of the same person end. */
  async changePassword(old: string, password: string): Promise<void> {
    await ask('/api/v1/session/password', { method: 'POST', body: { old, new: password } });
  }

  async logOut(): Promise<void> {
    try {
      await ask('/api/v1/session', { method: 'DELETE' });
    } catch (error) {
      // Whose session has ended already is logged out.
      if (!(error instanceof Fault && error.status === 401)) throw error;
    }
    this.who = undefined;
    this.standing = 'none';
  }

  #enter(who: Schemas['Session']): void {
    this.who = who;
    this.expired = false;
    this.trouble = '';
    this.standing = 'in';
  }
}
