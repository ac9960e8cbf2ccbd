import { LakeError } from '../../base/lake-error.js';

/** One column or group in the schema of a Parquet file. */
export interface ParquetNode {
  readonly name: string;
  readonly id: number | undefined;
  readonly repeated: boolean;
  readonly isList: boolean;
  /** The DuckDB type that a column without children is read as. */
  readonly type: string | undefined;
  readonly children: readonly ParquetNode[];
}

interface Entry {
  readonly name: string;
  readonly children: number | null;
  readonly id: number | null;
  readonly repetition: string | null;
  readonly type: string | null;
  readonly logical: string | null;
  readonly duckdb: string | null;
}

/** The tree of `scan_layouts.sql`; the root is the first entry. Throws `DATA_FILE_UNREADABLE` when the entries make no tree. */
export function parseParquetTree(layout: string, place: string): ParquetNode {
  const entries = JSON.parse(layout) as Entry[];
  let at = 0;
  const read = (): ParquetNode => {
    const entry = entries[at++];
    if (entry === undefined) {
      throw new LakeError('DATA_FILE_UNREADABLE', 'the schema of a Parquet file is cut off', { place });
    }
    return {
      name: entry.name,
      id: entry.id ?? undefined,
      repeated: entry.repetition === 'REPEATED',
      isList: entry.type === 'LIST' || (entry.logical ?? '').startsWith('ListType'),
      type: entry.duckdb ?? undefined,
      children: Array.from({ length: entry.children ?? 0 }, read),
    };
  };
  return read();
}

/** The node of the elements of a list column, by the rules of the Parquet specification for older forms. */
export function listElement(list: ParquetNode): ParquetNode | undefined {
  // A bare repeated column is a list of itself.
  if (list.repeated && !list.isList) return list;
  const [repeated] = list.children;
  const [only] = repeated?.children ?? [];
  if (repeated === undefined || only === undefined) return repeated;
  const itself = repeated.children.length > 1 || repeated.name === 'array' || repeated.name === `${list.name}_tuple`;
  return itself ? repeated : only;
}

/** The nodes of key and value of a map column. */
export function mapEntry(map: ParquetNode): readonly [ParquetNode | undefined, ParquetNode | undefined] {
  const entry = map.children[0];
  return [entry?.children[0], entry?.children[1]];
}

/** Whether any column has a field id. */
export function hasFieldIds(node: ParquetNode): boolean {
  return node.id !== undefined || node.children.some(hasFieldIds);
}
