import type { Schemas } from '$lib/api/client';
import { t } from '$lib/i18n/i18n.svelte';

export const SCOPES: readonly Schemas['Scope'][] = ['read', 'deploy', 'inject', 'dashboard', 'payloads', 'metrics', 'admin'];

const names = (): Readonly<Record<Schemas['Scope'], string>> => ({
  read: t('read'),
  deploy: t('deploy'),
  inject: t('press buttons'),
  dashboard: t('the dashboard'),
  payloads: t('see messages'),
  metrics: t('figures'),
  admin: t('administer'),
});

export const scopeName = (scope: Schemas['Scope']): string => names()[scope];
