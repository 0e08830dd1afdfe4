import type { Panel } from '../panel';

export const panel: Panel = { id: 'context', title: 'Context', icon: 'context', place: 'right', order: 40, needs: 'payloads', load: () => import('./Context.svelte') };
