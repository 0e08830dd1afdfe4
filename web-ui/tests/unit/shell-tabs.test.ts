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
