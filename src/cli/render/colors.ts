import pico from 'picocolors';
import type { SqlValue } from '../../duckdb/values.js';

export type Paint = (text: string) => string;

export interface Paints {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly yellow: Paint;
  readonly green: Paint;
  readonly cyan: Paint;
  readonly plain: Paint;
}

/** The colours of the command line; all of them do nothing unless `enabled`. */
export function paints(enabled: boolean): Paints {
  const { bold, dim, red, yellow, green, cyan } = pico.createColors(enabled);
  return { bold, dim, red, yellow, green, cyan, plain: (text) => text };
}

const STATUS: ReadonlyMap<SqlValue, keyof Paints> = new Map([
  ...['INGESTED', 'REPROCESSED', 'pass', 'ok', 'success'].map((word) => [word, 'green'] as const),
  ...['FAILED', 'QUARANTINED', 'error', 'failed', 'failed_to_run'].map((word) => [word, 'red'] as const),
  ...['RETRYING', 'warn'].map((word) => [word, 'yellow'] as const),
  ...['PENDING', 'PROCESSING'].map((word) => [word, 'cyan'] as const),
  ...['SKIPPED', 'skipped'].map((word) => [word, 'dim'] as const),
]);

/** The colour of a value that is one of the words for a status or level; others stay as they are. */
export function statusPaint(paint: Paints, value: SqlValue): Paint {
  return paint[STATUS.get(value) ?? 'plain'];
}
