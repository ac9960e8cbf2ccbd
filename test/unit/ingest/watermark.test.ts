import { describe, expect, it } from 'vitest';
import {
  findWatermark,
  isRestored,
  isSameWatermark,
  nextWatermark,
  type Watermark,
  watermarkProblem,
} from '../../../src/ingest/table/watermark.js';
import type { Extraction } from '../../../src/sources/index.js';
import { fileEvent } from '../../support/file-events.js';

const OPTIONS = { column: 'seen', type: 'timestamp', nulls: 'include', overlap: 0 } as const;
const QUIET = { count: 0, oldestStartedAt: null, pids: [], hidden: false };
const BUSY = { ...QUIET, count: 2 };

function extraction(open: Extraction['snapshot']['open'], changes: Partial<Extraction> = {}): Extraction {
  return {
    watermark: '2026-03-01 12:00:00+00',
    heldWatermark: '2026-03-01 11:00:00+00',
    canSeeLateRows: true,
    snapshot: { at: '', xmin: '700', serverVersion: '15', open },
    ...changes,
  } as Extraction;
}

const before: Watermark = {
  column: 'seen',
  type: 'timestamp',
  value: '2026-03-01 11:30:00+00',
  late_from: null,
  open: 0,
};

describe('the next watermark', () => {
  it('is the highest value when nothing was open', () => {
    expect(nextWatermark(OPTIONS, extraction(QUIET), { before, keyed: true })).toEqual({
      ...before,
      value: '2026-03-01 12:00:00+00',
      xmin: '700',
    });
  });

  it('remembers from which transaction on rows may come late', () => {
    const next = nextWatermark(OPTIONS, extraction(BUSY), { before, keyed: true });
    expect(next).toMatchObject({ value: '2026-03-01 12:00:00+00', late_from: '700', open: 2 });
    const hidden = nextWatermark(OPTIONS, extraction({ ...QUIET, hidden: true }), { before, keyed: true });
    expect(hidden).toMatchObject({ late_from: '700', open: 0 });
  });

  it('is held back where late rows cannot be told: without a key, and where rows have no transaction', () => {
    const held = { late_from: null, open: 2 };
    const first = { before: undefined, keyed: false };
    expect(nextWatermark(OPTIONS, extraction(BUSY), first)).toMatchObject({ ...held, value: '2026-03-01 11:00:00+00' });
    const view = extraction(BUSY, { canSeeLateRows: false });
    expect(nextWatermark(OPTIONS, view, { before: undefined, keyed: true })).toMatchObject({
      ...held,
      value: '2026-03-01 11:00:00+00',
    });
    const unknown = extraction(BUSY, { canSeeLateRows: false, heldWatermark: null });
    expect(nextWatermark(OPTIONS, unknown, { before, keyed: true })).toMatchObject({ ...held, value: before.value });
  });

  it('never goes back', () => {
    const old = extraction(QUIET, { watermark: '2026-02-01 00:00:00+00' });
    expect(nextWatermark(OPTIONS, old, { before, keyed: true })).toMatchObject({ value: before.value });
    const none = extraction(QUIET, { watermark: null });
    expect(nextWatermark(OPTIONS, none, { before, keyed: true })).toEqual({ ...before, xmin: '700' });
    const numbers = { ...OPTIONS, type: 'integer' as const };
    const nine = { ...before, type: 'integer' as const, value: '9' };
    expect(nextWatermark(numbers, extraction(QUIET, { watermark: '10' }), { before: nine, keyed: true }).value).toBe(
      '10',
    );
    const fraction = extraction(QUIET, { watermark: '2026-03-01 11:30:00.5+00' });
    expect(nextWatermark(OPTIONS, fraction, { before, keyed: true }).value).toBe('2026-03-01 11:30:00.5+00');
    const plain = extraction(QUIET, { watermark: '2026-03-01 11:29:59' });
    expect(nextWatermark(OPTIONS, plain, { before, keyed: true }).value).toBe(before.value);
  });
});

describe('a server that was restored', () => {
  it('counts its transactions from lower ids than before', () => {
    expect(isRestored({ ...before, xmin: '701' }, extraction(QUIET))).toBe(true);
    expect(isRestored({ ...before, xmin: '700' }, extraction(QUIET))).toBe(false);
    expect(isRestored(before, extraction(QUIET))).toBe(false);
    expect(isRestored(undefined, extraction(QUIET))).toBe(false);
  });
});

describe('the known watermark', () => {
  const told = (seq: number, watermark: Watermark, changes = {}) =>
    fileEvent({ seq, status: 'INGESTED', detail: { watermark }, ...changes });

  it('is what the last load or the last change by hand says', () => {
    const first = told(1, before);
    const failed = told(2, { ...before, value: 'x' }, { status: 'FAILED' });
    expect(findWatermark([failed, first])).toMatchObject({ value: before.value, reason: null });
    const set = told(3, { ...before, value: 'by hand' }, { status: 'SKIPPED', rule: 'watermark_set', reason: 'why' });
    expect(findWatermark([set, first, failed])).toMatchObject({ value: 'by hand', reason: 'why' });
    const moved = told(4, { ...before, value: 'later' }, { status: 'SKIPPED', rule: 'incremental_load' });
    expect(findWatermark([moved, set, first])).toMatchObject({ value: 'later', reason: null });
    expect(findWatermark([fileEvent({ status: 'INGESTED' })])).toBeUndefined();
  });

  it('is the same as another one when the next run reads the same', () => {
    expect(isSameWatermark({ ...before, open: 3 }, before)).toBe(true);
    expect(isSameWatermark({ ...before, late_from: '1' }, before)).toBe(false);
    expect(isSameWatermark(undefined, before)).toBe(false);
  });
});

describe('a value that is set by hand', () => {
  it.each(['2026-03-31', '2026-03-31T12:00:00Z', '2026-03-31 12:00', '2026-03-31 12:00:00.123456+00'])(
    'takes %s',
    (text) => {
      expect(watermarkProblem('timestamp', text)).toBeUndefined();
    },
  );

  it.each(['', 'today', '2026-13-01', '2026-03-31T12:00:00+02:00', "2026-03-31'; --", '12'])(
    'refuses the time %j',
    (text) => {
      expect(watermarkProblem('timestamp', text)).toContain('is no time');
    },
  );

  it.each(['0', '-5', '12345678901234567890'])('takes the number %s', (text) => {
    expect(watermarkProblem('integer', text)).toBeUndefined();
  });

  it.each(['', '1.5', '1e3', '2026-03-31'])('refuses the number %j', (text) => {
    expect(watermarkProblem('integer', text)).toContain('no whole number');
  });
});
