import type { Panel } from '../panel';

export const panel: Panel = { id: 'problems', title: 'Problems', icon: 'warning', place: 'drawer', order: 20, load: () => import('./Problems.svelte') };
