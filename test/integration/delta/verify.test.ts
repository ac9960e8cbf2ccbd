import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DeltaTable, Finding } from '../../../src/delta/index.js';
import type { Session } from '../../../src/duckdb/session.js';
import { columns, openSession, sql, tableIn } from '../../support/delta.js';
import { tempFolder } from '../../support/temp-folder.js';

interface Made {
  readonly folder: string;
  readonly session: Session;
  readonly table: DeltaTable;
}

async function makeTable(configuration: Record<string, string> = {}): Promise<Made> {
  const folder = tempFolder();
  const session = await openSession();
  const table = tableIn(folder, session);
  await table.create({
    schema: columns({
      id: 'BIGINT',
      day: 'DATE',
      name: 'VARCHAR',
      at: 'TIMESTAMPTZ',
      price: 'DECIMAL(20,2)',
      ratio: 'DOUBLE',
      nested: 'STRUCT(x INTEGER, y VARCHAR)',
    }),
    partitionColumns: ['day'],
    configuration,
  });
  for (let i = 0; i < 3; i++) {
    await table.append(
      sql(`SELECT n AS id, DATE '2026-01-01' + (n % 2)::INTEGER AS day, 'name ' || repeat('long ', 20) || n AS name,
        TIMESTAMPTZ '2026-01-01 00:00:00.123456+00' + INTERVAL (n) SECOND AS at, n + 0.25 AS price,
        CASE WHEN n = 1 THEN 'NaN'::DOUBLE ELSE n END AS ratio, {'x': n, 'y': NULL} AS nested
        FROM range(${i * 10}, ${i * 10 + 10}) r(n)`),
    );
  }
  return { folder, session, table };
}

const kinds = (findings: readonly Finding[]) => findings.map(({ kind }) => kind).sort();

/** Replaces text in the newest commit. */
function edit({ folder }: Made, change: (text: string) => string): void {
  const log = join(folder, '_delta_log');
  const last =
    readdirSync(log)
      .filter((name) => name.endsWith('.json'))
      .sort()
      .at(-1) ?? '';
  writeFileSync(join(log, last), change(readFileSync(join(log, last), 'utf8')));
}

describe('verify', () => {
  it('finds nothing in a healthy table, with every kind of column, checkpoint and deletion vector', async () => {
    const { table, folder, session } = await makeTable({
      'delta.enableDeletionVectors': 'true',
      'delta.enableChangeDataFeed': 'true',
      'delta.checkpointInterval': '4',
    });
    await table.delete({ where: 'id % 3 = 0' });
    await table.append(
      sql(
        "SELECT 99 AS id, DATE '2026-01-01' AS day, NULL AS name, NULL AS at, NULL AS price, NULL AS ratio, NULL AS nested",
      ),
    );
    const fresh = tableIn(folder, session);
    expect((await fresh.snapshot()).checkpointVersion).toBe(4);
    expect((await fresh.snapshot()).files.some((file) => file.deletionVector != null)).toBe(true);
    for (const deep of [false, true]) {
      expect(await fresh.verify({ deep })).toEqual({ version: 5, deep, files: 7, findings: [] });
    }
  });

  it('finds files that are gone, cut or replaced', async () => {
    const made = await makeTable();
    const { folder, table } = made;
    const paths = (await table.snapshot()).files.map((file) => file.path);
    rmSync(join(folder, paths[0] ?? ''));
    appendFileSync(join(folder, paths[1] ?? ''), 'x');
    const bytes = readFileSync(join(folder, paths[2] ?? ''));
    writeFileSync(
      join(folder, paths[2] ?? ''),
      bytes.map((byte, i) => (i > 3 && i < bytes.length - 8 ? byte ^ 0xff : byte)),
    );
    const light = await table.verify();
    expect(light.findings.map(({ kind, path }) => [kind, path])).toEqual([
      ['missing', paths[0]],
      ['size', paths[1]],
    ]);
    const deep = await table.verify({ deep: true });
    expect(kinds(deep.findings)).toEqual(['missing', 'size', 'unreadable']);
    expect(deep.findings.find(({ kind }) => kind === 'unreadable')?.path).toBe(paths[2]);
  });

  it('finds statistics and partition values that are wrong', async () => {
    const made = await makeTable();
    edit(made, (text) =>
      text
        .replace('\\"minValues\\":{\\"id\\":20', '\\"minValues\\":{\\"id\\":21')
        .replace('\\"numRecords\\":5', '\\"numRecords\\":6')
        .replace('"day":"2026-01-02"', '"day":"yesterday"'),
    );
    const fresh = tableIn(made.folder, made.session);
    const { findings } = await fresh.verify({ deep: true });
    expect(kinds(findings)).toEqual(['partition-value', 'row-count', 'statistics']);
    expect(findings.find(({ kind }) => kind === 'statistics')?.message).toContain('"id"');
    expect(kinds((await fresh.verify()).findings)).toEqual(['partition-value']);
  });

  it('finds deletion vectors and change data files that are gone', async () => {
    const { table, folder } = await makeTable({
      'delta.enableDeletionVectors': 'true',
      'delta.enableChangeDataFeed': 'true',
    });
    await table.update({ set: { name: "'new'" }, where: 'id = 4' });
    for (const name of readdirSync(folder)) if (name.endsWith('.bin')) rmSync(join(folder, name));
    rmSync(join(folder, '_change_data'), { recursive: true });
    const { findings } = await table.verify();
    expect(new Set(kinds(findings))).toEqual(new Set(['change-data', 'deletion-vector']));
  });

  it('finds a checkpoint that says something else than the commits, and a log with a gap', async () => {
    const made = await makeTable({ 'delta.checkpointInterval': '3' });
    const log = join(made.folder, '_delta_log');
    const first = join(log, '00000000000000000002.json');
    const lines = readFileSync(first, 'utf8').trimEnd().split('\n');
    writeFileSync(first, `${lines.slice(0, -1).join('\n')}\n`);
    const fresh = () => tableIn(made.folder, made.session);
    const { findings } = await fresh().verify();
    expect(kinds(findings)).toEqual(['checkpoint']);
    expect(findings[0]?.message).toContain('.parquet');
    for (const name of readdirSync(log)) if (/checkpoint/.test(name)) rmSync(join(log, name));
    rmSync(first);
    expect(await fresh().verify()).toMatchObject({
      version: null,
      findings: [{ kind: 'log', message: expect.stringContaining('gap') }],
    });
    await expect(tableIn(tempFolder(), made.session).verify()).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
  });
});
