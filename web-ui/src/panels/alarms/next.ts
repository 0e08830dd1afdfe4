/** Where keys go on when something was done in a row of a list and the row may be gone: the next row, or the last that is left. */
export function nextOf(before: readonly string[], done: string, left: readonly string[]): string | undefined {
  const at = before.indexOf(done);
  return before.slice(at + 1).find((id) => left.includes(id)) ?? before.slice(0, at + 1).findLast((id) => left.includes(id));
}
