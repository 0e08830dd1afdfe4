import type { Panel } from '../panel';

export const panel: Panel = { id: 'tokens', title: 'Tokens and sessions', icon: 'lock', place: 'page', order: 50, needs: 'admin', load: () => import('./TokensPage.svelte') };
