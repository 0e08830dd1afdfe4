import type { Schemas } from '$lib/api/client';
import { t, tn } from '$lib/i18n/i18n.svelte';

type Revision = Schemas['Revision'];

/** What has become of it; nothing to say of one that is good. */
export function standingOf({ standing }: Revision): { text: string; kind: 'good' | 'warn' | 'bad' | '' } {
  switch (standing) {
    case 'probation':
      return { text: t('on probation'), kind: 'warn' };
    case 'failed':
      return { text: t('taken back'), kind: 'bad' };
    case 'left':
      return { text: t('replaced in its probation'), kind: '' };
    case 'good':
      return { text: '', kind: 'good' };
  }
}

/** How it came. */
export function viaOf({ via }: Revision): string {
  return { api: t('by the editor or the API'), file: t('by the flow file'), 'admin api': t('by a tool of Node-RED'), mqtt: t('from afar, by MQTT'), pull: t('from afar, pulled') }[via] ?? via;
}

export function sizeOf({ diff }: Revision): string {
  const nodes = (diff as { nodes?: readonly unknown[] } | null)?.nodes;
  return Array.isArray(nodes) ? tn(nodes.length, '1 difference', '{n} differences') : '';
}
