import type { Edit } from '../flow-doc';
import { groupOf, isOnCanvas, newId, number, placeOf, subflowOf, wiresOf, type Item } from '../item';
import { portList } from '../ports';
import { withReferences } from '../references';
import { boxAround, boxOf, roughSize } from '../size';
import { Refusal } from '../words';
import { snap } from './arrange';
import { fitAround } from './fit';
import { removeEmpty, setGroup, withMembers } from './members';
import { CORNER, endsOf, PORT_AWAY } from './subflow-ports';

export { addPort, removePort, wirePort } from './subflow-ports';
export { unpack } from './unpack';

/** An empty subflow; gives its id. Node-RED keeps subflows before everything that is on a canvas. */
export function newSubflow(edit: Edit, name: string): string {
  const id = newId();
  const last = edit.items().filter(({ type }) => type === 'subflow' || type === 'tab').at(-1);
  const at = last ? edit.doc.indexOf(last.id) + 1 : 0;
  edit.put({ id, type: 'subflow', name, info: '', category: '', in: [], out: [], env: [], meta: {}, color: '#DDAA99' }, last && at === 0 ? undefined : at);
  return id;
}

/**
 * Puts nodes into a new subflow, and one instance of it in their place: what was wired to them is wired to the instance.
 * Fails where that cannot be the same: messages that came to them by different ways would come by one.
 */
export function toSubflow(edit: Edit, ids: Iterable<string>, name: string): { subflow: string; instance: string } {
  const chosen = [...withMembers(edit, ids)].flatMap((id) => edit.get(id) ?? []).filter((item) => isOnCanvas(item));
  const place = chosen[0] && placeOf(chosen[0]);
  // From the top to the bottom: so its outputs are where the nodes were.
  const items = chosen.filter((item) => placeOf(item) === place).sort((a, b) => number(a, 'y') - number(b, 'y') || number(a, 'x') - number(b, 'x'));
  const inside = new Set(items.map(({ id }) => id));
  if (place === undefined || place === '') throw new Refusal('nothing is chosen that could be in a subflow');
  if (items.some((item) => subflowOf(item) === place)) throw new Refusal('a subflow cannot contain itself');
  const entries = entriesOf(edit, inside);
  const exits = exitsOf(edit, items, inside, place);

  const size = roughSize(edit);
  const box = boxAround(items.map((item) => boxOf(item, size(item))))!;
  const [dx, dy] = [snap(CORNER.x + PORT_AWAY - box.x), snap(CORNER.y - box.y)];
  const middle = { x: box.x + box.w / 2, y: box.y + box.h / 2 };
  const subflow = newSubflow(edit, name);
  edit.set(subflow, {
    in: entries.length > 0 ? [{ x: CORNER.x, y: snap(middle.y + dy), wires: entries.map((id) => ({ id })) }] : [],
    out: exits.map(({ id, port }, n) => ({ x: snap(box.x + box.w + dx + PORT_AWAY), y: snap(box.y + dy) + n * 60, wires: [{ id, port }] })),
  });

  const instance = newId();
  const group = items.map(groupOf).filter((id) => !inside.has(id));
  const common = group.length > 0 && group.every((id) => id === group[0]) ? group[0] : '';
  edit.put({ id: instance, type: `subflow:${subflow}`, z: place, name: '', x: snap(middle.x), y: snap(middle.y), wires: exits.map(({ ends }) => ends) });
  for (const item of items) if (!inside.has(groupOf(item))) setGroup(edit, item.id, undefined);
  for (const { id } of items) {
    const item = edit.get(id)!;
    const wires = wiresOf(item).map((ends) => ends.filter((end) => inside.has(end)));
    edit.set(id, { z: subflow, x: number(item, 'x') + dx, y: number(item, 'y') + dy, ...(wires.length > 0 ? { wires } : {}) });
  }
  if (common) setGroup(edit, instance, common);
  // What led to them, or waits for what they do, now knows the instance. Links go through walls and stay.
  for (const item of edit.items()) {
    if (inside.has(item.id) || item.id === subflow || item.id === instance) continue;
    const now = withReferences(item, (id, as) => (inside.has(id) && (as === 'wire' || as === 'scope') ? instance : id));
    if (now !== item) edit.put(now);
  }
  const around = edit.get(place);
  if (around?.type === 'subflow') edit.put(withExits(around, instance, edit.doc.get(place)!, exits));
  for (const id of inside) {
    const item = edit.get(id)!;
    const now = withReferences(item, (end, as) => (as === 'scope' && !inside.has(end) ? undefined : end));
    if (now !== item) edit.put(now);
  }
  removeEmpty(edit, group);
  fitAround(edit, [instance, ...group]);
  return { subflow, instance };
}

/** The nodes that messages come to from outside: all by the same wires, for an instance has one input. */
function entriesOf(edit: Edit, inside: ReadonlySet<string>): string[] {
  const ways = new Map<string, string>();
  for (const id of inside) {
    const from = edit.incoming(id).filter((wire) => !inside.has(wire.from)).map((wire) => [wire.from, wire.port]);
    const around = edit.get(placeOf(edit.get(id)!));
    portList(around, 'in').forEach((port, n) => endsOf(port).forEach((end) => end.id === id && from.push([around!.id, n])));
    if (from.length > 0) ways.set(id, JSON.stringify(from.sort()));
  }
  if (new Set(ways.values()).size > 1) {
    throw new Refusal('messages come to these nodes by different ways, and a subflow has one input: choose fewer nodes, or bring the wires together before them');
  }
  return [...ways.keys()];
}

interface Exit {
  readonly id: string;
  readonly port: number;
  readonly ends: readonly string[];
}

/** Outputs that lead out: by wires, or where they stand in a subflow by its outputs and its status. */
function exitsOf(edit: Edit, items: readonly Item[], inside: ReadonlySet<string>, place: string): Exit[] {
  const exits = items.flatMap((item) =>
    wiresOf(item).flatMap((all, port): Exit[] => {
      const ends = all.filter((end) => !inside.has(end));
      return ends.length > 0 ? [{ id: item.id, port, ends }] : [];
    }),
  );
  const around = edit.get(place);
  for (const { id, port } of [...portList(around, 'out'), around?.status].flatMap(endsOf)) {
    if (inside.has(id) && !exits.some((exit) => exit.id === id && exit.port === port)) exits.push({ id, port, ends: [] });
  }
  return exits;
}

/** The outputs of the subflow around, fed by the instance's in place of the nodes that are in it now. */
function withExits(around: Item, instance: string, before: Item, exits: readonly Exit[]): Item {
  const fed = (port: unknown): unknown => {
    const ends = endsOf(port);
    if (!ends.some(({ id, port: n }) => exits.some((exit) => exit.id === id && exit.port === n))) return port;
    return {
      ...(port as object),
      wires: ends.map((end) => {
        const n = exits.findIndex((exit) => exit.id === end.id && exit.port === end.port);
        return n < 0 ? end : { id: instance, port: n };
      }),
    };
  };
  return { ...around, out: portList(before, 'out').map(fed), ...(before.status ? { status: fed(before.status) } : {}) };
}
