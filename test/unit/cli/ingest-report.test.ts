import { describe, expect, it } from 'vitest';
import { diffText, ingestExitCode, ingestText, planText } from '../../../src/cli/ingest-report.js';
import type { RowStyle } from '../../../src/cli/render/row-types.js';
import type { FileResult, IngestResult, PlannedFile, SourceResult } from '../../../src/ingest/result.js';

const style: RowStyle = { width: undefined, color: false, note: () => undefined };

function file(changes: Partial<FileResult> = {}): FileResult {
  return {
    source: 'daily',
    target: 'bronze.daily',
    path: 'in/a.csv',
    file_sha: 'a'.repeat(64),
    decision: 'load',
    rule: 'new',
    reason: 'new',
    status: 'INGESTED',
    rows: 21,
    error: null,
    error_code: null,
    hint: null,
    rejected: 0,
    rescued: 0,
    attempt: 1,
    next_retry_at: null,
    version: 0,
    diff: null,
    notes: [],
    bytes: 2048,
    business_date: null,
    checksum: null,
    duration_ms: 3,
    ...changes,
  };
}

function result(files: readonly FileResult[], changes: Partial<IngestResult> = {}): IngestResult {
  return {
    run_id: 'r1',
    status: 'success',
    processed: files.length,
    skipped: 0,
    failed: 0,
    rows: 42,
    bytes: 2048,
    duration_ms: 1234,
    rejected: 0,
    dry_run: false,
    files,
    sources: [],
    warnings: [],
    ...changes,
  };
}

function source(changes: Partial<SourceResult> = {}): SourceResult {
  return {
    source: 'daily',
    target: 'bronze.daily',
    type: 'file',
    date: '2026-03-01',
    status: 'success',
    reason: null,
    rows: 0,
    error: null,
    error_code: null,
    hint: null,
    exit_code: 0,
    manifests: [],
    duration_ms: 1,
    ...changes,
  };
}

const failed = (changes: Partial<FileResult> = {}) =>
  file({ status: 'FAILED', rows: 0, error: 'broken', error_code: 'SOURCE_FORMAT', ...changes });

describe('exit code of ingest', () => {
  it.each([
    ['nothing failed', result([file()]), 0],
    ['a file failed', result([file(), failed()], { failed: 1 }), 1],
    ['a source was unreachable', result([failed()], { failed: 1, sources: [source({ exit_code: 3 })] }), 3],
    ['a source was locked', result([], { sources: [source({ exit_code: 5 }), source({ exit_code: 2 })] }), 5],
    ['a frozen schema stopped a file', result([failed({ error_code: 'SCHEMA_DRIFT' }), failed()], { failed: 2 }), 4],
    ['a file is held', result([file({ decision: 'hold', rule: 'correction', status: 'QUARANTINED' })]), 0],
  ])('%s', (_, given, code) => {
    expect(ingestExitCode(given)).toBe(code);
  });
});

describe('text of ingest', () => {
  it('has the counts', () => {
    expect(ingestText(result([file()]), style)).toBe(
      [
        'processed   1',
        'skipped     0',
        'failed      0',
        'rows       42',
        'read       2.0 KiB',
        'run        r1',
        'took       1.23 s',
        '',
      ].join('\n'),
    );
  });

  it('has a row per source when there are several', () => {
    const files = [
      file(),
      file({ decision: 'skip', rule: 'same_bytes_same_path', rows: 0 }),
      failed(),
      file({ source: 'b', target: 'bronze.b' }),
    ];
    const [, table] = ingestText(result(files), style).split('\n\n');
    expect(table?.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['source', 'target', 'processed', 'skipped', 'failed', 'rows'],
      expect.any(Array),
      ['daily', 'bronze.daily', '1', '1', '1', '21'],
      ['b', 'bronze.b', '1', '0', '0', '21'],
    ]);
  });

  it('says of each source how it ended and why, also of one that was skipped alone', () => {
    const sources = [
      source({ status: 'success', rows: 21 }),
      source({ source: 'shop', target: 'bronze.shop', status: 'failed', error: 'cannot connect', exit_code: 3 }),
    ];
    const rows = (text: string) =>
      text
        .trimEnd()
        .split('\n')
        .map((line) => line.trim().split(/ {2,}/));
    const [, table = ''] = ingestText(result([file()], { sources }), style).split('\n\n');
    expect(rows(table)).toEqual([
      ['source', 'target', 'date', 'status', 'processed', 'skipped', 'failed', 'rows', 'why'],
      expect.any(Array),
      ['daily', 'bronze.daily', '2026-03-01', 'success', '1', '0', '0', '21'],
      ['shop', 'bronze.shop', '2026-03-01', 'failed', '0', '0', '0', '0', 'cannot connect'],
    ]);
    const skipped = [source({ status: 'skipped', reason: '2026-03-01 has succeeded' })];
    expect(ingestText(result([], { sources: skipped }), style)).toContain('2026-03-01 has succeeded');
  });

  it('says why files failed and what to do', () => {
    const text = ingestText(
      result([
        failed({ error: 'in/a.csv: broken', hint: 'look at line 3' }),
        failed({ path: 'b\u001b.csv', next_retry_at: '2026-01-01T00:00:00Z' }),
      ]),
      style,
    );
    expect(text.split('\n\n')[1]).toBe(
      [
        'failed files',
        'in/a.csv  broken',
        '  try: look at line 3',
        'b\\x1b.csv  broken',
        '  again: 2026-01-01T00:00:00Z, or lakeledger retry --all',
        '',
      ].join('\n'),
    );
  });

  it('lists what waits for somebody, but not what is in already', () => {
    const text = ingestText(
      result([
        file({ decision: 'skip', rule: 'same_bytes_same_path', reason: 'known' }),
        file({ decision: 'hold', rule: 'correction', reason: 'a correction: hold', path: 'h.csv' }),
        file({ decision: 'wait', rule: 'not_arrived', reason: 'too young', path: 'w.csv' }),
        file({ decision: 'skip', rule: 'dead_letter', reason: 'given up after 3 tries', path: 'd.csv' }),
      ]),
      style,
    );
    expect(text.split('\n\n')[1]).toBe(
      'not loaded\nh.csv  a correction: hold\nw.csv  too young\nd.csv  given up after 3 tries\n',
    );
  });

  it('shows what a correction changed', () => {
    const diff = { added: 12, removed: 3, changed: 41 };
    expect(diffText(diff)).toBe('+12 −3 ~41');
    const text = ingestText(result([file({ decision: 'replace', rule: 'correction', diff })]), style);
    expect(text).toContain('corrections\nin/a.csv  +12 −3 ~41\n');
  });

  it('says a note once, with the files it is about', () => {
    const files = [file({ notes: ['n1', 'n2'] }), file({ path: 'b.csv', notes: ['n1'] })];
    expect(ingestText(result(files), style)).toContain('notes\nn1  (2 files)\nn2  (in/a.csv)\n');
  });

  it('cuts long lists', () => {
    const files = Array.from({ length: 25 }, (_, i) => failed({ path: `${i}.csv` }));
    expect(ingestText(result(files), style)).toContain('19.csv  broken\n… and 5 more; -o json lists them\n');
  });

  it('names rejected and rescued rows, and a dry run', () => {
    const text = ingestText(result([file({ rescued: 2 })], { rejected: 3, dry_run: true }), style);
    expect(text).toMatch(/^rejected +3$/m);
    expect(text).toMatch(/^rescued +2$/m);
    expect(text).toMatch(/^dry run +nothing was written$/m);
  });
});

describe('text of plan', () => {
  const planned = (changes: Partial<PlannedFile> = {}): PlannedFile => ({
    source: 'daily',
    target: 'bronze.daily',
    path: 'in/a.csv',
    file_sha: `0123456789${'a'.repeat(54)}`,
    size: 10,
    business_date: null,
    decision: 'load',
    rule: 'new',
    reason: 'never seen',
    evidence: {},
    ...changes,
  });

  it('has a row per file and ends with the counts', () => {
    const files = [
      planned(),
      planned({ path: 'in/b.csv' }),
      planned({ decision: 'skip', rule: 'same_bytes_same_path' }),
    ];
    const lines = planText({ files, warnings: [] }, style).split('\n');
    expect(lines[2]).toBe('in/a.csv  0123456789  load      new                   never seen');
    expect(lines.slice(-3)).toEqual(['', '3 files: 2 load, 1 skip', '']);
    expect(lines[0]).not.toContain('source');
  });

  it('names the source when there are several', () => {
    const text = planText({ files: [planned(), planned({ source: 'b' })], warnings: [] }, style);
    expect(text.split('\n')[0]).toMatch(/^source/);
  });

  it('says when there is nothing', () => {
    expect(planText({ files: [], warnings: [] }, style)).toBe('0 files\n');
  });
});
