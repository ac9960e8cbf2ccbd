import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LakeError } from '../../src/base/lake-error.js';
import type { Snapshot } from '../../src/delta/index.js';
import type { Session } from '../../src/duckdb/session.js';
import { columns, openSession, query, sql, tableIn } from '../support/delta.js';
import { damageBytes, pick, randomSource } from '../support/mutations.js';
import { fileText, referenceStates } from '../support/reference-log.js';
import { tempFolder } from '../support/temp-folder.js';

/** Damaged Parquet files of each kind; DuckDB reads every one of them. */
const RUNS = Number(process.env['FUZZ_PARQUET_RUNS'] ?? 25);
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);

const DEFINITION = { schema: columns({ id: 'BIGINT', s: 'VARCHAR', p: 'VARCHAR' }), partitionColumns: ['p'] };
const rows = (from: number, to: number) =>
  sql(`SELECT range AS id, 'text ' || range AS s, 'p' || range % 2 AS p FROM range(${from}, ${to})`);

async function makeTable(folder: string, session: Session, configuration: Record<string, string>): Promise<void> {
  const table = tableIn(folder, session);
  await table.create({ ...DEFINITION, configuration: { 'delta.enableDeletionVectors': 'true', ...configuration } });
  await table.append(rows(0, 20), { txn: { appId: 'a', version: 1 } });
  await table.append(rows(20, 40));
  await table.delete({ where: 'id % 9 = 0' });
  await table.checkpoint();
  await table.append(rows(40, 45));
}

function parquetFiles(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.parquet')).map((name) => join(folder, name));
}

async function linesOf(session: Session, file: string): Promise<string[]> {
  if (file.endsWith('.json')) return readFileSync(file, 'utf8').trimEnd().split('\n');
  const found = await session.rows('SELECT to_json(t)::VARCHAR AS line FROM read_parquet($file) AS t', { file });
  return found.map((row) => String(row['line']));
}

/** The log as JSON, with what DuckDB makes of its Parquet files by itself; those that it cannot read are left out. */
async function asJson(session: Session, log: string): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const name of readdirSync(log)) {
    if (/^\d{20}\.json$/.test(name)) files.set(`_delta_log/${name}`, readFileSync(join(log, name)));
    if (!name.includes('.checkpoint.')) continue;
    try {
      const lines = await linesOf(session, join(log, name));
      for (const line of [...lines]) {
        const path = JSON.parse(line).sidecar?.path;
        if (path != null) lines.push(...(await linesOf(session, join(log, '_sidecars', path))));
      }
      const uuid = '80a083e8-7026-4e79-81be-64bd76c43a11';
      files.set(`_delta_log/${name.slice(0, 20)}.checkpoint.${uuid}.json`, Buffer.from(lines.join('\n')));
    } catch {
      // No reference for this checkpoint.
    }
  }
  return files;
}

function textOf(snapshot: Snapshot): string {
  return JSON.stringify({ version: snapshot.version, files: snapshot.files.map(fileText).sort() });
}

test.each([
  ['classic', true],
  ['v2', true],
  ['classic', false],
  ['v2', false],
])(
  'a damaged %s checkpoint (all commits there: %s) is an error or what it says',
  { timeout: 3_600_000 },
  async (policy, whole) => {
    const session = await openSession();
    const base = tempFolder();
    await makeTable(base, session, { 'delta.checkpointPolicy': policy });
    const log = join(base, '_delta_log');
    if (!whole) for (let v = 0; v <= 3; v++) rmSync(join(log, `${String(v).padStart(20, '0')}.json`));
    const right = textOf(await tableIn(base, session).snapshot());
    const copy = join(tempFolder(), 'copy');
    const tally = { errors: 0, same: 0, other: 0 };
    for (let n = 0; n < RUNS; n++) {
      const random = randomSource(SEED * 7919 + n);
      rmSync(copy, { recursive: true, force: true });
      mkdirSync(copy);
      cpSync(log, join(copy, '_delta_log'), { recursive: true });
      const file = pick(random, parquetFiles(join(copy, '_delta_log')));
      let bytes: Uint8Array = readFileSync(file);
      for (let times = random(2); times >= 0; times--) bytes = damageBytes(random, bytes);
      writeFileSync(file, bytes);
      try {
        const found = textOf(await tableIn(copy, session).snapshot());
        if (found === right) {
          tally.same += 1;
          continue;
        }
        tally.other += 1;
        const states = referenceStates(await asJson(session, join(copy, '_delta_log')));
        const texts = states.map(({ version, files }) => JSON.stringify({ version, files }));
        if (!texts.includes(found))
          throw new Error(`input ${n} of seed ${SEED}: ${found} is none of ${texts.join('\n')}`);
      } catch (error) {
        if (!(error instanceof LakeError)) throw error;
        expect(['DELTA_LOG', 'DELTA_UNSUPPORTED', 'DELTA_SCHEMA'], `input ${n}: ${error.message}`).toContain(
          error.code,
        );
        tally.errors += 1;
      }
    }
    if (whole) expect(tally.errors).toBeLessThanOrEqual(tally.same);
    else expect(tally.errors).toBeGreaterThan(0);
    if (RUNS > 25)
      console.log(
        `${policy}, ${whole}: ${RUNS} inputs, ${JSON.stringify(tally)}, ${session.generation} restarts of DuckDB`,
      );
  },
);

test('a damaged data file is an error or rows, and harms no other table', { timeout: 3_600_000 }, async () => {
  const session = await openSession();
  const base = tempFolder();
  const healthy = tempFolder();
  await makeTable(base, session, {});
  await makeTable(healthy, session, {});
  const expected = (await query(session, tableIn(healthy, session), 'SELECT * FROM t ORDER BY id')).rows;
  const root = tempFolder();
  let errors = 0;
  for (let n = 0; n < RUNS * 2; n++) {
    const random = randomSource(SEED * 104_729 + n);
    // A new folder every time: DuckDB keeps what it has read of a file, and files of a table never change.
    const copy = join(root, String(n));
    cpSync(base, copy, { recursive: true });
    const file = pick(
      random,
      parquetFiles(copy).filter((path) => !path.includes('_delta_log')),
    );
    writeFileSync(file, damageBytes(random, readFileSync(file)));
    try {
      const read = await query(session, tableIn(copy, session), 'SELECT * FROM t ORDER BY id');
      expect(read.rows.length).toBeLessThan(1000);
    } catch (error) {
      if (!(error instanceof LakeError)) throw error;
      errors += 1;
    }
    rmSync(copy, { recursive: true });
    if (n % 10 !== 0) continue;
    expect((await query(session, tableIn(healthy, session), 'SELECT * FROM t ORDER BY id')).rows).toEqual(expected);
  }
  expect(errors).toBeGreaterThan(RUNS / 2);
  if (RUNS > 25) console.log(`${RUNS * 2} data files, ${errors} errors, ${session.generation} restarts of DuckDB`);
});
