// Svelte does not let a template follow a signal that was made while it ran. What makes signals as they are asked for says so here:
// whoever asked first is run once more, and follows them then.

let made = $state(0);
let due = false;

export function newcomer<Made>(state: Made): Made {
  void made;
  if (!due) {
    due = true;
    queueMicrotask(() => {
      due = false;
      made += 1;
    });
  }
  return state;
}
