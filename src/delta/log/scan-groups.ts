import { LakeError } from '../../base/lake-error.js';
import { fillSql, readSqlFile, trustedFragment } from '../../base/sql-file.js';
import type { Session } from '../../duckdb/session.js';
import type { AddFile } from '../protocol/actions.js';
import type { DeltaField } from '../protocol/schema.js';
import { hasFieldIds, type ParquetNode, parseParquetTree } from './parquet-tree.js';
import { holdsPrimitive, holdsStruct, type PhysicalColumn, physicalColumn } from './physical-columns.js';
import type { Snapshot } from './snapshot.js';

/** Files of a scan that one SELECT can read. */
export interface ScanGroup {
  /** Positions in the files of the scan, ascending. */
  readonly positions: readonly number[];
  /** By logical name; a column that is absent is NULL in these files. */
  readonly columns: ReadonlyMap<string, PhysicalColumn>;
  readonly hasVectors: boolean;
}

interface GroupRequest {
  readonly snapshot: Snapshot;
  readonly files: readonly AddFile[];
  /** What DuckDB opens, by position. */
  readonly locations: readonly string[];
  /** Prefix of the session's variables. */
  readonly scan: string;
  /** A location as DuckDB is given it, with nothing to expand in it. */
  readonly escapeLocation: (location: string) => string;
}

/** Types to which DuckDB does not widen without loss when it compares a column with a constant. */
const ROUNDED = /^(?:double|timestamp_ntz|decimal\(.*\))$/;

/** Whether older files may hold a column in a type that its filters would be rounded to (PROTOCOL.md, "Type Change Metadata"). */
function wasWidened({ type, metadata }: DeltaField): boolean {
  return type.kind === 'primitive' && ROUNDED.test(type.name) && 'delta.typeChanges' in metadata;
}

function holds({ schema }: Snapshot, primitive: string): boolean {
  return schema.fields.some(({ type }) => holdsPrimitive(type, primitive));
}

/** Whether only the files themselves say which of their byte columns are text that was not marked as such. */
function mixesTextAndBytes(snapshot: Snapshot): boolean {
  return holds(snapshot, 'string') && holds(snapshot, 'binary');
}

/** Whether DuckDB may take every column of bytes for text. */
export function bytesAreText(snapshot: Snapshot): boolean {
  return !needsLayouts(snapshot) && !holds(snapshot, 'binary');
}

/**
 * Whether what a column is called, or its type, differs by file. Ids say it only together with the files' own schemas; and DuckDB refuses to
 * read a struct of which a file has no member, which needs columns to have been dropped.
 */
function needsLayouts(snapshot: Snapshot): boolean {
  const { mapping, schema } = snapshot;
  if (mapping === 'id' || schema.fields.some(wasWidened) || mixesTextAndBytes(snapshot)) return true;
  return mapping === 'name' && schema.fields.some(({ type }) => holdsStruct(type));
}

/** Trees of the files' columns, by position; undefined where names alone are enough. */
async function readLayouts(session: Session, request: GroupRequest): Promise<readonly ParquetNode[] | undefined> {
  const { snapshot, locations, escapeLocation } = request;
  if (!needsLayouts(snapshot)) return undefined;
  const scan = trustedFragment(request.scan);
  await session.run(fillSql(readSqlFile('delta', 'set_scan_files'), { scan }), {
    files: locations.map(escapeLocation),
  });
  const rows = await session.rows(fillSql(readSqlFile('delta', 'scan_layouts'), { scan }));
  const trees = new Map<string, ParquetNode>();
  for (const row of rows) {
    const names = JSON.parse(String(row['files'])) as string[];
    const place = `${names[0]} of ${snapshot.path}@${snapshot.version}`;
    const tree = parseParquetTree(String(row['layout']), place);
    if (snapshot.mapping === 'id' && !hasFieldIds(tree)) {
      throw new LakeError(
        'DATA_FILE_UNREADABLE',
        'a data file has no field ids, but the table maps its columns by id',
        {
          place,
          hint: 'the file was not written for this table; restore the table to a version without it',
        },
      );
    }
    for (const name of names) trees.set(name, tree);
  }
  return locations.map((location) => {
    const tree = trees.get(location);
    if (tree !== undefined) return tree;
    throw new LakeError('DATA_FILE_UNREADABLE', 'the schema of a data file was not read', { place: location });
  });
}

function columnsOf(snapshot: Snapshot, tree: ParquetNode | undefined): Map<string, PhysicalColumn> {
  const columns = new Map<string, PhysicalColumn>();
  for (const field of snapshot.schema.fields) {
    if (snapshot.partitionColumns.includes(field.name)) continue;
    const column = physicalColumn(field, snapshot.mapping, tree);
    if (column !== undefined) columns.set(field.name, column);
  }
  return columns;
}

/** Splits the files of a scan by the layout of their columns and by whether they have a deletion vector. */
export async function groupFiles(session: Session, request: GroupRequest): Promise<readonly ScanGroup[]> {
  const { snapshot, files } = request;
  const trees = await readLayouts(session, request);
  const layouts = new Map<ParquetNode | undefined, { id: number; columns: Map<string, PhysicalColumn> }>();
  const groups = new Map<string, ScanGroup & { readonly positions: number[] }>();
  for (const [position, file] of files.entries()) {
    const tree = trees?.[position];
    const layout = layouts.get(tree) ?? { id: layouts.size, columns: columnsOf(snapshot, tree) };
    layouts.set(tree, layout);
    const hasVectors = file.deletionVector != null;
    const key = `${layout.id} ${hasVectors}`;
    const group = groups.get(key) ?? { positions: [], columns: layout.columns, hasVectors };
    groups.set(key, group);
    group.positions.push(position);
  }
  return [...groups.values()];
}
