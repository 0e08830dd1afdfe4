import { expect, test, vi } from 'vitest';

import { Tabs } from '../../src/lib/state/tabs';

const tab = (user: string) => {
  const heard: string[] = [];
  const tabs = new Tabs(user, { taken: () => heard.push('taken'), freed: () => heard.push('freed') });
  return { tabs, heard };
};

test('one tab has the draft, and another gets it when it is freed or taken', async () => {
  const [first, second, stranger] = [tab('ada'), tab('ada'), tab('bob')];
  expect(await first.tabs.hold()).toBe(true);
  expect(await second.tabs.hold()).toBe(false);
  expect(await stranger.tabs.hold()).toBe(true);
  second.tabs.take();
  await vi.waitFor(() => expect(first.heard).toEqual(['taken']));
  expect(first.tabs.holds).toBe(false);
  second.tabs.free();
  await vi.waitFor(() => expect(first.heard).toEqual(['taken', 'freed']));
  expect(await first.tabs.hold()).toBe(true);
});

test('of tabs that begin at once, as when a browser opens them again, one has the draft', async () => {
  const all = Array.from({ length: 4 }, () => tab('eve'));
  const held = await Promise.all(all.map(({ tabs }) => tabs.hold()));
  expect(held.filter(Boolean)).toHaveLength(1);
  // One that begins a little later, while the others have not decided, does not get it as well.
  const late = [tab('kim'), tab('kim'), tab('kim')];
  const asked = late.map(async ({ tabs }, n) => {
    await new Promise((resolve) => setTimeout(resolve, n * 90));
    return tabs.hold();
  });
  expect((await Promise.all(asked)).filter(Boolean)).toHaveLength(1);
});

test('a tab from which it is taken while it asks does not have it', async () => {
  const [first, second] = [tab('zoe'), tab('zoe')];
  const asked = first.tabs.hold();
  second.tabs.take();
  expect(await asked).toBe(false);
  expect([first.tabs.holds, second.tabs.holds]).toEqual([false, true]);
});
