// What is where on the screen, and how it looks. Choices of a person are kept in this browser.

export type Theme = 'system' | 'light' | 'dark';

const KEPT = 'tidegate.view';

interface Kept {
  theme: Theme;
  language: string;
  left: string;
  right: string;
  drawer: string;
  leftWidth: number;
  rightWidth: number;
  drawerHeight: number;
  snap: boolean;
}

/** A dialog of the frame by its name, and what it was opened with. */
export interface Opened {
  readonly name: string;
  readonly with?: unknown;
}

export const usual: Readonly<Kept> = { theme: 'system', language: '', left: 'palette', right: 'inspector', drawer: '', leftWidth: 220, rightWidth: 340, drawerHeight: 240, snap: true };

function kept(): Kept {
  try {
    return { ...usual, ...(JSON.parse(localStorage.getItem(KEPT) ?? '{}') as Partial<Kept>) };
  } catch {
    // Private windows refuse; what is kept may be of another version.
    return { ...usual };
  }
}

export class View {
  /** The tab or subflow on the canvas. */
  flow = $state('');
  /** A panel that takes the whole of the screen, such as users; empty: the canvas. */
  page = $state('');
  /** The panel in the sheet from below, where the screen is narrow; empty: none. */
  sheet = $state('');
  /** A place in an item, as a pointer: the form of the item brings that field into view, and then this is empty again. */
  field = $state.raw<{ readonly item: string; readonly pointer: string } | undefined>();
  dialog = $state.raw<Opened | undefined>();
  /** A panel that is to be seen; the frame knows where it stands. */
  wanted = $state.raw<{ readonly panel: string } | undefined>();
  kept = $state<Kept>(kept());
  width = $state(globalThis.innerWidth ?? 1280);

  constructor() {
    $effect.root(() => {
      $effect(() => {
        document.documentElement.dataset.theme = this.kept.theme;
        const text = JSON.stringify(this.kept);
        try {
          localStorage.setItem(KEPT, text);
        } catch {
          // Where nothing can be kept, it lasts as long as the page.
        }
      });
    });
    globalThis.addEventListener?.('resize', () => (this.width = globalThis.innerWidth));
  }

  /** Opens a dialog of the frame: `deploy`, `import`, `export`, `palette`, `shortcuts` ... */
  open(name: string, given?: unknown): void {
    this.dialog = given === undefined ? { name } : { name, with: given };
  }

  /** Brings a panel into view, wherever it stands: at a side, in the drawer, in place of the canvas, in a sheet. */
  reveal(panel: string): void {
    this.wanted = { panel };
  }

  /** Bottom sheets in place of panels at the sides. */
  get isNarrow(): boolean {
    return this.width < 768;
  }
}
