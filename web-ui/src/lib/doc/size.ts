// How large items are drawn, in units of the document, and where their ports are. The canvas is told sizes before anything is drawn: measuring costs seconds.

import type { Items } from './flow-doc';
import { number, type Item } from './item';
import { inputsOf, labelOf, outputsOf } from './ports';
import { noTypes, type Types } from './types';

export interface Size {
  readonly w: number;
  readonly h: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Box extends Point, Size {}

export type SizeOf = (item: Item) => Size;

/** So many pixels is a unit of the document drawn at 100 %. Nodes of Node-RED are 30 units high and their rows often 40 apart: drawn one to one
 * there would be no room for what ours show. */
export const UNIT = 1.25;

const HEIGHT = 36;
export const PER_PORT = 12;
const NARROWEST = 100;
const WIDEST = 220;
const STEP = 20;
/** In pixels, as the width of letters is: the stripe, the icon and the space around the label. */
const BESIDE_LABEL = 60;
/** As much more where a button stands in place of the icon. */
const BUTTON = 16;
const WITH_BUTTON: ReadonlySet<string> = new Set(['inject', 'debug']);
const JUNCTION: Size = { w: 10, h: 10 };
/** A subflow's own inputs and outputs, as they stand inside it. */
export const PORT_SIZE: Size = { w: 40, h: 40 };

export function sizeOf(item: Item, types: Types, doc: Items): Size {
  if (item.type === 'junction') return JUNCTION;
  if (item.type === 'group') return { w: Math.max(0, number(item, 'w')), h: Math.max(0, number(item, 'h')) };
  const ports = Math.max(inputsOf(item, types, doc), outputsOf(item, types, doc));
  const h = HEIGHT + PER_PORT * Math.max(0, ports - 3);
  // Node-RED's `l`: the label is not shown.
  if (item.l === false) return { w: HEIGHT, h };
  const beside = BESIDE_LABEL + (WITH_BUTTON.has(item.type) ? BUTTON : 0);
  const wanted = Math.ceil((beside + widthOf(labelOf(item, doc, types))) / UNIT / STEP) * STEP;
  return { w: Math.min(WIDEST, Math.max(NARROWEST, wanted)), h };
}

/** Where nothing is known of node types: as wide, and as high as the wires make it. */
export const roughSize =
  (doc: Items): SizeOf =>
  (item) =>
    sizeOf(item, noTypes, doc);

/** At 13 px, bold, in the widest of the fonts that systems bring: a name that is cut off is worse than a little room. */
function widthOf(label: string): number {
  let width = 0;
  for (const letter of label) {
    const code = letter.codePointAt(0)!;
    if (code > 0x1100) width += 13.5;
    else if ("iljtfrI.,:;'|!()[] ".includes(letter)) width += 5;
    else if ('mwMW@%'.includes(letter)) width += 12.8;
    else if (letter >= 'A' && letter <= 'Z') width += 9.8;
    else width += 8.4;
    if (width > WIDEST * UNIT) break;
  }
  return width;
}

/** The top left corner and the size. Of a node x and y are the centre, of a group they are the corner. */
export function boxOf(item: Item, { w, h }: Size): Box {
  const [x, y] = [number(item, 'x'), number(item, 'y')];
  return item.type === 'group' ? { x, y, w, h } : { x: x - w / 2, y: y - h / 2, w, h };
}

/** The box around all of these; undefined around nothing. */
export function boxAround(boxes: Iterable<Box>): Box | undefined {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const box of boxes) {
    left = Math.min(left, box.x);
    top = Math.min(top, box.y);
    right = Math.max(right, box.x + box.w);
    bottom = Math.max(bottom, box.y + box.h);
  }
  return left === Infinity ? undefined : { x: left, y: top, w: right - left, h: bottom - top };
}

/** Where a port is on the canvas: inputs on the left edge, outputs on the right one. */
export function portAt(item: Item, types: Types, doc: Items, which: 'in' | 'out', n: number): Point {
  const { x, y, w, h } = boxOf(item, sizeOf(item, types, doc));
  const ports = which === 'in' ? inputsOf(item, types, doc) : outputsOf(item, types, doc);
  // Wires may leave by outputs that the node no longer has: those end at its last one.
  const at = Math.max(0, Math.min(n, ports - 1));
  return { x: which === 'in' ? x : x + w, y: y + h / 2 + (at - (Math.max(1, ports) - 1) / 2) * PER_PORT };
}
