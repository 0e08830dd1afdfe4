import type { Panel } from '../panel';

export const panel: Panel = { id: 'system', title: 'System', icon: 'system', place: 'page', order: 30, needs: 'read', load: () => import('./SystemPage.svelte') };
