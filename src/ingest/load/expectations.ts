import { EXIT, LakeError, usageError } from '../../base/lake-error.js';
import {
  fillSql,
  identifier,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import { parseSelect } from '../../delta/index.js';
import type { Session } from '../../duckdb/session.js';
import type { Expectation } from '../model.js';

/** What a batch has of one file. */
export interface FileCounts {
  readonly rows: number;
  readonly rescued: number;
  /** Rows that break each expectation, in the order of the source. */
  readonly broken: readonly number[];
}

const NONE: FileCounts = { rows: 0, rescued: 0, broken: [] };

/** The counts of a file that has rows, else zeros. */
export function countsOf(counts: ReadonlyMap<number, FileCounts>, fileNo: number): FileCounts {
  return counts.get(fileNo) ?? NONE;
}

async function conditionOf(session: Session, { name, expression }: Expectation): Promise<SqlFragment> {
  const fail = (problem: string, cause?: unknown) =>
    usageError(`the expectation "${name}" is not a condition: ${problem}`, { hint: 'tamponi >= 0', cause });
  if (/;|--|\/\*/.test(expression)) throw fail('it holds ; or a comment');
  try {
    await parseSelect(
      session,
      fillSql(readSqlFile('ingest', 'expectation_probe'), { expression: trustedFragment(expression) }),
    );
  } catch (error) {
    throw fail(error instanceof Error ? error.message : String(error), error);
  }
  return trustedFragment(`(${expression})`);
}

/** Counts rows, rescued rows and broken expectations per file, in one pass. Throws a usage error for an expectation that cannot be asked. */
export async function countRows(
  session: Session,
  rows: SqlFragment,
  expectations: readonly Expectation[],
): Promise<ReadonlyMap<number, FileCounts>> {
  const broken: SqlFragment[] = [];
  for (const [i, expectation] of expectations.entries()) {
    const condition = await conditionOf(session, expectation);
    const name = identifier(`broken_${i}`);
    broken.push(trustedFragment(`, count(*) FILTER (WHERE ${condition} IS FALSE) AS ${name}`));
  }
  const sql = fillSql(readSqlFile('ingest', 'batch_counts'), { rows, broken: joinFragments(broken, '') });
  const found = await askRows(session, sql);
  return new Map(
    found.map((row) => [
      Number(row['_file_no']),
      {
        rows: Number(row['row_count']),
        rescued: Number(row['rescued']),
        broken: expectations.map((_, i) => Number(row[`broken_${i}`] ?? 0)),
      },
    ]),
  );
}

/** A name that is nowhere is a mistake in the configuration; a column of an unexpected type may be one file's fault. */
const NO_SUCH_COLUMN = /Referenced column|Referenced table/;

async function askRows(session: Session, sql: string) {
  try {
    return await session.rows(sql);
  } catch (error) {
    if (!(error instanceof LakeError) || error.code !== 'SQL') throw error;
    const [first = ''] = error.message.split('\n');
    if (NO_SUCH_COLUMN.test(first)) {
      const hint = '"schema show" lists the columns of the dataset';
      throw usageError(`an expectation cannot be asked of these rows: ${first}`, { hint, cause: error });
    }
    if (!/Binder Error|Conversion Error/.test(first)) throw error;
    throw new LakeError('EXPECTATION_INVALID', `an expectation cannot be asked of these rows: ${first}`, {
      exitCode: EXIT.data,
      hint: 'declare the types of its columns (columns: of the source), then run "retry --all"',
      cause: error,
    });
  }
}

/** The rows without those that an expectation of action quarantine refuses. */
export function keptRows(rows: SqlFragment, expectations: readonly Expectation[]): SqlFragment {
  const refusing = expectations.filter(({ action }) => action === 'quarantine');
  if (refusing.length === 0) return rows;
  const conditions = refusing.map(({ expression }) => trustedFragment(`((${expression}) IS NOT FALSE)`));
  const sql = fillSql(readSqlFile('ingest', 'batch_kept_rows'), {
    rows,
    conditions: joinFragments(conditions, ' AND '),
  });
  return trustedFragment(sql);
}

/** Puts the rows that break an expectation of action quarantine among the rejects of the batch. */
export async function rejectBroken(
  session: Session,
  rows: SqlFragment,
  expectations: readonly Expectation[],
): Promise<void> {
  for (const { name, expression, action } of expectations) {
    if (action !== 'quarantine') continue;
    const sql = fillSql(readSqlFile('ingest', 'batch_reject_broken'), {
      rows,
      expression: trustedFragment(expression),
    });
    await session.run(sql, { error: `does not meet the expectation "${name}": ${expression}` });
  }
}
