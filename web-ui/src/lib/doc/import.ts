// What comes from elsewhere, before it is put into the document: a report of what it is and how well it will do here, and then the
// putting in, as a person has chosen.

import { check, type Problem } from './check';
import { FlowDoc, type Edit } from './flow-doc';
import { groupOf, isOnCanvas, kindOf, placeOf, subflowOf, type Item } from './item';
import { nearest } from './near';
import { addFlow } from './operations/flows';
import { alike, graft } from './operations/graft';
import type { Types } from './types';

export { readFlows, type Read } from './read-flows';

/** `runs`: all of this type do. `partly`: some have something wrong. `not`: the gateway has no such type. */
export type Support = 'runs' | 'partly' | 'not';

export interface TypeReport {
  readonly type: string;
  readonly count: number;
  readonly support: Support;
  /** Of nodes that do not run as they are. */
  readonly wrong: number;
  /** Types that are called nearly like it, for one that is not known. */
  readonly near: readonly string[];
}

export interface ImportPlan {
  readonly items: readonly Item[];
  readonly flows: readonly Item[];
  readonly subflows: readonly Item[];
  /** The commonest first; without tabs, subflows and groups. */
  readonly types: readonly TypeReport[];
  readonly unknownTypes: readonly string[];
  /** Ids of functions that are written in JavaScript. */
  readonly javascript: readonly string[];
  /** Ids that something else in the document has. */
  readonly overlapping: readonly string[];
  /** Ids that stand in it twice; the first counts. */
  readonly duplicates: readonly string[];
  /** Config nodes that are in the document already, by the id with which they come, and what they are there. */
  readonly shared: ReadonlyMap<string, string>;
  /** Ids of nodes whose secrets have to be entered anew: exports have none. */
  readonly withoutSecrets: readonly string[];
  /** Modules of Node-RED that it was made with, by name and version. */
  readonly modules: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
  /** Whether there are nodes that are on no tab or subflow which comes along: they need a place. */
  readonly needsPlace: boolean;
}

export interface ImportChoices {
  /** For nodes that bring no tab. Empty: a new tab. */
  readonly place: string;
  /** What happens to those whose id is there already: put beside it with a new id, take its place, or stay out. */
  readonly overlapping: 'copy' | 'replace' | 'skip';
  /** Whether config nodes and, among copies, subflows that are there already are used, or put in once more. */
  readonly shareConfigs: boolean;
  /** What the new tab is called. */
  readonly label?: string;
  readonly types?: Types;
}

export function planImport(doc: FlowDoc, items: readonly Item[], types: Types): ImportPlan {
  const trial = new FlowDoc(items);
  const all = trial.items();
  const problems = check(trial, types);
  const wrong = new Set(problems.flatMap(({ severity, node, code }) => (severity !== 'warning' && code !== 'duplicate-id' && node !== undefined ? [node] : [])));
  const nodes = all.filter((item) => !['flow', 'subflow', 'group'].includes(kindOf(item)) && item.type !== 'global-config' && !subflowOf(item));
  const report = reportOf(nodes, wrong, types);
  const stand = alike(doc);
  const shared = new Map(all.flatMap((item) => {
    const other = stand(item);
    return other ? [[item.id, other.id] as const] : [];
  }));
  return {
    items: all,
    flows: all.filter(({ type }) => type === 'tab'),
    subflows: all.filter(({ type }) => type === 'subflow'),
    types: report,
    unknownTypes: report.filter(({ support }) => support === 'not').map(({ type }) => type),
    javascript: problems.flatMap(({ code, node }) => (code === 'javascript' && node !== undefined ? [node] : [])),
    overlapping: all.flatMap(({ id }) => (doc.has(id) ? [id] : [])),
    duplicates: [...new Set(trial.leftOut.map(({ id }) => id))],
    shared,
    withoutSecrets: nodes.filter((item) => !shared.has(item.id) && lacksSecrets(item, types)).map(({ id }) => id),
    modules: modulesOf(all),
    problems,
    needsPlace: all.some((item) => isLoose(item, containersOf(all))),
  };
}

function reportOf(nodes: readonly Item[], wrong: ReadonlySet<string>, types: Types): TypeReport[] {
  const names = types.all.map(({ type }) => type);
  const byType = new Map<string, { count: number; wrong: number }>();
  for (const { id, type } of nodes) {
    const counted = byType.get(type) ?? { count: 0, wrong: 0 };
    byType.set(type, { count: counted.count + 1, wrong: counted.wrong + (wrong.has(id) ? 1 : 0) });
  }
  // Looking for near names takes its time, and nobody reads a hundred.
  let looks = 50;
  return [...byType]
    .map(([type, counted]): TypeReport => {
      const support = types.get(type) ? (counted.wrong > 0 ? 'partly' : 'runs') : 'not';
      return { type, ...counted, support, near: support === 'not' && looks-- > 0 ? nearest(type, names) : [] };
    })
    .sort((a, b) => b.count - a.count || (a.type < b.type ? -1 : 1));
}

/** Whether it has secrets by its type, or says that it had some, and brings none. */
function lacksSecrets(item: Item, types: Types): boolean {
  const brought = item.credentials;
  if (typeof brought === 'object' && brought !== null) return Object.values(brought).every((value) => value === '' || value === '__PWRD__' || value === undefined);
  const fields = types.get(item.type)?.fields ?? [];
  return fields.some((field) => {
    if (!field.secret || (item[field.name] !== undefined && item[field.name] !== '')) return false;
    const seen = field.visible_if;
    return !seen || seen.values.includes(String(item[seen.field] ?? ''));
  });
}

/** What Node-RED notes of the modules that an export needs. */
function modulesOf(items: readonly Item[]): Map<string, string> {
  const modules = new Map<string, string>();
  for (const item of items) {
    const listed = item.type === 'global-config' ? item.modules : undefined;
    if (typeof listed !== 'object' || listed === null) continue;
    for (const [name, version] of Object.entries(listed)) modules.set(name, typeof version === 'string' ? version : '');
  }
  return modules;
}

const containersOf = (items: readonly Item[]): Set<string> => new Set(items.flatMap(({ id, type }) => (type === 'tab' || type === 'subflow' ? [id] : [])));
const isLoose = (item: Item, containers: ReadonlySet<string>): boolean => isOnCanvas(item) && !containers.has(placeOf(item));

/** Puts it in as was chosen, and gives the ids of what is new or was replaced. */
export function apply(edit: Edit, plan: ImportPlan, choices: ImportChoices): string[] {
  // A subflow that is to be replaced, or is left out, is not used in place of the one that comes.
  const shares = (item: Item): boolean => choices.shareConfigs && plan.shared.has(item.id) && (choices.overlapping === 'copy' || item.type !== 'subflow');
  const overlaps = plan.items.filter((item) => edit.get(item.id) !== undefined && !shares(item));
  const out = new Set(choices.overlapping === 'skip' ? overlaps.map(({ id }) => id) : []);
  const come = plan.items.filter(({ id }) => !out.has(id));
  const known = choices.overlapping === 'copy' ? new Set<string>() : around(edit, overlaps);
  const containers = new Set([...containersOf(come), ...known]);
  let place = choices.place;
  const target = edit.get(place);
  if (come.some((item) => isLoose(item, containers)) && target?.type !== 'tab' && target?.type !== 'subflow') place = newTab(edit, choices.label ?? 'Imported');
  if (choices.overlapping === 'replace') for (const { id } of overlaps) edit.remove(id);
  const { ids } = graft(edit, come, {
    place,
    known,
    types: choices.types,
    standIn: (item) => {
      const other = shares(item) ? edit.get(plan.shared.get(item.id)!) : undefined;
      return other?.type === item.type ? other : undefined;
    },
    keepsId: () => true,
  });
  if (choices.overlapping === 'replace') agree(edit, overlaps);
  return [...ids.values()];
}

/** What is meant by ids that are in both: these, and what stands beside them. */
function around(edit: Edit, overlaps: readonly Item[]): Set<string> {
  const places = new Set(overlaps.flatMap(({ id }) => [id, placeOf(edit.get(id)!)]));
  const known = new Set(overlaps.map(({ id }) => id));
  for (const item of edit.items()) if (places.has(item.id) || (placeOf(item) !== '' && places.has(placeOf(item)))) known.add(item.id);
  return known;
}

/** Groups and members that were replaced, or whose other side was, name each other again. */
function agree(edit: Edit, replaced: readonly Item[]): void {
  const touched = new Set(replaced.map(({ id }) => id));
  for (const item of edit.items()) {
    if (touched.has(groupOf(item)) || touched.has(item.id)) {
      const group = edit.get(groupOf(item));
      if (groupOf(item) !== '' && !(Array.isArray(group?.nodes) && group.nodes.includes(item.id))) edit.set(item.id, { g: undefined });
    }
    if (item.type !== 'group' || !Array.isArray(item.nodes)) continue;
    const nodes = (item.nodes as unknown[]).filter((id) => typeof id === 'string' && edit.get(id)?.g === item.id);
    if (nodes.length < item.nodes.length && item.nodes.some((id) => touched.has(id as string))) edit.set(item.id, { nodes });
  }
}

function newTab(edit: Edit, label: string): string {
  const taken = new Set(edit.items().filter(({ type }) => type === 'tab').map((item) => item.label));
  let name = label;
  for (let n = 2; taken.has(name); n += 1) name = `${label} ${n}`;
  return addFlow(edit, name);
}
