import { identifier, type SqlFragment, trustedFragment } from '../../../src/base/sql-file.js';
import type { Session } from '../../../src/duckdb/session.js';
import type { Contract } from '../../../src/ingest/model.js';
import type { SchemaPlan } from '../../../src/ingest/schema/index.js';
import type { FileColumn, StagedGroup } from '../../../src/sources/formats/model.js';

export const EVOLVE: Contract = { columns: 'evolve', types: 'rescue' };

let tables = 0;

/** Rows of texts by file number, staged as the files of one layout. */
export async function textGroup(
  session: Session,
  columns: readonly (string | FileColumn)[],
  files: Readonly<Record<number, readonly (readonly (string | null)[])[]>>,
): Promise<StagedGroup> {
  const table = identifier(`made_group_${tables++}`);
  const names = columns.map((_, i) => `c${i}`);
  await session.run(
    `CREATE TEMP TABLE ${table} (_file_no INTEGER, _row_no BIGINT, ${names.map((name) => `${name} VARCHAR`).join(', ')})`,
  );
  for (const [file, rows] of Object.entries(files)) {
    const list = `[${names.map((name) => `json_extract_string(r, '$[${name.slice(1)}]')`).join(', ')}]`;
    await session.run(
      `INSERT INTO ${table} SELECT $file, n, ${names.map((_, i) => `l[${i + 1}]`).join(', ')} FROM (
         SELECT n, ${list} AS l FROM (SELECT unnest(from_json($rows, '["JSON"]')) AS r, generate_subscripts(from_json($rows, '["JSON"]'), 1) AS n))`,
      { file: Number(file), rows: JSON.stringify(rows) },
    );
  }
  return {
    relation: trustedFragment(`SELECT * FROM ${table}`),
    columns: columns.map((column) => (typeof column === 'string' ? { name: column, type: 'TEXT' } : column)),
    files: Object.keys(files).map(Number),
  };
}

/** A SELECT staged as a Parquet file: its columns keep their types. */
export async function typedGroup(session: Session, file: number, select: string): Promise<StagedGroup> {
  const { columns } = await session.query(`SELECT * FROM (${select}) LIMIT 0`);
  const renamed = columns.map(({ name }, i) => `${identifier(name)} AS c${i}`).join(', ');
  const relation = `SELECT ${file} AS _file_no, row_number() OVER () AS _row_no, ${renamed} FROM (${select})`;
  return { relation: trustedFragment(relation), columns, files: [file] };
}

export function types(plan: SchemaPlan): Record<string, string> {
  return Object.fromEntries(plan.columns.map(({ name, type }) => [name, type]));
}

/** What a plan makes of groups, in order. */
export async function rowsOf(session: Session, plan: SchemaPlan, groups: readonly StagedGroup[]) {
  const rows = [];
  for (const group of groups) rows.push(...(await session.rows(ordered(plan.select(group)))));
  return rows;
}

function ordered(select: SqlFragment): string {
  return `SELECT * FROM (${select}) ORDER BY _file_no, _row_no`;
}
