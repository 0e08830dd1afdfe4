import type { Panel } from '../panel';

export const panel: Panel = { id: 'audit', title: 'Audit', icon: 'log', place: 'page', order: 60, needs: 'admin', load: () => import('./AuditPage.svelte') };
