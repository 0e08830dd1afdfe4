import type { Panel } from '../panel';

export const panel: Panel = { id: 'inspector', title: 'Properties', icon: 'settings', place: 'right', order: 10, load: () => import('./Inspector.svelte') };
