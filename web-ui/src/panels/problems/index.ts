import { problemsIn } from '$lib/live/problems.svelte';
import type { Panel } from '../panel';

export const panel: Panel = {
  id: 'problems',
  title: 'Problems',
  icon: 'warning',
  place: 'drawer',
  order: 20,
  count: (editor) => problemsIn(editor).all.length,
  load: () => import('./Problems.svelte'),
};
