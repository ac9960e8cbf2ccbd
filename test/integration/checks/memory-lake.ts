import { systemClock } from '../../../src/base/clock.js';
import type { CheckDeps, TableVersion } from '../../../src/checks/index.js';
import { Session } from '../../../src/duckdb/session.js';

const MANIFEST = `CREATE TABLE metadata.ingestion_manifest (manifest_id VARCHAR, file_sha VARCHAR, source_repo VARCHAR,
  file_path VARCHAR, ingest_date DATE, pull_ts_utc TIMESTAMPTZ, size_bytes BIGINT, row_count_estimate INTEGER,
  target_backend VARCHAR, dest_path VARCHAR, status VARCHAR, error_message VARCHAR, reprocess BOOLEAN,
  updated_at TIMESTAMPTZ, meta VARCHAR)`;
const EVENT = `CREATE TABLE metadata.ingestion_event (event_id VARCHAR, event_date DATE, recorded_at TIMESTAMPTZ,
  run_id VARCHAR, actor VARCHAR, event_type VARCHAR, ledger_key VARCHAR, from_status VARCHAR, to_status VARCHAR,
  reason VARCHAR, dialect VARCHAR, file_sha VARCHAR, source_repo VARCHAR, file_path VARCHAR, ingest_date DATE,
  pull_ts_utc TIMESTAMPTZ, size_bytes BIGINT, row_count_estimate INTEGER, target_backend VARCHAR, dest_path VARCHAR,
  status VARCHAR, error_message VARCHAR, reprocess BOOLEAN, meta VARCHAR, manifest VARCHAR)`;
const RESULT = `CREATE TABLE metadata.check_result (run_id VARCHAR, check_name VARCHAR, check_version INTEGER,
  sql_sha256 VARCHAR, params VARCHAR, grain VARCHAR, value DOUBLE, level VARCHAR, severity VARCHAR, warn VARCHAR,
  error VARCHAR, row_count BIGINT, samples VARCHAR, message VARCHAR, ledger_version BIGINT, tool_version VARCHAR,
  git_commit VARCHAR, started_at TIMESTAMPTZ, duration_ms BIGINT)`;

export interface MemoryLake {
  readonly session: Session;
  readonly deps: CheckDeps<TableVersion>;
  /** What `findSnapshot` was asked for. */
  readonly asked: { name: string; version: number | undefined }[];
  /** Appends rows given as partial objects. */
  insert(table: string, rows: readonly object[]): Promise<void>;
}

/** The ledger's tables as DuckDB tables of one session, at version 7, behind the interface of the check runner. */
export async function openMemoryLake(clock = systemClock): Promise<MemoryLake> {
  const session = await Session.open({ threads: 1 });
  await session.run('CREATE SCHEMA metadata');
  for (const sql of [MANIFEST, EVENT, RESULT]) await session.run(sql);
  const asked: MemoryLake['asked'] = [];
  const insert = async (table: string, rows: readonly object[]): Promise<void> => {
    for (const row of rows) {
      const names = Object.keys(row);
      const values = names.map((name) => `$${name}`).join(', ');
      await session.run(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${values})`, row as never);
    }
  };
  const deps: CheckDeps<TableVersion> = {
    session,
    catalog: {
      async findSnapshot(name, at) {
        asked.push({ name, version: at?.version });
        const sql = 'SELECT 1 FROM information_schema.tables WHERE table_schema || $dot || table_name = $name';
        const exists = (await session.rows(sql, { name, dot: '.' })).length > 0;
        return exists ? { version: at?.version ?? 7 } : undefined;
      },
      async appendRows(_session, name, rows) {
        await insert(name, rows);
        return 3;
      },
    },
    async *select(on, request) {
      yield await on.rows(request.sql, request.params);
    },
    clock,
    toolVersion: '0.1.0',
    gitCommit: 'c0ffee',
  };
  return { session, deps, asked, insert };
}

/** A clock that stands still. */
export function clockAt(iso: string): typeof systemClock {
  return { now: () => Date.parse(iso), random: () => 0.5 };
}
