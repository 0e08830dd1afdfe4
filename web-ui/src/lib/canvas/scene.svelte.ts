// What stands on the open flow, with where it is drawn: made anew from the draft when that changes, as little of it as can be.
// What has not changed keeps its object, so that nothing of it is drawn again.

import { kindOf, text, wireKey, wiresOf, type Item, type Wire } from '../doc/item';
import { inputsOf, outputsOf } from '../doc/ports';
import { portAt, sizeOf, UNIT } from '../doc/size';
import type { Editor } from '../state/editor.svelte';
import { around, boundsOf, curveBetween, grown, overlap, type Box, type Curve, type Point } from './geometry';
import { boxOfEnd, endsOf, type SubflowEnd } from './subflow-ports';

export type Shape = 'node' | 'junction' | 'comment' | 'end' | 'folded';

export interface Placed {
  readonly id: string;
  readonly shape: Shape;
  readonly item: Item;
  readonly box: Box;
  readonly inputs: number;
  readonly outputs: number;
  readonly end?: SubflowEnd;
}

export interface PlacedWire {
  readonly key: string;
  readonly wire: Wire;
  readonly a: Point;
  readonly b: Point;
  /** What they are drawn at: the node, or the folded group that it is in. */
  readonly from: string;
  readonly to: string;
  readonly curve: Curve;
  readonly bounds: Box;
  /** No wire of the document: a pair of link nodes, shown while one of them is chosen. */
  readonly isLink: boolean;
}

export interface PlacedGroup {
  readonly id: string;
  readonly item: Item;
  readonly box: Box;
  readonly depth: number;
}

/** With more than this on a flow only what can be seen is drawn. */
const CULL_ABOVE = 150;
/** Between the edge of a group and what is in it, at the least. */
const BESIDE_MEMBERS = 6;
const FOLDED_HEIGHT = 36;

export const isFolded = (group: Item): boolean => group.type === 'group' && group.tg_collapsed === true;

export class Scene {
  #editor: Editor;
  #seenBox: () => Box;
  #kept: () => ReadonlySet<string>;

  constructor(editor: Editor, seenBox: () => Box, kept: () => ReadonlySet<string>) {
    this.#editor = editor;
    this.#seenBox = seenBox;
    this.#kept = kept;
  }

  readonly #items = $derived.by(() => {
    const { draft, view } = this.#editor;
    void draft.version;
    return draft.doc.on(view.flow);
  });

  /** Sizes follow from labels, which of an instance may be that of its subflow. */
  readonly #cache = $derived.by(() => {
    void this.#editor.types;
    void this.#editor.draft.flows;
    return new WeakMap<Item, Placed>();
  });

  readonly #wireCache = new Map<string, PlacedWire>();

  /** What is in a folded group is drawn as that: the outermost that is folded. */
  readonly #foldedIn = $derived.by(() => {
    const groups = new Map(this.#items.filter((item) => kindOf(item) === 'group').map((item) => [item.id, item]));
    const found = new Map<string, string>();
    if (![...groups.values()].some(isFolded)) return found;
    for (const item of this.#items) {
      let at = groups.get(text(item, 'g'));
      for (let depth = 0; at && depth < 20; depth++) {
        if (isFolded(at)) found.set(item.id, at.id);
        at = groups.get(text(at, 'g'));
      }
    }
    return found;
  });

  /** Everything with ports: nodes, junctions, comments, the ends of an open subflow, folded groups. */
  readonly nodes: readonly Placed[] = $derived.by(() => {
    const placed: Placed[] = [];
    for (const item of this.#items) {
      const kind = kindOf(item);
      if (this.#foldedIn.has(item.id)) continue;
      if (kind === 'node' || (kind === 'group' && isFolded(item))) placed.push(this.#place(item));
    }
    const { draft, view } = this.#editor;
    const subflow = draft.doc.get(view.flow);
    if (subflow?.type === 'subflow') {
      for (const end of endsOf(subflow)) {
        placed.push({ id: end.id, shape: 'end', item: subflow, end, box: boxOfEnd(end), inputs: end.kind === 'in' ? 0 : 1, outputs: end.kind === 'in' ? 1 : 0 });
      }
    }
    return placed;
  });

  readonly byId: ReadonlyMap<string, Placed> = $derived(new Map(this.nodes.map((node) => [node.id, node])));

  readonly groups: readonly PlacedGroup[] = $derived.by(() => {
    const groups = this.#items.filter((item) => kindOf(item) === 'group' && !isFolded(item) && !this.#foldedIn.has(item.id));
    const parent = new Map(groups.map((item) => [item.id, text(item, 'g')]));
    const depth = (id: string): number => {
      let deep = 0;
      for (let at = parent.get(id); at && deep < 20; at = parent.get(at)) deep += 1;
      return deep;
    };
    const placed = groups.map((item) => ({ id: item.id, item, box: groupBox(item), depth: depth(item.id) })).sort((a, b) => a.depth - b.depth);
    return aroundMembers(placed, this.nodes);
  });

  readonly wires: readonly PlacedWire[] = $derived.by(() => {
    // By key: a document may have a wire twice, and of two chosen link nodes each knows of the other.
    const byKey = new Map<string, PlacedWire>();
    for (const item of this.#items) {
      if (kindOf(item) !== 'node') continue;
      wiresOf(item).forEach((ends, port) => {
        for (const to of ends) this.#placeWire(byKey, { from: item.id, port, to });
      });
    }
    for (const { end } of this.nodes) {
      for (const wire of end?.wires ?? []) {
        this.#placeWire(byKey, end!.kind === 'in' ? { from: end!.id, port: 0, to: wire.id } : { from: wire.id, port: wire.port, to: end!.id });
      }
    }
    this.#linksOf(byKey);
    const all = [...byKey.values()];
    if (this.#wireCache.size > all.length + 500) {
      this.#wireCache.clear();
      for (const wire of all) this.#wireCache.set(wire.key, wire);
    }
    return all;
  });

  readonly wireByKey: ReadonlyMap<string, PlacedWire> = $derived(new Map(this.wires.map((wire) => [wire.key, wire])));

  readonly seenNodes: readonly Placed[] = $derived.by(() => {
    if (this.nodes.length <= CULL_ABOVE) return this.nodes;
    const [box, kept] = [this.#seenBox(), this.#kept()];
    return this.nodes.filter((node) => overlap(node.box, box) || kept.has(node.id));
  });

  readonly seenWires: readonly PlacedWire[] = $derived.by(() => {
    if (this.nodes.length <= CULL_ABOVE) return this.wires;
    const [box, kept] = [this.#seenBox(), this.#kept()];
    return this.wires.filter((wire) => overlap(wire.bounds, box) || kept.has(wire.from) || kept.has(wire.to));
  });

  /** The box around everything on the flow. */
  get bounds(): Box | undefined {
    return around([...this.nodes, ...this.groups].map((one) => one.box));
  }

  /** Nodes as a page is read: line by line, where a line is as high as a node. */
  readonly inReadingOrder: readonly Placed[] = $derived(
    [...this.nodes].sort((a, b) => Math.round((a.box.y + a.box.h / 2) / 40) - Math.round((b.box.y + b.box.h / 2) / 40) || a.box.x - b.box.x),
  );

  /** What an item is drawn as: itself, or the folded group that it is in. */
  drawnAs(id: string): string {
    return this.#foldedIn.get(id) ?? id;
  }

  portOf(placed: Placed, side: 'in' | 'out', n: number): Point {
    const { box, shape, item } = placed;
    if (shape === 'node' || shape === 'comment') return portAt(item, this.#editor.types, this.#editor.draft.doc, side, n);
    return { x: side === 'in' ? box.x : box.x + box.w, y: box.y + box.h / 2 };
  }

  /** Which of a node's ports on one side is nearest: the areas where they can be hit overlap, for fingers are larger than ports are apart. */
  nearestPort(id: string, side: 'in' | 'out', to: Point): number {
    const placed = this.byId.get(id);
    if (!placed) return 0;
    const away = (n: number): number => Math.abs(this.portOf(placed, side, n).y - to.y);
    const count = side === 'in' ? placed.inputs : placed.outputs;
    return Array.from({ length: count }, (_, n) => n).reduce((best, n) => (away(n) < away(best) ? n : best), 0);
  }

  #place(item: Item): Placed {
    const known = this.#cache.get(item);
    if (known) return known;
    const placed = this.#made(item);
    this.#cache.set(item, placed);
    return placed;
  }

  #made(item: Item): Placed {
    if (item.type === 'group') {
      const box = groupBox(item);
      const w = Math.round(Math.max(140, Math.min(240, 60 + 8 * text(item, 'name').length)) / UNIT);
      return { id: item.id, shape: 'folded', item, box: { x: box.x, y: box.y, w, h: FOLDED_HEIGHT }, inputs: 0, outputs: 0 };
    }
    const { types, draft } = this.#editor;
    const { w, h } = sizeOf(item, types, draft.doc);
    const shape = item.type === 'junction' ? 'junction' : item.type === 'comment' ? 'comment' : 'node';
    const box = { x: Number(item.x) - w / 2, y: Number(item.y) - h / 2, w, h };
    return { id: item.id, shape, item, box, inputs: inputsOf(item, types, draft.doc), outputs: outputsOf(item, types, draft.doc) };
  }

  #placeWire(all: Map<string, PlacedWire>, wire: Wire, isLink = false): void {
    const [from, to] = [this.drawnAs(wire.from), this.drawnAs(wire.to)];
    const [source, target] = [this.byId.get(from), this.byId.get(to)];
    // A wire inside of a folded group is not seen; one to nowhere is told by the check.
    if (!source || !target || (from === to && from !== wire.from)) return;
    const key = isLink ? `link ${wireKey(wire)}` : wireKey(wire);
    const [a, b] = [this.portOf(source, 'out', wire.port), this.portOf(target, 'in', 0)];
    const before = this.#wireCache.get(key);
    if (before && before.from === from && before.to === to && before.a.x === a.x && before.a.y === a.y && before.b.x === b.x && before.b.y === b.y) {
      all.set(key, before);
      return;
    }
    const curve = curveBetween(a, b);
    const placed = { key, wire, a, b, from, to, curve, bounds: grown(boundsOf(curve), 8), isLink };
    this.#wireCache.set(key, placed);
    all.set(key, placed);
  }

  /** Of link nodes that are chosen, where they lead to: what is on another flow has no place here. */
  #linksOf(all: Map<string, PlacedWire>): void {
    for (const id of this.#editor.selection.items) {
      const item = this.byId.get(id)?.item;
      if (!item || !item.type.startsWith('link ')) continue;
      const links = Array.isArray(item.links) ? item.links.filter((link): link is string => typeof link === 'string') : [];
      for (const other of links) {
        if (this.byId.has(this.drawnAs(other))) this.#placeWire(all, item.type === 'link in' ? { from: other, port: 0, to: id } : { from: id, port: 0, to: other }, true);
      }
    }
  }
}

/** A group is at least as large as what is in it: other editors draw nodes in other sizes than they are here. Outer groups come first. */
function aroundMembers(groups: readonly PlacedGroup[], nodes: readonly Placed[]): PlacedGroup[] {
  const inside = new Map<string, Box[]>(groups.map(({ id, box }) => [id, [box]]));
  const put = (group: string, box: Box): void => void inside.get(group)?.push(grown(box, BESIDE_MEMBERS));
  for (const { item, box, shape } of nodes) if (shape !== 'end') put(text(item, 'g'), box);
  return groups
    .toReversed()
    .map((group) => {
      const box = around(inside.get(group.id)!)!;
      put(text(group.item, 'g'), box);
      return { ...group, box };
    })
    .reverse();
}

const groupBox = (item: Item): Box => ({ x: Number(item.x) || 0, y: Number(item.y) || 0, w: Number(item.w) || 120, h: Number(item.h) || 80 });

/** Whether live figures make sense for what is open: what is inside of a subflow runs once for each instance, under other names. */
export const isTemplate = (item: Item | undefined): boolean => item?.type === 'subflow';


