import { usageError } from '../base/lake-error.js';
import { type AddFile, type DeltaField, type DeltaType, parseStats, type Snapshot } from '../delta/index.js';

export interface TableFacts {
  readonly path: string;
  readonly version: number;
  readonly files: number;
  /** Null when a data file has no statistics, so that nobody knows without reading it. */
  readonly rows: number | null;
  readonly bytes: number;
}

/** What a snapshot says about its table without reading data files. */
export function tableFacts(snapshot: Snapshot): TableFacts {
  let rows: number | null = 0;
  let bytes = 0;
  for (const file of snapshot.files) {
    const count = fileRows(file);
    rows = rows === null || count === null ? null : rows + count;
    bytes += file.size;
  }
  return { path: snapshot.path, version: snapshot.version, files: snapshot.files.length, rows, bytes };
}

/** The rows of a data file that are not deleted, by its statistics; null when they do not say. */
export function fileRows(file: AddFile): number | null {
  const count = parseStats(file.stats)?.numRecords;
  return count === undefined ? null : count - (file.deletionVector?.cardinality ?? 0);
}

/** A column type in one line: `array<struct<a: long>>`. */
export function typeText(type: DeltaType): string {
  switch (type.kind) {
    case 'primitive':
      return type.name;
    case 'array':
      return `array<${typeText(type.element)}>`;
    case 'map':
      return `map<${typeText(type.key)}, ${typeText(type.value)}>`;
    case 'struct':
      return `struct<${type.fields.map((f: DeltaField) => `${f.name}: ${typeText(f.type)}`).join(', ')}>`;
  }
}

/** Reads `NAME`, `PATH`, `NAME@VERSION` or `PATH@VERSION`. */
export function parseTableName(text: string): { readonly name: string; readonly version?: number } {
  const [, name = text, version] = /^(.+)@(\d+)$/s.exec(text) ?? [];
  if (name === '') throw usageError('the name of a table is empty', { hint: 'lakeledger table list' });
  return version === undefined ? { name } : { name, version: Number(version) };
}
