import type { Clock } from '../base/clock.js';
import { LakeError, usageError } from '../base/lake-error.js';
import { fillSql, readSqlFile, trustedFragment } from '../base/sql-file.js';
import { assertWritable, type Snapshot } from '../delta/index.js';
import type { Session } from '../duckdb/session.js';
import type { LakeCatalog } from './catalog.js';
import { appliedVersion, Ledger } from './ledger.js';
import { EVENT_TABLE, KEY_PROPERTY, type LedgerKey, MANIFEST_TABLE } from './tables.js';

/** Folders and files that may be in an empty lake. */
const HARMLESS = /^(\.|README(\.\w+)?$|_manifests$)/;

/** Throws a usage error when the folder holds something that is not a lake. */
export async function assertLakeFolder(catalog: LakeCatalog): Promise<void> {
  const entries = [...(await catalog.store.list('')), ...(await catalog.store.listFolders(''))].filter(
    (name) => !HARMLESS.test(name),
  );
  if (entries.length === 0 || entries.includes('metadata')) return;
  throw usageError(
    `the folder is not a lake and not empty: it holds ${entries.slice(0, 3).join(', ')}${entries.length > 3 ? ', …' : ''}`,
    {
      place: catalog.root,
      hint: 'choose an empty or a new folder with --lake',
    },
  );
}

/** Throws when a table was made for another key, or lacks a column that the ledger needs. */
export function assertCanonical(snapshot: Snapshot, catalog: LakeCatalog, key: LedgerKey): void {
  const place = `${MANIFEST_TABLE}@${snapshot.version}`;
  const made = snapshot.metadata.configuration[KEY_PROPERTY] ?? 'file_sha';
  if (made !== key) {
    throw usageError(`the lake's key is ${made}, not ${key}`, {
      place,
      hint: `use "key: ${made === 'file_sha' ? made : `[${made.replaceAll('+', ', ')}]`}", or another lake`,
    });
  }
  for (const wanted of catalog.definition(MANIFEST_TABLE).schema.fields) {
    const field = snapshot.schema.fields.find((f) => f.name === wanted.name);
    if (field !== undefined && JSON.stringify(field.type) === JSON.stringify(wanted.type)) continue;
    const problem = field === undefined ? 'is missing' : 'has another type';
    throw new LakeError('LEDGER_SCHEMA', `the column "${wanted.name}" ${problem}`, {
      place,
      hint: 'the table needs the 15 columns that "init" creates',
    });
  }
}

/** Throws when the canonical table was folded from events that are not there any more. */
async function assertEventLog(catalog: LakeCatalog): Promise<void> {
  const canonical = await catalog.findSnapshot(MANIFEST_TABLE);
  const applied = canonical === undefined ? 0 : appliedVersion(canonical);
  if (applied === 0) return;
  const events = await catalog.findSnapshot(EVENT_TABLE);
  if (events !== undefined && events.version >= applied) return;
  const found = events === undefined ? 'is gone' : `is at version ${events.version}`;
  throw new LakeError(
    'LEDGER_STATE',
    `${EVENT_TABLE} ${found}, but ${MANIFEST_TABLE} was folded from its version ${applied}`,
    {
      place: catalog.root,
      hint: 'restore the folder of the event table from a backup; an empty one would record everything again',
    },
  );
}

/** Which of the two tables of a ledger were never made. Throws when the folder is no lake, or a table is damaged. */
export async function missingTables(catalog: LakeCatalog): Promise<string[]> {
  await assertLakeFolder(catalog);
  const missing: string[] = [];
  for (const name of [EVENT_TABLE, MANIFEST_TABLE]) if (await catalog.isMissing(name)) missing.push(name);
  await assertEventLog(catalog);
  return missing;
}

/** Creates the tables of a ledger that are not there. Returns their names. */
export async function createLedger(catalog: LakeCatalog, names: readonly string[]): Promise<string[]> {
  await missingTables(catalog);
  const created: string[] = [];
  for (const name of names) if (await catalog.ensure(name)) created.push(name);
  return created;
}

/** Throws a usage error for a text that is no MERGE statement over the two tables, before any event is committed. */
async function assertMerge(session: Session, mergeSql: string): Promise<void> {
  const hint = 'one statement that merges staged_manifest into ingestion_manifest; start from sql/ledger/merge.sql';
  await session.run(readSqlFile('ledger', 'create_staged'));
  await session.run(readSqlFile('ledger', 'create_merge_target'));
  try {
    const statement = trustedFragment(mergeSql);
    const [row] = await session.rows(fillSql(readSqlFile('ledger', 'explain_merge'), { statement }));
    if (!String(row?.['explain_value']).includes('MERGE_INTO'))
      throw usageError('--merge-sql is not a MERGE statement', { hint });
  } catch (error) {
    if (!(error instanceof LakeError) || error.code !== 'SQL') throw error;
    throw usageError(`--merge-sql cannot be run: ${error.message}`, { hint, cause: error });
  } finally {
    await session.run(readSqlFile('ledger', 'drop_merge_target'));
  }
}

/** Opens the ledger of a lake for writing and folds what a killed run left behind. Creates its tables when they are not there. */
export async function openLedger(deps: {
  readonly catalog: LakeCatalog;
  readonly session: Session;
  readonly clock: Clock;
  readonly key: LedgerKey;
  readonly mergeSql?: string;
}): Promise<Ledger> {
  const { catalog, session, clock, key } = deps;
  await createLedger(catalog, [EVENT_TABLE, MANIFEST_TABLE]);
  const canonical = catalog.table(MANIFEST_TABLE);
  assertCanonical(await canonical.snapshot(), catalog, key);
  // Before anything is written: events of a table that cannot follow them would be half a record.
  for (const name of [EVENT_TABLE, MANIFEST_TABLE]) {
    const { protocol, metadata, version } = await catalog.table(name).snapshot();
    assertWritable(protocol, metadata, `${name}@${version}`);
  }
  if (deps.mergeSql !== undefined) await assertMerge(session, deps.mergeSql);
  const mergeSql = deps.mergeSql ?? readSqlFile('ledger', 'merge');
  return new Ledger({ session, clock, canonical, events: catalog.table(EVENT_TABLE), mergeSql });
}
