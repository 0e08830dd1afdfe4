import type { Edit } from '../flow-doc';
import { isOnCanvas, number } from '../item';
import { portList } from '../ports';
import { roughSize, type SizeOf } from '../size';
import { fitAround } from './fit';
import { withMembers } from './members';

/** Moves items, and with groups what is in them. Groups around them are made to fit. */
export function moveBy(edit: Edit, ids: Iterable<string>, dx: number, dy: number, size: SizeOf = roughSize(edit)): void {
  if (!Number.isFinite(dx) || !Number.isFinite(dy) || (dx === 0 && dy === 0)) return;
  const moved = withMembers(edit, ids);
  const asked = [...moved].filter((id) => {
    const item = edit.get(id)!;
    if (!isOnCanvas(item)) return false;
    edit.set(id, { x: number(item, 'x') + dx, y: number(item, 'y') + dy });
    return true;
  });
  // A group that was moved as a whole keeps its box.
  const still = new Set<string>();
  for (const id of asked) {
    const group = edit.get(id)?.g;
    if (typeof group === 'string' && !moved.has(group)) still.add(id);
  }
  fitAround(edit, still, size);
}

/** Puts items at places, for what arranges them. */
export function moveTo(edit: Edit, places: ReadonlyMap<string, { x: number; y: number }>, size: SizeOf = roughSize(edit)): void {
  for (const [id, { x, y }] of places) if (Number.isFinite(x) && Number.isFinite(y)) edit.set(id, { x, y });
  fitAround(edit, places.keys(), size);
}

/** Moves an input, an output or the status of a subflow, as it stands inside it. */
export function movePort(edit: Edit, subflowId: string, which: 'in' | 'out' | 'status', n: number, dx: number, dy: number): void {
  const subflow = edit.get(subflowId);
  if (subflow?.type !== 'subflow') return;
  const moved = (port: unknown): unknown => {
    if (typeof port !== 'object' || port === null) return port;
    const { x, y } = port as { x?: unknown; y?: unknown };
    return { ...port, x: (typeof x === 'number' ? x : 0) + dx, y: (typeof y === 'number' ? y : 0) + dy };
  };
  if (which === 'status') edit.set(subflowId, { status: moved(subflow.status) });
  else edit.set(subflowId, { [which]: portList(subflow, which).map((port, at) => (at === n ? moved(port) : port)) });
}
