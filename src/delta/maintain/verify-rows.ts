import { LakeError } from '../../base/lake-error.js';
import {
  fillSql,
  identifier,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import { exclusively } from '../../duckdb/exclusively.js';
import type { SqlRow } from '../../duckdb/values.js';
import { bindScan } from '../log/scan.js';
import type { Snapshot } from '../log/snapshot.js';
import type { AddFile } from '../protocol/actions.js';
import { type DeltaType, duckdbType, schemaLeaves } from '../protocol/schema.js';
import { type FileStats, parseStats, statsValue } from '../protocol/stats.js';
import type { WriteDeps } from '../write/data-files.js';
import type { Finding } from './verify.js';

/** Files that one statement reads. */
const BATCH = 32;

interface CheckedColumn {
  readonly name: string;
  /** As statistics have it. */
  readonly path: readonly string[];
  readonly expression: SqlFragment;
  readonly type: DeltaType;
}

/** Types whose statistics can be compared; others have none, or text that is no value. */
function isCompared(type: DeltaType): boolean {
  return type.kind === 'primitive' && type.name !== 'binary' && type.name !== 'boolean' && !/variant/.test(type.name);
}

function checkedColumns(snapshot: Snapshot): CheckedColumn[] {
  const physical = schemaLeaves(snapshot.physicalSchema.fields);
  return schemaLeaves(snapshot.schema.fields).flatMap(({ path, type }, i) => {
    const [top = ''] = path;
    if (snapshot.partitionColumns.includes(top)) return [];
    const inside = path.slice(1).map((name) => `.${identifier(name)}`);
    const expression = trustedFragment(`(${identifier(top)})${inside.join('')}`);
    return [{ name: path.join('.'), path: physical[i]?.path ?? path, expression, type }];
  });
}

/** Counts of values outside the bounds and of nulls. Bound `k` of a file is at `_file_index * width + k` of the variable. */
function checksOf(columns: readonly CheckedColumn[]): SqlFragment {
  const width = columns.length * 2;
  const bound = (k: number, type: DeltaType) =>
    `CAST(getvariable('verify_bounds')[_file_index::BIGINT * ${width} + ${k + 1}] AS ${duckdbType(type)})`;
  const checks = columns.flatMap(({ expression, type }, i) => {
    const nulls = `, count(*) - count(${expression}) AS nulls_${i}`;
    if (!isCompared(type)) return [trustedFragment(nulls)];
    const name = type.kind === 'primitive' ? type.name : '';
    // Statistics have milliseconds: the largest value may be up to one above its bound.
    const slack = name.startsWith('timestamp') ? " + INTERVAL '1 millisecond'" : '';
    const number = name === 'float' || name === 'double' ? `NOT isnan(${expression}) AND ` : '';
    const outside = `${expression} < ${bound(2 * i, type)} OR ${expression} > ${bound(2 * i + 1, type)}${slack}`;
    return [trustedFragment(`${nulls}, count(*) FILTER (WHERE ${number}(${outside})) AS outside_${i}`)];
  });
  return joinFragments(checks, '');
}

function judge(
  file: AddFile,
  row: SqlRow | undefined,
  { columns, stats }: { readonly columns: readonly CheckedColumn[]; readonly stats: FileStats | undefined },
): Finding[] {
  const deleted = file.deletionVector?.cardinality ?? 0;
  const rows = Number(row?.['rows'] ?? 0) + deleted;
  const findings: Finding[] = [];
  if (stats?.numRecords !== undefined && stats.numRecords !== rows) {
    const message = `has ${rows} rows, its statistics say ${stats.numRecords}`;
    findings.push({ kind: 'row-count', path: file.path, message });
  }
  for (const [i, { name, path }] of columns.entries()) {
    const outside = Number(row?.[`outside_${i}`] ?? 0);
    if (outside > 0) {
      const message = `${outside} values of "${name}" are outside the bounds of its statistics`;
      findings.push({ kind: 'statistics', path: file.path, message });
    }
    const logged = statsValue(stats?.nullCount, path);
    const nulls = Number(row?.[`nulls_${i}`] ?? 0);
    if (logged !== undefined && deleted === 0 && stats?.tightBounds === true && Number(logged) !== nulls) {
      const message = `"${name}" is NULL in ${nulls} rows, its statistics say ${logged}`;
      findings.push({ kind: 'statistics', path: file.path, message });
    }
  }
  return findings;
}

async function verifyBatch(deps: WriteDeps, snapshot: Snapshot, files: readonly AddFile[]): Promise<Finding[]> {
  const columns = checkedColumns(snapshot);
  const stats = files.map((file) => parseStats(file.stats));
  const bounds = stats.flatMap((fileStats) =>
    columns.flatMap(({ path, type }) =>
      isCompared(type)
        ? [statsValue(fileStats?.minValues, path) ?? null, statsValue(fileStats?.maxValues, path) ?? null]
        : [null, null],
    ),
  );
  await deps.session.run(readSqlFile('delta', 'verify_set_bounds'), { bounds });
  const scan = await bindScan(deps.session, deps.store, { slot: 'verify', snapshot, files, position: true });
  const sql = fillSql(readSqlFile('delta', 'verify_rows'), { scan, checks: checksOf(columns) });
  const rows = new Map((await deps.session.rows(sql)).map((row) => [Number(row['_file_index']), row]));
  return files.flatMap((file, i) => judge(file, rows.get(i), { columns, stats: stats[i] }));
}

/** Reads data files whole and compares them with their statistics; a file that cannot be read is a finding. */
export async function verifyRows(
  deps: WriteDeps,
  snapshot: Snapshot,
  { files, onFiles }: { readonly files: readonly AddFile[]; readonly onFiles: (count: number) => void },
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (let from = 0; from < files.length; from += BATCH) {
    const batch = files.slice(from, from + BATCH);
    try {
      findings.push(...(await exclusively(deps.session, () => verifyBatch(deps, snapshot, batch))));
    } catch (error) {
      if (!(error instanceof LakeError) || error.code === 'INTERRUPTED') throw error;
      // One of them is to blame; the others are fine.
      for (const file of batch) findings.push(...(await verifyAlone(deps, snapshot, file)));
    }
    onFiles(Math.min(from + BATCH, files.length));
  }
  return findings;
}

async function verifyAlone(deps: WriteDeps, snapshot: Snapshot, file: AddFile): Promise<Finding[]> {
  try {
    return await exclusively(deps.session, () => verifyBatch(deps, snapshot, [file]));
  } catch (error) {
    if (!(error instanceof LakeError) || error.code === 'INTERRUPTED') throw error;
    return [{ kind: 'unreadable', path: file.path, message: `cannot be read: ${error.message.split('\n')[0]}` }];
  }
}
