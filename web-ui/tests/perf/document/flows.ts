// Documents as machines make them: the same each time, as large as is asked for.

import type { Item } from '../../../src/lib/doc/item';

const A_TAB = 200;

/** A plant: on each tab rows of what comes in, is worked on and goes out; every tab has a group, links, and an instance of a subflow. */
export function plant(nodes: number): Item[] {
  const items: Item[] = [
    ...Array.from({ length: 5 }, (_, n): Item => ({ id: `broker${n}`, type: 'mqtt-broker', broker: `10.0.0.${n}`, port: 1883, tls: n % 2 ? 'tls' : '' })),
    { id: 'tls', type: 'tls-config', servername: 'plant' },
    { id: 'sub', type: 'subflow', name: 'Scaled', in: [{ x: 60, y: 60, wires: [{ id: 'sub-f' }] }], out: [{ x: 400, y: 60, wires: [{ id: 'sub-f', port: 0 }] }] },
    { id: 'sub-f', type: 'function', z: 'sub', name: 'scale', lang: 'rhai', func: 'msg', outputs: 1, x: 200, y: 60, wires: [[]] },
  ];
  for (let n = 0; n < nodes; n += 1) {
    const z = `t${Math.floor(n / A_TAB)}`;
    if (n % A_TAB === 0) items.push({ id: z, type: 'tab', label: `Hall ${z}` });
    items.push({ ...made(n), id: `n${n}`, z, x: 100 + (n % 5) * 240, y: 60 + Math.floor((n % A_TAB) / 5) * 80 });
  }
  return items;
}

function made(n: number): { type: string; [property: string]: unknown } {
  const next = [[`n${n + 1}`]];
  switch (n % 5) {
    case 0:
      return { type: 'mqtt in', name: `Sensor ${n}`, broker: `broker${n % 5}`, topic: `plant/hall/${n}/temperature`, qos: '1', inputs: 0, wires: next };
    case 1:
      return { type: 'function', name: '', lang: 'rhai', outputs: 1, func: `let limit = ${n};\nif msg.payload > limit {\n  msg.payload = limit;\n}\nmsg`, wires: next };
    case 2:
      return { type: 'switch', name: `Too hot ${n}?`, property: 'payload', propertyType: 'msg', rules: [{ t: 'eq', v: '1', vt: 'num' }, { t: 'eq', v: String(n), vt: 'str' }, { t: 'else' }], wires: [[`n${n + 1}`], [`n${n + 2}`], [`n${n + 1}`, `n${n + 2}`]] };
    case 3:
      return n % 10 === 3 ? { type: 'subflow:sub', name: '', wires: next } : { type: 'range', name: `Scale ${n}`, minin: 0, maxin: 100, wires: next };
    default:
      return n % 10 === 4 ? { type: 'debug', name: '', active: true, complete: 'payload', targetType: 'msg', wires: [] } : { type: 'mqtt out', name: `To the office ${n}`, broker: `broker${n % 5}`, topic: 'plant/out', outbox: { mode: 'offline', limit: 100 }, wires: [] };
  }
}

/** Every node leads to some others, wherever they are. No person draws this, but a machine may. */
export function dense(nodes: number, wires = 4): Item[] {
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (seed >> 8) % below;
  };
  return [
    { id: 't', type: 'tab', label: 'Dense' },
    ...Array.from({ length: nodes }, (_, n): Item => {
      const to = new Set(Array.from({ length: wires }, () => `n${random(nodes)}`));
      to.delete(`n${n}`);
      return { id: `n${n}`, type: 'function', z: 't', name: `Step ${n}`, lang: 'rhai', outputs: 1, x: 100 + (n % 25) * 200, y: 60 + Math.floor(n / 25) * 80, wires: [[...to]] };
    }),
  ];
}
