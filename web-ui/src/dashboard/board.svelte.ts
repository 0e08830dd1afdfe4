// The state of the page: what is on the dashboard, and what its widgets show now.

import { ask, Fault, toldOf } from '$lib/api/client';
import { Live } from '$lib/live/live.svelte';
import type { Told } from '$lib/live/types';
import { Session } from '$lib/state/session.svelte';
import { laidOver, type DashboardLayout, type WidgetData } from './model';

const TRY_AGAIN = 3_000;

/** One widget. What it shows is replaced as a whole, so that one signal is enough. */
export class Widget {
  data = $state.raw<WidgetData>({ id: '', type: '' });

  constructor(data: WidgetData) {
    this.data = data;
  }
}

export class Board {
  readonly session = new Session();
  readonly live = new Live();
  layout = $state.raw<DashboardLayout | undefined>();
  trouble = $state('');
  /** The gateway's clock, once a second. */
  now = $state(Date.now());
  #widgets = $state.raw<ReadonlyMap<string, Widget>>(new Map());
  #unwant: (() => void) | undefined;
  #again: ReturnType<typeof setTimeout> | undefined;

  /** Follows the gateway until the function that it gives is called. */
  start(): () => void {
    const offs = [
      this.live.on('dashboard', (told) => this.#told(told)),
      this.live.on('deploy', () => void this.load()),
      this.live.on('back', () => void this.load()),
      this.live.on('refused', () => this.session.ended()),
    ];
    const clock = setInterval(() => (this.now = this.live.now()), 1000);
    void this.session.look();
    return () => {
      offs.forEach((off) => off());
      clearInterval(clock);
      this.leave();
    };
  }

  /** Somebody is logged in. */
  enter(): void {
    this.live.start();
    void this.load();
  }

  leave(): void {
    clearTimeout(this.#again);
    this.#unwant?.();
    this.#unwant = undefined;
    this.live.stop();
  }

  widget(id: string): Widget | undefined {
    return this.#widgets.get(id);
  }

  /** What is on the pages. The socket is asked anew, so that it tells all from here on. */
  async load(): Promise<void> {
    clearTimeout(this.#again);
    try {
      const layout = await ask<DashboardLayout>('/api/v1/dashboard');
      const widgets = layout.pages.flatMap(({ groups }) => groups).flatMap(({ widgets }) => widgets);
      this.#widgets = new Map(widgets.map((data) => [data.id, new Widget(data)]));
      this.layout = layout;
      this.now = layout.now_ms;
      this.trouble = '';
      this.#unwant?.();
      this.#unwant = undefined;
      // What is wanted is said at the end of a turn, and only where it is something else than before.
      setTimeout(() => {
        this.#unwant ??= this.live.want({ dashboard: true });
      });
    } catch (error) {
      this.trouble = toldOf(error);
      if (!(error instanceof Fault && error.status === 401)) this.#again = setTimeout(() => void this.load(), TRY_AGAIN);
    }
  }

  /** Presses a button or moves a slider. It fails with a sentence for a person. */
  async operate(id: string, value?: number, sliding = false): Promise<void> {
    await ask(`/api/v1/dashboard/${encodeURIComponent(id)}`, { method: 'POST', body: { value: value ?? null, sliding } });
  }

  #told(told: Told): void {
    this.now = this.live.now();
    for (const [id, view] of Object.entries((told.widgets ?? {}) as Record<string, Record<string, unknown>>)) {
      const widget = this.#widgets.get(id);
      // One that is not on the page yet comes with the deploy that has brought it.
      if (widget) widget.data = laidOver(widget.data, view);
    }
  }
}
