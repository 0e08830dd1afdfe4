// What is wrong with the code, underlined as somebody types. What it is stands below the code, and where the pointer rests.

import { StateEffect, StateField, type Extension } from '@codemirror/state';
import { Decoration, EditorView, ViewPlugin, type DecorationSet, type ViewUpdate } from '@codemirror/view';

export interface Fault {
  readonly from: number;
  readonly to: number;
  readonly message: string;
}

/** It is looked for when nobody has typed for so long. */
const QUIET = 400;

const found = StateEffect.define<readonly Fault[]>();

const marks = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(before, { changes, effects }) {
    const told = effects.findLast((effect) => effect.is(found));
    if (!told) return before.map(changes);
    const faults = told.value as readonly Fault[];
    return Decoration.set(faults.filter(({ from, to }) => from < to).map(({ from, to, message }) => Decoration.mark({ class: 'cm-fault', attributes: { title: message } }).range(from, to)), true);
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** `look` gives what is wrong with the text as it is now. */
export function faults(look: (view: EditorView) => readonly Fault[] | Promise<readonly Fault[]>): Extension {
  class Looking {
    #view: EditorView;
    #timer: ReturnType<typeof setTimeout> | undefined;
    #isGone = false;

    constructor(view: EditorView) {
      this.#view = view;
      this.#soon();
    }

    update({ docChanged }: ViewUpdate): void {
      if (docChanged) this.#soon();
    }

    destroy(): void {
      clearTimeout(this.#timer);
      this.#isGone = true;
    }

    #soon(): void {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.#look(), QUIET);
    }

    async #look(): Promise<void> {
      const { doc } = this.#view.state;
      const seen = await look(this.#view);
      // It is about another text by now, and that will be looked at too.
      if (!this.#isGone && this.#view.state.doc === doc) this.#view.dispatch({ effects: found.of(seen) });
    }
  }
  return [marks, ViewPlugin.fromClass(Looking)];
}
