// A panel is a folder here with an index.ts that exports `panel`. Where it stands, and what it is called, it says itself.

import type { Component } from 'svelte';

import type { Editor } from '$lib/state/editor.svelte';
import type { Permission, Session } from '$lib/state/session.svelte';

export interface Panel {
  readonly id: string;
  /** In English; translated where it is shown. */
  readonly title: string;
  readonly icon: string;
  /** Left of the canvas, right of it, below it, or in place of it. */
  readonly place: 'left' | 'right' | 'drawer' | 'page';
  readonly order: number;
  readonly needs?: Permission;
  /** How many things there wait for somebody: seen at its tab. Reads signals, and does nothing else. */
  readonly count?: (editor: Editor) => number;
  /** Loaded when it is shown first. */
  readonly load: () => Promise<{ default: Component }>;
}

const found = import.meta.glob<{ panel: Panel }>('./*/index.ts', { eager: true });

export const panels: readonly Panel[] = Object.values(found)
  .map((file) => file.panel)
  .sort((a, b) => a.order - b.order);

/** What a person may see at a place. */
export const allowedAt = (place: Panel['place'], session: Session): Panel[] =>
  panels.filter((panel) => panel.place === place && (!panel.needs || session.may(panel.needs)));
