import type { Panel } from '../panel';

export const panel: Panel = { id: 'connections', title: 'Connections', icon: 'connection', place: 'right', order: 30, load: () => import('./Connections.svelte') };
