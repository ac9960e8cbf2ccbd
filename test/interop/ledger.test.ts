import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { loadChecks, selectChecks } from '../../src/checks/index.js';
import type { Lake } from '../../src/lake.js';
import { madeManifests } from '../crash/made-manifests.js';
import { canonicalRows, openLake, recordObjects } from '../support/lake.js';
import { parseManifestText } from '../support/manifests.js';
import { referenceTable } from '../support/reference-ledger.js';
import { tempFolder } from '../support/temp-folder.js';
import { callPython } from './delta-rs.js';
import { describeWithDeltaRs, plain, python, sorted, theirQueries, theirStats, theirTable } from './rows.js';

const CORE = fileURLToPath(new URL('../../../shared/data/manifests/core.ndjson', import.meta.url));

/** Rows, schema, partition columns, properties, statistics and history of every table of the lake, by delta-rs. */
async function expectAgreement(lake: Lake, tables: readonly string[]): Promise<void> {
  expect(await lake.catalog.names()).toEqual([...tables].sort());
  for (const name of tables) {
    const snapshot = await lake.catalog.table(name).snapshot();
    const ours = sorted((await lake.select(`SELECT * FROM ${name}`)).rows.map(plain));
    const theirs = theirTable(snapshot.path);
    expect(theirs.rows, name).toEqual(ours);
    expect(theirs.rows.length, name).toBeGreaterThan(0);
    expect(theirs, name).toMatchObject({
      version: snapshot.version,
      partition_columns: snapshot.partitionColumns,
      configuration: snapshot.metadata.configuration,
      description: snapshot.metadata.description ?? null,
      protocol: [1, 2],
      files: snapshot.files.length,
    });
    expect(theirs.schema.fields.map(({ name, type }) => [name, type])).toEqual(
      snapshot.schema.fields.map(({ name, type }) => [name, type.kind === 'primitive' ? type.name : type]),
    );
    const history = await lake.catalog.table(name).history();
    expect(theirs.history.map(({ version, operation }) => [version, operation])).toEqual(
      history.map(({ version, operation }) => [version, operation]),
    );
    const stats = theirStats(snapshot.path);
    expect(stats.wrong, name).toEqual([]);
    expect(stats.bounds, name).toBeGreaterThan(0);
    for (const column of snapshot.partitionColumns) {
      const folders = new Set(stats.partitions.map((partition) => partition[column]));
      expect(folders.size).toBe(new Set(ours.map((row) => (row as Record<string, unknown>)[column])).size);
    }
  }
}

describeWithDeltaRs('delta-rs and the ledger', () => {
  it('a lake with updates, rejections, check results and compaction', async () => {
    const lake = await openLake();
    const manifests = madeManifests({ seed: 3, count: 400, keys: 150, days: 6 });
    for (let i = 0; i < 400; i += 40) await recordObjects(lake, manifests.slice(i, i + 40));
    await recordObjects(lake, [{ file_sha: 'x' }, { ...manifests[0], size_bytes: -1 }]);
    await lake.check({ checks: selectChecks(loadChecks()), runId: 'checks' });
    const { history } = theirTable(lake.catalog.table('metadata.ingestion_event').path);
    expect(history.map((entry) => entry.operation)).toContain('OPTIMIZE');
    await expectAgreement(lake, [
      'metadata.ingestion_manifest',
      'metadata.ingestion_event',
      'metadata.manifest_quarantine',
      'metadata.check_result',
    ]);
    const folder = lake.catalog.table('metadata.ingestion_manifest').path;
    const texts = ["status = 'FAILED'", "ingest_date = DATE '2026-01-03' AND size_bytes > 500000", 'reprocess'].map(
      (predicate) => `SELECT manifest_id FROM t WHERE ${predicate}`,
    );
    const theirs = theirQueries(folder, texts);
    for (const [i, text] of texts.entries()) {
      const { rows } = await lake.select(text.replace(' t ', ' metadata.ingestion_manifest '));
      expect(theirs[i]).toEqual(sorted(rows.map(plain)));
      expect(rows.length).toBeGreaterThan(0);
    }
  });

  it('a lake with more than a hundred commits, opened from our checkpoint alone', async () => {
    const lake = await openLake();
    await recordObjects(lake, madeManifests({ seed: 4, count: 210, keys: 100, days: 2 }), { batchSize: 2 });
    for (const name of ['metadata.ingestion_manifest', 'metadata.ingestion_event']) {
      const { path } = lake.catalog.table(name);
      const before = theirTable(path);
      const log = join(path, '_delta_log');
      expect(existsSync(join(log, '00000000000000000100.checkpoint.parquet')), name).toBe(true);
      for (const file of readdirSync(log))
        if (/^\d{20}\.json$/.test(file) && file <= '00000000000000000100.json') rmSync(join(log, file));
      expect(theirTable(path)).toMatchObject({ ...before, history: expect.anything() });
      const again = await openLake({ root: lake.catalog.root });
      expect(sorted((await again.select(`SELECT * FROM ${name}`)).rows.map(plain))).toEqual(before.rows);
    }
  });

  it.skipIf(!existsSync(CORE))('real manifests', async () => {
    const lake = await openLake();
    const copy = join(tempFolder(), 'core.ndjson');
    copyFileSync(CORE, copy);
    expect(await lake.record([copy])).toMatchObject({ received: 3023, rejected: 0, events: 3023, inserted: 2010 });
    await expectAgreement(lake, ['metadata.ingestion_manifest', 'metadata.ingestion_event']);
  });

  it('a canonical table made by delta-rs with the published DDL is adopted', async () => {
    const root = tempFolder();
    const folder = join(root, 'metadata', 'ingestion_manifest');
    mkdirSync(folder, { recursive: true });
    callPython(python, 'make_ledger', { path: folder });
    const lake = await openLake({ root });
    const manifests = madeManifests({ seed: 9, count: 60, keys: 20, days: 3 });
    const result = await recordObjects(lake, [
      ...manifests,
      { file_sha: 'old-good', pull_ts_utc: '2026-02-01T00:00:00Z', status: 'FAILED', error_message: 'late failure' },
      { file_sha: 'old-bad', pull_ts_utc: '2026-02-01T00:00:00Z', status: 'INGESTED', path: 'new.csv', source: 'o/r' },
    ]);
    const reference = referenceTable(manifests.flatMap((manifest) => parseManifestText(JSON.stringify(manifest))));
    expect(result).toMatchObject({ rejected: 0, events: 62, inserted: reference.length, updated: 2 });
    const { rows: old } = await lake.select(
      `SELECT manifest_id, status, error_message, file_path, pull_ts_utc, meta FROM metadata.ingestion_manifest
       WHERE starts_with(manifest_id, 'old-') ORDER BY 1`,
    );
    expect(old).toMatchObject([
      // What another pipeline could not load is loaded now.
      { manifest_id: 'old-bad', status: 'INGESTED', error_message: null, file_path: 'new.csv' },
      // A later failure does not undo a success, whoever recorded it.
      { manifest_id: 'old-good', status: 'INGESTED', error_message: 'late failure', file_path: 'old-good.csv' },
      { manifest_id: 'old-note', status: 'INGESTED', error_message: null, meta: 'not json' },
    ]);
    expect(old[1]?.['pull_ts_utc']).toBe('2026-01-05T06:07:08Z');
    await expectAgreement(lake, ['metadata.ingestion_manifest', 'metadata.ingestion_event']);
    expect(await recordObjects(lake, manifests)).toMatchObject({ events: 0, inserted: 0, updated: 0 });
    // The helper below reads every `meta` as JSON, which the untouched row of the other pipeline is not.
    const plainRows = await openLake({ root });
    await recordObjects(plainRows, [{ file_sha: 'old-note', pull_ts_utc: '2026-03-01T00:00:00Z', status: 'SKIPPED' }]);
    const rows = await canonicalRows(plainRows);
    expect(rows.filter((row) => !String(row['manifest_id']).startsWith('old-'))).toEqual(reference);
  });
});
