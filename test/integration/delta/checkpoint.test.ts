import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Action, Snapshot } from '../../../src/delta/index.js';
import { columns, openSession, query, sql, tableIn } from '../../support/delta.js';
import { tempFolder } from '../../support/temp-folder.js';

const digits = (version: number) => String(version).padStart(20, '0');
const DAY = 86_400_000;
const NOW = Date.parse('2026-06-15T12:00:00Z');
const clock = { now: () => NOW, random: () => 0 };

const AWKWARD = ['a b', 'a/b', 'a%20b', '"q"', 'back\\slash', 'ünï🦆', "it's", 'x=y', '{}', '\t', null];

/** What a checkpoint may change: `dataChange`, and nulls for absent fields. */
function comparable(snapshot: Snapshot) {
  const clean = <T extends object>(value: T) =>
    Object.fromEntries(
      Object.entries(value).filter(([key, v]) => v !== null && key !== 'dataChange' && key !== 'extendedFileMetadata'),
    );
  const byPath = (a: { path?: unknown }, b: { path?: unknown }) => (String(a.path) < String(b.path) ? -1 : 1);
  return {
    version: snapshot.version,
    protocol: snapshot.protocol,
    metadata: snapshot.metadata,
    files: snapshot.files.map(clean).sort(byPath),
    txns: [...snapshot.txns.values()].map(clean),
    domains: [...snapshot.domains.values()].filter((d) => !d.removed),
  };
}

function writeCommit(folder: string, version: number, actions: readonly Action[]): void {
  const lines = actions.map((action) => `${JSON.stringify(action)}\n`).join('');
  writeFileSync(join(folder, '_delta_log', `${digits(version)}.json`), lines);
}

const tombstone = (path: string, deletionTimestamp?: number): Action => ({
  remove: {
    path,
    dataChange: true,
    partitionValues: { p: null },
    size: 5,
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
  },
});

async function makeTable(configuration: Record<string, string>) {
  const folder = tempFolder();
  const session = await openSession();
  const table = tableIn(folder, session, { clock });
  await table.create({
    schema: columns({ p: 'VARCHAR', v: 'BIGINT' }),
    partitionColumns: ['p'],
    configuration: { 'delta.checkpointInterval': '4', ...configuration },
    name: 'näme "quoted"',
    description: 'line one\nline two',
  });
  const list = AWKWARD.map((v, i) => `(${v === null ? 'NULL' : `'${v.replaceAll("'", "''")}'`}, ${i})`).join(', ');
  await table.append(sql(`SELECT * FROM (VALUES ${list}) t(p, v)`), {
    txn: { appId: 'a"pp', version: 7, lastUpdated: NOW },
  });
  writeCommit(folder, 2, [
    { commitInfo: { operation: 'TEST' } },
    { txn: { appId: 'other', version: 9_007_199_254_740_991 } },
    { domainMetadata: { domain: 'kept', configuration: '{"k":"v"}', removed: false } },
    { domainMetadata: { domain: 'gone', configuration: '', removed: false } },
    tombstone('fresh.parquet', NOW - DAY),
    tombstone('expired.parquet', NOW - 8 * DAY),
    tombstone('undated.parquet'),
  ]);
  writeCommit(folder, 3, [{ domainMetadata: { domain: 'gone', configuration: '', removed: true } }]);
  await table.append(sql("SELECT 'late' AS p, 100 AS v"));
  return { folder, log: join(folder, '_delta_log'), session, table };
}

describe('a checkpoint', () => {
  it('holds the same snapshot as the whole log, without expired tombstones and removed domains', async () => {
    const { folder, log, session } = await makeTable({ 'custom.key': 'välue "x"', 'delta.appendOnly': 'false' });
    const reopened = () => tableIn(folder, session, { clock });
    const rowsOf = async () => (await query(session, reopened(), 'SELECT p, v FROM t ORDER BY v')).rows;
    const read = await reopened().snapshot();
    expect(read.checkpointVersion).toBe(4);
    const rows = await rowsOf();
    expect(rows.map((row) => row['p'])).toEqual([...AWKWARD, 'late']);

    expect(read.tombstones.map((file) => file.path)).toEqual(['fresh.parquet']);
    expect(read.tombstones[0]).toMatchObject({ deletionTimestamp: NOW - DAY, partitionValues: { p: null }, size: 5 });
    expect([...read.domains.keys()]).toEqual(['kept']);
    expect(read.txns.get('a"pp')).toMatchObject({ version: 7, lastUpdated: NOW });
    expect(read.files.every((file) => !file.dataChange)).toBe(true);
    expect(read.metadata.configuration).toMatchObject({ 'custom.key': 'välue "x"' });

    const checkpoint = join(log, `${digits(4)}.checkpoint.parquet`);
    const hint = JSON.parse(readFileSync(join(log, '_last_checkpoint'), 'utf8'));
    const [count] = await session.rows(`SELECT count(*) AS n FROM '${checkpoint}'`);
    expect(hint).toEqual({
      version: 4,
      size: Number(count?.['n']),
      sizeInBytes: readFileSync(checkpoint).length,
      numOfAddFiles: 12,
    });
    rmSync(checkpoint);
    const replayed = await reopened().snapshot();
    expect(replayed.checkpointVersion).toBe(-1);
    expect(comparable(read)).toEqual(comparable(replayed));
    expect(replayed.tombstones).toHaveLength(3);
    expect(await rowsOf()).toEqual(rows);
  });

  it.each([
    ['interval 1 hour', []],
    ['interval 2 weeks', ['expired.parquet', 'fresh.parquet']],
    ['interval 30 days', ['expired.parquet', 'fresh.parquet']],
    ['interval 7 days', ['fresh.parquet']],
  ])('keeps tombstones for delta.deletedFileRetentionDuration = %s', async (duration, kept) => {
    const { folder, session } = await makeTable({ 'delta.deletedFileRetentionDuration': duration });
    const { tombstones } = await tableIn(folder, session).snapshot();
    expect(tombstones.map((file) => file.path).sort()).toEqual(kept);
  });

  it('is itself the base of the next one', async () => {
    const { folder, session, table } = await makeTable({});
    for (let i = 0; i < 4; i++) await table.append(sql(`SELECT 'more' AS p, ${200 + i} AS v`));
    const read = await tableIn(folder, session).snapshot();
    expect(read.checkpointVersion).toBe(8);
    rmSync(join(folder, '_delta_log', `${digits(8)}.checkpoint.parquet`));
    expect(comparable(await tableIn(folder, session).snapshot({ version: 8 }))).toEqual(comparable(read));
  });

  it('that cannot be written does not undo the commit; a warning tells', async () => {
    const folder = tempFolder();
    const session = await openSession();
    const table = tableIn(folder, session);
    await table.create({ schema: columns({ id: 'BIGINT' }), configuration: { 'delta.checkpointInterval': '1' } });
    const { put } = (await table.writeDeps()).store;
    const { store } = await table.writeDeps();
    store.put = async (path, data) => {
      if (path.includes('checkpoint')) throw new Error('no checkpoint today');
      return put.call(store, path, data);
    };
    const warnings: string[] = [];
    const listen = (warning: Error) => warnings.push(warning.message);
    process.on('warning', listen);
    expect(await table.append(sql('SELECT 1 AS id'))).toMatchObject({ version: 1, committed: true });
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', listen);
    expect(warnings).toEqual([expect.stringMatching(/no checkpoint of .*@1: no checkpoint today/)]);
    expect(readdirSync(join(folder, '_delta_log')).sort()).toEqual([`${digits(0)}.json`, `${digits(1)}.json`]);
    expect((await query(session, tableIn(folder, session), 'SELECT id FROM t')).rows).toEqual([{ id: 1n }]);
  });
});
