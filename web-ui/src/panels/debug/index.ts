import type { Panel } from '../panel';

export const panel: Panel = { id: 'debug', title: 'Debug', icon: 'bug', place: 'drawer', order: 10, load: () => import('./Debug.svelte') };
