import type { Edit } from '../flow-doc';
import { groupOf, isOnCanvas, newId, number, placeOf, subflowOf, text, wiresOf, type Item } from '../item';
import { portList } from '../ports';
import { withReferences } from '../references';
import { boxAround, boxOf, roughSize } from '../size';
import { noTypes, type Types } from '../types';
import { snap } from './arrange';
import { fitAround } from './fit';
import { linkBack } from './graft';
import { setGroup } from './members';
import { endsOf, type PortEnd } from './subflow-ports';

/**
 * Puts what is in a subflow in the place of one of its instances. Where the subflow has settings, it becomes a group that has them.
 * Gives the new ids.
 */
export function unpack(edit: Edit, instanceId: string, types: Types = noTypes): string[] {
  const instance = edit.get(instanceId);
  const subflow = instance && edit.get(subflowOf(instance));
  // One that stands in the subflow itself would come out of itself for ever.
  if (!instance || subflow?.type !== 'subflow' || placeOf(instance) === subflow.id) return [];
  const content = edit.on(subflow.id);
  const ids = new Map(content.map(({ id }) => [id, newId()]));
  const size = roughSize(edit);
  const box = boxAround(content.filter((item) => isOnCanvas(item)).map((item) => boxOf(item, size(item))));
  const dx = box ? snap(number(instance, 'x') - box.x - box.w / 2) : 0;
  const dy = box ? snap(number(instance, 'y') - box.y - box.h / 2) : 0;
  const outs = portList(subflow, 'out').map((port, n) => ({ from: endsOf(port), to: wiresOf(instance)[n] ?? [] }));
  const entries = portList(subflow, 'in').flatMap(endsOf);
  const into = entries.flatMap(({ id }) => ids.get(id) ?? []);
  // A wire right through the subflow leads on to what its output led to.
  const through = outs.flatMap(({ from, to }) => (from.some(({ id }) => id === subflow.id) ? to : []));
  const put = content.map((item) => {
    const now = withReferences(item, (id, as) => (id === subflow.id ? (as === 'place' ? placeOf(instance) : undefined) : (ids.get(id) ?? (as === 'wire' ? undefined : id))), types);
    const wires = wiresOf(now).map((ends) => [...ends]);
    for (const { from, to } of outs) {
      for (const { id, port } of from) if (id === item.id) (wires[port] ??= []).push(...to.filter((end) => end !== instanceId));
    }
    const isPlaced = isOnCanvas(item);
    const placed = isPlaced ? { x: number(item, 'x') + dx, y: number(item, 'y') + dy } : {};
    return { ...now, id: ids.get(item.id)!, ...placed, ...(Array.isArray(now.wires) ? { wires: Array.from(wires, (ends) => [...new Set(ends ?? [])]) } : {}) } as Item;
  });
  for (const item of put) edit.put(item);
  for (const { id } of put) linkBack(edit, id, new Set(ids.values()));
  for (const wire of edit.incoming(instanceId)) {
    const ends = wiresOf(edit.get(wire.from)).map((each, port) => (port === wire.port ? [...new Set(each.flatMap((end) => (end === instanceId ? [...into, ...through] : [end])))] : each));
    edit.set(wire.from, { wires: ends });
  }
  const around = edit.get(placeOf(instance));
  if (around?.type === 'subflow') {
    const out = outs.map(({ from }) => from.flatMap(({ id, port }) => (ids.has(id) ? [{ id: ids.get(id)!, port }] : [])));
    edit.put(portsWithout(around, instanceId, into, out));
  }
  const outer = put.filter((item) => isOnCanvas(item) && groupOf(item) === '').map(({ id }) => id);
  settle(edit, instance, subflow, outer);
  return put.map(({ id }) => id);
}

/** The ports of the subflow that the instance stood in lead to what was in the instance, and are fed by it. */
function portsWithout(around: Item, instanceId: string, into: readonly string[], out: readonly (readonly PortEnd[])[]): Item {
  const led = (port: unknown, to: (end: PortEnd) => readonly object[], stays: (end: PortEnd) => object = (end) => end): unknown => {
    const ends = endsOf(port);
    if (!ends.some(({ id }) => id === instanceId)) return port;
    const now = ends.flatMap((end) => (end.id === instanceId ? to(end) : [stays(end)]));
    return { ...(port as object), wires: [...new Map(now.map((end) => [JSON.stringify(end), end])).values()] };
  };
  const fed = (port: unknown): unknown => led(port, (end) => out[end.port] ?? []);
  return {
    ...around,
    ...(Array.isArray(around.in) ? { in: around.in.map((port: unknown) => led(port, () => into.map((id) => ({ id })), ({ id }) => ({ id }))) } : {}),
    ...(Array.isArray(around.out) ? { out: around.out.map(fed) } : {}),
    ...(around.status ? { status: fed(around.status) } : {}),
  };
}

/** The instance goes, and what was unpacked stands in its group, within one of its own where there are settings. */
function settle(edit: Edit, instance: Item, subflow: Item, outer: readonly string[]): void {
  const parent = groupOf(instance);
  const env = settings(subflow, instance);
  let holder = parent || undefined;
  if (env.length > 0 && outer.length > 0) {
    holder = newId();
    edit.put({ id: holder, type: 'group', z: placeOf(instance), name: text(instance, 'name') || text(subflow, 'name'), style: { label: true }, env, nodes: [], x: 0, y: 0, w: 0, h: 0 });
    if (parent) setGroup(edit, holder, parent);
  }
  if (holder) for (const id of outer) setGroup(edit, id, holder);
  const left = new Map(outer.map((id) => [id, id]));
  for (const item of edit.items()) {
    // What waited for the instance waits for all that came out of it.
    const scope = Array.isArray(item.scope) && item.scope.includes(instance.id) ? [...new Set((item.scope as unknown[]).flatMap((id) => (id === instance.id ? [...left.keys()] : [id])))] : undefined;
    if (scope) edit.set(item.id, { scope });
  }
  if (parent) setGroup(edit, instance.id, undefined);
  edit.remove(instance.id);
  fitAround(edit, outer);
}

/** What the subflow says, and where the instance says something else, that. */
function settings(subflow: Item, instance: Item): unknown[] {
  const of = (item: Item): { name?: unknown }[] => (Array.isArray(item.env) ? item.env.filter((each: unknown) => typeof each === 'object' && each !== null) : []);
  const all = new Map(of(subflow).map((each) => [each.name, each]));
  for (const each of of(instance)) all.set(each.name, each);
  return [...all.values()];
}
