import type { Panel } from '../panel';

export const panel: Panel = { id: 'palette', title: 'Palette', icon: 'palette', place: 'left', order: 10, needs: 'deploy', load: () => import('./Palette.svelte') };
