import { t } from '../i18n/i18n.svelte';

/** What a category is called; one that is not known is called what it calls itself. */
export function categoryName(category: string): string {
  const names: Readonly<Record<string, string>> = {
    favourites: t('Favourites'),
    recent: t('Used last'),
    common: t('Common'),
    network: t('Network'),
    function: t('Function'),
    parser: t('Parser'),
    sequence: t('Sequence'),
    storage: t('Storage'),
    input: t('Simulation'),
    dashboard: t('Dashboard'),
    subflows: t('Subflows'),
    config: t('Connections'),
  };
  return names[category] ?? category;
}
