import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readFileEvents } from '../../../src/ingest/events/read-events.js';
import { type AdHocRequest, adHocSource } from '../../../src/ingest/index.js';
import { FileStates } from '../../../src/ingest/plan/state.js';
import { type RebuildRequest, type RebuildResult, rebuildState } from '../../../src/ingest/verify/rebuild.js';
import { verifyLake } from '../../../src/ingest/verify/verify.js';
import type { Lake } from '../../../src/lake.js';
import { load, loadedEvent, loadRows, TARGET, writerOf } from '../../support/bronze.js';
import { sql } from '../../support/delta.js';
import { fileEvent, recordEvents, sha } from '../../support/file-events.js';
import { openLake } from '../../support/lake.js';
import { tempFolder } from '../../support/temp-folder.js';

const [A, B, C] = [sha('a'), sha('b'), sha('c')];

async function rebuild(lake: Lake, request: Partial<RebuildRequest> = {}): Promise<RebuildResult> {
  return rebuildState(await writerOf(lake), { runId: 'rebuild-1', actor: 'tester', ...request });
}

/** The ledger as it would be after somebody deleted it. */
async function loseState(lake: Lake): Promise<Lake> {
  rmSync(join(lake.catalog.root, 'metadata'), { recursive: true, force: true });
  return openLake({ root: lake.catalog.root });
}

/** What the ledger says is loaded: per path its shas and rows. */
async function loaded(lake: Lake, source = 'daily', target = TARGET): Promise<Record<string, unknown>> {
  const { events } = await readFileEvents(await writerOf(lake), { source, target });
  const states = new FileStates(events);
  return Object.fromEntries(
    [...states.paths()]
      .sort()
      .map((path) => [path, states.loads(path).map(({ sha: bytes, rows, runId }) => [bytes.slice(0, 1), rows, runId])]),
  );
}

async function isClean(lake: Lake): Promise<boolean> {
  return (await verifyLake(await writerOf(lake), { depth: 'full', runId: 'v', actor: 'tester' })).clean;
}

describe('state rebuild', () => {
  it('has nothing to say of an empty lake', async () => {
    const lake = await openLake();
    expect(await rebuild(lake)).toEqual({
      run_id: 'rebuild-1',
      dry_run: false,
      targets: [],
      differences: [],
      events: 0,
    });
  });

  it('makes the ledger again from the rows alone: what each path has, in which order, of which source', async () => {
    const lake = await openLake();
    await lake.init();
    await load(lake, { path: 'a.csv', sha: A, rows: 3, batch: 1 });
    await load(lake, { path: 'a.csv', sha: B, rows: 4, batch: 2, replaced: [A] });
    await load(lake, { path: 'b.csv', sha: C, rows: 2, batch: 3 });
    await load(lake, { path: 'b.csv', sha: A, rows: 3, batch: 4 }, { action: 'append', rule: 'correction' });
    await load(lake, { path: 'b.csv', sha: C, rows: 2, batch: 5 }, { action: 'append', rule: 'returned' });
    await load(lake, { path: 'empty.csv', sha: sha('e'), rows: 0, batch: 6 });
    await load(lake, { path: 'x.csv', sha: A, rows: 1, batch: 1, source: 'other', target: 'bronze.other' });
    const before = [await loaded(lake), await loaded(lake, 'other', 'bronze.other')];
    expect(await rebuild(lake)).toMatchObject({ events: 0, differences: [] });

    const lost = await loseState(lake);
    const dry = await rebuild(lost, { dryRun: true });
    expect(dry).toMatchObject({ dry_run: true, events: 6 });
    expect(await lost.catalog.names()).toEqual([TARGET, 'bronze.other']);
    const { events, differences, targets } = await rebuild(lost);
    expect({ events, targets }).toEqual({ events: 6, targets: dry.targets });
    expect(differences.every(({ kind, recorded }) => kind === 'only_in_bronze' && recorded)).toBe(true);
    expect([await loaded(lost), await loaded(lost, 'other', 'bronze.other')]).toEqual(before);
    expect(await isClean(lost)).toBe(true);
    expect((await rebuild(lost)).events).toBe(0);
  });

  it('goes by the days of the rows when the log of the target is silent, and takes the name of the target for a source', async () => {
    const lake = await openLake();
    await lake.init();
    await loadRows(lake, { path: 'a.csv', sha: B, rows: 2, batch: 1, unmarked: true });
    await loadRows(lake, { path: 'a.csv', sha: A, rows: 3, batch: 2, unmarked: true });
    const lost = await loseState(lake);
    await rebuild(lost);
    expect(await loaded(lost)).toEqual({
      'a.csv': [
        ['b', 2, 'run-1'],
        ['a', 3, 'run-2'],
      ],
    });

    const silent = await openLake();
    await loadRows(silent, { path: 'a.csv', sha: B, rows: 2, batch: 1, unmarked: true });
    const table = silent.catalog.table('bronze.copy');
    await table.create({ schema: (await silent.catalog.table(TARGET).snapshot()).schema });
    await table.append(
      sql(`SELECT 1::BIGINT AS n, '${A}' AS _file_sha, 'r' AS _run_id, 1::BIGINT AS _row_no,
      'a.csv' AS _source_path, NULL::VARCHAR AS _rescued_data, DATE '2026-01-02' AS _ingest_date`),
    );
    await rebuild(silent, { names: ['bronze.copy'] });
    expect(await loaded(silent, 'bronze.copy', 'bronze.copy')).toEqual({ 'a.csv': [['a', 1, 'r']] });
  });

  it('asks for the source when several feed a target and nothing says whose the rows are', async () => {
    const lake = await openLake();
    await lake.init();
    await loadRows(lake, { path: 'a.csv', sha: A, rows: 2, batch: 1, source: 'north', unmarked: true });
    await loadRows(lake, { path: 'b.csv', sha: B, rows: 2, batch: 1, source: 'south', unmarked: true });
    const lost = await loseState(lake);
    const { events, differences } = await rebuild(lost);
    expect({ events, told: differences.map(({ recorded, source }) => [recorded, source]) }).toEqual({
      events: 0,
      told: [
        [false, null],
        [false, null],
      ],
    });
    expect((await rebuild(lost, { source: 'north' })).events).toBe(2);
  });

  it('with their commits still in the log, knows the sources', async () => {
    const lake = await openLake();
    await lake.init();
    await loadRows(lake, { path: 'a.csv', sha: A, rows: 2, batch: 1, source: 'north' });
    await loadRows(lake, { path: 'a.csv', sha: B, rows: 1, batch: 1, source: 'south', runId: 'run-s' });
    const lost = await loseState(lake);
    expect((await rebuild(lost)).events).toBe(2);
    expect([await loaded(lost, 'north'), await loaded(lost, 'south')]).toEqual([
      { 'a.csv': [['a', 2, 'run-1']] },
      { 'a.csv': [['b', 1, 'run-s']] },
    ]);
  });

  it('prints what it cannot mend: rows that are gone, other counts, rows whose place was taken', async () => {
    const lake = await openLake();
    await lake.init();
    await load(lake, { path: 'a.csv', sha: A, rows: 3, batch: 1 });
    await load(lake, { path: 'gone.csv', sha: C, rows: 3, batch: 2 });
    await lake.catalog.table(TARGET).delete({ where: "_source_path = 'gone.csv' OR n = 2" });
    await loadRows(lake, { path: 'old.csv', sha: A, rows: 1, batch: 3 });
    await loadRows(lake, { path: 'old.csv', sha: B, rows: 1, batch: 4 });
    await recordEvents(lake, [
      loadedEvent({ path: 'old.csv', sha: A, rows: 1, batch: 3 }),
      loadedEvent({ path: 'old.csv', sha: B, rows: 1, batch: 4, replaced: [A] }),
    ]);
    const { events, differences } = await rebuild(lake);
    expect(events).toBe(0);
    expect(
      differences.map(({ kind, path, ledger_rows, bronze_rows, recorded }) => [
        kind,
        path,
        ledger_rows,
        bronze_rows,
        recorded,
      ]),
    ).toEqual([
      ['different_rows', 'a.csv', 3, 2, false],
      ['only_in_ledger', 'gone.csv', 3, 0, false],
      ['superseded', 'old.csv', 0, 1, false],
    ]);
  });

  it('follows a target that was set back to an older version', async () => {
    const lake = await openLake();
    await lake.init();
    await load(lake, { path: 'a.csv', sha: A, rows: 3, batch: 1 });
    const { version } = await lake.catalog.table(TARGET).snapshot();
    await load(lake, { path: 'a.csv', sha: B, rows: 4, batch: 2, replaced: [A] });
    await lake.catalog.table(TARGET).restore({ version });
    const { differences } = await rebuild(lake);
    expect(differences.map(({ kind, recorded }) => [kind, recorded]).sort()).toEqual([
      ['only_in_bronze', true],
      ['only_in_ledger', true],
    ]);
    expect(await loaded(lake)).toEqual({ 'a.csv': [['a', 3, 'run-1']] });
    expect(await isClean(lake)).toBe(true);
  });

  it('puts a load that was forgotten between two others where it belongs', async () => {
    const lake = await openLake();
    await lake.init();
    await load(lake, { path: 'a.csv', sha: A, rows: 1, batch: 1 });
    await loadRows(lake, { path: 'a.csv', sha: B, rows: 2, batch: 2 });
    await load(lake, { path: 'a.csv', sha: C, rows: 3, batch: 3 }, { action: 'append', rule: 'correction' });
    await rebuild(lake);
    expect(await loaded(lake)).toEqual({
      'a.csv': [
        ['a', 1, 'run-1'],
        ['b', 2, 'run-2'],
        ['c', 3, 'run-3'],
      ],
    });
  });

  it('leaves a try that never got there to the next run', async () => {
    const lake = await openLake();
    await lake.init();
    await load(lake, { path: 'a.csv', sha: A, rows: 1, batch: 1 });
    await recordEvents(lake, [fileEvent({ path: 'b.csv', sha: B, status: 'PROCESSING', seq: 2, batch: 2 })]);
    expect(await rebuild(lake)).toMatchObject({
      events: 0,
      differences: [{ kind: 'unfinished', path: 'b.csv', recorded: false }],
    });
  });
});

describe('after the ledger was lost', () => {
  it('ingest refuses, and after a rebuild skips every file', async () => {
    const lake = await openLake();
    const folder = tempFolder();
    mkdirSync(join(folder, 'in'));
    for (let i = 0; i < 5; i++) writeFileSync(join(folder, 'in', `${i}.csv`), `n,name\n${i},x\n${i + 1},y\n`);
    const request: AdHocRequest = { files: ['in/*.csv'], into: TARGET, cwd: folder };
    const sources = [adHocSource(request)];
    expect(await lake.ingest({ sources })).toMatchObject({ processed: 5, rows: 10 });
    expect(await isClean(lake)).toBe(true);

    const lost = await loseState(lake);
    await expect(lost.ingest({ sources })).rejects.toThrow();
    expect(await rebuild(lost)).toMatchObject({ events: 5 });
    const { version } = await lost.catalog.table(TARGET).snapshot();
    expect(await lost.ingest({ sources })).toMatchObject({ processed: 0, skipped: 5, failed: 0 });
    expect((await lost.catalog.table(TARGET).snapshot()).version).toBe(version);
    writeFileSync(join(folder, 'in', '0.csv'), 'n,name\n7,z\n');
    expect(await lost.ingest({ sources })).toMatchObject({ processed: 1, skipped: 4, rows: 1 });
    expect((await lost.select(`SELECT count(*)::INTEGER AS n FROM ${TARGET}`)).rows).toEqual([{ n: 9 }]);
    expect(await isClean(lost)).toBe(true);
  });

  it('takes from the raw copies what the rows do not say', async () => {
    const lake = await openLake();
    const folder = tempFolder();
    mkdirSync(join(folder, 'in'));
    writeFileSync(join(folder, 'in', 'x-2026-03-01.csv'), 'n\n1\n');
    const request: AdHocRequest = {
      files: ['in/*.csv'],
      into: TARGET,
      cwd: folder,
      options: { keepRaw: true, businessDate: 'x-{yyyy-MM-dd}.csv' },
    };
    await lake.ingest({ sources: [adHocSource(request)] });
    const success = async (of: Lake) => {
      const { events } = await readFileEvents(await writerOf(of), { target: TARGET });
      const { gitSha, size, businessDate, detail } = events.find(({ status }) => status === 'INGESTED') ?? fileEvent();
      const { location, raw_path } = detail;
      return { gitSha, size, businessDate, location, raw_path };
    };
    const before = await success(lake);
    expect(before).toMatchObject({ businessDate: '2026-03-01', size: 4, raw_path: expect.stringContaining('raw/') });
    const lost = await loseState(lake);
    await rebuild(lost);
    expect(await success(lost)).toEqual(before);
    await lost.catalog.store.put(String(before.raw_path), Buffer.from('n\n2\n'));
    expect(await isClean(lost)).toBe(false);
  });
});
