import { extname } from 'node:path';
import type { FileFormat, FileToStage, FormatOptions } from './model.js';
import { formatError } from './model.js';

const BY_EXTENSION: Readonly<Record<string, FileFormat>> = {
  '.csv': 'csv',
  '.tsv': 'csv',
  '.txt': 'csv',
  '.json': 'json',
  '.ndjson': 'json',
  '.jsonl': 'json',
  '.parquet': 'parquet',
};

/** The extension that tells the format: before `.gz` and `.zst`, in small letters. */
export function formatExtension(path: string): string {
  const bare = path.replace(/\.(?:gz|zst)$/i, '');
  return extname(bare).toLowerCase();
}

/** The format that the name says; undefined when it says none. */
export function formatOfName(path: string): FileFormat | undefined {
  return BY_EXTENSION[formatExtension(path)];
}

export function isParquet(head: Buffer): boolean {
  return head.toString('latin1', 0, 4) === 'PAR1';
}

/** Whether a text begins as a JSON object or array does, and as no line of CSV would. */
export function startsAsJson(head: Buffer): boolean {
  return /^\s*(?:\{\s*["}]|\[\s*[[{"\]])/.test(head.toString('latin1', 0, 4096));
}

/** What bytes look like, for messages. */
export function describeContent(head: Buffer): string {
  if (isParquet(head)) return 'Parquet';
  if (head.includes(0)) return 'binary data';
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  if (startsAsJson(head)) return 'JSON';
  return head.length === 0 ? 'nothing' : 'text';
}

/** Refuses what is named like CSV and is something else. */
export function assertIsCsv(file: FileToStage, head: Buffer, options: FormatOptions): void {
  if (options.format === 'csv') return;
  if (!startsAsJson(head)) return;
  const name = formatExtension(file.path);
  throw formatError(file, `it is named ${name || 'without an extension'} but it looks like JSON`, {
    hint: 'set `format: json` if that is what it is',
  });
}
