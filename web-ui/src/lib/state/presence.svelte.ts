// Who else has the editor open, and which flow they look at. Also told where a gateway does not tell it: then nobody is here.

import type { LiveApi } from '../live/types';

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly at: string | undefined;
  /** By which they are known again: the same for the same name. */
  readonly hue: number;
}

const MOST = 64;

export class Presence {
  #people = $state.raw<readonly Person[]>([]);
  #me = $state('');
  #live: LiveApi;

  constructor(live: LiveApi) {
    this.#live = live;
    live.on('hello', (told) => (this.#me = String(told.you ?? '')));
    live.on('presence', (told) => (this.#people = readPeople(told.people)));
  }

  get others(): readonly Person[] {
    if (this.#live.connection !== 'open') return [];
    return this.#people.filter((person) => person.id !== this.#me);
  }
}

export function readPeople(told: unknown): Person[] {
  if (!Array.isArray(told)) return [];
  return told.slice(0, MOST).flatMap((person: unknown) => {
    const { id, name, at } = (person ?? {}) as Record<string, unknown>;
    if (typeof name !== 'string') return [];
    return [{ id: String(id), name, at: typeof at === 'string' ? at : undefined, hue: hueOf(name) }];
  });
}

const hueOf = (name: string): number => [...name].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 360, 7);
