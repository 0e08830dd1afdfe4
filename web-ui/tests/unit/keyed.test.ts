import { expect, test } from 'vitest';

import { keyed } from '$lib/ui/keyed';

test('names that come twice have keys of their own, and the first keeps its key when another comes', () => {
  const keys = (names: string[]): string[] => keyed(names, (name) => name).map(({ key }) => key);
  expect(keys(['a', 'b', 'a', 'a'])).toEqual(['0 a', '0 b', '1 a', '2 a']);
  expect(keys(['b', 'a'])).toEqual(['0 b', '0 a']);
  expect(new Set(keys(['1 a', 'a', 'a', '0 a'])).size).toBe(4);
});
