// Points, boxes and the curves of wires. Nothing here knows of a page.

import { boxAround as around, UNIT } from '../doc/size';

export { around };

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A box by its top left corner. */
export interface Box extends Point {
  readonly w: number;
  readonly h: number;
}

/** A cubic curve: where it begins, two points that pull at it, where it ends. */
export type Curve = readonly [Point, Point, Point, Point];

export const middle = (box: Box): Point => ({ x: box.x + box.w / 2, y: box.y + box.h / 2 });

export const grown = (box: Box, by: number): Box => ({ x: box.x - by, y: box.y - by, w: box.w + 2 * by, h: box.h + 2 * by });

export const moved = <T extends Point>(point: T, dx: number, dy: number): T => ({ ...point, x: point.x + dx, y: point.y + dy });

export const overlap = (a: Box, b: Box): boolean => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

export const holds = (box: Box, point: Point): boolean => point.x >= box.x && point.x <= box.x + box.w && point.y >= box.y && point.y <= box.y + box.h;

export const encloses = (outer: Box, inner: Box): boolean =>
  inner.x >= outer.x && inner.y >= outer.y && inner.x + inner.w <= outer.x + outer.w && inner.y + inner.h <= outer.y + outer.h;

export const boxOf = (a: Point, b: Point): Box => ({ x: Math.min(a.x, b.x), y: Math.min(a.y, b.y), w: Math.abs(a.x - b.x), h: Math.abs(a.y - b.y) });

const SHORTEST_PULL = 30;
const LONGEST_PULL = 220;

/** Wires leave to the right and arrive from the left, also where what they lead to stands further left: they swing around then. */
export function curveBetween(from: Point, to: Point): Curve {
  const across = to.x - from.x;
  const down = to.y - from.y;
  const pull = across >= 0 ? Math.max(SHORTEST_PULL, Math.min(across / 2, LONGEST_PULL)) : Math.min(LONGEST_PULL, 70 - across / 3);
  // Straight back it would run through both nodes, so it goes around below.
  const sag = across < 0 && Math.abs(down) < 60 ? 90 : 0;
  return [from, { x: from.x + pull, y: from.y + sag }, { x: to.x - pull, y: to.y + sag }, to];
}

/** On the layer of the canvas all is in pixels at 100 %. */
export const px = (n: number): number => Math.round(n * UNIT * 10) / 10;

export const pathOf = ([a, b, c, d]: Curve): string =>
  `M${px(a.x)} ${px(a.y)}C${px(b.x)} ${px(b.y)} ${px(c.x)} ${px(c.y)} ${px(d.x)} ${px(d.y)}`;

export function pointOn([a, b, c, d]: Curve, t: number): Point {
  const u = 1 - t;
  const [wa, wb, wc, wd] = [u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t];
  return { x: wa * a.x + wb * b.x + wc * c.x + wd * d.x, y: wa * a.y + wb * b.y + wc * c.y + wd * d.y };
}

/** Points along a curve, about as far from each other everywhere: for what moves along it, and for how near something is. */
export function along(curve: Curve, steps = 24): Point[] {
  return Array.from({ length: steps + 1 }, (_, n) => pointOn(curve, n / steps));
}

export function distanceTo(curve: Curve, point: Point): number {
  const points = along(curve);
  let nearest = Infinity;
  for (let n = 1; n < points.length; n++) nearest = Math.min(nearest, toSegment(points[n - 1]!, points[n]!, point));
  return nearest;
}

function toSegment(a: Point, b: Point, p: Point): number {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = dx * dx + dy * dy;
  const t = length === 0 ? 0 : Math.max(0, Math.min(1, ((p.x - a.x) * dx + (p.y - a.y) * dy) / length));
  return Math.hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

/** The box that a curve lies in, a little too large. */
export const boundsOf = (curve: Curve): Box => around(curve.map((point) => ({ ...point, w: 0, h: 0 })))!;
