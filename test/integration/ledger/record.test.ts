import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { canonicalRows, canonicalState, openLake, recordObjects } from '../../support/lake.js';
import { tempFolder } from '../../support/temp-folder.js';

const SHA = 'a'.repeat(40);
const at = (hour: number) => `2026-01-02T${String(hour).padStart(2, '0')}:00:00Z`;
const made = (overrides: object = {}) => ({
  file_sha: SHA,
  source: 'org/repo',
  path: 'data/a.csv',
  pull_ts_utc: at(1),
  size_bytes: 10,
  row_count_estimate: 3,
  status: 'INGESTED',
  ...overrides,
});

describe('record', () => {
  it('makes exactly the columns of the published DDL, partitioned by ingest_date', async () => {
    const lake = await openLake();
    await recordObjects(lake, [made()]);
    const snapshot = await lake.table('metadata.ingestion_manifest').snapshot();
    expect(
      snapshot.schema.fields.map((f) => [f.name, f.type.kind === 'primitive' ? f.type.name : f.type.kind]),
    ).toEqual([
      ['manifest_id', 'string'],
      ['file_sha', 'string'],
      ['source_repo', 'string'],
      ['file_path', 'string'],
      ['ingest_date', 'date'],
      ['pull_ts_utc', 'timestamp'],
      ['size_bytes', 'long'],
      ['row_count_estimate', 'integer'],
      ['target_backend', 'string'],
      ['dest_path', 'string'],
      ['status', 'string'],
      ['error_message', 'string'],
      ['reprocess', 'boolean'],
      ['updated_at', 'timestamp'],
      ['meta', 'string'],
    ]);
    expect(snapshot.partitionColumns).toEqual(['ingest_date']);
    expect(snapshot.metadata.configuration).toMatchObject({ 'delta.appendOnly': 'false' });
    const events = await lake.table('metadata.ingestion_event').snapshot();
    expect(events.metadata.configuration).toMatchObject({ 'delta.appendOnly': 'true' });
  });

  it('records a repeated delivery as a skipped event and leaves the row ingested with its first metadata', async () => {
    const lake = await openLake();
    await recordObjects(lake, [made()]);
    const again = await recordObjects(lake, [made({ pull_ts_utc: at(5), path: 'data/copy.csv', size_bytes: 99 })]);
    expect(again).toMatchObject({ inserted: 0, updated: 1, unchanged: 0, events: 1 });
    expect(await canonicalRows(lake)).toMatchObject([{ status: 'INGESTED', file_path: 'data/a.csv', size_bytes: 10 }]);
    const { rows } = await lake.select(
      'SELECT event_type, from_status, to_status, pull_ts_utc FROM metadata.ingestion_event ORDER BY pull_ts_utc',
    );
    expect(rows).toEqual([
      { event_type: 'DELIVERY', from_status: null, to_status: 'INGESTED', pull_ts_utc: at(1) },
      { event_type: 'REPEATED_DELIVERY', from_status: 'INGESTED', to_status: 'SKIPPED', pull_ts_utc: at(5) },
    ]);
  });

  it('follows a reprocess request to REPROCESSED, and a late failure to its message only', async () => {
    const lake = await openLake();
    await recordObjects(lake, [made(), made({ pull_ts_utc: at(2), reprocess: true, status: 'PENDING' })]);
    expect(await canonicalRows(lake)).toMatchObject([{ status: 'INGESTED', reprocess: true }]);
    await recordObjects(lake, [made({ pull_ts_utc: at(3) })]);
    expect(await canonicalRows(lake)).toMatchObject([{ status: 'REPROCESSED', reprocess: false }]);
    await recordObjects(lake, [made({ pull_ts_utc: at(4), status: 'FAILED', error: 'disk' })]);
    expect(await canonicalRows(lake)).toMatchObject([{ status: 'REPROCESSED', error_message: 'disk' }]);
    const { rows } = await lake.select('SELECT to_status FROM metadata.ingestion_event ORDER BY pull_ts_utc');
    expect(rows.map((row) => row['to_status'])).toEqual(['INGESTED', 'PENDING', 'INGESTED', 'FAILED']);
  });

  it('keeps one row per source, path and content with the compound key', async () => {
    const key = 'source_repo+file_path+file_sha' as const;
    const lake = await openLake({ key });
    const manifests = [
      made(),
      made({ path: 'data/b.csv' }),
      made({ source: null }),
      made({ source: null, pull_ts_utc: at(2) }),
    ];
    expect(await recordObjects(lake, manifests)).toMatchObject({ inserted: 3, events: 4 });
    expect(await recordObjects(lake, manifests)).toMatchObject({ inserted: 0, updated: 0, events: 0, unchanged: 3 });
    expect(
      await recordObjects(lake, [made({ path: 'data/b.csv', status: 'FAILED', pull_ts_utc: at(9) })]),
    ).toMatchObject({ updated: 1 });
    const ids = await lake.select(
      'SELECT count(DISTINCT manifest_id) AS n, count(DISTINCT file_sha) AS s FROM metadata.ingestion_manifest',
    );
    expect(ids.rows).toEqual([{ n: 3n, s: 1n }]);
    const other = await openLake({ root: lake.catalog.root, key: 'file_sha' });
    await expect(recordObjects(other, [made()])).rejects.toMatchObject({ code: 'USAGE', exitCode: 2 });
    const same = await openLake({ root: lake.catalog.root });
    expect(await recordObjects(same, manifests)).toMatchObject({ events: 0 });
  });

  it('keeps rejected manifests with their text, once, and the good ones beside them', async () => {
    const lake = await openLake();
    const result = await recordObjects(lake, [made(), made({ size_bytes: -1 }), { status: 'INGESTED' }]);
    expect(result).toMatchObject({ received: 3, staged: 1, rejected: 2, inserted: 1 });
    expect(result.rejections[0]).toMatchObject({ file: '-', line: 2, field: 'size_bytes' });
    const half = await recordObjects(lake, [made({ size_bytes: 1.5 })]);
    expect(half.rejections[0]?.reason).toBe('expected a whole number from 0 to 9007199254740991, found 1.5');
    await recordObjects(lake, [made(), made({ size_bytes: -1 }), { status: 'INGESTED' }]);
    const { rows } = await lake.select(
      'SELECT line, field, text FROM metadata.manifest_quarantine WHERE line > 1 ORDER BY line',
    );
    expect(rows).toMatchObject([
      { line: 2n, field: 'size_bytes', text: JSON.stringify(made({ size_bytes: -1 })) },
      { line: 3n, field: 'file_sha' },
    ]);
  });

  it('writes nothing under --strict when anything is rejected, nor in a dry run', async () => {
    const root = join(tempFolder(), 'lake');
    const lake = await openLake({ root });
    const bad = [made(), made({ size_bytes: -1 })];
    await expect(recordObjects(lake, bad, { strict: true })).rejects.toMatchObject({
      code: 'REJECTED',
      exitCode: 1,
      place: '-:2',
    });
    expect(existsSync(root)).toBe(false);
    expect(await recordObjects(lake, bad, { dryRun: true })).toMatchObject({
      inserted: 1,
      rejected: 1,
      events: 1,
      dry_run: true,
    });
    expect(existsSync(root)).toBe(false);
    await recordObjects(lake, [made()], { strict: true });
    const before = readdirSync(root, { recursive: true }).length;
    expect(
      await recordObjects(lake, [made({ pull_ts_utc: at(7) }), made({ file_sha: 'b'.repeat(40) })], { dryRun: true }),
    ).toMatchObject({
      inserted: 1,
      updated: 1,
    });
    expect(readdirSync(root, { recursive: true })).toHaveLength(before);
  });

  it('runs a MERGE statement of the user', async () => {
    const lake = await openLake();
    await recordObjects(lake, [made()]);
    const mergeSql = `MERGE INTO ingestion_manifest AS t USING staged_manifest AS s ON t.file_sha = s.file_sha
      WHEN NOT MATCHED THEN INSERT *`;
    const result = await recordObjects(
      lake,
      [made({ status: 'FAILED', pull_ts_utc: at(9) }), made({ file_sha: 'b'.repeat(40) })],
      { mergeSql },
    );
    expect(result).toMatchObject({ inserted: 1, updated: 0, events: 2 });
    expect((await canonicalRows(lake)).map((row) => row['error_message'])).toEqual([null, null]);
  });

  it.each([
    ['SELECT 1', /not a MERGE/],
    [
      'MERGE INTO ingestion_manifest AS t USING nothing AS s ON t.file_sha = s.file_sha WHEN NOT MATCHED THEN INSERT *',
      /nothing/,
    ],
    ['MERGE INTO', /syntax error/],
  ])('refuses %s as MERGE statement before anything is committed', async (mergeSql, message) => {
    const lake = await openLake();
    await expect(recordObjects(lake, [made()], { mergeSql })).rejects.toMatchObject({
      code: 'USAGE',
      exitCode: 2,
      message: expect.stringMatching(message),
    });
    expect((await lake.select('SELECT count(*) AS n FROM metadata.ingestion_event')).rows).toEqual([{ n: 0n }]);
  });

  it('folds the events that a killed run left, at the next start, even without a manifest', async () => {
    const lake = await openLake();
    await recordObjects(lake, [made()]);
    const log = join(lake.catalog.root, 'metadata', 'ingestion_manifest', '_delta_log');
    await recordObjects(lake, [
      made({ file_sha: 'b'.repeat(40) }),
      made({ pull_ts_utc: at(4), status: 'FAILED', error: 'x' }),
    ]);
    const whole = await canonicalState(lake);
    // As if the process had died between the two commits.
    rmSync(join(log, '00000000000000000002.json'));
    const next = await openLake({ root: lake.catalog.root });
    expect(await next.select('SELECT count(*) AS n FROM metadata.ingestion_manifest').then((r) => r.rows)).toEqual([
      { n: 1n },
    ]);
    expect(await recordObjects(next, [])).toMatchObject({ staged: 0, events: 0 });
    expect(await canonicalState(next)).toEqual(whole);
  });

  it('makes the canonical table again from the events when it is gone', async () => {
    const lake = await openLake();
    const batches = [
      [made(), made({ file_sha: 'b'.repeat(40), status: 'FAILED', error: 'x', size_bytes: null })],
      [
        made({ pull_ts_utc: at(3), reprocess: true, status: 'PENDING' }),
        made({ file_sha: 'b'.repeat(40), pull_ts_utc: at(2), status: 'RETRYING' }),
      ],
      [made({ pull_ts_utc: at(4) }), made({ path: 'data/late.csv', pull_ts_utc: '2026-01-01T00:00:00Z' })],
    ];
    for (const batch of batches) await recordObjects(lake, batch);
    const before = await canonicalState(lake);
    rmSync(join(lake.catalog.root, 'metadata', 'ingestion_manifest'), { recursive: true });
    const reopened = await openLake({ root: lake.catalog.root });
    expect(await recordObjects(reopened, [made()])).toMatchObject({ events: 0 });
    expect(await canonicalState(reopened)).toEqual(before);
    expect(before).toHaveLength(2);
  });

  it('keeps counting the events of a key that has more than its row can name', async () => {
    const lake = await openLake();
    const many = Array.from({ length: 40 }, (_, i) =>
      made({ pull_ts_utc: `2026-01-02T00:00:${String(i).padStart(2, '0')}Z` }),
    );
    await recordObjects(lake, many, { batchSize: 7 });
    expect(await recordObjects(lake, many)).toMatchObject({ events: 0, updated: 0, unchanged: 1 });
    const { rows } = await lake.select(
      `SELECT meta->'_ledger'->>'events' AS n, meta->'_ledger'->>'ids' AS ids FROM metadata.ingestion_manifest`,
    );
    expect(rows).toEqual([{ n: '40', ids: null }]);
  });

  it('refuses a folder that holds something else, and a ledger whose event log is gone', async () => {
    const root = tempFolder();
    writeFileSync(join(root, 'thesis.doc'), 'x');
    const lake = await openLake({ root });
    await expect(recordObjects(lake, [made()])).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('thesis.doc'),
    });
    await expect(lake.init()).rejects.toMatchObject({ code: 'USAGE' });
    const ledger = await openLake();
    await recordObjects(ledger, [made()]);
    rmSync(join(ledger.catalog.root, 'metadata', 'ingestion_event'), { recursive: true });
    const reopened = await openLake({ root: ledger.catalog.root });
    await expect(recordObjects(reopened, [made()])).rejects.toMatchObject({ code: 'LEDGER_STATE', exitCode: 3 });
    await expect(recordObjects(reopened, [made()], { dryRun: true })).rejects.toMatchObject({ code: 'LEDGER_STATE' });
    await reopened.catalog.ensure('metadata.ingestion_event');
    await expect(recordObjects(reopened, [made()])).rejects.toMatchObject({
      code: 'LEDGER_STATE',
      message: expect.stringContaining('version 0'),
    });
  });

  it('never starts an empty ledger over data whose log is gone', async () => {
    const lake = await openLake();
    await recordObjects(lake, [made()]);
    rmSync(join(lake.catalog.root, 'metadata', 'ingestion_manifest', '_delta_log'), { recursive: true });
    const reopened = await openLake({ root: lake.catalog.root });
    await expect(recordObjects(reopened, [made()])).rejects.toMatchObject({ code: 'DELTA_LOG', exitCode: 3 });
    mkdirSync(join(lake.catalog.root, 'metadata', 'ingestion_manifest', '_delta_log'));
    await expect(recordObjects(reopened, [made()])).rejects.toMatchObject({ code: 'DELTA_LOG' });
  });
});

const SHARED = new URL('../../../../shared/data/', import.meta.url).pathname;
const withData = existsSync(SHARED) ? describe : describe.skip;
if (!existsSync(SHARED)) console.log('skipped: real manifests are not beside this checkout (../shared/data)');

withData('real manifests', { timeout: 180_000 }, () => {
  it('agree with their ground truth', async () => {
    const facts = JSON.parse(readFileSync(`${SHARED}facts.json`, 'utf8')).manifests;
    const lake = await openLake();
    const core = `${SHARED}manifests/core.ndjson`;
    expect(await lake.record([core])).toMatchObject({
      received: 3023,
      inserted: 2010,
      updated: 0,
      events: 3023,
      rejected: 0,
    });
    const version = (await lake.table('metadata.ingestion_manifest').snapshot()).version;
    expect(await lake.record([core])).toMatchObject({ inserted: 0, updated: 0, events: 0, version });
    await lake.record([`${SHARED}manifests/all.ndjson.gz`]);
    const sums = `SELECT count(*)::INT AS n, sum(size_bytes)::BIGINT::DOUBLE AS sum_size_bytes, sum(row_count_estimate)::BIGINT::DOUBLE AS sum_rows
      FROM metadata.ingestion_manifest WHERE status = 'INGESTED'`;
    expect((await lake.select(sums)).rows).toEqual([facts['all.ndjson.gz'].merge_on_file_sha_keep_first]);
    expect(await lake.record([`${SHARED}manifests/failed.ndjson`])).toMatchObject({
      received: 200,
      inserted: 197,
      events: 200,
    });
    const failed = await lake.select(
      "SELECT count(*)::INT AS n, count(error_message)::INT AS e FROM metadata.ingestion_manifest WHERE status = 'FAILED'",
    );
    expect(failed.rows).toEqual([{ n: 197, e: 197 }]);
    const days = await lake.select(
      "SELECT ingest_date AS d, count(*)::INT AS n FROM metadata.ingestion_event WHERE status = 'INGESTED' GROUP BY 1",
    );
    expect(Object.fromEntries(days.rows.map((row) => [row['d'], row['n']]))).toEqual(
      facts['all.ndjson.gz'].by_ingest_date,
    );
  });

  it('are read from the lake layout', async () => {
    const lake = await openLake();
    const result = await lake.record([`${SHARED}manifests/bronze`]);
    expect(result).toMatchObject({ received: 200, staged: 200, rejected: 0, events: 200, inserted: 196 });
  });
});
