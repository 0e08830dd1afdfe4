import type { Panel } from '../panel';

export const panel: Panel = { id: 'outboxes', title: 'Outboxes', icon: 'outbox', place: 'page', order: 20, load: () => import('./Outboxes.svelte') };
