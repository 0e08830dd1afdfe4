// Where the parts of a gauge are.

import { numberOf, type WidgetData } from './model';

export interface Segment {
  readonly from: number;
  readonly to: number;
  readonly color: string;
  readonly text: string;
}

export interface Scale {
  readonly min: number;
  readonly max: number;
  readonly segments: readonly Segment[];
}

/** The scale of a gauge. A message may have set its ends the wrong way round. */
export function scaleOf(data: WidgetData): Scale {
  const low = numberOf(data, 'min') ?? 0;
  const high = numberOf(data, 'max') ?? 10;
  const [min, max] = low < high ? [low, high] : [low, low + 1];
  const told = (Array.isArray(data.segments) ? (data.segments as Partial<Segment>[]) : [])
    .map((segment) => ({ from: typeof segment.from === 'number' ? segment.from : min, color: segment.color ?? '', text: segment.text ?? '' }))
    .filter(({ from }) => from < max)
    .sort((a, b) => a.from - b.from);
  const segments = told.map((segment, n) => ({ ...segment, from: Math.max(min, segment.from), to: Math.min(max, told[n + 1]?.from ?? max) }));
  return { min, max, segments: segments.filter(({ from, to }) => from < to) };
}

/** The part of the scale that a value is in; beyond an end it is in the last part there. */
export function segmentOf({ segments }: Scale, value: number): Segment | undefined {
  return segments.findLast(({ from }) => value >= from) ?? undefined;
}

/** How far along the scale: 0 to 1. */
export const share = ({ min, max }: Scale, value: number): number => Math.min(1, Math.max(0, (value - min) / (max - min)));

export interface Arc {
  /** Degrees, from straight up and clockwise. */
  readonly start: number;
  readonly sweep: number;
}

export const ARCS: Readonly<Record<string, Arc>> = {
  'gauge-half': { start: -90, sweep: 180 },
  'gauge-34': { start: -135, sweep: 270 },
};

/** A point on a circle around 0, 0. */
export function point(angle: number, radius: number): readonly [number, number] {
  const radians = (angle * Math.PI) / 180;
  return [radius * Math.sin(radians), -radius * Math.cos(radians)];
}

/** The path of a part of an arc, from and to in shares of it. */
export function arcPath({ start, sweep }: Arc, radius: number, from: number, to: number): string {
  const [a, b] = [start + sweep * from, start + sweep * to];
  const [x1, y1] = point(a, radius);
  const [x2, y2] = point(b, radius);
  const large = b - a > 180 ? 1 : 0;
  return `M${x1.toFixed(2)} ${y1.toFixed(2)}A${radius} ${radius} 0 ${large} 1 ${x2.toFixed(2)} ${y2.toFixed(2)}`;
}
