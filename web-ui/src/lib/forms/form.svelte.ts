// What the widgets of a form share: whose form it is, whether it can be changed, and how. A change is one step that can be undone.

import { getContext, setContext } from 'svelte';

import type { NodeType } from '../api/node-types';
import type { Edit } from '../doc/flow-doc';
import type { Item } from '../doc/item';
import { labelOf } from '../doc/ports';
import { t } from '../i18n/i18n.svelte';
import { carried, envWith, secretOfSetting, subflowOfInstance } from './env';
import type { Editor } from '../state/editor.svelte';
import { outputsOfCount, outputsOfList, type ListStep } from './outputs';
import { isHolder, setIn, type Holder, type Path } from './values';

const KEY = Symbol('form');

export interface Form {
  readonly item: Item;
  readonly type: NodeType | undefined;
  readonly editable: boolean;
  /** Where a value stands in the item, without the first slash; a setting is called by its name: `env/NAME`. */
  pointerOf(path: Path, name: string): string;
  /** Values of the holder at a path; `undefined` takes one out. `typing`: more of the same is the same step. */
  set(path: Path, values: Holder, what: string, typing?: boolean): void;
  /** Another list, and what was done to it. */
  setList(path: Path, list: readonly unknown[], step: ListStep, what: string): void;
}

export const provideForm = (form: Form): Form => setContext(KEY, form);
export const useForm = (): Form => getContext<Form>(KEY);

/** The form of an item as it stands in the draft. */
export class ItemForm implements Form {
  protected editor: Editor;
  #id: () => string;
  #last: { readonly join: string; readonly label: string } | undefined;

  constructor(editor: Editor, id: () => string) {
    this.editor = editor;
    this.#id = id;
  }

  get item(): Item {
    // While a form goes away after its item, it shows nothing.
    return this.editor.draft.item(this.#id()) ?? { id: this.#id(), type: '' };
  }

  get type(): NodeType | undefined {
    return this.editor.types.get(this.item.type);
  }

  get editable(): boolean {
    return this.editor.session.may('deploy');
  }

  pointerOf(path: Path, name: string): string {
    const setting = settingAt(this.item, path);
    return setting && name === 'value' ? secretOfSetting(setting as { name: string }) : [...path, name].join('/');
  }

  set(path: Path, values: Holder, what: string, typing = false): void {
    const names = Object.keys(values);
    this.edit(what, typing ? [...path, ...names].join('/') : undefined, (edit, item) => {
      if (path.length > 0) return edit.set(item.id, this.#changed(item, path, values));
      const follow = names.map((name) => outputsOfCount(item, this.type, name, values[name]));
      edit.set(item.id, Object.assign({ ...values }, ...follow) as Holder);
    });
  }

  setList(path: Path, list: readonly unknown[], step: ListStep, what: string): void {
    const [first, ...rest] = path;
    if (typeof first !== 'string') return;
    this.edit(what, undefined, (edit, item) => {
      const follow = rest.length === 0 ? outputsOfList(item, this.type, first, step, list.length) : {};
      const value = rest.length === 0 ? list : setIn(this.#base(item, first), rest, list);
      edit.set(item.id, { [first]: value, ...follow });
    });
  }

  #changed(item: Item, path: Path, values: Holder): Holder {
    const [first, ...rest] = path;
    if (typeof first !== 'string') return {};
    let value = this.#base(item, first);
    const setting = settingAt(item, path);
    const along = setting && 'name' in values ? carried(setting, values.name) : {};
    for (const [name, to] of Object.entries({ ...values, ...along })) value = setIn(value, [...rest, name], to);
    return { [first]: value };
  }

  /** What the form shows of a property: its default, as long as nothing stands there. */
  #base(item: Item, property: string): unknown {
    const value = item[property] ?? this.type?.fields.find((field) => field.name === property)?.default;
    return isHolder(value) || Array.isArray(value) ? value : undefined;
  }

  protected edit(what: string, joins: string | undefined, work: (edit: Edit, item: Item) => void): void {
    const { draft } = this.editor;
    const item = draft.doc.get(this.#id());
    if (!item || !this.editable) return;
    const join = joins === undefined ? undefined : `form ${item.id} ${joins}`;
    // Typing into a name, the step is told by the name that was there before.
    const label = join !== undefined && join === this.#last?.join && this.#last.label === draft.doc.nextUndo ? this.#last.label : t('Change {property} of {name}', { property: what, name: labelOf(item, draft.doc, this.editor.types) });
    draft.edit(label, (edit) => work(edit, item), join);
    this.#last = join === undefined ? undefined : { join, label };
  }
}

/** The setting of the environment that stands at a path. */
function settingAt(item: Item, [first, at, ...rest]: Path): Holder | undefined {
  const setting: unknown = first === 'env' && typeof at === 'number' && rest.length === 0 && Array.isArray(item.env) ? item.env[at] : undefined;
  return isHolder(setting) && typeof setting.name === 'string' ? setting : undefined;
}

/** The settings of an instance of a subflow: names and values of a form, kept in its `env`. */
export class InstanceForm extends ItemForm {
  override pointerOf(_: Path, name: string): string {
    return secretOfSetting({ name });
  }

  override set(_: Path, values: Holder, what: string, typing = false): void {
    this.edit(what, typing ? Object.keys(values).join('/') : undefined, (edit, item) => {
      edit.set(item.id, { env: envWith(item, subflowOfInstance(this.editor.draft.doc, item), values) });
    });
  }
}
