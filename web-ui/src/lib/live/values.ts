// What the gateway shows of a message, as a value again. It comes as Node-RED's debug panel has it: a text, and what kind of thing the text is.

import { exactNumber, readExactly } from '../api/exact';

/** `{msg, format}` and what is known of the message around it. */
export interface ShownMessage {
  readonly id: string;
  readonly z?: string;
  readonly path?: string;
  /** The node as it stands in the document, where it runs inside of a subflow. */
  readonly _alias?: string;
  readonly name?: string;
  readonly topic?: string;
  readonly property?: string;
  readonly _msgid?: string;
  readonly type?: string;
  /** Node-RED's: 20 is an error, 30 a warning. */
  readonly level?: number;
  readonly msg?: string;
  readonly format?: string;
}

export function valueOf({ msg = '', format = '' }: Pick<ShownMessage, 'msg' | 'format'>): unknown {
  if (format === 'undefined') return undefined;
  if (format === 'null') return null;
  if (format === 'boolean') return msg === 'true';
  if (format === 'number') return numberOf(msg);
  if (format.startsWith('buffer')) return bytes(msg, Number(/\d+/.exec(format)?.[0] ?? msg.length / 2));
  if (format === 'Object' || format.startsWith('array')) {
    try {
      return readExactly(msg);
    } catch {
      return msg;
    }
  }
  return msg;
}

/** Integers that are too large for a number of this language stay the digits that they are. */
function numberOf(text: string): unknown {
  const number = Number(text);
  const exact = Number.isFinite(number) && (!/^-?\d+$/.test(text) || Number.isSafeInteger(number));
  return exact ? number : exactNumber(text);
}

function bytes(text: string, length: number): unknown {
  const data = (text.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16));
  return { __enc__: true, type: 'Buffer', data, length };
}
