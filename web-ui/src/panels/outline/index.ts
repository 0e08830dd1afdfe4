import type { Panel } from '../panel';

export const panel: Panel = { id: 'outline', title: 'Outline', icon: 'flow', place: 'left', order: 20, load: () => import('./Outline.svelte') };
