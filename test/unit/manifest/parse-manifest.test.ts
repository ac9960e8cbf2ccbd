import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { CanonicalManifest } from '../../../src/manifest/index.js';
import { manifestJsonSchema } from '../../../src/manifest/index.js';
import { parseManifest } from '../../../src/manifest/parse-manifest.js';

const SHA = 'b6c5915a576542570723de087974294c6e039034';
const base = { file_sha: SHA, status: 'INGESTED', pull_ts_utc: '2025-12-09T12:34:56Z' };

function parse(text: string) {
  return parseManifest(JSON.parse(text), text);
}

function row(value: object): CanonicalManifest {
  const [part] = parse(JSON.stringify(value));
  if (part === undefined || 'problem' in part) throw part?.problem ?? new Error('nothing');
  return part.manifest;
}

function problem(value: unknown) {
  const [part] = parse(JSON.stringify(value));
  if (part === undefined || 'manifest' in part) throw new Error('accepted');
  return [part.problem.field, part.problem.message];
}

describe('file manifests', () => {
  it('become canonical rows (seed 000)', () => {
    const seed = {
      ...base,
      source: 'org/repo',
      path: 'data/enquiries.csv',
      size_bytes: 123456,
      row_count_estimate: 500,
      target_backend: 'ADLS',
      dest_path: 'bronze/github/...',
      ingest_date: '2025-12-09',
      notes: null,
      reprocess: false,
    };
    expect(row(seed)).toEqual({
      event_id: expect.stringMatching(/^[0-9a-f]{64}$/),
      file_sha: SHA,
      source_repo: 'org/repo',
      file_path: 'data/enquiries.csv',
      ingest_date: '2025-12-09',
      pull_ts_utc: '2025-12-09T12:34:56.000000Z',
      size_bytes: 123456,
      row_count_estimate: 500,
      target_backend: 'ADLS',
      dest_path: 'bronze/github/...',
      status: 'INGESTED',
      error_message: null,
      reprocess: false,
      meta: null,
      manifest: JSON.stringify(seed),
      dialect: 'file',
    });
  });

  it('need only three fields', () => {
    expect(row(base)).toMatchObject({ source_repo: null, size_bytes: null, ingest_date: '2025-12-09', meta: null });
    expect(row({ ...base, file_sha: 'abc123...' }).file_sha).toBe('abc123...');
    expect(row({ ...base, file_sha: SHA.toUpperCase() }).file_sha).toBe(SHA);
    expect(row({ ...base, file_sha: 'MiXed' }).file_sha).toBe('MiXed');
  });

  it.each([
    ['success', 'INGESTED'],
    ['Running', 'PROCESSING'],
    ['failed', 'FAILED'],
    ['pending', 'PENDING'],
    [' in-progress ', 'PROCESSING'],
    ['quarantined', 'QUARANTINED'],
    ['Reprocessed', 'REPROCESSED'],
    ['retrying', 'RETRYING'],
    ['skipped', 'SKIPPED'],
  ])('map the status %s to %s', (status, mapped) => expect(row({ ...base, status }).status).toBe(mapped));

  it('take numbers and flags as text', () => {
    const texts = { size_bytes: '12', row_count_estimate: ' 7 ', reprocess: 'TRUE' };
    expect(row({ ...base, ...texts }).event_id).toBe(
      row({ ...base, size_bytes: 12, row_count_estimate: 7, reprocess: 1 }).event_id,
    );
    expect(row({ ...base, size_bytes: '', reprocess: 0 })).toMatchObject({ size_bytes: null, reprocess: false });
    expect(row({ ...base, size_bytes: Number.MAX_SAFE_INTEGER }).size_bytes).toBe(Number.MAX_SAFE_INTEGER);
  });

  it.each([
    [{ file_sha: undefined }, 'file_sha'],
    [{ file_sha: '  ' }, 'file_sha'],
    [{ file_sha: 12 }, 'file_sha'],
    [{ file_sha: 'x'.repeat(257) }, 'file_sha'],
    [{ status: 'BANANA' }, 'status'],
    [{ status: null }, 'status'],
    [{ pull_ts_utc: '2020-02-30T00:00:00Z' }, 'pull_ts_utc'],
    [{ pull_ts_utc: undefined }, 'pull_ts_utc'],
    [{ ingest_date: '2020-02-30' }, 'ingest_date'],
    [{ ingest_date: 20200101 }, 'ingest_date'],
    [{ size_bytes: -1 }, 'size_bytes'],
    [{ size_bytes: '-1' }, 'size_bytes'],
    [{ size_bytes: 1.5 }, 'size_bytes'],
    [{ size_bytes: '9007199254740993' }, 'size_bytes'],
    [{ size_bytes: true }, 'size_bytes'],
    [{ row_count_estimate: 2147483648 }, 'row_count_estimate'],
    [{ row_count_estimate: '2147483648' }, 'row_count_estimate'],
    [{ reprocess: 'maybe' }, 'reprocess'],
    [{ source: 5 }, 'source'],
    [{ path: ['a'] }, 'path'],
    [{ path: 'a\0b' }, 'file_path'],
    [{ path: 'a\ud800b' }, 'file_path'],
  ])('with %j are rejected at %s', (fields, field) => expect(problem({ ...base, ...fields })[0]).toBe(field));

  it('name every problem in the reason', () => {
    const [field, reason] = problem({ ...base, status: 'x', size_bytes: -1 });
    expect(field).toBe('size_bytes');
    expect(reason).toContain('expected a whole number from 0 to 9007199254740991, found -1');
    expect(reason).toContain('unknown status "x"');
  });

  it('keep a path that looks like SQL, and a pair of surrogates, as they are', () => {
    expect(row({ ...base, path: "'; DROP TABLE x; --" }).file_path).toBe("'; DROP TABLE x; --");
    const [part] = parse(
      `{"file_sha":"a","status":"INGESTED","pull_ts_utc":"2025-12-09T12:34:56Z","path":"\\ud83d\\ude00"}`,
    );
    expect(part).toMatchObject({ manifest: { file_path: '😀' } });
  });

  it('take the error from error_message, error, or the notes of a failure', () => {
    expect(row({ ...base, status: 'FAILED', error_message: 'a', error: 'b', notes: 'c' })).toMatchObject({
      error_message: 'a',
      meta: '{"error":"b","notes":"c"}',
    });
    expect(row({ ...base, status: 'RETRYING', error: ['x', 'y'] }).error_message).toBe('x; y');
    expect(row({ ...base, status: 'FAILED', notes: 'gone' })).toMatchObject({
      error_message: 'gone',
      meta: '{"notes":"gone"}',
    });
    expect(row({ ...base, notes: 'fine' }).error_message).toBeNull();
  });

  it('keep what is unknown in meta, sorted, with all digits, and never as _ledger', () => {
    const meta = { z: { b: 1, a: null }, a: [1.5], _ledger: 1, _ledger_received: 2, __proto__x: 3 };
    expect(row({ ...base, ...meta }).meta).toBe(
      '{"__proto__x":3,"_ledger_received":2,"_ledger_received_received":1,"a":[1.5],"z":{"a":null,"b":1}}',
    );
    const exact =
      '{"file_sha":"a","status":"INGESTED","pull_ts_utc":"2025-12-09T12:34:56Z","n":12345678901234567890,"e":1e999,"d":0.1,"s":"12345678901234567890.5","__proto__":{"x":1}}';
    const [part] = parse(exact);
    expect(part).toMatchObject({
      manifest: {
        manifest: exact,
        meta: '{"__proto__":{"x":1},"d":0.1,"e":"1e999","n":"12345678901234567890","s":"12345678901234567890.5"}',
      },
    });
  });

  it('accept the names of the ledger and keep a second spelling that differs', () => {
    expect(row({ ...base, source_repo: 'o/r', file_path: 'p' })).toMatchObject({
      source_repo: 'o/r',
      file_path: 'p',
      meta: null,
    });
    expect(row({ ...base, source: 'o/r', source_repo: 'x/y' })).toMatchObject({
      source_repo: 'o/r',
      meta: '{"source_repo":"x/y"}',
    });
  });

  it('are refused when they are no objects or nested without end', () => {
    expect(problem(null)[1]).toContain('null');
    expect(problem([])[1]).toContain('an array');
    const deep = `{"file_sha":"a","status":"INGESTED","pull_ts_utc":"2025-12-09T12:34:56Z","x":${'['.repeat(9000)}${']'.repeat(9000)}}`;
    expect(parse(deep)[0]).toMatchObject({ problem: { message: expect.stringContaining('nested deeper') } });
  });
});

const fixture = (name: string) => readFileSync(new URL(`../../../fixtures/manifests/${name}`, import.meta.url), 'utf8');

describe('registers', () => {
  it('give one row per good record and name the bad ones', () => {
    const text = fixture('downloads_extractor.manifest.json');
    const [good, empty, moved] = parse(text);
    expect(good).toMatchObject({
      manifest: {
        dialect: 'register',
        file_sha: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
        source_repo: 'systems',
        file_path: 'data/raw/systems.json.gz',
        size_bytes: 1234,
        status: 'INGESTED',
        pull_ts_utc: '2025-12-09T11:59:58.123456Z',
        ingest_date: '2025-12-09',
        meta: '{"dataset":"star_systems","etag":"\\"5e8f\\"","process":"extractor","version":"1.0.0"}',
      },
    });
    expect(text).toContain(good !== undefined && 'manifest' in good ? good.manifest.manifest : 'nothing');
    expect(empty).toMatchObject({ problem: { field: `records.${'a'.repeat(64)}.file_size` }, lines: 20 });
    expect(moved).toMatchObject({ problem: { field: `records.${'b'.repeat(64)}.checksum` }, lines: 29 });
  });

  it('keep the ids of old records when the register is saved again', () => {
    const before = JSON.parse(fixture('downloads_extractor.manifest.json'));
    const after = { ...before, metadata: { ...before.metadata, total_records: 9, ts_updated: '2026-01-01T00:00:00Z' } };
    expect(row(after).event_id).toBe(row(before).event_id);
  });
});

describe('run manifests', () => {
  it('give one row per output', () => {
    const [customers, orders, invoices] = parse(fixture('run_manifest.json'));
    expect(customers).toMatchObject({
      manifest: {
        dialect: 'run',
        file_sha: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
        source_repo: 'crm',
        file_path: 'customers',
        dest_path: 'bronze/crm/customers.parquet',
        ingest_date: '2025-12-08',
        pull_ts_utc: '2025-12-09T01:05:00.500000Z',
        size_bytes: 4096,
        row_count_estimate: 120,
        status: 'INGESTED',
        error_message: null,
      },
    });
    const meta = JSON.parse(customers !== undefined && 'manifest' in customers ? (customers.manifest.meta ?? '') : '');
    expect(meta).toEqual({
      business_date: '2025-12-08',
      ended_at: '2025-12-09T01:05:00.5Z',
      entity: 'customers',
      environment: 'prod',
      errors: ['orders: connection reset', { message: 'gave up' }],
      output: { columns: 7 },
      run_id: '7f9c24e8-3b1a-4e0e-9d2f-0a5b6c7d8e9f',
      started_at: '2025-12-09T01:00:00Z',
      team: 'sales',
    });
    expect(orders).toMatchObject({ problem: { field: 'outputs.orders.rows' } });
    expect(invoices).toMatchObject({
      manifest: {
        status: 'FAILED',
        error_message: 'orders: connection reset; gave up',
        file_sha: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    });
  });

  it('stand for themselves without outputs, under one key per source, environment and day', () => {
    const run = { source: 'crm', environment: 'prod', run_id: 'a', status: 'running', start: '2025-12-09T01:00:00Z' };
    expect(row(run)).toMatchObject({ status: 'PROCESSING', file_path: null, dest_path: null });
    expect(row({ ...run, run_id: 'b', status: 'success' }).file_sha).toBe(row(run).file_sha);
    expect(row({ ...run, environment: 'test' }).file_sha).not.toBe(row(run).file_sha);
    expect(problem({ ...run, start: undefined })[0]).toBe('started_at');
    expect(problem({ ...run, start: 'now' })[0]).toBe('start');
  });

  it('take outputs as lists, paths and several files of an entity', () => {
    const run = { source: 's', run_id: 'a', status: 'success', ended_at: '2025-12-09T01:00:00Z' };
    const paths = (outputs: unknown) =>
      parse(JSON.stringify({ ...run, outputs })).map((p) => ('manifest' in p ? p.manifest.dest_path : p.problem.field));
    expect(paths(['a.csv', { path: 'b.csv' }, 5])).toEqual(['a.csv', 'b.csv', 'outputs.2']);
    expect(paths({ x: 'a.csv', y: [{ uri: 'b' }, { uri: 'c' }], z: { files: [{ key: 'd' }] } })).toEqual([
      'a.csv',
      'b',
      'c',
      'd',
    ]);
    const shas = parse(JSON.stringify({ ...run, outputs: { y: ['b', 'c'] } })).map(
      (p) => 'manifest' in p && p.manifest.file_sha,
    );
    expect(new Set(shas).size).toBe(2);
  });
});

it('publishes a JSON Schema of each dialect', () => {
  for (const dialect of ['file', 'register', 'run'] as const) {
    const schema = manifestJsonSchema(dialect);
    expect(schema).toMatchObject({ type: 'object', properties: expect.any(Object) });
    expect(schema['additionalProperties']).not.toBe(false);
  }
  expect(manifestJsonSchema('file')['required']).toEqual(['file_sha', 'pull_ts_utc', 'status']);
});
