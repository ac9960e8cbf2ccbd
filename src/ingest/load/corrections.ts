import {
  fillSql,
  identifier,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import type { Snapshot } from '../../delta/index.js';
import type { Session, SqlParams } from '../../duckdb/session.js';
import type { RowDiff } from '../result.js';
import { alignedColumns, type BronzeTarget, type NamedType } from './target.js';

/** Rows of a path that go when its new content comes. */
export interface Replacement {
  readonly fileNo: number;
  readonly path: string;
  /** Contents whose rows go. */
  readonly shas: readonly string[];
}

/** Rows that stay, under another path that has the same bytes. */
export interface Relabel {
  readonly sha: string;
  readonly old_path: string;
  readonly new_path: string;
}

/** The condition for all rows that go, with its parameters; undefined when none go. */
export function deleteCondition(
  replacements: readonly Replacement[],
): { readonly where: string; readonly params: SqlParams } | undefined {
  const params: Record<string, string> = {};
  const terms = replacements.flatMap(({ path, shas }, i) => {
    if (shas.length === 0) return [];
    params[`path${i}`] = path;
    const contents = shas.map((sha, k) => {
      params[`sha${i}_${k}`] = sha;
      return `_file_sha = $sha${i}_${k}`;
    });
    return [`(_source_path = $path${i} AND (${contents.join(' OR ')}))`];
  });
  return terms.length === 0 ? undefined : { where: terms.join(' OR '), params };
}

export interface DiffRequest {
  readonly session: Session;
  readonly target: BronzeTarget;
  readonly snapshot: Snapshot;
  readonly rows: SqlFragment;
  readonly columns: readonly NamedType[];
  readonly key: readonly string[];
}

function parts(columns: readonly NamedType[], present: readonly string[]): SqlFragment {
  return joinFragments(alignedColumns(columns, new Set(present.map((name) => name.toLowerCase()))), ', ');
}

/** Compares the new rows of a correction with those they replace: by key when the source has one, else as whole rows. */
export async function diffCorrection(request: DiffRequest, { fileNo, path, shas }: Replacement): Promise<RowDiff> {
  const { session, target, snapshot, rows, columns } = request;
  const scan = await target.table.scan({ slot: 'corrected', snapshot, files: snapshot.files });
  const before = target.columns(snapshot).map(({ name }) => name);
  const old = fillSql(readSqlFile('ingest', 'diff_old_rows'), { columns: parts(columns, before), rows: scan });
  const now = columns.map(({ name }) => name);
  const fresh = fillSql(readSqlFile('ingest', 'diff_new_rows'), { columns: parts(columns, now), rows });
  const sides = { old: trustedFragment(old), new: trustedFragment(fresh) };
  const params = { path, shas, file_no: fileNo };
  const key = request.key.filter((name) => columns.some((column) => column.name.toLowerCase() === name.toLowerCase()));
  if (key.length > 0 && key.length === request.key.length) {
    const struct = trustedFragment(`row(${key.map(identifier).join(', ')})`);
    const [row] = await session.rows(fillSql(readSqlFile('ingest', 'diff_by_key'), { ...sides, key: struct }), params);
    if (row !== undefined && row['doubled'] !== true) return diffOf(row);
  }
  const [row] = await session.rows(fillSql(readSqlFile('ingest', 'diff_rows'), sides), params);
  return diffOf(row ?? {});
}

function diffOf(row: Readonly<Record<string, unknown>>): RowDiff {
  return {
    added: Number(row['added'] ?? 0),
    removed: Number(row['removed'] ?? 0),
    changed: Number(row['changed'] ?? 0),
  };
}

/** The rows of a batch together with those that only change their path. */
export async function withRelabelled(
  request: Pick<DiffRequest, 'session' | 'target' | 'snapshot'>,
  rows: SqlFragment,
  relabels: readonly Relabel[],
): Promise<SqlFragment> {
  if (relabels.length === 0) return rows;
  const { session, target, snapshot } = request;
  await session.run(readSqlFile('ingest', 'relabel_files'), { files: JSON.stringify(relabels) });
  const old = await target.table.scan({ slot: 'relabelled', snapshot, files: snapshot.files });
  return trustedFragment(fillSql(readSqlFile('ingest', 'relabel_rows'), { columns: trustedFragment('*'), rows, old }));
}
