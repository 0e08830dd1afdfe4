import { SvelteSet } from 'svelte/reactivity';

/** What is chosen on the canvas: nodes and groups by id, or wires. */
export class Selection {
  readonly items = new SvelteSet<string>();
  readonly wires = new SvelteSet<string>();
  /** The one that the inspector shows: the last that was chosen. */
  get first(): string | undefined {
    return [...this.items].at(-1);
  }

  only(...ids: readonly string[]): void {
    this.clear();
    for (const id of ids) this.items.add(id);
  }

  toggle(id: string): void {
    if (!this.items.delete(id)) this.items.add(id);
  }

  /** Of what is chosen only what is wanted; wires belong to the flow that is open. */
  keep(wanted: (id: string) => boolean): void {
    for (const id of [...this.items]) if (!wanted(id)) this.items.delete(id);
    this.wires.clear();
  }

  clear(): void {
    this.items.clear();
    this.wires.clear();
  }
}
