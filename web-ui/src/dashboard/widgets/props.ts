import type { WidgetData } from '../model';

/** What each widget is given. */
export interface WidgetProps {
  readonly data: WidgetData;
  /** The gateway's clock. */
  readonly now: number;
  /** Nobody can use it now: there is no connection, it is switched off, or whoever looks may only look. */
  readonly locked: boolean;
  readonly operate: (value?: number, sliding?: boolean) => Promise<void>;
}
