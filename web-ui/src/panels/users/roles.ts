import type { Schemas } from '$lib/api/client';
import { t } from '$lib/i18n/i18n.svelte';

export const ROLES: readonly Schemas['Role'][] = ['dashboard', 'viewer', 'editor', 'admin'];

export const roleName = (role: Schemas['Role']): string =>
  ({ dashboard: t('Dashboard only'), viewer: t('Viewer'), editor: t('Editor'), admin: t('Admin') })[role];
