// Where wires lead when nodes between their ends go.

import type { Edit } from '../flow-doc';
import { wiresOf, type Item } from '../item';
import { portList } from '../ports';

interface End {
  readonly id: string;
  readonly port: number;
}

/** Gives each item with its wires led past what goes. What goes may be many nodes in a row, or in a ring. */
export function healed(edit: Edit, gone: ReadonlySet<string>): (item: Item) => Item {
  const onward = past(gone, (id) => wiresOf(edit.get(id)).flat().map((to) => ({ id: to, port: 0 })));
  const back = past(gone, (id) => edit.incoming(id).map(({ from, port }) => ({ id: from, port })));
  return (item) => {
    const now = withWires(item, gone, onward);
    return now.type === 'subflow' ? withPorts(now, gone, onward, back) : now;
  };
}

/** What is reached from a node that goes, over others that go, and stays. */
function past(gone: ReadonlySet<string>, next: (id: string) => End[]): (id: string) => readonly End[] {
  const known = new Map<string, readonly End[]>();
  return (first) => {
    const before = known.get(first);
    if (before) return before;
    const found = new Map<string, End>();
    const seen = new Set([first]);
    const row = [first];
    for (let id = row.pop(); id !== undefined; id = row.pop()) {
      for (const end of next(id)) {
        if (!gone.has(end.id)) found.set(`${end.port} ${end.id}`, end);
        else if (!seen.has(end.id)) row.push(end.id);
        seen.add(end.id);
      }
    }
    const ends = [...found.values()];
    known.set(first, ends);
    return ends;
  };
}

/** The new wires stand where the old one stood. A node is never wired to itself. */
function withWires(item: Item, gone: ReadonlySet<string>, onward: (id: string) => readonly End[]): Item {
  const ports = wiresOf(item);
  if (!ports.some((ends) => ends.some((end) => gone.has(end)))) return item;
  const wires = ports.map((ends) => [
    ...new Set(ends.flatMap((end) => (gone.has(end) ? onward(end).flatMap(({ id }) => (id === item.id ? [] : [id])) : [end]))),
  ]);
  return { ...item, wires };
}

/** A subflow's inputs lead to what is behind the node that goes, and its outputs are fed by what fed that node. */
function withPorts(subflow: Item, gone: ReadonlySet<string>, onward: (id: string) => readonly End[], back: (id: string) => readonly End[]): Item {
  const through = (port: unknown, to: (id: string) => unknown[]): unknown => {
    const wires = (port as { wires?: unknown } | null | undefined)?.wires;
    if (!Array.isArray(wires)) return port;
    const now = wires.flatMap((end: unknown) => {
      const id = (end as { id?: unknown } | null)?.id;
      return typeof id === 'string' && gone.has(id) ? to(id) : [end];
    });
    return now.every((end, n) => end === wires[n]) && now.length === wires.length ? port : { ...(port as object), wires: once(now) };
  };
  const into = (id: string): unknown[] => onward(id).map((end) => ({ id: end.id }));
  const out = (id: string): unknown[] => [...back(id)];
  return {
    ...subflow,
    ...(Array.isArray(subflow.in) ? { in: portList(subflow, 'in').map((port) => through(port, into)) } : {}),
    ...(Array.isArray(subflow.out) ? { out: portList(subflow, 'out').map((port) => through(port, out)) } : {}),
    ...(subflow.status ? { status: through(subflow.status, out) } : {}),
  };
}

const once = (ends: readonly unknown[]): unknown[] => [...new Map(ends.map((end) => [JSON.stringify(end), end])).values()];
