import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.js';
import { acquireLease } from '../../../src/ingest/load/lease.js';
import { type VerifyRequest, type VerifyResult, verifyLake } from '../../../src/ingest/verify/verify.js';
import type { Lake } from '../../../src/lake.js';
import { load, loadedEvent, loadRows, sha256, TARGET, writerOf } from '../../support/bronze.js';
import { sql } from '../../support/delta.js';
import { fileEvent, recordEvents, second, sha } from '../../support/file-events.js';
import { openLake as openFolder } from '../../support/lake.js';
import { tempFolder } from '../../support/temp-folder.js';

async function openLake(): Promise<Lake> {
  const lake = await openFolder();
  await lake.init();
  return lake;
}

const [A, B, C] = [sha('a'), sha('b'), sha('c')];

async function verify(lake: Lake, request: Partial<VerifyRequest> = {}): Promise<VerifyResult> {
  return verifyLake(await writerOf(lake), { depth: 'light', runId: 'verify-1', actor: 'tester', ...request });
}

/** Kinds and paths of what is wrong. */
async function found(lake: Lake, request: Partial<VerifyRequest> = {}): Promise<string[]> {
  const { findings } = await verify(lake, request);
  return findings.map(({ kind, path, repaired }) => `${kind} ${path}${repaired ? ' repaired' : ''}`).sort();
}

describe('verify', () => {
  it('of an empty lake, and of one without ingests, finds nothing', async () => {
    const lake = await openFolder();
    expect(await verify(lake)).toEqual({ depth: 'light', clean: true, targets: [], findings: [], events: 0 });
    await lake.init();
    expect(await verify(lake, { depth: 'full' })).toMatchObject({ clean: true, targets: [] });
  });

  it('is content when rows and ledger agree: loads, corrections, appends, aliases, files without rows', async () => {
    const lake = await openLake();
    await load(lake, { path: 'a.csv', sha: A, rows: 3, batch: 1 });
    await load(lake, { path: 'a.csv', sha: B, rows: 4, batch: 2, replaced: [A] });
    await load(lake, { path: 'b.csv', sha: C, rows: 2, batch: 3 });
    await load(lake, { path: 'b.csv', sha: A, rows: 3, batch: 4 }, { action: 'append', rule: 'correction' });
    await load(lake, { path: 'empty.csv', sha: sha('e'), rows: 0, batch: 5 });
    await recordEvents(lake, [
      fileEvent({ path: 'copy.csv', sha: B, status: 'SKIPPED', action: 'skip', rule: 'same_bytes_new_path', seq: 6 }),
      fileEvent({ path: 'bad.csv', sha: sha('d'), status: 'FAILED', errorCode: 'SOURCE_PARSE', error: 'no', seq: 6 }),
    ]);
    for (const depth of ['light', 'full'] as const) {
      const { clean, findings, targets } = await verify(lake, { depth });
      expect({ clean, findings }).toEqual({ clean: true, findings: [] });
      expect(targets).toEqual([{ target: TARGET, version: 5, sources: ['daily'], files: 3, rows: 9, findings: 0 }]);
    }
  });

  it('tells rows of unknown files, missing rows, other counts, superseded rows apart', async () => {
    const lake = await openLake();
    await load(lake, { path: 'a.csv', sha: A, rows: 3, batch: 1 });
    await load(lake, { path: 'gone.csv', sha: C, rows: 3, batch: 2 });
    await load(lake, { path: 'less.csv', sha: sha('d'), rows: 5, batch: 3 });
    await loadRows(lake, { path: 'more.csv', sha: sha('e'), rows: 2, batch: 4 });
    await lake.catalog
      .table(TARGET)
      .delete({ where: "_source_path = 'gone.csv' OR (n = 4 AND _source_path = 'less.csv')" });
    await loadRows(lake, { path: 'a.csv', sha: B, rows: 3, batch: 5 });
    await recordEvents(lake, [loadedEvent({ path: 'a.csv', sha: B, rows: 3, batch: 5, replaced: [A] })]);
    const { clean, findings } = await verify(lake);
    expect(clean).toBe(false);
    expect(findings.map(({ kind, path, expected, found: rows, level }) => [kind, path, expected, rows, level])).toEqual(
      [
        ['superseded_still_there', 'a.csv', 0, 3, 'error'],
        ['missing_in_bronze', 'gone.csv', 3, 0, 'error'],
        ['row_count', 'less.csv', 5, 4, 'error'],
        ['not_in_ledger', 'more.csv', 0, 2, 'error'],
      ],
    );
    expect(findings.every(({ hint, source }) => hint !== null && source !== undefined)).toBe(true);
  });

  it('finds rows that are there twice: at once when another run brought them, with full also inside one', async () => {
    const lake = await openLake();
    await load(lake, { path: 'a.csv', sha: A, rows: 3, batch: 1 });
    await loadRows(lake, { path: 'a.csv', sha: A, rows: 3, batch: 2 });
    await loadRows(lake, { path: 'b.csv', sha: B, rows: 3, batch: 3 });
    await loadRows(lake, { path: 'b.csv', sha: B, rows: 3, batch: 4, runId: 'run-3' });
    await recordEvents(lake, [loadedEvent({ path: 'b.csv', sha: B, rows: 6, batch: 3 })]);
    expect(await found(lake)).toEqual(['doubled a.csv']);
    expect(await found(lake, { depth: 'full' })).toEqual(['doubled a.csv', 'doubled b.csv']);
    // A transform may make two rows of one.
    const lake2 = await openLake();
    await loadRows(lake2, { path: 'b.csv', sha: B, rows: 3, batch: 1 });
    await loadRows(lake2, { path: 'b.csv', sha: B, rows: 3, batch: 2, runId: 'run-1' });
    await recordEvents(lake2, [
      loadedEvent({ path: 'b.csv', sha: B, rows: 6, batch: 1 }, { detail: { transform: true } }),
    ]);
    expect(await found(lake2, { depth: 'full' })).toEqual([]);
  });

  it('does not take two loads of the same bytes for a doubled one', async () => {
    const lake = await openLake();
    await load(lake, { path: 'a.csv', sha: A, rows: 3, batch: 1 });
    await load(lake, { path: 'a.csv', sha: B, rows: 2, batch: 2 }, { action: 'append', rule: 'correction' });
    await load(lake, { path: 'a.csv', sha: A, rows: 3, batch: 3 }, { action: 'append', rule: 'returned' });
    expect(await found(lake, { depth: 'full' })).toEqual([]);
  });

  it('adds up the sources of one target', async () => {
    const lake = await openLake();
    await load(lake, { path: 'a.csv', sha: A, rows: 3, batch: 1, source: 'north' });
    await load(lake, { path: 'a.csv', sha: A, rows: 3, batch: 1, source: 'south', runId: 'run-s' });
    expect(await found(lake, { depth: 'full' })).toEqual([]);
    expect((await verify(lake, { names: ['south'] })).targets).toMatchObject([
      { sources: ['north', 'south'], rows: 6 },
    ]);
  });

  it('says when rows do not tell where they are from, and when a table is gone', async () => {
    const lake = await openLake();
    await load(lake, { path: 'a.csv', sha: A, rows: 3, batch: 1 });
    await load(lake, { path: 'x.csv', sha: B, rows: 3, batch: 1, target: 'bronze.other' });
    await lake.catalog.table(TARGET).append(sql("SELECT 1::BIGINT AS n, DATE '2026-01-02' AS _ingest_date"));
    rmSync(join(lake.catalog.root, 'bronze', 'other'), { recursive: true });
    const other = await openFolder({ root: lake.catalog.root });
    expect(await found(other)).toEqual(['missing_in_bronze null', 'not_in_ledger null']);
    expect(await found(other, { names: [TARGET] })).toEqual(['not_in_ledger null']);
  });

  it('refuses a name that is neither target nor source', async () => {
    const lake = await openLake();
    await load(lake, { path: 'a.csv', sha: A, rows: 1, batch: 1 });
    await expect(verify(lake, { names: ['bronze.dialy'] })).rejects.toMatchObject({
      code: 'USAGE',
      hint: 'did you mean "bronze.daily"?',
    });
  });

  it('finds damage of the Delta table with full', async () => {
    const lake = await openLake();
    await load(lake, { path: 'a.csv', sha: A, rows: 3, batch: 1 });
    const folder = join(lake.catalog.root, 'bronze', 'daily', '_ingest_date=2026-01-03');
    const [file = ''] = readdirSync(folder).filter((name) => name.endsWith('.parquet'));
    writeFileSync(join(folder, file), Buffer.concat([Buffer.from('PAR1'), Buffer.alloc(50), Buffer.from('PAR1')]));
    expect(await verify(lake)).toMatchObject({ clean: false, findings: [{ kind: 'delta', level: 'error' }] });
    expect(await found(lake, { depth: 'full' })).toContain(`delta _ingest_date=2026-01-03/${file}`);
  });
});

describe('verify of files', () => {
  async function withFile(content: string): Promise<{ lake: Lake; location: string; raw: string }> {
    const lake = await openLake();
    const location = join(tempFolder(), 'a.csv');
    writeFileSync(location, content);
    const raw = 'raw/daily/ingest_date=2026-01-03/file_sha=x/a.csv';
    await lake.catalog.store.put(raw, Buffer.from(content));
    await lake.catalog.store.put(raw.replace('a.csv', 'manifest.json'), Buffer.from('{}'));
    await load(
      lake,
      { path: 'a.csv', sha: sha256(content), rows: 2, batch: 1 },
      { size: content.length, detail: { location, raw_path: raw } },
    );
    return { lake, location, raw };
  }

  it('reads raw copies and sources again', async () => {
    const { lake, location, raw } = await withFile('n\n1\n2\n');
    expect(await found(lake, { depth: 'full' })).toEqual([]);
    await lake.catalog.store.put(raw, Buffer.from('n\n1\n3\n'));
    expect(await found(lake)).toEqual([]);
    expect(await found(lake, { depth: 'full' })).toEqual(['raw_changed a.csv']);
    await lake.catalog.store.put(raw, Buffer.from('n\n1'));
    expect(await found(lake)).toEqual(['raw_changed a.csv']);
    await lake.catalog.store.delete(raw);
    writeFileSync(location, 'n\n9\n');
    expect(await found(lake)).toEqual(['raw_missing a.csv']);
    expect(await found(lake, { depth: 'full' })).toEqual(['raw_missing a.csv', 'source_changed a.csv']);
  });

  it('does not mind a raw copy that retention took away', async () => {
    const { lake, raw } = await withFile('n\n1\n2\n');
    await lake.catalog.store.delete(raw);
    await lake.catalog.store.delete(raw.replace('a.csv', 'manifest.json'));
    expect(await verify(lake)).toMatchObject({ clean: true, findings: [{ kind: 'raw_missing', level: 'info' }] });
  });

  it('does not mind a source that went away, nor bytes that are held', async () => {
    const { lake, location } = await withFile('n\n1\n2\n');
    writeFileSync(location, 'n\n9\n');
    await recordEvents(lake, [
      fileEvent({
        path: 'a.csv',
        sha: sha256('n\n9\n'),
        status: 'QUARANTINED',
        action: 'hold',
        rule: 'correction',
        seq: 2,
      }),
    ]);
    expect(await verify(lake, { depth: 'full' })).toMatchObject({
      clean: true,
      findings: [{ kind: 'source_changed', level: 'info' }],
    });
    rmSync(location);
    expect(await verify(lake, { depth: 'full' })).toMatchObject({
      clean: true,
      findings: [{ kind: 'source_missing', level: 'info', path: 'a.csv' }],
    });
  });
});

describe('verify --repair', () => {
  it('writes what the ledger lacks, once, and leaves what it cannot', async () => {
    const lake = await openLake();
    await load(lake, { path: 'a.csv', sha: A, rows: 3, batch: 1 });
    await load(lake, { path: 'gone.csv', sha: C, rows: 3, batch: 2 });
    await loadRows(lake, { path: 'b.csv', sha: B, rows: 2, batch: 3 });
    await lake.catalog.table(TARGET).delete({ where: "_source_path = 'gone.csv'" });
    const before = await lake.catalog.table(TARGET).snapshot();
    const first = await verify(lake, { repair: true });
    expect(first).toMatchObject({ clean: false, events: 1 });
    expect(first.findings.map(({ kind, repaired }) => [kind, repaired])).toEqual([
      ['not_in_ledger', true],
      ['missing_in_bronze', false],
    ]);
    expect(await found(lake, { repair: true })).toEqual(['missing_in_bronze gone.csv']);
    expect((await verify(lake, { repair: true })).events).toBe(0);
    expect((await lake.catalog.table(TARGET).snapshot()).version).toBe(before.version);
    const { rows } = await lake.select(
      "SELECT actor, run_id, status, meta->>'$.ingest.rule' AS rule FROM metadata.ingestion_event WHERE file_path = 'b.csv'",
    );
    expect(rows).toEqual([{ actor: 'tester', run_id: 'verify-1', status: 'INGESTED', rule: 'rebuilt' }]);
  });

  it('completes what was committed and not said, and leaves what was not committed to the next run', async () => {
    const lake = await openLake();
    const begun = (path: string, bytes: string, batch: number) =>
      fileEvent({ path, sha: bytes, status: 'PROCESSING', seq: 1, batch, runId: `run-${batch}` });
    await recordEvents(lake, [begun('a.csv', A, 1), begun('empty.csv', sha('e'), 1), begun('bad.csv', C, 1)]);
    await loadRows(
      lake,
      { path: 'a.csv', sha: A, rows: 3, batch: 1 },
      { path: 'empty.csv', sha: sha('e'), rows: 0, batch: 1 },
    );
    await recordEvents(lake, [begun('b.csv', B, 2)]);
    expect(await found(lake)).toEqual([
      'not_in_ledger a.csv',
      'open_batch a.csv',
      'open_batch b.csv',
      'open_batch bad.csv',
      'open_batch empty.csv',
    ]);
    expect(await found(lake, { repair: true })).toEqual([
      'not_in_ledger a.csv repaired',
      'open_batch a.csv repaired',
      'open_batch b.csv',
      'open_batch bad.csv',
      'open_batch empty.csv repaired',
    ]);
    // What a later run made of them closes them.
    await loadRows(lake, { path: 'b.csv', sha: B, rows: 1, batch: 3 });
    await recordEvents(lake, [
      loadedEvent({ path: 'b.csv', sha: B, rows: 1, batch: 3 }, { at: second(9) }),
      fileEvent({ path: 'bad.csv', sha: C, status: 'FAILED', error: 'no', seq: 3 }),
    ]);
    expect(await found(lake, { depth: 'full' })).toEqual([]);
  });

  it('does not complain of a run that is at work', async () => {
    const lake = await openLake();
    await load(lake, { path: 'a.csv', sha: A, rows: 3, batch: 1 });
    await recordEvents(lake, [fileEvent({ path: 'b.csv', sha: B, status: 'PROCESSING', seq: 2, batch: 2 })]);
    const lease = await acquireLease({
      store: lake.catalog.store,
      name: TARGET,
      holder: { runId: 'run-2', pid: process.pid, host: hostname(), actor: 'tester' },
      clock: systemClock,
    });
    expect(await verify(lake)).toMatchObject({ clean: true, findings: [{ kind: 'open_batch', level: 'info' }] });
    await lease.release();
    expect(await verify(lake)).toMatchObject({ clean: false });
  });
});
