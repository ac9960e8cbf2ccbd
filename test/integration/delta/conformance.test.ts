import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DeltaTable, DeltaType, Snapshot } from '../../../src/delta/index.js';
import type { Session } from '../../../src/duckdb/session.js';
import {
  type ConformanceCase,
  conformanceFolder,
  copyWithTimes,
  hasConformance,
  readCases,
  tableFolder,
  timestampOf,
} from '../../support/conformance.js';
import { openSession, query, tableIn } from '../../support/delta.js';

/** Cases that are not run, each with its reason. */
const SKIPPED: Readonly<Record<string, string>> = {};

/** Cases that must fail to open, with what the message names, each with its reason. */
const MUST_BE_REFUSED: Readonly<Record<string, { readonly names: string; readonly reason: string }>> = {
  'kernel-java/catalog-owned-preview': { names: 'catalogManaged', reason: 'only the catalog knows its commits' },
  'kernel-java/bench-basic_catalog_managed': { names: 'catalogManaged', reason: 'only the catalog knows its commits' },
  'delta-rs/simple_table_features': { names: 'reader version 5', reason: 'nobody knows what that version means' },
  'kernel-java/spark-shredded-variant-preview-delta': {
    names: 'variantType',
    reason: 'variant values are not supported, and half a row is a wrong row',
  },
  'delta-rs/spark-variant-stable-feature-checkpoint': { names: 'variantType', reason: 'the same' },
};

const cases = readCases();
if (!hasConformance) process.stderr.write(`skipped: tables that others wrote are not at ${conformanceFolder}\n`);

const opened = cases.filter(({ name }) => !(name in SKIPPED) && !(name in MUST_BE_REFUSED));
const readable = opened.filter(({ kind }) => kind !== 'metadata-only');

async function bindActual(session: Session, table: DeltaTable, snapshot: Snapshot): Promise<void> {
  const relation = await table.scan({ slot: 'conformance', snapshot, files: snapshot.files });
  await session.run(`CREATE OR REPLACE TEMP TABLE actual AS ${relation}`);
}

/** The same rows, as often, under the same names and types. */
async function expectSame(session: Session): Promise<void> {
  const described = (name: string) =>
    session.rows(`SELECT column_name, column_type FROM (DESCRIBE ${name}) ORDER BY column_name`);
  expect(await described('actual')).toEqual(await described('expected'));
  const columns = await session.rows('SELECT column_name FROM (DESCRIBE actual)');
  const list = columns.map((row) => `"${String(row['column_name']).replaceAll('"', '""')}"`).join(', ');
  const missing = await session.rows(`SELECT ${list} FROM expected EXCEPT ALL SELECT ${list} FROM actual`);
  const surplus = await session.rows(`SELECT ${list} FROM actual EXCEPT ALL SELECT ${list} FROM expected`);
  expect({ missing, surplus }).toEqual({ missing: [], surplus: [] });
}

const PRIMITIVES: Readonly<Record<string, string>> = {
  long: 'BIGINT',
  integer: 'INTEGER',
  short: 'SMALLINT',
  byte: 'TINYINT',
  string: 'VARCHAR',
  float: 'FLOAT',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  binary: 'BLOB',
  date: 'DATE',
  timestamp: 'TIMESTAMPTZ',
  timestamp_ntz: 'TIMESTAMP',
};

function quoted(text: unknown): string {
  return `'${String(text).replaceAll("'", "''")}'`;
}

/** A value of rows.json as an SQL constant of the column's type. */
function constant(value: unknown, type: DeltaType): string {
  if (value === null) return 'NULL';
  switch (type.kind) {
    case 'primitive':
      if (type.name === 'binary') return `unhex(${quoted((value as { $hex: string }).$hex)})`;
      return `CAST(${quoted(value)} AS ${PRIMITIVES[type.name] ?? type.name})`;
    case 'array':
      return `[${(value as unknown[]).map((item) => constant(item, type.element)).join(', ')}]`;
    case 'map': {
      const entries = value as [unknown, unknown][];
      const part = (i: 0 | 1) => entries.map((entry) => constant(entry[i], i === 0 ? type.key : type.value)).join(', ');
      return `MAP([${part(0)}], [${part(1)}])`;
    }
    case 'struct': {
      const fields = type.fields.map((f) => `"${f.name}" := ${constant((value as never)[f.name], f.type)}`);
      return `struct_pack(${fields.join(', ')})`;
    }
  }
}

interface ExpectedRows {
  readonly columns: readonly (readonly [string, unknown])[];
  readonly rows: readonly (readonly unknown[])[];
}

async function bindExpectedRows(session: Session, snapshot: Snapshot, expected: ExpectedRows): Promise<void> {
  await session.run('CREATE OR REPLACE TEMP TABLE expected AS FROM actual LIMIT 0');
  const fields = expected.columns.map(([name]) => snapshot.schema.fields.find((field) => field.name === name));
  for (const row of expected.rows) {
    const values = row.map((value, i) => constant(value, fields[i]?.type ?? { kind: 'primitive', name: 'string' }));
    const names = expected.columns.map(([name]) => `"${name}"`);
    await session.run(`INSERT INTO expected (${names.join(', ')}) SELECT ${values.join(', ')}`);
  }
}

function declaredType(type: unknown): string {
  const json = JSON.stringify(type);
  return json.startsWith('"') ? JSON.parse(json) : json;
}

it('every case is there and none is listed that is not', () => {
  if (!hasConformance) return;
  const names = cases.map(({ name }) => name);
  expect(new Set(names).size).toBeGreaterThanOrEqual(72);
  for (const listed of [...Object.keys(SKIPPED), ...Object.keys(MUST_BE_REFUSED)]) expect(names).toContain(listed);
  const refused = cases.filter(({ kind }) => kind === 'refuse').map(({ name }) => name);
  for (const name of refused) expect(Object.keys(MUST_BE_REFUSED)).toContain(name);
});

describe.skipIf(!hasConformance)('version, files and rows are what an independent reader found', () => {
  it.each(opened.map((one) => [one.name, one] as const))('%s', async (_, one: ConformanceCase) => {
    const session = await openSession();
    const table = tableIn(tableFolder(one.folder), session);
    const snapshot = await table.snapshot();
    expect([snapshot.version, snapshot.files.length]).toEqual([one.version, one.files]);
    if (one.kind === 'metadata-only') return;
    const count = async (version: number, skipping = true) =>
      Number(
        (await query(session, table, 'SELECT count(*) AS n FROM t', { at: { version }, skipping })).rows[0]?.['n'],
      );
    expect(await count(snapshot.version)).toBe(one.rows);
    expect(await count(snapshot.version, false)).toBe(one.rows);
    for (const [version, rows] of one.rowsByVersion) {
      if (rows !== null) expect([version, await count(version)]).toEqual([version, rows]);
    }
  });
});

describe.skipIf(!hasConformance)('the published rows', () => {
  const published = readable.filter(({ kind }) => kind === 'parquet');
  it.each(published.map((one) => [one.name, one] as const))('%s at every published version', async (_, one) => {
    const session = await openSession();
    const table = tableIn(tableFolder(one.folder), session);
    const places = readdirSync(join(one.folder, 'expected'));
    expect(places).toContain('latest');
    for (const at of places) {
      const place = join(one.folder, 'expected', at);
      const facts = JSON.parse(readFileSync(join(place, 'table_version_metadata.json'), 'utf8'));
      const snapshot = await table.snapshot(at === 'latest' ? {} : { version: facts.version });
      expect({
        version: snapshot.version,
        reader: snapshot.protocol.minReaderVersion,
        writer: snapshot.protocol.minWriterVersion,
        properties: snapshot.metadata.configuration,
      }).toEqual({
        version: facts.version,
        reader: facts.min_reader_version,
        writer: facts.min_writer_version,
        properties: facts.properties,
      });
      await bindActual(session, table, snapshot);
      const files = `read_parquet('${place}/table_content/*.parquet', hive_partitioning = false)`;
      await session.run(`CREATE OR REPLACE TEMP TABLE expected AS FROM ${files}`);
      await expectSame(session);
    }
  });

  const stated = readable.filter(({ folder }) => existsSync(join(folder, 'expected', 'rows.json')));
  it.each(stated.map((one) => [one.name, one] as const))('%s as stated', async (_, one) => {
    const expected = JSON.parse(readFileSync(join(one.folder, 'expected', 'rows.json'), 'utf8'));
    const session = await openSession();
    const table = tableIn(tableFolder(one.folder), session);
    const snapshot = await table.snapshot();
    expect(snapshot.version).toBe(expected.version);
    const schema = JSON.parse(snapshot.metadata.schemaString).fields as { name: string; type: unknown }[];
    const withoutMetadata = (type: unknown) => declaredType(type).replaceAll(/"metadata":\{[^}]*\}/g, '"metadata":{}');
    expect(schema.map(({ name, type }) => [name, withoutMetadata(type)])).toEqual(
      expected.columns.map(([name, type]: [string, unknown]) => [name, withoutMetadata(type)]),
    );
    await bindActual(session, table, snapshot);
    await bindExpectedRows(session, snapshot, expected);
    await expectSame(session);
  });
});

describe.skipIf(!hasConformance)('refused, by name', () => {
  const refused = cases.filter(({ name }) => name in MUST_BE_REFUSED);
  it.each(refused.map((one) => [one.name, one] as const))('%s', async (name, one) => {
    const session = await openSession();
    await expect(tableIn(tableFolder(one.folder), session).snapshot()).rejects.toMatchObject({
      code: 'DELTA_UNSUPPORTED',
      message: expect.stringContaining(MUST_BE_REFUSED[name]?.names ?? ''),
      place: expect.stringContaining('@'),
    });
  });
});

interface ExpectedChanges {
  readonly test: string;
  readonly bounds: {
    readonly starting_version?: string;
    readonly starting_timestamp?: string;
    readonly ending_timestamp?: string;
  };
  readonly timestamps_utc: readonly string[];
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}

describe.skipIf(!hasConformance)('the published changes', () => {
  const feeds = readable.filter(({ kind }) => kind === 'cdf');
  it.each(feeds.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    const { reads } = JSON.parse(readFileSync(join(one.folder, 'expected', 'cdf.json'), 'utf8')) as {
      reads: ExpectedChanges[];
    };
    const session = await openSession();
    const copy = copyWithTimes(tableFolder(one.folder), (_version, text) => timestampOf(text));
    const table = tableIn(copy, session);
    for (const { bounds, timestamps_utc: times, columns, rows } of reads) {
      const [time] = times;
      const starts = bounds.starting_timestamp !== undefined;
      const from =
        starts && time !== undefined ? { timestamp: `${time}Z` } : { version: Number(bounds.starting_version ?? 0) };
      const to = bounds.ending_timestamp === undefined || time === undefined ? undefined : { timestamp: `${time}Z` };
      const { relation } = await table.changes({ from, ...(to && { to }) });
      const list = columns.map((name) => `CAST("${name}" AS VARCHAR) AS "${name}"`).join(', ');
      const found = await session.rows(`SELECT ${list} FROM (${relation})`);
      const text = (values: readonly unknown[]) => values.map((value) => value ?? '').join(' | ');
      const actual = found.map((row) =>
        text(columns.map((name) => (name === '_commit_timestamp' ? instant(String(row[name])) : row[name]))),
      );
      const expected = rows.map((row) =>
        text(row.map((value, i) => (columns[i] === '_commit_timestamp' ? instant(`${value}Z`) : value))),
      );
      expect(actual.sort()).toEqual(expected.sort());
    }
  });
});

function instant(text: string): string {
  return new Date(text.replace(' ', 'T').replace(/\+00$/, 'Z')).toISOString();
}
