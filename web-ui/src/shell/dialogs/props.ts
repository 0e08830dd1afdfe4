export interface DialogProps {
  /** What it was opened with: `view.open(name, given)`. */
  readonly given: unknown;
  readonly close: () => void;
}
