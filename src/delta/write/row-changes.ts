import {
  fillSql,
  identifier,
  identifiers,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import { vectorReader } from '../log/deletion-vectors.js';
import { bindScan } from '../log/scan.js';
import type { Snapshot } from '../log/snapshot.js';
import type { Action, AddFile, CdcFile, DeletionVector } from '../protocol/actions.js';
import { PHYSICAL_NAME } from '../protocol/column-mapping.js';
import { vectorPlace } from '../protocol/deletion-vector.js';
import { writerFeatures } from '../protocol/features.js';
import { decodePath, encodePath } from '../protocol/paths.js';
import { NO_ROWS, rowSet, unionRows } from '../protocol/row-set.js';
import { loosenStats, parseStats } from '../protocol/stats.js';
import { assertConstraints, tableConstraints } from './constraints.js';
import { type WriteDeps, writeDataFiles } from './data-files.js';
import { writeDeletionVectors } from './deletion-vectors.js';
import { removeOf } from './remove-file.js';

/**
 * The temporary table that says what happens to rows: `_change` (`insert`, `update` or `delete`), `_file_index` and `_file_row`
 * of the row that goes (NULL for an insert), and the table's columns as they will be (NULL for a delete). A row of a file is
 * there at most once.
 */
export const ROW_CHANGES = '_row_changes';

/** A file is written again when more of its rows than this are deleted. */
const MOSTLY_DELETED = 0.5;

/** Changes of rows of one snapshot. */
export interface RowChanges {
  readonly snapshot: Snapshot;
  /** `_file_index` of the table counts in these. */
  readonly files: readonly AddFile[];
  /** Files that go as a whole; their rows are not in the table. */
  readonly gone?: readonly AddFile[];
}

export interface RowCounts {
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
}

/** What a commit of row changes says. Nothing is visible before. */
export interface StagedRowChanges {
  readonly counts: RowCounts;
  /** `remove`, `add` and `cdc`; empty when no row changes. */
  readonly actions: readonly Action[];
  /** New data files. */
  readonly adds: readonly AddFile[];
  /** All new files, to be deleted when the stage is given up. */
  readonly files: readonly { readonly path: string }[];
  /** By Spark's names. */
  readonly metrics: Readonly<Record<string, number>>;
}

interface TouchedFile {
  readonly file: AddFile;
  readonly index: number;
  readonly removed: number;
  readonly fate: 'remove' | 'mark' | 'rewrite';
}

function marksRows({ metadata, protocol }: Snapshot): boolean {
  return (
    metadata.configuration['delta.enableDeletionVectors']?.toLowerCase() === 'true' &&
    writerFeatures(protocol).includes('deletionVectors')
  );
}

function feedsChanges({ metadata }: Snapshot): boolean {
  return metadata.configuration['delta.enableChangeDataFeed']?.toLowerCase() === 'true';
}

function fateOf(file: AddFile, removed: number, mayMark: boolean): TouchedFile['fate'] {
  const rows = parseStats(file.stats)?.numRecords;
  // Only a file whose rows are counted may have a deletion vector (PROTOCOL.md, "Writer Requirement for Deletion Vectors").
  if (rows === undefined) return 'rewrite';
  const gone = removed + (file.deletionVector?.cardinality ?? 0);
  if (gone >= rows) return 'remove';
  return mayMark && gone <= rows * MOSTLY_DELETED ? 'mark' : 'rewrite';
}

async function touchedFiles(deps: WriteDeps, { snapshot, files, gone = [] }: RowChanges): Promise<TouchedFile[]> {
  const mayMark = marksRows(snapshot);
  const whole = gone.map((file): TouchedFile => ({ file, index: -1, removed: rowsIn([file]), fate: 'remove' }));
  const rows = await deps.session.rows(readSqlFile('delta', 'row_changes_files'));
  const some = rows.flatMap((row): TouchedFile[] => {
    const index = Number(row['file_index']);
    const file = files[index];
    const removed = Number(row['removed']);
    return file === undefined ? [] : [{ file, index, removed, fate: fateOf(file, removed, mayMark) }];
  });
  return [...whole, ...some];
}

/** The new deletion vectors of the marked files, in their order. */
async function markRows(
  deps: WriteDeps,
  changes: RowChanges,
  marked: readonly TouchedFile[],
): Promise<readonly DeletionVector[]> {
  if (marked.length === 0) return [];
  const rows = new Map(marked.map(({ index }) => [index, [] as number[]]));
  for await (const chunk of deps.session.stream(readSqlFile('delta', 'row_changes_rows'))) {
    for (const row of chunk) rows.get(Number(row['file_index']))?.push(Number(row['file_row']));
  }
  const sets = [];
  const read = vectorReader(deps.store);
  for (const { file, index } of marked) {
    const before = file.deletionVector ? await read(file.deletionVector, changes.snapshot.path) : NO_ROWS;
    sets.push(unionRows(before, rowSet(rows.get(index) ?? [])));
  }
  return writeDeletionVectors(deps.store, sets);
}

interface Sql {
  readonly columns: SqlFragment;
  readonly stored: SqlFragment;
}

function columnsOf({ schema }: Snapshot): Sql {
  const names = schema.fields.map((field) => field.name);
  const stored = names.map((name) => trustedFragment(`a.${identifier(name)}`));
  return { columns: identifiers(names), stored: joinFragments(stored, ', ') };
}

/** The scan of some of the files, whose `_file_index` is made that of the table of changes by a variable. */
async function scanOf(
  deps: WriteDeps,
  { snapshot }: RowChanges,
  { files, slot }: { readonly files: readonly TouchedFile[]; readonly slot: string },
) {
  const relation = await bindScan(deps.session, deps.store, {
    slot,
    snapshot,
    files: files.map(({ file }) => file),
    position: true,
  });
  const sql = fillSql(readSqlFile('delta', 'row_changes_set_files'), { slot: trustedFragment(slot) });
  await deps.session.run(sql, { indexes: files.map(({ index }) => String(index)) });
  return { relation, slot: trustedFragment(slot) };
}

async function assertNewRows({ session }: WriteDeps, snapshot: Snapshot): Promise<void> {
  const { columns } = columnsOf(snapshot);
  const relation = trustedFragment(fillSql(readSqlFile('delta', 'row_changes_new'), { columns }));
  const place = `${snapshot.path}@${snapshot.version}`;
  await assertConstraints(session, await tableConstraints(session, snapshot), { relation, place });
}

/** The rows that new data files hold: those of rewritten files that stay, and the new ones. */
async function newFiles(
  deps: WriteDeps,
  changes: RowChanges,
  { rewritten, hasNew }: { readonly rewritten: readonly TouchedFile[]; readonly hasNew: boolean },
): Promise<AddFile[]> {
  const sql = columnsOf(changes.snapshot);
  const fresh = trustedFragment(fillSql(readSqlFile('delta', 'row_changes_new'), { columns: sql.columns }));
  if (rewritten.length === 0) return hasNew ? writeDataFiles(deps, changes.snapshot, fresh) : [];
  const scan = await scanOf(deps, changes, { files: rewritten, slot: 'rewritten' });
  const kept = fillSql(readSqlFile('delta', 'row_changes_kept'), { ...sql, ...scan });
  const all = fillSql(readSqlFile('delta', 'row_changes_rewrite'), { kept: trustedFragment(kept), fresh });
  return writeDataFiles(deps, changes.snapshot, trustedFragment(hasNew ? all : kept));
}

/** Files that say row by row what a commit changed (PROTOCOL.md, "Change Data Files"). */
async function changeFiles(deps: WriteDeps, changes: RowChanges, touched: readonly TouchedFile[]): Promise<CdcFile[]> {
  const { snapshot } = changes;
  const scan = await scanOf(deps, changes, { files: touched, slot: 'changed' });
  const feed = fillSql(readSqlFile('delta', 'row_changes_feed'), { ...columnsOf(snapshot), ...scan });
  const type = {
    name: '_change_type',
    type: { kind: 'primitive', name: 'string' },
    nullable: true,
    metadata: { [PHYSICAL_NAME]: '_change_type' },
  } as const;
  const fields = snapshot.schema.fields.map((field) => ({ ...field, nullable: true }));
  const target = { ...snapshot, schema: { fields: [...fields, type] }, folder: '_change_data' };
  const written = await writeDataFiles(deps, target, trustedFragment(feed));
  return written.map(({ path, partitionValues, size }) => ({ path, partitionValues, size, dataChange: false }));
}

function vectorFiles(vectors: readonly DeletionVector[]): { readonly path: string }[] {
  const paths = vectors.flatMap((vector) => {
    const place = vectorPlace(vector, vector.pathOrInlineDv);
    return place.kind === 'file' ? encodePath(place.path) : [];
  });
  return [...new Set(paths)].map((path) => ({ path }));
}

function countsOf(rows: readonly { readonly [column: string]: unknown }[]): RowCounts {
  const count = (change: string) => Number(rows.find((row) => row['change'] === change)?.['rows'] ?? 0);
  return { inserted: count('insert'), updated: count('update'), deleted: count('delete') };
}

/** Live rows of files, as far as their statistics count them. */
export function rowsIn(files: readonly AddFile[]): number {
  return files.reduce((sum, file) => {
    const rows = parseStats(file.stats)?.numRecords ?? 0;
    return sum + Math.max(0, rows - (file.deletionVector?.cardinality ?? 0));
  }, 0);
}

/**
 * Stages what `ROW_CHANGES` says: files without a row left are removed, others get a deletion vector when the table has
 * `delta.enableDeletionVectors` and most of their rows stay, or are written again. With `delta.enableChangeDataFeed` the rows
 * that change are written to `_change_data` as well, unless files that come and go as a whole say it all.
 */
export async function stageRowChanges(deps: WriteDeps, changes: RowChanges): Promise<StagedRowChanges> {
  const { gone = [] } = changes;
  const listed = countsOf(await deps.session.rows(readSqlFile('delta', 'row_changes_counts')));
  const counts = { ...listed, deleted: listed.deleted + rowsIn(gone) };
  if (gone.length + counts.inserted + counts.updated + counts.deleted === 0) {
    return { counts, actions: [], adds: [], files: [], metrics: {} };
  }
  const touched = await touchedFiles(deps, changes);
  const rewritten = touched.filter(({ fate }) => fate === 'rewrite');
  const marked = touched.filter(({ fate }) => fate === 'mark');
  const hasNew = counts.inserted + counts.updated > 0;
  if (hasNew) await assertNewRows(deps, changes.snapshot);
  const files: { readonly path: string }[] = [];
  try {
    const adds = await newFiles(deps, changes, { rewritten, hasNew });
    files.push(...adds);
    const vectors = await markRows(deps, changes, marked);
    files.push(...vectorFiles(vectors));
    // Files that only come and only go say it themselves: their rows are inserts and deletes.
    const plain = counts.updated === 0 && touched.every(({ fate }) => fate === 'remove');
    const feeds = feedsChanges(changes.snapshot) && !plain;
    const cdc = feeds ? await changeFiles(deps, changes, touched) : [];
    files.push(...cdc);
    const now = deps.clock.now();
    const marks = marked.map(({ file }, i) => ({
      ...file,
      deletionVector: vectors[i] ?? null,
      stats: loosenStats(file.stats),
      modificationTime: file.modificationTime,
      dataChange: true,
    }));
    const actions: Action[] = [
      ...touched.map(({ file }) => ({ remove: removeOf(file, now) })),
      ...marks.map((add) => ({ add })),
      ...adds.map((add) => ({ add })),
      ...cdc.map((file) => ({ cdc: file })),
    ];
    return { counts, actions, adds, files, metrics: metricsOf({ counts, touched, adds, cdc }) };
  } catch (error) {
    await Promise.all(files.map((file) => deps.store.delete(decodePath(file.path)).catch(() => undefined)));
    throw error;
  }
}

function metricsOf(staged: {
  readonly counts: RowCounts;
  readonly touched: readonly TouchedFile[];
  readonly adds: readonly AddFile[];
  readonly cdc: readonly CdcFile[];
}): Record<string, number> {
  const { counts, touched, adds, cdc } = staged;
  const gone = touched.filter(({ fate }) => fate !== 'mark');
  const marked = touched.filter(({ fate }) => fate === 'mark');
  return {
    numAddedFiles: adds.length,
    numRemovedFiles: gone.length,
    numAddedBytes: adds.reduce((sum, file) => sum + file.size, 0),
    numRemovedBytes: gone.reduce((sum, { file }) => sum + file.size, 0),
    numCopiedRows: rowsIn(adds) - counts.inserted - counts.updated,
    numDeletionVectorsAdded: marked.length,
    numDeletionVectorsUpdated: marked.filter(({ file }) => file.deletionVector != null).length,
    numDeletionVectorsRemoved: touched.filter(({ file }) => file.deletionVector != null).length,
    numAddedChangeFiles: cdc.length,
  };
}
