// Where wires lead when nodes between their ends go.

import type { Edit } from '../flow-doc';
import { wiresOf, type Item } from '../item';
import { portList } from '../ports';

interface End {
  readonly id: string;
  readonly port: number;
}

type Ends = readonly End[];

/** More new wires than this nobody can mean, and no gateway would take the flow. */
export const MOST_JOINED = 50_000;
/** Of all that is gone over for it. */
const MOST_REACHED = 2_000_000;

/** Whoever deletes has to do so in parts, or without joining wires. */
export class TooManyWires extends Error {
  constructor() {
    super(`joining the wires would draw more than ${MOST_JOINED}: delete fewer nodes at once, or delete without joining`);
  }
}

/**
 * Gives each item with its wires led past what goes. What goes may be many nodes in a row, or in a ring. Throws `TooManyWires` where
 * everything would be wired to everything.
 */
export function healed(edit: Edit, gone: ReadonlySet<string>): (item: Item) => Item {
  const onward = past(gone, (id) => wiresOf(edit.get(id)).flat().map((to) => ({ id: to, port: 0 })));
  const back = past(gone, (id) => edit.incoming(id).map(({ from, port }) => ({ id: from, port })));
  let drawn = 0;
  const counted = (find: (id: string) => Ends) => (id: string): Ends => {
    const ends = find(id);
    drawn += ends.length;
    if (drawn > MOST_JOINED) throw new TooManyWires();
    return ends;
  };
  return (item) => {
    const now = withWires(item, gone, counted(onward));
    return now.type === 'subflow' ? withPorts(now, gone, counted(onward), counted(back)) : now;
  };
}

/** A node on the way, and how far what it leads to has been looked at. */
interface Visit {
  readonly id: string;
  readonly ends: Ends;
  /** Its place among those that were come upon and whose ring is not known yet. */
  readonly place: number;
  /** The first of these that it leads back to. */
  back: number;
  next: number;
}

/**
 * What is reached from a node that goes, over others that go, and stays. Each node is gone over once, in the way of Tarjan: nodes that
 * are in a ring reach the same, and so does one that only leads to another.
 */
function past(gone: ReadonlySet<string>, next: (id: string) => Ends): (id: string) => Ends {
  const reached = new Map<string, Ends>();
  const places = new Map<string, number>();
  const open: Visit[] = [];
  let count = 0;
  return (first) => {
    const row: Visit[] = [];
    if (!reached.has(first)) row.push(visit(first));
    for (let at = row.at(-1); at !== undefined; at = row.at(-1)) {
      const end = at.ends[at.next];
      at.next += 1;
      if (end === undefined) {
        row.pop();
        const before = row.at(-1);
        if (before) before.back = Math.min(before.back, at.back);
        if (at.back === at.place) close(open.splice(at.place));
      } else if (gone.has(end.id) && !reached.has(end.id)) {
        const place = places.get(end.id);
        if (place === undefined) row.push(visit(end.id));
        else at.back = Math.min(at.back, place);
      }
    }
    return reached.get(first)!;
  };

  function visit(id: string): Visit {
    const place = open.length;
    const made = { id, ends: next(id), place, back: place, next: 0 };
    places.set(id, place);
    open.push(made);
    return made;
  }

  /** All that these lead to is known but for what is in the ring itself. */
  function close(ring: readonly Visit[]): void {
    const rows: Ends[] = [];
    const leads = new Set<Ends>();
    for (const { ends } of ring) {
      for (const end of ends) {
        const behind = gone.has(end.id) ? reached.get(end.id) : [end];
        if (behind === undefined || leads.has(behind)) continue;
        leads.add(behind);
        rows.push(behind);
      }
    }
    if (rows.length !== 1) count += rows.reduce((sum, each) => sum + each.length, 0);
    if (count > MOST_REACHED) throw new TooManyWires();
    const found = rows.length === 1 ? rows[0]! : [...new Map(rows.flat().map((end) => [`${end.port} ${end.id}`, end])).values()];
    for (const { id } of ring) reached.set(id, found);
  }
}

/** The new wires stand where the old one stood. A node is never wired to itself. */
function withWires(item: Item, gone: ReadonlySet<string>, onward: (id: string) => Ends): Item {
  const ports = wiresOf(item);
  if (!ports.some((ends) => ends.some((end) => gone.has(end)))) return item;
  const wires = ports.map((ends) => [
    ...new Set(ends.flatMap((end) => (gone.has(end) ? onward(end).flatMap(({ id }) => (id === item.id ? [] : [id])) : [end]))),
  ]);
  return { ...item, wires };
}

/** A subflow's inputs lead to what is behind the node that goes, and its outputs are fed by what fed that node. */
function withPorts(subflow: Item, gone: ReadonlySet<string>, onward: (id: string) => Ends, back: (id: string) => Ends): Item {
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
