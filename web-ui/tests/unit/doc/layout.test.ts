import fc from 'fast-check';
import { expect, test } from 'vitest';

import { layered } from '../../../src/lib/doc/operations/layout/layout';
import { crossingsOf, ordered } from '../../../src/lib/doc/operations/layout/order';
import { rising } from '../../../src/lib/doc/operations/layout/places';
import { neighbours, ranksOf, withoutCircles, type Edge } from '../../../src/lib/doc/operations/layout/ranks';

const between = { ranks: 60, nodes: 30 };
const box = (id: string, w = 100, h = 44) => ({ id, w, h });
const wire = (text: string) => ({ from: text[0]!, to: text[1]! });
const laid = (ids: string, wires: string[]) => layered([...ids].map((id) => box(id)), wires.map(wire), between);

test('a chain is one straight line, whatever the order of its nodes', () => {
  const at = laid('dacb', ['ab', 'bc', 'cd']);
  expect([...'abcd'].map((id) => at.get(id))).toEqual([0, 1, 2, 3].map((n) => ({ x: 50 + n * 160, y: 22 })));
});

test('a node stands in the middle of what it feeds, and what is not wired together is below', () => {
  const at = laid('abcdxy', ['ab', 'ac', 'ad', 'xy']);
  expect([at.get('b')!.y, at.get('c')!.y, at.get('d')!.y]).toEqual([22, 96, 170]);
  expect(at.get('a')!.y).toBeCloseTo(96);
  expect(at.get('x')).toEqual({ x: 50, y: 244 });
  expect(at.get('y')).toEqual({ x: 210, y: 244 });
});

test('a wire back, a wire to oneself, and doubles do no harm', () => {
  const at = laid('abc', ['ab', 'ab', 'bc', 'ca', 'bb']);
  expect([...'abc'].map((id) => at.get(id)!.x)).toEqual([50, 210, 370]);
  expect(layered([], [], between).size).toBe(0);
  expect(laid('a', ['aa']).get('a')).toEqual({ x: 50, y: 22 });
});

test('wires are short: what feeds a late node stands next to it, also with a chain before it', () => {
  const edges: Edge[] = [[0, 1], [1, 2], [2, 3], [3, 4], [5, 6], [6, 4]];
  expect(ranksOf(7, edges)).toEqual([0, 1, 2, 3, 4, 2, 3]);
  // Two branches that are wired once, at their ends: the short one moves as a whole.
  expect(ranksOf(8, [[0, 1], [1, 2], [2, 3], [4, 5], [4, 6], [6, 7], [5, 3]])).toEqual([0, 1, 2, 3, 1, 2, 2, 3]);
});

test('wires that need not cross do not', () => {
  const edges: Edge[] = [[0, 5], [1, 4], [2, 3], [3, 8], [4, 7], [5, 6]];
  const [out, into] = [neighbours(9, edges, 0), neighbours(9, edges, 1)];
  const columns = [[0, 1, 2], [3, 4, 5], [6, 7, 8]];
  expect(crossingsOf(columns, out)).toBe(6);
  expect(crossingsOf(ordered(columns, out, into), out)).toBe(0);
});

test('places that would be in the wrong order meet in between, by their weight', () => {
  expect(rising([{ at: 0, weight: 1 }, { at: 9, weight: 1 }, { at: 3, weight: 2 }, { at: 7, weight: 1 }])).toEqual([0, 5, 5, 7]);
  expect(rising([])).toEqual([]);
});

const graph = fc.record({
  sizes: fc.array(fc.record({ w: fc.integer({ min: 20, max: 300 }), h: fc.integer({ min: 20, max: 120 }) }), { minLength: 1, maxLength: 24 }),
  wires: fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 50 }),
});

test('in any flow each node has a place of its own, and without circles all wires lead to the right', () => {
  fc.assert(
    fc.property(graph, fc.boolean(), ({ sizes, wires }, circles) => {
      const nodes = sizes.map((size, n) => ({ id: String(n), ...size }));
      const edges = wires.map(([a, b]): Edge => [a % nodes.length, b % nodes.length]).filter(([a, b]) => circles || a < b);
      const at = layered(nodes, edges.map(([a, b]) => ({ from: String(a), to: String(b) })), between);
      expect(Math.min(...nodes.map(({ id, h }) => at.get(id)!.y - h / 2))).toBeCloseTo(0);
      for (const one of nodes) {
        for (const other of nodes.slice(0, Number(one.id))) {
          const [a, b] = [at.get(one.id)!, at.get(other.id)!];
          const apart = Math.max(Math.abs(a.x - b.x) - (one.w + other.w) / 2, Math.abs(a.y - b.y) - (one.h + other.h) / 2);
          expect(apart).toBeGreaterThan(29.999);
        }
      }
      if (!circles) for (const [a, b] of edges) expect(at.get(String(b))!.x).toBeGreaterThan(at.get(String(a))!.x);
    }),
  );
});

test('edges without circles are the same nodes wired, and no circle is left', () => {
  fc.assert(
    fc.property(graph, ({ sizes, wires }) => {
      const edges = wires.map(([a, b]): Edge => [a % sizes.length, b % sizes.length]);
      const kept = withoutCircles(sizes.length, edges);
      const pairs = (list: readonly Edge[]) => new Set(list.filter(([a, b]) => a !== b).map(([a, b]) => `${Math.min(a, b)} ${Math.max(a, b)}`));
      expect(pairs(kept)).toEqual(pairs(edges));
      const ranks = ranksOf(sizes.length, kept);
      for (const [a, b] of kept) expect(ranks[b]).toBeGreaterThan(ranks[a]!);
    }),
  );
});

test('the largest flow that may be tidied is, also where its wires are long', () => {
  const nodes = Array.from({ length: 3_000 }, (_, n) => box(String(n)));
  const wires = nodes.flatMap((_, n) => (n === 0 ? [] : [{ from: String(n - 1), to: String(n) }, { from: '0', to: String(n) }]));
  const at = layered(nodes, wires, between);
  expect(at.get('2999')!.x).toBe(2_999 * 160 + 50);
});
