// What is otherwise between two texts, line by line.

export interface Line {
  readonly kind: 'same' | 'gone' | 'come' | 'left-out';
  readonly text: string;
  /** How many lines are left out. */
  readonly count?: number;
}

/** Larger texts are told as gone and come as a whole: finding what is common would take too long. */
const MOST_STEPS = 4_000_000;
/** So many lines that are the same are shown around a change. */
const AROUND = 3;

export function lines(before: string, after: string): Line[] {
  const [old, now] = [before.split('\n'), after.split('\n')];
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start += 1;
  let end = 0;
  while (end < old.length - start && end < now.length - start && old.at(-1 - end) === now.at(-1 - end)) end += 1;
  const same = (texts: readonly string[]): Line[] => texts.map((text) => ({ kind: 'same', text }));
  const middle = compared(old.slice(start, old.length - end), now.slice(start, now.length - end));
  return shortened([...same(old.slice(0, start)), ...middle, ...same(old.slice(old.length - end))]);
}

/** By the longest row of lines that both have. */
function compared(old: readonly string[], now: readonly string[]): Line[] {
  const [rows, columns] = [old.length + 1, now.length + 1];
  const told: Line[] = [];
  const gone = (text = '') => told.push({ kind: 'gone', text });
  const come = (text = '') => told.push({ kind: 'come', text });
  if (rows * columns > MOST_STEPS) {
    old.forEach(gone);
    now.forEach(come);
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

function shortened(all: readonly Line[]): Line[] {
  const isNear = all.map(() => false);
  all.forEach(({ kind }, n) => {
    if (kind !== 'same') isNear.fill(true, Math.max(0, n - AROUND), n + AROUND + 1);
  });
  const told: Line[] = [];
  let skipped = 0;
  const skip = () => {
    if (skipped > 0) told.push({ kind: 'left-out', text: '', count: skipped });
    skipped = 0;
  };
  all.forEach((line, n) => {
    if (!isNear[n]) {
      skipped += 1;
      return;
    }
    skip();
    told.push(line);
  });
  skip();
  return told;
}
