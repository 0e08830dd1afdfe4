export interface DialogProps {
  /** What it was opened with: `view.open(name, given)`. */
  readonly given: unknown;
  /** What was typed while it was loaded. */
  readonly typed: string;
  readonly close: () => void;
}
