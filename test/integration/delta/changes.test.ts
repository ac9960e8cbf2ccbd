import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Action, type DeltaTable, NO_READS } from '../../../src/delta/index.js';
import type { ChangesRequest } from '../../../src/delta/query/changes.js';
import { removeOf } from '../../../src/delta/write/remove-file.js';
import type { Session } from '../../../src/duckdb/session.js';
import type { SqlRow } from '../../../src/duckdb/values.js';
import { columns, openSession, sql, tableIn } from '../../support/delta.js';
import { tempFolder } from '../../support/temp-folder.js';

const CDF = { 'delta.enableChangeDataFeed': 'true' };

interface Made {
  readonly folder: string;
  readonly session: Session;
  readonly table: DeltaTable;
}

async function makeTable(configuration: Record<string, string> = CDF, partitionColumns: string[] = []): Promise<Made> {
  const folder = tempFolder();
  const session = await openSession();
  const table = tableIn(folder, session);
  await table.create({ schema: columns({ id: 'BIGINT', name: 'VARCHAR' }), configuration, partitionColumns });
  return { folder, session, table };
}

const append = (table: DeltaTable, id: number, name = 'a') =>
  table.append(sql(`SELECT ${id}::BIGINT AS id, '${name}' AS name`));

async function read({ session, table }: Made, request: ChangesRequest): Promise<readonly SqlRow[]> {
  const { relation } = await table.changes(request);
  return session.rows(`SELECT * FROM (${relation}) ORDER BY _commit_version, _change_type, id`);
}

const brief = (rows: readonly SqlRow[]) =>
  rows.map((row) => `${row['_commit_version']} ${row['_change_type']} ${row['id']}`);

async function commitActions(table: DeltaTable, actions: Action[]): Promise<number> {
  const snapshot = await table.snapshot();
  const result = await table.commit({ snapshot, actions, reads: NO_READS, operation: 'TEST' });
  expect(result.outcome).toBe('committed');
  return snapshot.version + 1;
}

describe('the change data feed', () => {
  it('tells inserts and deletes from the files of the commits, with version and time, and no rewrites', async () => {
    const made = await makeTable(CDF, ['name']);
    const { table } = made;
    await append(table, 1);
    await append(table, 2, 'b');
    await append(table, 3);
    await table.optimize();
    const { files } = await table.snapshot();
    const merged = files.find((file) => file.partitionValues['name'] === 'a');
    if (merged === undefined) throw new Error('no file');
    await commitActions(table, [{ remove: removeOf(merged, Date.now()) }]);
    const rows = await read(made, { from: { version: 0 } });
    expect(brief(rows)).toEqual(['1 insert 1', '2 insert 2', '3 insert 3', '5 delete 1', '5 delete 3']);
    expect(rows[1]).toEqual({
      id: 2n,
      name: 'b',
      _change_type: 'insert',
      _commit_version: 2n,
      _commit_timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    });
    const times = rows.map((row) => Date.parse(String(row['_commit_timestamp'])));
    expect(times).toEqual([...times].sort((one, other) => one - other));
    expect(brief(await read(made, { from: { version: 2 }, to: { version: 3 } }))).toEqual(['2 insert 2', '3 insert 3']);
    expect(await read(made, { from: { version: 4 }, to: { version: 4 } })).toEqual([]);
  });

  it('takes change data files instead when a commit has some', async () => {
    const made = await makeTable();
    const { folder, session, table } = made;
    await append(table, 1);
    const cdc = '_change_data/cdc-1.parquet';
    mkdirSync(join(folder, '_change_data'));
    const rows =
      "SELECT 1::BIGINT AS id, n AS name, t AS _change_type FROM (VALUES ('a', 'update_preimage'), ('b', 'update_postimage')) v(n, t)";
    await session.run(`COPY (${rows}) TO '${join(folder, cdc)}' (FORMAT parquet)`);
    const [file] = (await table.snapshot()).files;
    if (file === undefined) throw new Error('no file');
    await commitActions(table, [
      { remove: removeOf(file, Date.now()) },
      { cdc: { path: cdc, partitionValues: {}, size: 1, dataChange: false } },
    ]);
    expect((await read(made, { from: { version: 2 } })).map((row) => [row['name'], row['_change_type']])).toEqual([
      ['b', 'update_postimage'],
      ['a', 'update_preimage'],
    ]);
  });

  it('a file that comes and goes counts each time', async () => {
    const made = await makeTable();
    const { table } = made;
    await append(table, 1);
    await table.restore({ version: 0 });
    await table.restore({ version: 1 });
    await table.restore({ version: 0 });
    expect(brief(await read(made, { from: { version: 0 } }))).toEqual([
      '1 insert 1',
      '2 delete 1',
      '3 insert 1',
      '4 delete 1',
    ]);
  });

  it('is bounded by times as well as by versions', async () => {
    const made = await makeTable();
    const { folder, table } = made;
    for (let i = 1; i <= 4; i++) await append(table, i);
    for (let v = 0; v <= 4; v++) {
      const time = Date.UTC(2026, 0, 1 + v) / 1000;
      utimesSync(join(folder, '_delta_log', `${String(v).padStart(20, '0')}.json`), time, time);
    }
    const between = (from: string, to: string) => read(made, { from: { timestamp: from }, to: { timestamp: to } });
    expect(brief(await between('2026-01-02T12:00:00Z', '2026-01-04T00:00:00Z'))).toEqual(['2 insert 2', '3 insert 3']);
    const [last] = await read(made, { from: { timestamp: '2026-01-05' } });
    expect(last).toMatchObject({ id: 4n, _commit_timestamp: '2026-01-05T00:00:00Z' });
    expect(await between('2026-01-03T01:00:00Z', '2026-01-03T02:00:00Z')).toEqual([]);
    expect((await table.changes({ from: { timestamp: '2027-01-01' } })).versions).toBeUndefined();
    await expect(table.changes({ from: { timestamp: 'soon' } })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(table.changes({ from: { version: 3 }, to: { version: 2 } })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(table.changes({ from: { version: 9 } })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(table.changes({ from: {} })).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('names the version at which nothing was recorded', async () => {
    const made = await makeTable({});
    const { table } = made;
    await append(table, 1);
    const { metadata, protocol } = await table.snapshot();
    await commitActions(table, [
      { protocol: { ...protocol, minWriterVersion: 4 } },
      { metaData: { ...metadata, configuration: CDF } },
    ]);
    await append(table, 2);
    await expect(table.changes({ from: { version: 1 } })).rejects.toMatchObject({
      code: 'CHANGES_NOT_RECORDED',
      message: expect.stringContaining('version 1'),
    });
    expect(brief(await read(made, { from: { version: 2 } }))).toEqual(['3 insert 2']);
    await commitActions(table, [{ metaData: { ...metadata, configuration: {} } }]);
    await expect(table.changes({ from: { version: 2 } })).rejects.toMatchObject({
      message: expect.stringContaining('version 4'),
    });
    expect(brief(await read(made, { from: { version: 2 }, to: { version: 3 } }))).toEqual(['3 insert 2']);
  });

  it('has the columns of the last version; a dropped or changed column is refused', async () => {
    const made = await makeTable();
    const { table } = made;
    await append(table, 1);
    const { metadata } = await table.snapshot();
    const schema = JSON.parse(metadata.schemaString) as { fields: { name: string; type: string }[] };
    const [id, name] = schema.fields;
    const withFields = (fields: object[]) => ({
      metaData: { ...metadata, schemaString: JSON.stringify({ ...schema, fields }) },
    });
    await commitActions(table, [withFields([id ?? {}, name ?? {}, { ...name, name: 'extra' }])]);
    await table.append(sql("SELECT 2::BIGINT AS id, 'a' AS name, 'x' AS extra"));
    const rows = await read(made, { from: { version: 1 } });
    expect(rows.map((row) => [row['id'], row['extra']])).toEqual([
      [1n, null],
      [2n, 'x'],
    ]);
    expect(Object.keys((await read(made, { from: { version: 1 }, to: { version: 1 } }))[0] ?? {})).not.toContain(
      'extra',
    );
    await commitActions(table, [withFields([id ?? {}])]);
    await expect(table.changes({ from: { version: 1 } })).rejects.toMatchObject({
      code: 'DELTA_SCHEMA',
      message: expect.stringContaining('"name"'),
    });
    await commitActions(table, [withFields([{ ...id, type: 'string' }])]);
    await expect(table.changes({ from: { version: 4 } })).rejects.toMatchObject({
      message: expect.stringContaining('long'),
    });
    expect(await read(made, { from: { version: 5 } })).toEqual([]);
  });

  it('a deletion vector counts by its difference, as the change data files of the same commits do', async () => {
    const made = await makeTable({ ...CDF, 'delta.enableDeletionVectors': 'true' });
    const { folder, table } = made;
    await table.append(sql("SELECT n AS id, 'a' AS name FROM range(100) r(n)"));
    await table.delete({ where: 'id IN (3, 4, 5, 50)' });
    await table.delete({ where: 'id IN (6, 7, 99)' });
    await table.restore({ version: 2 });
    await table.restore({ version: 1 });
    const from = { from: { version: 2 } };
    const recorded = await read(made, from);
    const deleted = (version: number, ids: number[]) => ids.map((id) => `${version} delete ${id}`);
    const inserted = (version: number, ids: number[]) => ids.map((id) => `${version} insert ${id}`);
    const expected = [
      ...deleted(2, [3, 4, 5, 50]),
      ...deleted(3, [6, 7, 99]),
      ...inserted(4, [6, 7, 99]),
      ...inserted(5, [3, 4, 5, 50]),
    ];
    expect(brief(recorded)).toEqual(expected);
    for (const version of [2, 3]) {
      const file = join(folder, '_delta_log', `${String(version).padStart(20, '0')}.json`);
      const lines = readFileSync(file, 'utf8').split('\n');
      expect(lines.some((line) => line.startsWith('{"cdc"'))).toBe(true);
      writeFileSync(file, lines.filter((line) => !line.startsWith('{"cdc"')).join('\n'));
    }
    const inferred = await read({ ...made, table: tableIn(folder, made.session) }, from);
    expect(inferred.map((row) => ({ ...row, _commit_timestamp: null }))).toEqual(
      recorded.map((row) => ({ ...row, _commit_timestamp: null })),
    );
  });

  it.each(['name', 'id'])(
    'with column mapping by %s, updates of renamed columns of a partitioned table keep their values',
    async (mode) => {
      const made = await makeTable({ ...CDF, 'delta.columnMapping.mode': mode }, ['name']);
      const { table } = made;
      await append(table, 1);
      await append(table, 2, 'b');
      await table.renameColumn(['id'], 'key');
      await table.update({ set: { key: 'key + 10' }, where: "name = 'b'" });
      await expect(table.changes({ from: { version: 1 } })).rejects.toMatchObject({ code: 'DELTA_SCHEMA' });
      const { relation } = await table.changes({ from: { version: 3 } });
      const rows = await made.session.rows(`SELECT key, name, _change_type FROM (${relation}) ORDER BY key`);
      expect(rows).toEqual([
        { key: 2n, name: 'b', _change_type: 'update_preimage' },
        { key: 12n, name: 'b', _change_type: 'update_postimage' },
      ]);
    },
  );

  it('a column that became wider is shown with its type of now; another partitioning is refused', async () => {
    const folder = tempFolder();
    const session = await openSession();
    const table = tableIn(folder, session);
    const configuration = { ...CDF, 'delta.enableTypeWidening': 'true' };
    await table.create({ schema: columns({ id: 'INTEGER', name: 'VARCHAR' }), configuration });
    await append(table, 1);
    await table.widenColumn(['id'], { kind: 'primitive', name: 'long' });
    await table.append(sql("SELECT 3000000000 AS id, 'a' AS name"));
    const made = { folder, session, table };
    expect((await read(made, { from: { version: 0 } })).map((row) => row['id'])).toEqual([1n, 3_000_000_000n]);
    const { metadata } = await table.snapshot();
    await commitActions(table, [{ metaData: { ...metadata, partitionColumns: ['name'] } }]);
    await expect(table.changes({ from: { version: 1 } })).rejects.toMatchObject({
      code: 'DELTA_SCHEMA',
      message: expect.stringContaining('partitioned'),
    });
  });

  it('without a start it goes back as far as changes were recorded', async () => {
    const made = await makeTable({});
    const { table } = made;
    await append(table, 1);
    await table.setProperties(CDF);
    await append(table, 2);
    await table.setProperties({ note: 'x' });
    await append(table, 3);
    expect(brief(await read(made, {}))).toEqual(['3 insert 2', '5 insert 3']);
    expect((await table.changes()).versions).toEqual({ from: 2, to: 5 });
    await table.unsetProperties(['delta.enableChangeDataFeed']);
    await expect(table.changes()).rejects.toMatchObject({ code: 'CHANGES_NOT_RECORDED' });
  });

  it('a commit that clean-up took is missed', async () => {
    const made = await makeTable({ ...CDF, 'delta.checkpointInterval': '2' });
    const { folder, table, session } = made;
    for (let i = 1; i <= 3; i++) await append(table, i);
    for (const v of [0, 1]) rmSync(join(folder, '_delta_log', `${String(v).padStart(20, '0')}.json`));
    const fresh = tableIn(folder, session);
    await expect(fresh.changes({ from: { version: 1 } })).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
    expect(brief(await read({ ...made, table: fresh }, { from: { version: 2 } }))).toEqual([
      '2 insert 2',
      '3 insert 3',
    ]);
  });
});

const CONFORMANCE = new URL('../../../../shared/conformance/delta-rs', import.meta.url).pathname;

interface ExpectedRead {
  readonly bounds: {
    starting_version?: string;
    starting_timestamp?: string;
    ending_version?: string;
    ending_timestamp?: string;
  };
  readonly timestamps_utc: readonly string[];
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}

const cases = [
  'cdc_ict_table',
  'cdf-table',
  'cdf-table-non-partitioned',
  'cdf-table-with-cdc-and-dvs',
  'checkpoint-cdf-table',
].flatMap((name) => {
  const file = join(CONFORMANCE, name, 'expected', 'cdf.json');
  const reads = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { reads: ExpectedRead[] }).reads : [];
  return reads.map((expected, i) => ({ name, i, expected }));
});

/** A copy whose commits are as old as they say: a copy of a table loses the times of its files. */
function copyOf(name: string): string {
  const folder = join(tempFolder(), 'delta');
  cpSync(join(CONFORMANCE, name, 'delta'), folder, { recursive: true });
  const log = join(folder, '_delta_log');
  for (const file of readdirSync(log).filter((entry) => /^\d{20}\.json$/.test(entry))) {
    const line = readFileSync(join(log, file), 'utf8')
      .split('\n')
      .find((text) => text.includes('"commitInfo"'));
    const time = Number(JSON.parse(line ?? '{"commitInfo":{}}').commitInfo.timestamp ?? 0) / 1000 + 0.0005;
    utimesSync(join(log, file), time, time);
  }
  return folder;
}

function bound(version: string | undefined, timestamp: string | undefined) {
  return timestamp === undefined ? { version: Number(version ?? 0) } : { timestamp };
}

describe.skipIf(cases.length === 0)('the change data of tables that others wrote', () => {
  it.each(cases)('$name, read $i', async ({ name, expected }) => {
    const session = await openSession();
    const table = tableIn(copyOf(name), session);
    const { bounds } = expected;
    const times = [...expected.timestamps_utc];
    const first = bounds.starting_timestamp === undefined ? undefined : times.shift();
    const last = bounds.ending_timestamp === undefined ? undefined : times.shift();
    const to =
      bounds.ending_version === undefined && last === undefined ? {} : { to: bound(bounds.ending_version, last) };
    const { relation } = await table.changes({ from: bound(bounds.starting_version, first), ...to });
    const texts = expected.columns.map((column) =>
      column === '_commit_timestamp'
        ? `strftime(${column}, '%Y-%m-%dT%H:%M:%S.%g') AS ${column}`
        : `CAST("${column}" AS VARCHAR) AS "${column}"`,
    );
    const { columns: found, rows } = await session.query(`SELECT ${texts.join(', ')} FROM (${relation})`);
    expect(found.map((column) => column.name)).toEqual(expected.columns);
    // The expected text has nothing in a cell for null and for the empty text.
    const key = (row: readonly unknown[]) => JSON.stringify(row.map((value) => value || null));
    expect(rows.map((row) => key(expected.columns.map((column) => row[column]))).sort()).toEqual(
      expected.rows.map(key).sort(),
    );
  });
});
