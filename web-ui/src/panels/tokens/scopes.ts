import type { Schemas } from '$lib/api/client';
import { t } from '$lib/i18n/i18n.svelte';

export const SCOPES: readonly Schemas['Scope'][] = ['read', 'deploy', 'inject', 'payloads', 'metrics', 'admin'];

export const scopeName = (scope: Schemas['Scope']): string =>
  ({ read: t('read'), deploy: t('deploy'), inject: t('press buttons'), payloads: t('see messages'), metrics: t('figures'), admin: t('administer') })[scope];
