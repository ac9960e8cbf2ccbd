import { closeSync, openSync, writeSync } from 'node:fs';
import { assertIsCsv } from './content.js';
import { csvDialect, fieldsOf } from './csv-dialect.js';
import { type CsvBytes, type CsvRecord, CsvScanner, MAX_RECORD } from './csv-scanner.js';
import { type FileToStage, type FormatOptions, formatError, REJECT_TEXT, type RejectedRow } from './model.js';
import type { TextReader } from './text-reader.js';

/** Bytes at the start that the delimiter and the kind of content are told from. */
const HEAD_BYTES = 1024 * 1024;
/** An unclosed quote that has swallowed more than this makes the file unreadable as a whole. */
const MAX_UNCLOSED = 1024 * 1024;
const WRITE_BYTES = 256 * 1024;
const LF = 10;
const CR = 13;
const NEWLINE = Buffer.from('\n');

/** What a pass over a CSV file found, and what DuckDB is to read. */
export interface CsvPlan {
  /** The file itself or a cleaned copy. */
  readonly source: string;
  /** Whether the first record of `source` is a header. */
  readonly header: boolean;
  readonly newline: '\n' | undefined;
  readonly delimiter: string;
  readonly quote: string;
  readonly names: readonly string[];
  readonly rows: number;
  readonly rejected: number;
  /** Bytes of text. */
  readonly size: number;
  readonly longestRecord: number;
  readonly notes: readonly string[];
}

export interface CsvPass {
  readonly reader: TextReader;
  readonly options: FormatOptions;
  /** Where a cleaned copy may be written. */
  readonly copy: string;
  readonly onReject: (row: RejectedRow) => Promise<void> | void;
  /** Called when a pass begins anew: what it had found is void. */
  readonly onRestart: () => Promise<void>;
}

/** Writes the records that are good, each ended by LF, in the plainest form of CSV that DuckDB reads alike at every size. */
class CleanCopy {
  readonly #fd: number;
  readonly #dialect: CsvBytes;
  #parts: Buffer[] = [];
  #size = 0;

  constructor(path: string, dialect: CsvBytes) {
    this.#fd = openSync(path, 'w');
    this.#dialect = dialect;
  }

  add(record: CsvRecord): void {
    const { bytes, start, end } = record;
    const { escaper, quote } = this.#dialect;
    if (escaper !== quote || record.hasStray) this.#push(Buffer.from(plainRecord(record, this.#dialect)));
    else if (end < record.next && bytes[end] === LF) this.#push(bytes.subarray(start, end + 1));
    else {
      this.#push(bytes.subarray(start, end));
      this.#push(NEWLINE);
    }
  }

  blank(): void {
    this.#push(NEWLINE);
  }

  close(): void {
    this.flush();
    closeSync(this.#fd);
  }

  /** The parts are views of what was pushed into the scanner: they are written before it goes on. */
  flush(): void {
    if (this.#parts.length > 0) {
      const bytes = Buffer.concat(this.#parts);
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
    }
    this.#parts = [];
    this.#size = 0;
  }

  #push(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.#size += bytes.length;
    if (this.#size >= WRITE_BYTES) this.flush();
  }
}

/** What a dialect becomes in a cleaned copy: commas and doubled quotes where it has an escape character, else the same. */
function cleanDialect({ delimiter, quote, escaper }: CsvBytes): { delimiter: string; quote: string } {
  if (quote < 0) return { delimiter: String.fromCharCode(delimiter), quote: '' };
  if (escaper !== quote) return { delimiter: ',', quote: '"' };
  return { delimiter: String.fromCharCode(delimiter), quote: String.fromCharCode(quote) };
}

/** A record with quotes around every field that needs them. */
function plainRecord(record: CsvRecord, dialect: CsvBytes): string {
  const { delimiter, quote } = cleanDialect(dialect);
  const texts = fieldsOf(record, dialect).map(({ text, quoted }) => {
    const needsQuotes = quoted || text.includes(quote) || text.includes(delimiter);
    return needsQuotes ? quote + text.replaceAll(quote, quote + quote) + quote : text;
  });
  return `${texts.join(delimiter)}\n`;
}

const plural = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** Judges the records of one pass. */
class CsvJudge {
  readonly #pass: CsvPass;
  readonly #dialect: CsvBytes;
  readonly #out: CleanCopy | undefined;
  readonly #hasHeader: boolean;
  #seen = false;
  #blanks = 0;
  names: string[] = [];
  rows = 0;
  rejects: RejectedRow[] = [];
  rejected = 0;
  mismatched = 0;
  longest = 0;
  first: RejectedRow | undefined;
  /** Why DuckDB cannot read the file as it is. */
  isDirty = false;
  #lineEnd = 0;

  constructor(pass: CsvPass, dialect: CsvBytes, out: CleanCopy | undefined) {
    this.#pass = pass;
    this.#dialect = dialect;
    this.#out = out;
    this.#hasHeader = pass.options.header ?? true;
    this.isDirty = (pass.options.skip ?? 0) > 0;
  }

  get newline(): '\n' | undefined {
    return this.#lineEnd === 2 ? undefined : '\n';
  }

  record(record: CsvRecord): void {
    const { start, end, next } = record;
    this.#noteLineEnd(record);
    this.longest = Math.max(this.longest, next - start);
    if (start === end) {
      this.#blank();
      return;
    }
    if (!this.#seen) this.#first(record);
    else this.#row(record);
  }

  end(): void {
    if (this.#blanks > 0 && this.names.length === 1) this.isDirty = true;
  }

  #noteLineEnd({ bytes, end, next }: CsvRecord): void {
    if (next === end) return;
    const kind = next - end === 2 ? 2 : bytes[end] === CR ? 3 : 1;
    if (this.#lineEnd === 0) this.#lineEnd = kind;
    if (kind !== this.#lineEnd || kind === 3) this.isDirty = true;
  }

  /** Lines without anything are no rows; only in a file of one column they are, unless they are the last ones. */
  #blank(): void {
    if (!this.#seen) this.isDirty = true;
    else this.#blanks++;
  }

  #first(record: CsvRecord): void {
    this.#seen = true;
    if (record.problem !== null) {
      throw formatError(this.#pass.reader.file, `${record.problem} in the first record`, {
        line: record.line,
        hint: 'if the header comes later, set `skip` to the number of lines before it',
      });
    }
    const fields = fieldsOf(record, this.#dialect);
    if (this.#hasHeader) {
      this.names = fields.map(({ text }) => text);
      // DuckDB tells the line end from the first one that it sees, inside quotes too.
      const header = record.bytes.subarray(record.start, record.end);
      if (header.includes(LF) || header.includes(CR)) this.isDirty = true;
      return;
    }
    this.names = fields.map(() => '');
    this.#row(record);
  }

  #row(record: CsvRecord): void {
    const { bytes, end, fields, problem } = record;
    const wanted = this.names.length;
    // One delimiter after the last field is a habit of some writers, and no value is lost with it.
    const isSurplus = fields === wanted + 1 && bytes[end - 1] === this.#dialect.delimiter;
    if (problem === null && (fields === wanted || isSurplus)) {
      this.#good(record);
      return;
    }
    this.isDirty = true;
    this.rejected++;
    if (problem === null) this.mismatched++;
    const column = this.names[problem === null ? fields : record.problemField];
    const row: RejectedRow = {
      line: record.line,
      column: column === undefined || column === '' ? null : column,
      error: problem ?? `${plural(fields, 'field')} where the header has ${plural(wanted, 'column')}`,
      text: bytes.toString('utf8', record.start, Math.min(end, record.start + REJECT_TEXT)),
    };
    this.first ??= row;
    this.rejects.push(row);
  }

  #good(record: CsvRecord): void {
    // DuckDB takes quotes for such when blanks stand before them.
    if (record.hasStray) this.isDirty = true;
    if (this.names.length === 1) {
      this.rows += this.#blanks;
      for (; this.#blanks > 0; this.#blanks--) this.#out?.blank();
    }
    this.#blanks = 0;
    this.rows++;
    this.#out?.add(record);
  }
}

interface Head {
  readonly bytes: Buffer;
  readonly whole: boolean;
}

/** The offset after so many lines. */
function afterLines(file: FileToStage, bytes: Buffer, lines: number): number {
  let at = 0;
  for (let line = 0; line < lines; line++) {
    while (at < bytes.length && bytes[at] !== LF && bytes[at] !== CR) at++;
    if (at === bytes.length) throw formatError(file, `it has not the ${plural(lines, 'line')} that are to be skipped`);
    at += bytes[at] === CR && bytes[at + 1] === LF ? 2 : 1;
  }
  return at;
}

/** The first megabyte of a text, and an iteration that gives it once more with the rest. */
async function withHead(
  chunks: AsyncIterable<Buffer>,
  skip: (bytes: Buffer) => number,
): Promise<{ head: Head; all: AsyncGenerator<Buffer> }> {
  const iterator = chunks[Symbol.asyncIterator]();
  const parts: Buffer[] = [];
  let size = 0;
  let whole = false;
  while (size < HEAD_BYTES && !whole) {
    const { value, done } = await iterator.next();
    if (done === true) whole = true;
    else {
      parts.push(value);
      size += value.length;
    }
  }
  const start = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  const bytes = start.subarray(skip(start));
  const all = (async function* () {
    yield bytes;
    if (!whole)
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  })();
  return { head: { bytes: bytes.subarray(0, HEAD_BYTES), whole: whole && size <= HEAD_BYTES }, all };
}

interface PassResult {
  readonly judge: CsvJudge;
  readonly dialect: CsvBytes;
  readonly size: number;
}

/** One pass over the text; with `copies` its good records are written. */
async function runPass(pass: CsvPass, chunks: AsyncIterable<Buffer>, copies: boolean): Promise<PassResult> {
  const { reader, options } = pass;
  const { file } = reader;
  await pass.onRestart();
  const { head, all } = await withHead(chunks, (bytes) => afterLines(file, bytes, options.skip ?? 0));
  assertIsCsv(file, head.bytes, options);
  const dialect = csvDialect(file, options, head);
  const out = copies ? new CleanCopy(pass.copy, dialect) : undefined;
  const judge = new CsvJudge(pass, dialect, out);
  const scanner = new CsvScanner(dialect, (record) => judge.record(record), 1 + (options.skip ?? 0));
  let size = 0;
  try {
    for await (const chunk of all) {
      if (chunk.includes(0)) throw formatError(file, 'it holds NUL bytes: this is not a text file');
      size += chunk.length;
      scanner.push(chunk);
      await settle(pass, judge, out);
      if (scanner.pending > MAX_RECORD) throw unclosed(file, scanner.line);
    }
    if (scanner.pending > MAX_UNCLOSED && scanner.isOpen) throw unclosed(file, scanner.line);
    scanner.end();
    judge.end();
    await settle(pass, judge, out);
  } finally {
    out?.close();
  }
  return { judge, dialect, size };
}

function unclosed(file: FileToStage, line: number): Error {
  return formatError(file, `a quote that opens in the record of line ${line} is never closed`, {
    line,
    hint: 'mend that line, or set `quote` to an empty text if quotes have no meaning in this file',
  });
}

async function settle(pass: CsvPass, judge: CsvJudge, out: CleanCopy | undefined): Promise<void> {
  out?.flush();
  for (const row of judge.rejects) await pass.onReject(row);
  judge.rejects = [];
}

/**
 * Reads a CSV file to its end and says what DuckDB is to read for it: the file itself when that is plain, else a copy with its good records only. What is
 * no record goes to `onReject`. The number of rows is counted here; DuckDB must come to the same.
 */
export async function planCsv(pass: CsvPass): Promise<CsvPlan> {
  const { reader } = pass;
  const escapes = pass.options.escape !== undefined && pass.options.escape !== (pass.options.quote ?? '"');
  let copies = false;
  const attempt = async (chunks: AsyncIterable<Buffer>) => {
    // Known only within the pass: the bytes may turn out to be no UTF-8.
    copies = !reader.direct || escapes;
    return runPass(pass, chunks, copies);
  };
  let result = await reader.pass(attempt);
  if (result.judge.isDirty && !copies) {
    copies = true;
    result = await reader.pass((chunks) => runPass(pass, chunks, true));
  }
  const { judge, dialect, size } = result;
  assertReadable(reader.file, judge);
  return {
    source: copies ? pass.copy : reader.file.location,
    header: !copies && (pass.options.header ?? true),
    newline: copies ? '\n' : judge.newline,
    ...cleanDialect(dialect),
    names: judge.names,
    rows: judge.rows,
    rejected: judge.rejected,
    size,
    longestRecord: judge.longest,
    notes: reader.notes,
  };
}

/** A file of which no record fits its header was not understood. */
function assertReadable(file: FileToStage, judge: CsvJudge): void {
  if (judge.rows > 0 || judge.first === undefined) return;
  const { line, error } = judge.first;
  const misread = judge.mismatched === judge.rejected && judge.rejected > 1;
  throw formatError(file, `none of its ${plural(judge.rejected, 'record')} can be read; the first: ${error}`, {
    ...(line === null ? {} : { line }),
    hint: misread
      ? 'the first line does not seem to be the header: set `skip` to the number of lines before it, or `delimiter`'
      : 'have it delivered again',
  });
}
