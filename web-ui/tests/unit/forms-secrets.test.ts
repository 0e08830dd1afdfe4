import { afterEach, expect, test, vi } from 'vitest';

import { Secrets, wordsOf } from '../../src/lib/forms/secrets.svelte';
import type { Editor } from '../../src/lib/state/editor.svelte';

afterEach(() => vi.unstubAllGlobals());

const item = { id: 'n', type: 'mqtt-broker', z: '' };
const editor = { draft: { base: { number: 3, items: [item] } }, live: { connection: 'open' } } as unknown as Editor;
const settled = () => new Promise((done) => setTimeout(done, 0));

test('a secret that was asked for in vain is not known, and is asked for again', async () => {
  let asked = 0;
  let answers = false;
  vi.stubGlobal('location', { origin: 'http://gateway' });
  vi.stubGlobal('fetch', () => {
    asked += 1;
    return answers ? Promise.resolve(Response.json({ has_password: true, has_user: false })) : Promise.reject(new TypeError('no network'));
  });
  const secrets = new Secrets(editor);
  secrets.look(item);
  expect(wordsOf(secrets.stateOf(item, 'password'))).toBe('Asking the gateway …');
  secrets.look(item);
  await settled();
  expect([asked, wordsOf(secrets.stateOf(item, 'password'))]).toEqual([1, 'Not known']);
  answers = true;
  secrets.look(item);
  await settled();
  secrets.look(item);
  expect([asked, secrets.stateOf(item, 'password'), secrets.stateOf(item, 'user')]).toEqual([2, 'set', 'unset']);
});
