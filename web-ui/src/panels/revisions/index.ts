import type { Panel } from '../panel';

export const panel: Panel = { id: 'revisions', title: 'Revisions', icon: 'history', place: 'page', order: 10, needs: 'read', load: () => import('./RevisionsPage.svelte') };
