import type { Schemas } from '$lib/api/client';
import { t } from '$lib/i18n/i18n.svelte';

/** What a deploy has done, as a sentence. */
export function inWords({ revision, unchanged, started, stopped, kept }: Schemas['Deployed']): string {
  const { number } = revision;
  if (unchanged) return t('Revision {number} runs already: nothing was done.', { number });
  if (started === 0 && stopped === 0) return t('Revision {number} runs: nothing was restarted, {kept} nodes ran on.', { number, kept });
  return t('Revision {number} runs: {started} started, {stopped} stopped, {kept} ran on.', { number, started, stopped, kept });
}
