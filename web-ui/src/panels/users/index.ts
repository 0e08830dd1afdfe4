import type { Panel } from '../panel';

export const panel: Panel = { id: 'users', title: 'Users', icon: 'users', place: 'page', order: 40, needs: 'admin', load: () => import('./UsersPage.svelte') };
