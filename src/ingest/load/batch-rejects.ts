import { fillSql, readSqlFile, type SqlFragment } from '../../base/sql-file.js';
import { REJECT_TABLE } from '../../ledger/index.js';
import type { StagedGroup } from '../../sources/formats/index.js';
import type { SourceRun } from '../context.js';
import type { SchemaPlan } from '../schema/index.js';
import type { BatchFile, BatchRows } from './batch-rows.js';
import { rejectBroken } from './expectations.js';

export interface RejectRequest {
  /** Rows that could not be read. */
  readonly unread: SqlFragment | undefined;
  readonly groups: readonly StagedGroup[];
  readonly plan: SchemaPlan;
  readonly rows: BatchRows;
  readonly files: readonly BatchFile[];
}

/**
 * Puts the rows of a batch that cannot be read, that the contract discards or an expectation refuses into `metadata.reject`, with
 * their text; before the data commit, and once however often the batch is run. Returns how many there are by file.
 */
export async function keepRejects(run: SourceRun, request: RejectRequest): Promise<ReadonlyMap<number, number>> {
  const { deps, source, runId } = run;
  const { session, catalog, clock } = deps;
  const { unread, groups, plan, rows, files } = request;
  await session.run(readSqlFile('ingest', 'batch_reject_table'));
  const add = async (relation: SqlFragment, kind: string) => {
    await session.run(fillSql(readSqlFile('ingest', 'batch_reject_add'), { rows: relation }), { kind });
  };
  if (unread !== undefined) await add(unread, 'parse');
  for (const group of groups) {
    const discarded = plan.discarded(group);
    if (discarded !== undefined) await add(discarded, 'contract');
  }
  await rejectBroken(session, rows.relation, source.expectations);
  const counted = await session.rows(readSqlFile('ingest', 'batch_reject_counts'));
  if (counted.length > 0) {
    await session.run(readSqlFile('ingest', 'batch_reject_rows'), {
      files: JSON.stringify(files),
      now: new Date(clock.now()).toISOString(),
      run_id: runId,
      source: source.name,
      target: source.target,
    });
    await catalog.appendNew(session, REJECT_TABLE, { table: 'ingest_kept_reject', id: 'reject_id' });
  }
  return new Map(counted.map((row) => [Number(row['_file_no']), Number(row['rejected'])]));
}
