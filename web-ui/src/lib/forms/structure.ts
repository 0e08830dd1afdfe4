// Fields of what is no node: tabs, subflows and groups. The gateway describes nodes only.

import type { Field } from '../api/node-types';
import type { Item } from '../doc/item';
import { t } from '../i18n/i18n.svelte';
import { ENV_TYPES } from './env';

const base = (name: string, label: string, help = '') => ({ name, label, help, required: false, secret: false });

export function fieldsOfStructure(item: Item): readonly Field[] | undefined {
  if (item.type === 'tab') return tab();
  if (item.type === 'subflow') return subflow();
  return item.type === 'group' ? group() : undefined;
}

const tab = (): Field[] => [
  { ...base('label', t('Name')), kind: 'text' },
  { ...base('disabled', t('Disabled'), t('Nothing of this flow runs.')), kind: 'bool', default: false },
  {
    ...base('delivery', t('Delivery'), t('When sources are told that a message is safe: when all that was made from it is delivered or on the disk, or already on receipt.')),
    kind: 'choice',
    default: '',
    options: [
      { value: '', label: t('at least once') },
      { value: 'at-most-once', label: t('at most once') },
    ],
  },
  info(),
  environment(t('Nodes of this flow use them as ${NAME}.')),
];

const subflow = (): Field[] => [
  { ...base('name', t('Name')), kind: 'text' },
  { ...base('category', t('Category'), t('Where it stands in the palette. Empty: among the subflows.')), kind: 'text' },
  info(),
  environment(t('Each instance can have its own values.'), [
    {
      ...base('ui', t('In the form')),
      kind: 'group',
      fields: [
        { ...base('label', t('Label')), kind: 'group', fields: [{ ...base('en-US', t('Text'), t('What the form of an instance calls it.')), kind: 'text' }] },
        {
          ...base('type', t('Shown as')),
          kind: 'choice',
          default: 'input',
          options: [
            { value: 'input', label: t('field') },
            { value: 'select', label: t('choice') },
            { value: 'checkbox', label: t('tick box') },
            { value: 'spinner', label: t('number') },
            { value: 'cred', label: t('secret') },
            { value: 'none', label: t('text only') },
            { value: 'hide', label: t('not at all') },
          ],
        },
      ],
    },
  ]),
];

const group = (): Field[] => [
  { ...base('name', t('Name')), kind: 'text' },
  {
    ...base('style', t('Look')),
    kind: 'group',
    fields: [
      { ...base('label', t('Show the name')), kind: 'bool', default: true },
      { ...base('label-position', t('Where the name stands')), kind: 'choice', default: 'nw', options: positions() },
      { ...base('fill', t('Background')), kind: 'choice', default: 'none', options: colours() },
      { ...base('stroke', t('Border')), kind: 'choice', default: '#999999', options: colours() },
    ],
  },
  info(),
  environment(t('Nodes of this group use them as ${NAME}.')),
];

const info = (): Field => ({ ...base('info', t('Description'), t('Markdown.')), kind: 'code', language: 'markdown' });

const environment = (help: string, more: readonly Field[] = []): Field => ({
  ...base('env', t('Environment'), help),
  kind: 'list',
  default: [],
  fields: [
    { ...base('name', t('Name')), required: true, kind: 'text' },
    { ...base('value', t('Value')), kind: 'typed', type_field: 'type', types: ENV_TYPES },
    ...more,
  ],
});

const positions = () => [
  { value: 'nw', label: t('top left') },
  { value: 'n', label: t('top') },
  { value: 'ne', label: t('top right') },
  { value: 'sw', label: t('bottom left') },
  { value: 's', label: t('bottom') },
  { value: 'se', label: t('bottom right') },
];

/** Those of Node-RED's own palette, so that a flow looks the same there. */
const colours = () => [
  { value: 'none', label: t('none') },
  { value: '#999999', label: t('grey') },
  { value: '#bfdbff', label: t('blue') },
  { value: '#bfdbc7', label: t('green') },
  { value: '#ffffbf', label: t('yellow') },
  { value: '#ffbfbf', label: t('red') },
  { value: '#e3bfff', label: t('purple') },
];
