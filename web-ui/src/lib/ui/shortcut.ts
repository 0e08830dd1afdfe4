// How shortcuts are written, in the code and for a person.

export const isMac = /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? '');
const ALIASES: Readonly<Record<string, string>> = { ' ': 'Space', Left: 'ArrowLeft', Right: 'ArrowRight', Up: 'ArrowUp', Down: 'ArrowDown', Esc: 'Escape', Del: 'Delete', Plus: '+' };

/** One way to write a shortcut: `Mod+Alt+Shift+Z`. A sign needs no Shift: which keys make it is a matter of the keyboard. */
export function chord(key: string, { mod = false, alt = false, shift = false }): string {
  const name = ALIASES[key] ?? (key.length === 1 ? key.toUpperCase() : key);
  const isSign = name.length === 1 && !/[\p{L}\p{N}]/u.test(name);
  return [mod && 'Mod', alt && 'Alt', shift && !isSign && 'Shift', name].filter(Boolean).join('+');
}

export function chordOf(declared: string): string {
  const parts = declared.endsWith('++') ? [...declared.slice(0, -2).split('+'), '+'] : declared.split('+');
  const key = declared === '+' ? '+' : (parts.pop() ?? '');
  return chord(key, { mod: parts.includes('Mod'), alt: parts.includes('Alt'), shift: parts.includes('Shift') });
}

/** As it is shown to a person. */
export function shown(declared: string, mac = isMac): string {
  return chordOf(declared)
    .split(/\+(?=.)/)
    .map((part) => ({ Mod: mac ? '⌘' : 'Ctrl', Alt: mac ? '⌥' : 'Alt', Shift: mac ? '⇧' : 'Shift', ArrowLeft: '←', ArrowRight: '→', ArrowUp: '↑', ArrowDown: '↓', Escape: 'Esc' })[part] ?? part)
    .join(mac ? ' ' : '+');
}
