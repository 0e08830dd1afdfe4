import type { Panel } from '../panel';

export const panel: Panel = { id: 'logs', title: 'Logs', icon: 'log', place: 'page', order: 30, load: () => import('./Logs.svelte') };
