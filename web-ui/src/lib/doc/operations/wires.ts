import type { Edit } from '../flow-doc';
import { kindOf, newId, number, placeOf, wiresOf, type Item, type Wire } from '../item';
import { inputsOf, outputsOf } from '../ports';
import { sizeOf } from '../size';
import { noTypes, type Types } from '../types';
import { fitAround } from './fit';
import { setGroup } from './members';

/** More outputs than this no wire begins at. */
const MOST_OUTPUTS = 256;

/**
 * Whether a wire could be drawn: both ends are there, on one canvas, and have the ports. A node is not wired to itself.
 * Without types only what can be seen without them is looked at.
 */
export function canConnect(edit: Edit, { from, port, to }: Wire, types: Types = noTypes): boolean {
  const [source, target] = [edit.get(from), edit.get(to)];
  if (!source || !target || from === to || kindOf(source) !== 'node' || kindOf(target) !== 'node') return false;
  if (placeOf(source) !== placeOf(target) || !Number.isInteger(port) || port < 0 || port >= MOST_OUTPUTS) return false;
  if (source.type === 'comment' || target.type === 'comment') return false;
  // Of a type that is not known, nobody can say how many ports it has.
  const isKnown = (item: Item): boolean => types.get(item.type) !== undefined || item.type === 'junction' || edit.get(item.type.slice('subflow:'.length)) !== undefined;
  if (isKnown(source) && port >= outputsOf(source, types, edit)) return false;
  return !isKnown(target) || inputsOf(target, types, edit) > 0;
}

/** Draws a wire. False when it is there already, or cannot be. */
export function connect(edit: Edit, wire: Wire, types: Types = noTypes): boolean {
  if (!canConnect(edit, wire, types)) return false;
  const ports = wiresOf(edit.get(wire.from));
  if (ports[wire.port]?.includes(wire.to)) return false;
  edit.set(wire.from, { wires: withEnds(ports, wire.port, [...(ports[wire.port] ?? []), wire.to]) });
  return true;
}

export function disconnect(edit: Edit, { from, port, to }: Wire): boolean {
  const ports = wiresOf(edit.get(from));
  if (!ports[port]?.includes(to)) return false;
  edit.set(from, { wires: withEnds(ports, port, ports[port].filter((end) => end !== to)) });
  return true;
}

/** Puts a node into a wire: what came from one end goes through it to the other. */
export function insertOnWire(edit: Edit, id: string, wire: Wire, types: Types = noTypes): boolean {
  if (id === wire.from || id === wire.to || !exists(edit, wire)) return false;
  const [into, onward] = [{ ...wire, to: id }, { from: id, port: 0, to: wire.to }];
  if (!canConnect(edit, into, types) || !canConnect(edit, onward, types)) return false;
  replaceEnd(edit, wire, id);
  connect(edit, onward, types);
  return true;
}

/** Takes one end of a wire to another node or output. */
export function moveWireEnd(edit: Edit, wire: Wire, to: { to?: string; from?: string; port?: number }, types: Types = noTypes): boolean {
  const moved = { from: to.from ?? wire.from, port: to.port ?? wire.port, to: to.to ?? wire.to };
  if (!exists(edit, wire) || exists(edit, moved) || !canConnect(edit, moved, types)) return false;
  if (moved.from === wire.from && moved.port === wire.port) replaceEnd(edit, wire, moved.to);
  else {
    disconnect(edit, wire);
    connect(edit, moved, types);
  }
  return true;
}

/** A junction on a wire, so that it can go round something. Gives its id; empty where there is no such wire. */
export function addReroute(edit: Edit, wire: Wire, x: number, y: number): string {
  if (!exists(edit, wire)) return '';
  const id = newId();
  edit.put({ id, type: 'junction', z: placeOf(edit.get(wire.from)!), x, y, wires: [[wire.to]] });
  replaceEnd(edit, wire, id);
  joinGroup(edit, wire, [id]);
  return id;
}

/** The wire becomes a link out at one end and a link in at the other. */
export function throughLinks(edit: Edit, wire: Wire): void {
  const [source, target] = [edit.get(wire.from), edit.get(wire.to)];
  if (!source || !target || !exists(edit, wire)) return;
  const [out, into] = [newId(), newId()];
  const z = placeOf(source);
  const beside = (item: Item, side: 1 | -1): { x: number; y: number } => ({
    x: number(item, 'x') + side * (sizeOf(item, noTypes, edit).w / 2 + LINK_AWAY),
    y: number(item, 'y'),
  });
  edit.put({ id: out, type: 'link out', z, name: '', mode: 'link', links: [into], ...beside(source, 1), wires: [] });
  edit.put({ id: into, type: 'link in', z, name: '', links: [out], ...beside(target, -1), wires: [[wire.to]] });
  replaceEnd(edit, wire, out);
  joinGroup(edit, { ...wire, to: wire.from }, [out]);
  joinGroup(edit, { ...wire, from: wire.to }, [into]);
}

/** From the edge of a node to the middle of its link. */
const LINK_AWAY = 80;

/** What is put between two nodes of one group is in that group. */
function joinGroup(edit: Edit, { from, to }: Wire, ids: readonly string[]): void {
  const group = edit.get(from)?.g;
  if (typeof group !== 'string' || group !== edit.get(to)?.g || edit.get(group)?.type !== 'group') return;
  for (const id of ids) setGroup(edit, id, group);
  fitAround(edit, ids);
}

const exists = (edit: Edit, { from, port, to }: Wire): boolean => wiresOf(edit.get(from))[port]?.includes(to) ?? false;

/** The wire leads to another node, and keeps its place among those that leave by the same output. */
function replaceEnd(edit: Edit, { from, port, to }: Wire, end: string): void {
  const ports = wiresOf(edit.get(from));
  const ends = (ports[port] ?? []).map((each) => (each === to ? end : each));
  edit.set(from, { wires: withEnds(ports, port, [...new Set(ends)]) });
}

function withEnds(ports: readonly (readonly string[])[], port: number, ends: readonly string[]): (readonly string[])[] {
  const all = [...ports];
  while (all.length <= port) all.push([]);
  all[port] = ends;
  return all;
}
