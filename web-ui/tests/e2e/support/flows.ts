// Flows that tests start with, or import.

import type { Flow } from './gateway';

export const TAB = { id: 't1', type: 'tab', label: 'First' };

/** An inject, a function and a debug node in a row. */
export const small: Flow = [
  TAB,
  { id: 'press', type: 'inject', z: 't1', name: 'Press', props: [{ p: 'payload' }, { p: 'topic', vt: 'str' }], topic: 'room/1', payload: '{"temperature":21.5,"place":"roof"}', payloadType: 'json', x: 160, y: 120, wires: [['work']] },
  { id: 'work', type: 'function', z: 't1', name: 'Work', lang: 'rhai', func: 'msg.payload.seen = true;\nmsg', outputs: 1, x: 380, y: 120, wires: [['show']] },
  { id: 'show', type: 'debug', z: 't1', name: 'Show', active: true, tosidebar: true, complete: 'payload', x: 600, y: 120, wires: [] },
];

/** Simulated stations, so that something moves. */
export const busy: Flow = [
  TAB,
  { id: 'sites', type: 'sensor simulator', z: 't1', name: 'Sites', profile: 'base station', stations: 12, interval: 1, seed: 1, faults: 4000, format: 'object', topic: '{station}', x: 160, y: 120, wires: [['kind']] },
  { id: 'kind', type: 'switch', z: 't1', name: 'Which?', property: 'payload.alarm_id', propertyType: 'msg', rules: [{ t: 'nnull' }, { t: 'else' }], checkall: 'false', repair: false, outputs: 2, x: 380, y: 120, wires: [['alarms'], ['readings']] },
  { id: 'alarms', type: 'debug', z: 't1', name: 'Alarms', active: true, tosidebar: true, complete: 'payload', x: 600, y: 80, wires: [] },
  { id: 'readings', type: 'debug', z: 't1', name: 'Readings', active: false, tosidebar: true, complete: 'payload', x: 600, y: 160, wires: [] },
];

/** Ticks go through a function to a broker with an outbox on the disk. */
export function pipeline(amqpPort: number): Flow {
  return [
    TAB,
    { id: 'broker', type: 'amqp-broker', name: 'Rabbit', host: '127.0.0.1', port: String(amqpPort) },
    { id: 'tick', type: 'inject', z: 't1', name: 'Tick', props: [{ p: 'payload' }], payload: '', payloadType: 'date', repeat: '0.1', once: true, onceDelay: 0.1, x: 160, y: 120, wires: [['work']] },
    { id: 'work', type: 'function', z: 't1', name: 'Work', lang: 'rhai', func: 'msg', outputs: 1, x: 380, y: 120, wires: [['send']] },
    { id: 'send', type: 'amqp out', z: 't1', name: 'Send', broker: 'broker', exchange: '', routingKey: 'readings', x: 600, y: 120, wires: [] },
    { id: 'take', type: 'amqp in', z: 't1', name: 'Take', broker: 'broker', queue: 'readings', queueMode: 'declare', durable: true, x: 160, y: 220, wires: [['show']] },
    { id: 'show', type: 'debug', z: 't1', name: 'Show', active: true, tosidebar: true, complete: 'payload', x: 380, y: 220, wires: [] },
  ];
}

const SCRIPT = `<script>globalThis.broken = true</script><img src=x onerror="globalThis.broken = true">`;

/** Markup wherever a person can put text. */
export const scripted: Flow = [
  { id: 't1', type: 'tab', label: SCRIPT, info: SCRIPT },
  { id: 'g1', type: 'group', z: 't1', name: SCRIPT, style: { label: true }, nodes: ['a'], x: 74, y: 79, w: 232, h: 82 },
  { id: 'a', type: 'inject', z: 't1', g: 'g1', name: SCRIPT, info: SCRIPT, props: [{ p: 'payload' }], payload: SCRIPT, payloadType: 'str', topic: SCRIPT, x: 180, y: 120, wires: [['b']] },
  { id: 'b', type: 'debug', z: 't1', name: SCRIPT, active: true, tosidebar: true, tostatus: true, complete: 'payload', statusVal: 'payload', statusType: 'msg', x: 480, y: 120, wires: [] },
  { id: 'c', type: 'comment', z: 't1', name: SCRIPT, info: SCRIPT, x: 180, y: 220, wires: [] },
  { id: 's1', type: 'subflow', name: SCRIPT, info: SCRIPT, in: [], out: [], env: [{ name: 'PLACE', type: 'str', value: SCRIPT }] },
  { id: 'd', type: 'subflow:s1', z: 't1', name: SCRIPT, x: 480, y: 220, wires: [] },
  { id: 'm', type: 'mqtt-broker', name: SCRIPT, broker: '127.0.0.1', port: '1' },
];

/** A name of a megabyte, one without a space, and one in many scripts. */
export const enormous: Flow = [
  { id: 't1', type: 'tab', label: 'x'.repeat(100_000) },
  { id: 'a', type: 'inject', z: 't1', name: 'long '.repeat(200_000), props: [{ p: 'payload' }], payload: 'y'.repeat(100_000), payloadType: 'str', x: 160, y: 120, wires: [['b']] },
  { id: 'b', type: 'debug', z: 't1', name: 'ümläut-汉字-العربية-🏭-'.repeat(1_000), active: true, tosidebar: true, complete: 'payload', x: 480, y: 120, wires: [] },
];

/** Nodes of modules that are not here, as an import from Node-RED brings them. */
export const unknown: Flow = [
  TAB,
  { id: 'a', type: 'inject', z: 't1', name: 'Press', props: [{ p: 'payload' }], payload: '1', payloadType: 'num', x: 160, y: 120, wires: [['b']] },
  { id: 'b', type: 'rpi-dht22', z: 't1', name: 'Cellar', pin: 4, nested: { list: [1, { two: 2 }] }, x: 380, y: 120, wires: [['c'], ['c']] },
  { id: 'c', type: 'debug', z: 't1', name: 'Show', active: true, tosidebar: true, complete: 'payload', x: 600, y: 120, wires: [] },
];

/** What somebody pastes who has copied by hand: one id twice, ids that the gateway has already, wires to nowhere. */
export const overlapping: Flow = [
  { id: 'press', type: 'inject', z: 't1', name: 'Mine', props: [{ p: 'payload' }], payload: '2', payloadType: 'num', x: 160, y: 320, wires: [['twice', 'nowhere']] },
  { id: 'twice', type: 'debug', z: 't1', name: 'One', active: true, tosidebar: true, complete: 'payload', x: 380, y: 320, wires: [] },
  { id: 'twice', type: 'debug', z: 't1', name: 'Two', active: true, tosidebar: true, complete: 'payload', x: 380, y: 380, wires: [] },
];

/** Many nodes on one tab, in rows; each leads to the next, and some to a second. */
export function large(count: number): Flow {
  const across = 20;
  const nodes = Array.from({ length: count }, (_, n) => {
    const place = { z: 't1', x: 140 + (n % across) * 200, y: 80 + Math.floor(n / across) * 80 };
    const next = n % across === across - 1 || n === count - 1 ? [] : [`n${n + 1}`];
    const below = n % 3 === 0 && n + across < count ? [`n${n + across}`] : [];
    if (n % across === 0) return { id: `n${n}`, type: 'inject', name: `Start ${n}`, props: [{ p: 'payload' }], payload: '', payloadType: 'date', repeat: '1', ...place, wires: [[...next, ...below]] };
    if (n % across === across - 1) return { id: `n${n}`, type: 'debug', name: `End ${n}`, active: false, tosidebar: true, complete: 'payload', ...place, wires: [] };
    return { id: `n${n}`, type: 'change', name: `Step ${n}`, rules: [{ t: 'set', p: `step${n % 5}`, pt: 'msg', to: String(n), tot: 'num' }], ...place, wires: [[...next, ...below]] };
  });
  return [TAB, ...nodes];
}

/** A dashboard with one widget of each kind: a count that goes up, a button and a slider whose messages are seen in texts. */
export const board: Flow = [
  TAB,
  { id: 'base', type: 'ui-base', name: 'House', path: '/dashboard' },
  { id: 'page', type: 'ui-page', name: 'Ground floor', ui: 'base', path: '/ground', order: 1 },
  { id: 'room', type: 'ui-group', name: 'Room', page: 'page', width: 6, order: 1, showTitle: true },
  { id: 'control', type: 'ui-group', name: 'Control', page: 'page', width: 6, order: 2, showTitle: true },
  { id: 'tick', type: 'inject', z: 't1', name: 'Tick', props: [{ p: 'payload' }], payload: '', payloadType: 'date', repeat: '0.3', once: true, onceDelay: 0.1, x: 120, y: 120, wires: [['count']] },
  { id: 'count', type: 'function', z: 't1', name: 'Count', lang: 'rhai', func: 'let n = (context.get("n") ?? 0) + 1;\ncontext.set("n", n);\nmsg.payload = n;\nmsg.topic = "count";\nmsg', outputs: 1, x: 300, y: 120, wires: [['gauge', 'chart', 'text', 'row']] },
  { id: 'row', type: 'change', z: 't1', name: 'Row', rules: [{ t: 'set', p: 'payload', pt: 'msg', to: '{"number": payload}', tot: 'jsonata' }], x: 480, y: 240, wires: [['table']] },
  { id: 'gauge', type: 'ui-gauge', z: 't1', group: 'room', title: 'Level', order: 1, value: 'payload', valueType: 'msg', gtype: 'gauge-half', gstyle: 'rounded', min: 0, max: 1000, units: 'l', segments: [], x: 480, y: 40, wires: [] },
  { id: 'chart', type: 'ui-chart', z: 't1', group: 'room', label: 'Course', order: 2, chartType: 'line', category: 'topic', categoryType: 'msg', xAxisType: 'time', xAxisPropertyType: 'timestamp', yAxisProperty: 'payload', yAxisPropertyType: 'msg', action: 'append', removeOlder: 10, removeOlderUnit: '60', removeOlderPoints: 100, x: 480, y: 80, wires: [] },
  { id: 'text', type: 'ui-text', z: 't1', group: 'room', label: 'Counted', order: 3, value: 'payload', valueType: 'msg', x: 480, y: 160, wires: [] },
  { id: 'table', type: 'ui-table', z: 't1', group: 'control', label: 'Rows', order: 4, action: 'append', maxrows: 5, autocols: true, showSearch: true, x: 660, y: 240, wires: [] },
  { id: 'press', type: 'ui-button', z: 't1', group: 'control', label: 'Ring', order: 1, payload: 'rung', payloadType: 'str', topic: 'bell', topicType: 'str', x: 120, y: 320, wires: [['said', 'seen']] },
  { id: 'said', type: 'ui-text', z: 't1', group: 'control', label: 'Bell', order: 2, value: 'payload', valueType: 'msg', x: 300, y: 320, wires: [] },
  { id: 'limit', type: 'ui-slider', z: 't1', group: 'control', label: 'Limit', order: 3, min: 0, max: 400, step: 1, outs: 'end', topic: 'limit', topicType: 'str', passthru: false, x: 120, y: 380, wires: [['limits', 'seen']] },
  { id: 'limits', type: 'ui-text', z: 't1', group: 'control', label: 'Is', order: 5, value: 'payload', valueType: 'msg', x: 300, y: 380, wires: [] },
  { id: 'seen', type: 'debug', z: 't1', name: 'Seen', active: true, tosidebar: true, complete: 'payload', x: 480, y: 380, wires: [] },
];

/** Every place of a flow where messages can wait. Nobody listens at the port; the outbox of `full` has room for twenty, and the delay lets hardly any through. */
export function tidal(port: number): Flow {
  const tick = (id: string, repeat: string, y: number, to: string[]) => ({ id, type: 'inject', z: 't1', name: id, props: [{ p: 'payload' }, { p: 'topic', vt: 'str' }], topic: 'tide', payload: '{"level": 7}', payloadType: 'json', repeat, once: true, onceDelay: 0.1, x: 140, y, wires: [to] });
  return [
    TAB,
    { id: 'away', type: 'mqtt-broker', name: 'Away', broker: '127.0.0.1', port: String(port) },
    tick('slow', '1', 60, ['pass']),
    tick('fast', '0.02', 140, ['work']),
    { id: 'pass', type: 'change', z: 't1', name: 'Pass', rules: [], x: 400, y: 60, wires: [['rest']] },
    { id: 'rest', type: 'debug', z: 't1', name: 'Rest', active: false, tosidebar: true, complete: 'payload', x: 660, y: 60, wires: [] },
    { id: 'work', type: 'change', z: 't1', name: 'Work', rules: [], x: 400, y: 140, wires: [['hold', 'full', 'room']] },
    { id: 'hold', type: 'delay', z: 't1', name: 'Hold', pauseType: 'rate', rate: '1', nbRateUnits: '1', rateUnits: 'hour', x: 660, y: 140, wires: [[]] },
    { id: 'full', type: 'mqtt out', z: 't1', name: 'Full', broker: 'away', topic: 'a', qos: '1', retain: '', outbox: { mode: 'offline', max_messages: 20, when_full: 'block' }, x: 660, y: 220, wires: [] },
    { id: 'room', type: 'mqtt out', z: 't1', name: 'Room', broker: 'away', topic: 'b', qos: '1', retain: '', outbox: { mode: 'offline' }, x: 660, y: 300, wires: [] },
  ];
}
