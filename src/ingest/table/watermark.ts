import type { Extraction } from '../../sources/index.js';
import type { WatermarkOptions } from '../config/source-config.js';
import type { FileEvent } from '../model.js';
import { compareEvents } from '../plan/state.js';

/** Up to where a table was read. */
export interface Watermark {
  readonly column: string;
  readonly type: WatermarkOptions['type'];
  /** As PostgreSQL writes it; null: from the beginning. */
  readonly value: string | null;
  /** Rows of transactions from this id on may have come after they should have been read; null when none can. */
  readonly late_from: string | null;
  /** Transactions that were open then. */
  readonly open: number;
  /** Every transaction with a lower id was over then; absent for a watermark that was set by hand. */
  readonly xmin?: string;
}

/** A watermark, and which event said so. */
export interface KnownWatermark extends Watermark {
  readonly source: string;
  readonly target: string;
  /** ISO 8601 UTC. */
  readonly at: string;
  readonly runId: string;
  /** Why it was set by hand; else null. */
  readonly reason: string | null;
}

const BY_HAND: ReadonlySet<string> = new Set(['watermark_set', 'watermark_reset']);

function isWatermark(value: unknown): value is Watermark {
  const some = value as Partial<Watermark> | null | undefined;
  return typeof some === 'object' && some !== null && typeof some.column === 'string';
}

/** The watermark that the events of one source and target say; undefined when it was never read, or in full only. */
export function findWatermark(events: readonly FileEvent[]): KnownWatermark | undefined {
  const told = events.filter(({ status }) => status === 'INGESTED' || status === 'SKIPPED').sort(compareEvents);
  const last = told.findLast(({ detail }) => isWatermark(detail['watermark']));
  if (last === undefined) return undefined;
  const { source, target, at, runId } = last;
  const watermark = last.detail['watermark'] as Watermark;
  return { ...watermark, source, target, at, runId, reason: BY_HAND.has(last.rule) ? last.reason : null };
}

/** A time without what says that it is UTC. */
function plainTime(text: string): string {
  return text.replace('T', ' ').replace(/(?:Z|\+00(?::?00)?)$/, '');
}

/** The order of two values of a watermark: times of one zone, or whole numbers. */
function compareWatermarks(type: Watermark['type'], a: string, b: string): number {
  const [x, y] = type === 'timestamp' ? [plainTime(a), plainTime(b)] : [BigInt(a), BigInt(b)];
  return x < y ? -1 : Number(x > y);
}

const TIME = /^\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|\+00(?::?00)?)?)?$/;

/** Why a text cannot be the value of a watermark; undefined when it can. */
export function watermarkProblem(type: Watermark['type'], text: string): string | undefined {
  if (type === 'integer') return /^-?\d{1,38}$/.test(text) ? undefined : 'is no whole number';
  if (TIME.test(text) && !Number.isNaN(Date.parse(`${plainTime(text).replace(' ', 'T').slice(0, 10)}T00:00:00Z`)))
    return undefined;
  return 'is no time in UTC such as 2026-03-31T12:00:00Z';
}

function later(type: Watermark['type'], a: string | null, b: string | null): string | null {
  if (a === null || b === null) return a ?? b;
  return compareWatermarks(type, a, b) >= 0 ? a : b;
}

function isOpen({ snapshot: { open } }: Extraction): boolean {
  return open.count > 0 || open.hidden;
}

/**
 * Where the next run begins. What an open transaction may still commit below the highest value is found by the id of its transaction, as long as rows
 * are told apart by a key; else the watermark does not go beyond it.
 */
export function nextWatermark(
  { column, type }: WatermarkOptions,
  extraction: Extraction,
  { before, keyed }: { readonly before: Watermark | undefined; readonly keyed: boolean },
): Watermark {
  const open = isOpen(extraction);
  // Of rows that are equal as wholes, only a range that is read wholly tells how many there are.
  const byId = extraction.canSeeLateRows && keyed;
  const safe = open && !byId ? extraction.heldWatermark : extraction.watermark;
  return {
    column,
    type,
    value: later(type, before?.value ?? null, safe),
    late_from: open && byId ? extraction.snapshot.xmin : null,
    open: extraction.snapshot.open.count,
    xmin: extraction.snapshot.xmin,
  };
}

/** Whether the server counts its transactions from lower ids than when the watermark was told: it was restored, or is another one. */
export function isRestored(before: Watermark | undefined, { snapshot }: Extraction): boolean {
  return before?.xmin !== undefined && BigInt(snapshot.xmin) < BigInt(before.xmin);
}

/** Whether two watermarks have the next run read the same. */
export function isSameWatermark(a: Watermark | undefined, b: Watermark): boolean {
  return a?.column === b.column && a.value === b.value && a.late_from === b.late_from;
}
