import { LakeError, messageOf } from '../../base/lake-error.js';
import { fillSql, identifier, readSqlFile } from '../../base/sql-file.js';
import type { Session } from '../../duckdb/session.js';
import { type Action, parseAction } from '../protocol/actions.js';

const KINDS = ['protocol', 'metaData', 'txn', 'domainMetadata', 'remove', 'add'];
/** Columns that only a checkpoint by the V2 specification has; it may stand under a classic name. */
const V2_COLUMNS = ['checkpointMetadata', 'sidecar'];

async function readKind(session: Session, files: readonly string[], kind: string): Promise<string[]> {
  const sql = fillSql(readSqlFile('delta', 'read_checkpoint'), { action: identifier(kind) });
  const rows = await session.rows(sql, { files });
  return rows.map((row) => String(row['action']));
}

/**
 * The actions of a classic checkpoint, of one file or of all its parts. Throws `DELTA_LOG` when it is damaged,
 * `DELTA_UNSUPPORTED` for a V2 checkpoint. Source: PROTOCOL.md, "Checkpoint Schema".
 */
export async function readCheckpoint(session: Session, files: readonly string[]): Promise<Action[]> {
  const place = files[0] ?? '';
  try {
    const described = await session.rows(readSqlFile('delta', 'describe_parquet'), { files });
    const columns = new Set(described.map((row) => String(row['column_name'])));
    for (const kind of V2_COLUMNS.filter((name) => columns.has(name))) {
      if ((await readKind(session, files, kind)).length > 0) {
        throw new LakeError(
          'DELTA_UNSUPPORTED',
          'this table uses the Delta table feature "v2Checkpoint", which lakeledger cannot read yet',
          { place },
        );
      }
    }
    const actions: Action[] = [];
    for (const kind of KINDS.filter((name) => columns.has(name))) {
      for (const text of await readKind(session, files, kind)) {
        const action = parseAction({ [kind]: JSON.parse(text) });
        if (action !== undefined) actions.push(action);
      }
    }
    return actions;
  } catch (error) {
    if (error instanceof LakeError && error.code === 'DELTA_UNSUPPORTED') throw error;
    throw new LakeError('DELTA_LOG', `a checkpoint cannot be read: ${messageOf(error)}`, { place, cause: error });
  }
}
