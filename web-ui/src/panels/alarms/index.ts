import type { Panel } from '../panel';

export const panel: Panel = { id: 'alarms', title: 'Alarms', icon: 'alarm', place: 'page', order: 10, load: () => import('./Alarms.svelte') };
