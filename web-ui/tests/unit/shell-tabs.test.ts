import { expect, test } from 'vitest';

import { Tabs } from '../../src/lib/state/tabs';

const tab = (user: string) => {
  const heard: string[] = [];
  const tabs = new Tabs(user, { taken: () => heard.push('taken'), freed: () => heard.push('freed') });
  return { tabs, heard };
};
const soon = () => new Promise((resolve) => setTimeout(resolve, 30));

test('one tab has the draft, and another gets it when it is freed or taken', async () => {
  const [first, second, stranger] = [tab('ada'), tab('ada'), tab('bob')];
  expect(await first.tabs.hold()).toBe(true);
  expect(await second.tabs.hold()).toBe(false);
  expect(await stranger.tabs.hold()).toBe(true);
  second.tabs.take();
  await soon();
  expect(first.tabs.holds).toBe(false);
  expect(first.heard).toEqual(['taken']);
  second.tabs.free();
  await soon();
  expect(first.heard).toEqual(['taken', 'freed']);
  expect(await first.tabs.hold()).toBe(true);
});
