/** A colour that a flow names, when it is one that a browser can be given without a doubt: #rgb, #rrggbb. */
export function colourOf(value: unknown): string | undefined {
  return typeof value === 'string' && /^#([0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8})$/i.test(value) ? value : undefined;
}
