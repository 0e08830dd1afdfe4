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

const usual: Kept = { theme: 'system', language: '', left: 'palette', right: 'inspector', drawer: '', leftWidth: 220, rightWidth: 340, drawerHeight: 240, snap: true };

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

  /** Bottom sheets in place of panels at the sides. */
  get isNarrow(): boolean {
    return this.width < 768;
  }
}
