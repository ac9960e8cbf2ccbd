import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { encodePath } from '../../src/delta/protocol/paths.js';
import type { Session } from '../../src/duckdb/session.js';
import { tempFolder } from './temp-folder.js';

/** A field of a schema as the log has it; nested types are JSON. */
export interface MadeField {
  readonly name: string;
  readonly type: unknown;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

export interface MadeFile {
  /** Below the table; as in a file system, not encoded. */
  readonly path: string;
  /** A SELECT of the rows. Absent: there is no such file. */
  readonly rows?: string;
  /** More options of COPY, e.g. `FIELD_IDS {a: 1}`. */
  readonly options?: string;
  readonly partitionValues?: Readonly<Record<string, string | null>>;
  readonly stats?: object;
  readonly deletionVector?: object;
  /** What the log calls it, where that is not the encoded path. */
  readonly logPath?: string;
}

export interface MadeTable {
  readonly fields: readonly MadeField[];
  readonly partitionColumns?: readonly string[];
  readonly configuration?: Readonly<Record<string, string>>;
  /** Reader features; with one the protocol is (3, 7). */
  readonly features?: readonly string[];
  readonly files: readonly MadeFile[];
  readonly protocol?: object;
}

/** The metadata of a field under column mapping. */
export function mapped(id: number, physicalName: string): Readonly<Record<string, unknown>> {
  return { 'delta.columnMapping.id': id, 'delta.columnMapping.physicalName': physicalName };
}

/** A struct type of a schema. */
export function structType(...fields: readonly MadeField[]): object {
  return { type: 'struct', fields: fields.map(fieldJson) };
}

export function listType(elementType: unknown): object {
  return { type: 'array', elementType, containsNull: true };
}

export function mapType(keyType: unknown, valueType: unknown): object {
  return { type: 'map', keyType, valueType, valueContainsNull: true };
}

function fieldJson({ name, type, metadata = {} }: MadeField): object {
  return { name, type, nullable: true, metadata };
}

/** Writes a table of one commit as another writer could have, and returns its folder. */
export async function makeTable(session: Session, table: MadeTable): Promise<string> {
  const folder = join(tempFolder(), 'made');
  mkdirSync(join(folder, '_delta_log'), { recursive: true });
  const adds: object[] = [];
  for (const file of table.files) adds.push({ add: await makeFile(session, folder, file) });
  const { features } = table;
  const protocol =
    table.protocol ??
    (features === undefined
      ? { minReaderVersion: 1, minWriterVersion: 2 }
      : { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: features, writerFeatures: features });
  const metaData = {
    id: '5d1f3c4e-0000-4000-8000-000000000001',
    format: { provider: 'parquet', options: {} },
    schemaString: JSON.stringify(structType(...table.fields)),
    partitionColumns: table.partitionColumns ?? [],
    configuration: table.configuration ?? {},
    createdTime: 1_700_000_000_000,
  };
  const lines = [{ protocol }, { metaData }, ...adds].map((action) => JSON.stringify(action));
  writeFileSync(join(folder, '_delta_log', `${'0'.repeat(20)}.json`), `${lines.join('\n')}\n`);
  return folder;
}

async function makeFile(session: Session, folder: string, file: MadeFile): Promise<object> {
  const path = file.path.startsWith('/') ? file.path : join(folder, file.path);
  if (file.rows !== undefined) {
    mkdirSync(dirname(path), { recursive: true });
    const options = file.options === undefined ? '' : `, ${file.options}`;
    await session.run(`COPY (${file.rows}) TO '${path.replaceAll("'", "''")}' (FORMAT parquet${options})`);
  }
  return {
    path: file.logPath ?? encodePath(file.path),
    partitionValues: file.partitionValues ?? {},
    size: statSync(path, { throwIfNoEntry: false })?.size ?? 1,
    modificationTime: 1_700_000_000_000,
    dataChange: true,
    ...(file.stats === undefined ? {} : { stats: JSON.stringify(file.stats) }),
    ...(file.deletionVector === undefined ? {} : { deletionVector: file.deletionVector }),
  };
}
