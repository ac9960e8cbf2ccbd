import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Action, AddFile } from '../../src/delta/index.js';
import { tempFolder } from './temp-folder.js';

export const logName = (version: number, rest = '.json') => `${String(version).padStart(20, '0')}${rest}`;

/** A Delta log written line by line, without data files. */
export interface RawLog {
  readonly folder: string;
  readonly log: string;
  /** Writes a commit; text stands as it is. */
  readonly commit: (version: number, ...lines: readonly (Action | string)[]) => void;
  /** Any other file of the log. */
  readonly file: (name: string, ...lines: readonly (Action | string)[]) => void;
}

const text = (lines: readonly (Action | string)[]) =>
  lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('');

export function rawLog(): RawLog {
  const folder = tempFolder();
  const log = join(folder, '_delta_log');
  mkdirSync(log);
  const file: RawLog['file'] = (name, ...lines) => writeFileSync(join(log, name), text(lines));
  return { folder, log, file, commit: (version, ...lines) => file(logName(version), ...lines) };
}

export const PROTOCOL: Action = { protocol: { minReaderVersion: 1, minWriterVersion: 2 } };

/** `metaData` of a table with the given columns, `long` unless another type is told. */
export function metaData(
  columns: Readonly<Record<string, unknown>> = { id: 'long' },
  options: { configuration?: Record<string, string>; partitionColumns?: string[] } = {},
): Action {
  const fields = Object.entries(columns).map(([name, type]) => ({ name, type, nullable: true, metadata: {} }));
  return {
    metaData: {
      id: 'm',
      format: { provider: 'parquet', options: {} },
      schemaString: JSON.stringify({ type: 'struct', fields }),
      partitionColumns: options.partitionColumns ?? [],
      configuration: options.configuration ?? {},
      createdTime: 1,
    },
  };
}

export function addFile(path: string, more: Partial<AddFile> = {}): Action {
  return { add: { path, partitionValues: {}, size: 1, modificationTime: 1, dataChange: true, ...more } };
}

export function removeFile(path: string, deletionTimestamp = Date.now()): Action {
  return { remove: { path, deletionTimestamp, dataChange: true } };
}
