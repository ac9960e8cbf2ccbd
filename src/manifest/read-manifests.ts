import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { type JsonItem, JsonSplitter } from '../base/json-scanner.js';
import { messageOf } from '../base/lake-error.js';
import type { Session } from '../duckdb/session.js';
import type { CanonicalManifest, Rejection } from './canonical.js';
import { type InputFile, listInputs } from './list-inputs.js';
import { parseManifest } from './parse-manifest.js';
import { readParquet } from './read-parquet.js';
import { isGzip, streamTextBytes, textBytes } from './text-bytes.js';

export type ManifestItem = { readonly manifest: CanonicalManifest } | { readonly rejection: Rejection };

export interface ReadManifestsOptions {
  /** What `-` reads; default `process.stdin`. */
  readonly stdin?: Readable;
  /**
   * The session that reads Parquet files. Leave it out unless the files are trusted: a broken Parquet file can make a DuckDB instance
   * unusable, and without it each file is read in an instance of its own.
   */
  readonly session?: () => Promise<Session>;
  /** Called when the reading of a file begins. */
  readonly onFile?: (file: string) => void;
}

const CHUNK_ITEMS = 1000;
/** Files up to this size are read whole in one call. */
const SMALL_BYTES = 64 * 1024;
const STREAM_BYTES = 128 * 1024;
/** Longest single manifest, in characters. A register may be longer: its records count one by one. */
const MAX_MANIFEST = 4 * 1024 * 1024;
/** Most text that a rejection keeps, in characters. */
const MAX_TEXT = 1024 * 1024;
const PARQUET_MAGIC = 'PAR1';

function rejection(file: string, line: number | null, reason: string): ManifestItem {
  return { rejection: { file, line, field: null, reason, text: '' } };
}

/** The engine keeps a manifest's text in several places at once; one of many megabytes is data, not a manifest. */
function tooLong({ manifest }: CanonicalManifest, file: string, line: number): ManifestItem | undefined {
  if (manifest.length <= MAX_MANIFEST) return undefined;
  const reason = `longer than ${MAX_MANIFEST / 1024 / 1024} MiB (only the first part of its text is kept)`;
  return { rejection: { file, line, field: null, reason, text: manifest.slice(0, MAX_TEXT) } };
}

/** Appends what one value of a file is worth: rows, rejections. */
function addValue(items: ManifestItem[], file: string, item: JsonItem): void {
  if ('problem' in item) {
    items.push({ rejection: { file, line: item.line, field: null, reason: item.problem, text: item.text } });
    return;
  }
  for (const part of parseManifest(item.value, item.text)) {
    if ('manifest' in part) items.push(tooLong(part.manifest, file, item.line) ?? part);
    else {
      const { problem, lines } = part;
      const text = part.text.length > MAX_TEXT ? part.text.slice(0, MAX_TEXT) : part.text;
      const note = text === part.text ? '' : ' (only the first part of its text is kept)';
      const line = item.line + lines;
      items.push({ rejection: { file, line, field: problem.field, reason: problem.message + note, text } });
    }
  }
}

/** One text file on its way through the splitter. */
class TextFile {
  readonly #splitter = new JsonSplitter();
  readonly #file: string;
  #found = 0;

  constructor(file: string) {
    this.#file = file;
  }

  push(bytes: Buffer, items: ManifestItem[]): void {
    this.#add(this.#splitter.push(bytes), items);
  }

  end(items: ManifestItem[]): void {
    this.#add(this.#splitter.end(), items);
    if (this.#found === 0 && this.#splitter.arrays === 0) items.push(rejection(this.#file, null, 'it is empty'));
  }

  #add(found: readonly JsonItem[], items: ManifestItem[]): void {
    this.#found += found.length;
    for (const item of found) addValue(items, this.#file, item);
  }
}

const head = Buffer.allocUnsafe(SMALL_BYTES);

/** The first bytes of a file, in a buffer that the next call overwrites. */
function readHead(file: string): Buffer {
  const fd = openSync(file, 'r');
  try {
    let length = 0;
    for (let read = -1; read !== 0 && length < head.length; length += read) {
      read = readSync(fd, head, length, head.length - length, null);
    }
    return head.subarray(0, length);
  } finally {
    closeSync(fd);
  }
}

async function* readText(file: string, source: Readable): AsyncGenerator<ManifestItem[]> {
  const text = new TextFile(file);
  let problem: ManifestItem | undefined;
  try {
    for await (const bytes of streamTextBytes(source)) {
      const items: ManifestItem[] = [];
      text.push(bytes, items);
      yield items;
    }
  } catch (error) {
    problem = rejection(file, null, `cannot be read to its end: ${messageOf(error)}`);
  }
  const items: ManifestItem[] = [];
  text.end(items);
  if (problem !== undefined) items.push(problem);
  yield items;
}

async function* readRows(file: string, session?: () => Promise<Session>): AsyncGenerator<ManifestItem[]> {
  try {
    let items: ManifestItem[] = [];
    for await (const { row, value } of readParquet(file, session)) {
      addValue(items, file, { line: row, text: JSON.stringify(value), value });
      if (items.length < CHUNK_ITEMS) continue;
      yield items;
      items = [];
    }
    yield items;
  } catch (error) {
    yield [rejection(file, null, `cannot be read as Parquet: ${messageOf(error)}`)];
  }
}

/** The items of one file: at once when it is small, else as a stream of them. */
function readOne(input: InputFile, options: ReadManifestsOptions): ManifestItem[] | AsyncGenerator<ManifestItem[]> {
  const { file } = input;
  if ('error' in input) return [rejection(file, null, `cannot be read: ${messageOf(input.error)}`)];
  options.onFile?.(file);
  if (file === '-') return readText(file, options.stdin ?? process.stdin);
  if (input.isStream === true) return readText(file, createReadStream(file));
  let bytes: Buffer;
  try {
    bytes = readHead(file);
  } catch (error) {
    return [rejection(file, null, `cannot be read: ${messageOf(error)}`)];
  }
  if (bytes.toString('latin1', 0, 4) === PARQUET_MAGIC || /\.parquet$/i.test(file)) {
    return readRows(file, options.session);
  }
  if (bytes.length === SMALL_BYTES || isGzip(bytes)) {
    return readText(file, createReadStream(file, { highWaterMark: STREAM_BYTES }));
  }
  const items: ManifestItem[] = [];
  const text = new TextFile(file);
  text.push(textBytes(bytes), items);
  text.end(items);
  return items;
}

/**
 * Reads manifests from files, folders, globs and standard input (`-`), in chunks of up to 1,000 items, in the order of the inputs and of the paths
 * within each (R2, R3). The form is told by the content: JSON object or array, NDJSON, concatenated JSON, each in UTF-8 or UTF-16, also gzipped; Parquet.
 * What is no manifest becomes a rejection with its place, and reading goes on; memory stays bounded whatever the size of the input.
 *
 * Rejects with a usage error, before anything is read, when an input does not exist.
 */
export async function* readManifests(
  inputs: readonly string[],
  options: ReadManifestsOptions = {},
): AsyncGenerator<readonly ManifestItem[]> {
  let ready: ManifestItem[] = [];
  for (const input of listInputs(inputs)) {
    const found = readOne(input, options);
    for await (const items of Array.isArray(found) ? [found] : found) {
      for (const item of items) {
        ready.push(item);
        if (ready.length < CHUNK_ITEMS) continue;
        yield ready;
        ready = [];
      }
    }
  }
  if (ready.length > 0) yield ready;
}
