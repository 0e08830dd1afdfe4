// What is done to large documents, each by itself: `ready` makes what is needed, `work` is what is timed.

import { check } from '../../../src/lib/doc/check';
import { diff } from '../../../src/lib/doc/diff';
import { FlowDoc } from '../../../src/lib/doc/flow-doc';
import { merge } from '../../../src/lib/doc/merge';
import { TooManyWires } from '../../../src/lib/doc/operations/heal';
import { remove, removeAndHeal } from '../../../src/lib/doc/operations/remove';
import { tidy } from '../../../src/lib/doc/operations/tidy';
import { search } from '../../../src/lib/doc/search';
import { roughSize } from '../../../src/lib/doc/size';
import { types } from '../../unit/doc/helpers';
import { dense, plant } from './flows';

type Work = () => unknown;

const odd = (items: { id: string }[]): string[] => items.filter(({ id }, n) => id.startsWith('n') && n % 2 === 1).map(({ id }) => id);

/** By name; each is made anew for every round. */
export const cases: Readonly<Record<string, () => Work>> = {
  'check 2,000 nodes, the first time': () => {
    const doc = new FlowDoc(plant(2_000));
    return () => check(doc, types);
  },
  'check 2,000 nodes of which half lead to nowhere': () => {
    const doc = new FlowDoc(plant(2_000).map((item, n) => (n % 2 && item.id.startsWith('n') ? { ...item, wires: [[`${item.id}gone`]] } : item)));
    return () => check(doc, types);
  },
  'check 2,000 nodes after one edit': () => {
    const doc = new FlowDoc(plant(2_000));
    check(doc, types);
    doc.edit('Rename', (edit) => edit.set('n1000', { name: 'otherwise' }));
    return () => check(doc, types);
  },
  'check 2,000 nodes after one was moved': () => {
    const doc = new FlowDoc(plant(2_000));
    check(doc, types);
    doc.edit('Move', (edit) => edit.set('n1000', { x: 7 }));
    return () => check(doc, types);
  },
  'diff two of 2,000 nodes, read apart, one edit': () => {
    const [before, after] = [plant(2_000), JSON.parse(JSON.stringify(plant(2_000))) as ReturnType<typeof plant>];
    after[1000] = { ...after[1000]!, name: 'otherwise' };
    return () => diff(before, after, types);
  },
  'diff two of 2,000 nodes, every name and wire otherwise': () => {
    const before = plant(2_000);
    const after = before.map((item, n) => (item.id.startsWith('n') ? { ...item, name: `otherwise ${n}`, wires: [[`n${n}`], []] } : item));
    return () => diff(before, after, types);
  },
  'merge three of 2,000 nodes': () => {
    const [base, mine, theirs] = [plant(2_000), plant(2_000), plant(2_000)];
    mine[100] = { ...mine[100]!, name: 'mine' };
    theirs[200] = { ...theirs[200]!, name: 'theirs' };
    return () => merge(base, mine, theirs);
  },
  'search 2,000 nodes, the first time': () => {
    const doc = new FlowDoc(plant(2_000));
    return () => search(doc, 'temperature', types);
  },
  'delete half of 10,000 dense nodes': () => {
    const doc = new FlowDoc(dense(10_000));
    return () => doc.edit('Delete', (edit) => remove(edit, odd(doc.items()), types));
  },
  'delete and heal half of 2,000 nodes': () => {
    const doc = new FlowDoc(plant(2_000));
    return () => doc.edit('Delete', (edit) => removeAndHeal(edit, odd(doc.items()), types));
  },
  'delete and heal half of 10,000 nodes, each with one wire to anywhere': () => {
    const doc = new FlowDoc(dense(10_000, 1));
    return () => doc.edit('Delete', (edit) => removeAndHeal(edit, odd(doc.items()), types));
  },
  'refuse to heal half of 10,000 dense nodes': () => {
    const doc = new FlowDoc(dense(10_000));
    return () => {
      try {
        doc.edit('Delete', (edit) => removeAndHeal(edit, odd(doc.items()), types));
      } catch (error) {
        if (error instanceof TooManyWires) return;
        throw error;
      }
      throw new Error('it was healed');
    };
  },
  'move 2,000 nodes': () => {
    const doc = new FlowDoc(plant(2_000));
    return () => doc.edit('Move', (edit) => doc.items().forEach(({ id, x }) => typeof x === 'number' && edit.set(id, { x: x + 20 })));
  },
  'tidy 200 nodes as people draw them': () => {
    const doc = new FlowDoc(plant(200));
    return () => tidy(doc, 't0', undefined, roughSize(doc));
  },
  'tidy 300 dense nodes': () => {
    const doc = new FlowDoc(dense(300));
    return () => tidy(doc, 't', undefined, roughSize(doc));
  },
  'tidy 3,000 dense nodes': () => {
    const doc = new FlowDoc(dense(3_000));
    return () => tidy(doc, 't', undefined, roughSize(doc));
  },
};
