// What two rows of texts have in common, in order.

export interface Step {
  readonly kind: 'same' | 'gone' | 'come';
  readonly text: string;
}

/** By the longest row that both have. Nothing is common where finding it would take more than `most` steps. */
export function compared(old: readonly string[], now: readonly string[], most: number): Step[] {
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start += 1;
  let end = 0;
  while (end < old.length - start && end < now.length - start && old.at(-1 - end) === now.at(-1 - end)) end += 1;
  const same = (texts: readonly string[]): Step[] => texts.map((text) => ({ kind: 'same', text }));
  return [...same(old.slice(0, start)), ...middle(old.slice(start, old.length - end), now.slice(start, now.length - end), most), ...same(old.slice(old.length - end))];
}

function middle(old: readonly string[], now: readonly string[], most: number): Step[] {
  const [rows, columns] = [old.length + 1, now.length + 1];
  const told: Step[] = [];
  const gone = (text = ''): unknown => told.push({ kind: 'gone', text });
  const come = (text = ''): unknown => told.push({ kind: 'come', text });
  if (rows * columns > most) {
    for (const text of old) gone(text);
    for (const text of now) come(text);
    return told;
  }
  const common = new Uint32Array(rows * columns);
  const at = (row: number, column: number): number => common[row * columns + column] ?? 0;
  for (let row = rows - 2; row >= 0; row -= 1) {
    for (let column = columns - 2; column >= 0; column -= 1) {
      common[row * columns + column] = old[row] === now[column] ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  let [row, column] = [0, 0];
  while (row < old.length || column < now.length) {
    if (row < old.length && column < now.length && old[row] === now[column]) {
      told.push({ kind: 'same', text: old[row] ?? '' });
      row += 1;
      column += 1;
    } else if (column >= now.length || (row < old.length && at(row + 1, column) >= at(row, column + 1))) gone(old[row++]);
    else come(now[column++]);
  }
  return told;
}
