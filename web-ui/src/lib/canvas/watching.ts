import type { Wire } from '../doc/item';
import { watchWire } from '../live/taps.svelte';
import type { Editor } from '../state/editor.svelte';
import { canvasOf } from './canvas.svelte';

/** Goes on showing what passes over a wire, in the debug panel. */
export function keepWatching(editor: Editor, wire: Wire): void {
  watchWire(editor, wire);
  canvasOf(editor).watched = undefined;
  editor.view.reveal('debug');
}
