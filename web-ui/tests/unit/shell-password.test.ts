import { afterEach, expect, test, vi } from 'vitest';

import { Fault } from '../../src/lib/api/client';
import { actions, isPossible } from '../../src/lib/actions/action';
import type { Editor } from '../../src/lib/state/editor.svelte';
import { Session } from '../../src/lib/state/session.svelte';

afterEach(() => vi.unstubAllGlobals());

function gateway(answer: Response): Request[] {
  const asked: Request[] = [];
  vi.stubGlobal('location', { origin: 'http://gateway' });
  vi.stubGlobal('fetch', async (url: URL, init: RequestInit) => {
    asked.push(new Request(url, { method: init.method, body: init.body }));
    return answer;
  });
  return asked;
}

test('the old password goes along, and a wrong one logs nobody out', async () => {
  const session = new Session();
  session.who = { name: 'dan', kind: 'session', may: ['dashboard'] };
  session.standing = 'in';
  const asked = gateway(new Response(JSON.stringify({ code: 'wrong_password', message: 'this is not the password', pointer: '/old' }), { status: 403 }));
  await expect(session.changePassword('old one', 'new one')).rejects.toThrow(Fault);
  expect(new URL(asked[0]!.url).pathname).toBe('/api/v1/session/password');
  expect(await asked[0]!.json()).toEqual({ old: 'old one', new: 'new one' });
  expect([session.standing, session.expired]).toEqual(['in', false]);
  gateway(new Response(null, { status: 204 }));
  await session.changePassword('old one', 'new one');
  expect(session.who?.name).toBe('dan');
});

test('everybody who has logged in is offered it, and no machine', () => {
  const action = actions.find(({ id }) => id === 'app.password')!;
  const offered = (kind: 'session' | 'token', may: string[]): boolean => {
    const session = new Session();
    session.who = { name: 'vic', kind, may };
    return isPossible(action, { session } as unknown as Editor);
  };
  expect(offered('session', ['read', 'dashboard'])).toBe(true);
  expect(offered('token', ['read', 'dashboard'])).toBe(false);
});
