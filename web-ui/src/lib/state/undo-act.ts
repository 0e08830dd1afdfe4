import { t } from '../i18n/i18n.svelte';
import type { Draft } from './draft.svelte';
import type { Notice, Notices } from './notices.svelte';

/** The button of a notice that undoes what it tells of, and nothing else: somebody may have gone on meanwhile. */
export function undoAct(draft: Draft, notices: Notices, label = t('Undo')): NonNullable<Notice['act']> {
  const undo = draft.undoing();
  return {
    label,
    perform: () => {
      if (!undo()) notices.say(t('It cannot be undone from here any more: something else has been changed since.'));
    },
  };
}
