import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { SqlRow } from '../../src/duckdb/values.js';
import type { Lake } from '../../src/lake.js';
import { openLake } from '../support/lake.js';

export const LEDGER_TABLES = ['ingestion_manifest', 'ingestion_event', 'manifest_quarantine'] as const;

/** Everything in a lake that may not depend on when, and in how many attempts, it was recorded. */
export interface LakeState {
  readonly canonical: readonly SqlRow[];
  readonly events: readonly SqlRow[];
  readonly quarantine: readonly SqlRow[];
}

export async function lakeState(root: string): Promise<LakeState> {
  const lake = await openLake({ root });
  try {
    return {
      canonical: await rowsOf(lake, 'ingestion_manifest', 'updated_at', 'manifest_id'),
      events: await rowsOf(lake, 'ingestion_event', 'run_id, recorded_at, event_date', 'event_id'),
      quarantine: await rowsOf(lake, 'manifest_quarantine', 'run_id, quarantined_at', 'quarantine_id'),
    };
  } finally {
    await lake.close();
  }
}

async function rowsOf(lake: Lake, table: string, without: string, key: string): Promise<readonly SqlRow[]> {
  if (!(await lake.catalog.names()).includes(`metadata.${table}`)) return [];
  return (await lake.select(`SELECT * EXCLUDE (${without}) FROM metadata.${table} ORDER BY ${key}`)).rows;
}

export interface LogFacts {
  /** Data files of the newest version: path below the table, and rows by its statistics. */
  readonly visible: ReadonlyMap<string, number>;
  /** Data files on disk that no commit ever named. */
  readonly orphans: readonly string[];
  /** Files that the newest version names and that are not there, or have another size. */
  readonly broken: readonly string[];
  readonly commits: number;
}

/** What the log of a table says, read by nothing but JSON.parse; checkpoints are not looked at. */
export function logFacts(table: string): LogFacts {
  const log = join(table, '_delta_log');
  const names = readdirSync(log).filter((name) => /^\d{20}\.json$/.test(name));
  const visible = new Map<string, number>();
  const sizes = new Map<string, number>();
  const named = new Set<string>();
  for (const name of names.sort()) {
    for (const line of readFileSync(join(log, name), 'utf8').trimEnd().split('\n')) {
      const { add, remove } = JSON.parse(line);
      if (remove) visible.delete(decodeURIComponent(remove.path));
      if (!add) continue;
      const path = decodeURIComponent(add.path);
      named.add(path);
      visible.set(path, JSON.parse(add.stats).numRecords);
      sizes.set(path, add.size);
    }
  }
  const onDisk = readdirSync(table, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.parquet') && !path.startsWith('_delta_log'),
  );
  const isBroken = (path: string) =>
    !existsSync(join(table, path)) || statSync(join(table, path)).size !== sizes.get(path);
  return {
    visible,
    orphans: onDisk.filter((path) => !named.has(path)),
    broken: [...visible.keys()].filter(isBroken),
    commits: names.length,
  };
}
