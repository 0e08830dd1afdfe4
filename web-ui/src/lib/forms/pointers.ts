// Where a field stands in an item, and the way from such a place to what is on the screen.

/** The place itself, then what is around it, the nearest first; without the first slash: `rules/0/v`, `rules/0`, `rules`. */
export function around(pointer: string): string[] {
  const parts = pointer.split('/').filter((part, n) => n > 0 || part !== '');
  return parts.map((_, n) => parts.slice(0, parts.length - n).join('/'));
}

/** The row of a list that a place is in. */
export function rowIn(pointer: string, list: string): number | undefined {
  const inside = around(pointer).find((place) => place.slice(0, place.lastIndexOf('/')) === list);
  const row = inside?.slice(list.length + 1) ?? '';
  return /^\d+$/.test(row) ? Number(row) : undefined;
}

const CONTROLS = 'input:not([type=hidden]), textarea, select, [contenteditable=true]';

/** Brings what is nearest to the place into view and gives it the focus, whatever it is folded into. Tells whether there was such a thing. */
export function reach(form: HTMLElement, pointer: string): boolean {
  const fields = [...form.querySelectorAll<HTMLElement>('[data-pointer]')];
  const isAt = ({ dataset }: HTMLElement, place: string): boolean => dataset.pointer === place || dataset.kindPointer === place;
  const found = around(pointer)
    .map((place) => fields.find((field) => isAt(field, place)))
    .find((field) => field !== undefined);
  if (!found) return false;
  for (let fold = found.closest('details'); fold; fold = fold.parentElement?.closest('details') ?? null) fold.open = true;
  const control = found.querySelector<HTMLElement>(CONTROLS) ?? found.querySelector<HTMLElement>('button');
  found.scrollIntoView({ block: 'center' });
  control?.focus({ preventScroll: true });
  return true;
}
