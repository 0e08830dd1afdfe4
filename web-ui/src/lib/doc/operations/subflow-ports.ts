import type { Edit } from '../flow-doc';
import { isOnCanvas, placeOf, subflowOf, wiresOf } from '../item';
import { portList } from '../ports';
import { withReferences } from '../references';
import { boxAround, boxOf, roughSize } from '../size';
import { snap } from './arrange';

/** Away from the edges of what is in a subflow. */
export const PORT_AWAY = 100;
/** Where the first thing in a subflow is. */
export const CORNER = { x: 60, y: 60 };

export interface PortEnd {
  readonly id: string;
  readonly port: number;
}

/** What one of a subflow's own ports is wired to. */
export function endsOf(port: unknown): PortEnd[] {
  const wires = (port as { wires?: unknown } | null | undefined)?.wires;
  if (!Array.isArray(wires)) return [];
  return wires.flatMap((end: unknown) => {
    const { id, port: n } = (end ?? {}) as { id?: unknown; port?: unknown };
    return typeof id === 'string' ? [{ id, port: typeof n === 'number' && n >= 0 && n < 256 ? Math.floor(n) : 0 }] : [];
  });
}

/** One more port; false where a subflow can have no other, for there is one input and one status. */
export function addPort(edit: Edit, subflowId: string, which: 'in' | 'out' | 'status'): boolean {
  const subflow = edit.get(subflowId);
  if (subflow?.type !== 'subflow' || (which === 'status' && subflow.status) || (which === 'in' && portList(subflow, 'in').length > 0)) return false;
  const size = roughSize(edit);
  const box = boxAround(edit.on(subflowId).flatMap((item) => (isOnCanvas(item) ? [boxOf(item, size(item))] : []))) ?? { ...CORNER, w: 200, h: 60 };
  const n = portList(subflow, 'out').length;
  if (which === 'in') edit.set(subflowId, { in: [{ x: snap(box.x - PORT_AWAY), y: snap(box.y + box.h / 2), wires: [] }] });
  else if (which === 'out') edit.set(subflowId, { out: [...portList(subflow, 'out'), { x: snap(box.x + box.w + PORT_AWAY), y: snap(box.y) + n * 60, wires: [] }] });
  else edit.set(subflowId, { status: { x: snap(box.x + box.w + PORT_AWAY), y: snap(box.y + box.h + 60), wires: [] } });
  return true;
}

/** Takes a port away, the last one where none is named. Wires of the instances at later outputs move up. */
export function removePort(edit: Edit, subflowId: string, which: 'in' | 'out' | 'status', n?: number): boolean {
  const subflow = edit.get(subflowId);
  if (subflow?.type !== 'subflow') return false;
  if (which === 'status') {
    edit.set(subflowId, { status: undefined });
    return subflow.status !== undefined;
  }
  const list = portList(subflow, which);
  const at = n ?? list.length - 1;
  if (!(at in list)) return false;
  edit.set(subflowId, { [which]: list.toSpliced(at, 1) });
  for (const item of edit.items()) {
    if (which === 'out' && subflowOf(item) === subflowId && at < wiresOf(item).length) edit.set(item.id, { wires: wiresOf(item).toSpliced(at, 1) });
    else if (which === 'in' && list.length === 1) {
      const now = withReferences(item, (id, as) => (as === 'wire' && subflowOf(edit.get(id) ?? item) === subflowId && id !== item.id ? undefined : id));
      if (now !== item) edit.put(now);
    }
  }
  return true;
}

/** Wires one of a subflow's own ports to a node in it, or takes that wire away. */
export function wirePort(edit: Edit, subflowId: string, which: 'in' | 'out' | 'status', n: number, end: { id: string; port?: number }, drawn = true): boolean {
  const subflow = edit.get(subflowId);
  const port: unknown = which === 'status' ? subflow?.status : portList(subflow, which)[n];
  const target = edit.get(end.id);
  if (subflow?.type !== 'subflow' || typeof port !== 'object' || port === null || (drawn && (!target || placeOf(target) !== subflowId))) return false;
  const wires: unknown[] = Array.isArray((port as { wires?: unknown }).wires) ? (port as { wires: unknown[] }).wires : [];
  const wanted = which === 'in' ? { id: end.id } : { id: end.id, port: end.port ?? 0 };
  const isIt = (wire: unknown): boolean => {
    const { id, port: from } = (wire ?? {}) as { id?: unknown; port?: unknown };
    return id === wanted.id && (which === 'in' || (from ?? 0) === wanted.port);
  };
  const rest = wires.filter((wire) => !isIt(wire));
  if (drawn === rest.length < wires.length) return false;
  const now = { ...port, wires: drawn ? [...wires, wanted] : rest };
  edit.set(subflowId, which === 'status' ? { status: now } : { [which]: portList(subflow, which).with(n, now) });
  return drawn ? rest.length === wires.length : true;
}
