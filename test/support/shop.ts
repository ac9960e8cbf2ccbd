import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type ResolvedSource, resolveSource, sourceSchema } from '../../src/ingest/config/source-config.js';
import type { IngestRequest, IngestResult, Lake } from '../../src/lake.js';
import type { PostgresServer } from './postgres-server.js';
import { tempFolder } from './temp-folder.js';

/** The source `orders` or another one over a table of the server, as a configuration has it. */
export async function tableSource(
  server: PostgresServer,
  written: Readonly<Record<string, unknown>>,
  { name = 'orders', user = 'reader' }: { readonly name?: string; readonly user?: string } = {},
): Promise<ResolvedSource> {
  const value = sourceSchema.parse({ connection: 'shop', ...written });
  const connection = { type: 'postgres', name: 'shop', server: server.connection(user) } as const;
  return resolveSource(name, value, { folder: tempFolder(), connection });
}

/** Runs one source and expects it to go well. */
export async function runTable(
  lake: Lake,
  source: ResolvedSource,
  request: Partial<IngestRequest> = {},
): Promise<IngestResult> {
  const result = await lake.ingest({ sources: [source], ...request });
  expect(result.files.map(({ error }) => error).filter((error) => error !== null)).toEqual([]);
  return result;
}

/** How the last rows of a bronze table by key differ from a table: rows of each side that the other one lacks, whole rows as text. */
export async function differences(
  lake: Lake,
  server: PostgresServer,
  at: { readonly table: string; readonly target: string; readonly columns: readonly string[]; readonly key: string },
): Promise<{ readonly missing: number; readonly extra: number; readonly rows: number }> {
  const { table, target, columns, key } = at;
  const psql = server.psql();
  if (psql === undefined) throw new Error('psql is not installed');
  const file = join(tempFolder(), 'source.csv');
  const copy = `\\copy (SELECT ${columns.join(', ')} FROM ${table}) TO '${file}' (FORMAT csv, HEADER, NULL '\\N')`;
  execFileSync(psql.program, ['-v', 'ON_ERROR_STOP=1', '-q', '-c', 'SET timezone = UTC', '-c', copy], {
    env: psql.env,
  });
  const session = await lake.session();
  const snapshot = await lake.catalog.table(target).snapshot();
  const scan = await lake.catalog.table(target).scan({ slot: 'compared', snapshot, files: snapshot.files });
  const has = new Set(snapshot.schema.fields.map(({ name }) => name));
  const texts = columns.map((name) => {
    const rescued = `json_extract_string(_rescued_data, '$."${name}"')`;
    return has.has(name) ? `coalesce(${rescued}, CAST("${name}" AS VARCHAR)) AS "${name}"` : `${rescued} AS "${name}"`;
  });
  const deleted = has.has('_deleted') ? 'WHERE NOT coalesce(_deleted, false)' : '';
  await session.run(`CREATE OR REPLACE TEMP TABLE bronze_last AS SELECT ${texts.join(', ')} FROM (
    SELECT * FROM (${scan}) QUALIFY row_number() OVER (PARTITION BY "${key}" ORDER BY _extracted_at DESC, _row_no DESC) = 1
  ) ${deleted}`);
  await session.run(`CREATE OR REPLACE TEMP TABLE source_rows AS SELECT * FROM read_csv('${file}',
    all_varchar = true, header = true, nullstr = '\\N', allow_quoted_nulls = false, delim = ',', quote = '"', escape = '"')`);
  const [row] = await session.rows(`SELECT
    (SELECT count(*) FROM (FROM source_rows EXCEPT ALL FROM bronze_last)) AS missing,
    (SELECT count(*) FROM (FROM bronze_last EXCEPT ALL FROM source_rows)) AS extra,
    (SELECT count(*) FROM source_rows) AS rows`);
  return { missing: Number(row?.['missing']), extra: Number(row?.['extra']), rows: Number(row?.['rows']) };
}

/** How many rows a bronze table has that are equal in key and content. */
export async function doubled(lake: Lake, target: string, key: string): Promise<number> {
  const { rows } = await lake.select(
    `SELECT count(*) AS n FROM (SELECT "${key}", _row_hash FROM ${target} GROUP BY ALL HAVING count(*) > 1)`,
  );
  return Number(rows[0]?.['n']);
}
