import { closeSync, openSync, writeSync } from 'node:fs';
import { type JsonItem, JsonSplitter } from '../../base/json-scanner.js';
import { usageError } from '../../base/lake-error.js';
import { formatExtension } from './content.js';
import { csvLook } from './csv-dialect.js';
import { type JsonPart, partsOf, typeAt, valueText } from './json-text.js';
import { type ColumnKind, type FileColumn, formatError, REJECT_TEXT, type RejectedRow } from './model.js';
import type { TextReader } from './text-reader.js';

/** Text of rows that is kept in memory; more goes to a file. */
const KEEP_CHARACTERS = 8 * 1024 * 1024;
const WRITE_CHARACTERS = 256 * 1024;
/** The column of records that are no objects. */
const SCALAR_COLUMN = 'value';

const KINDS: Readonly<Record<number, ColumnKind>> = { 0: 'null', 1: 'text', 2: 'number', 4: 'boolean' };

type Row = (string | null)[];

interface Segment {
  readonly key: string;
  readonly each: boolean;
}

/** `rounds[].matches[]` as steps. */
function parseRecordsPath(path: string): Segment[] {
  const steps = path.replace(/^\$?\.?(?:\[\])?\.?/, '').split('.');
  return steps.map((step) => {
    const match = /^([^[\]]+)(\[\])?$/.exec(step);
    if (match === null)
      throw usageError(`"${path}" is no path to records`, {
        hint: 'write it as `rounds[].matches[]` or `data.items[]`',
      });
    return { key: match[1] as string, each: match[2] !== undefined };
  });
}

/** The records below `part`; the name of what is missing or of another kind when there are none. */
function descend(text: string, part: JsonPart, steps: readonly Segment[]): readonly JsonPart[] | string {
  const [step, ...rest] = steps;
  if (step === undefined) return [part];
  if (typeAt(text, part.from) !== 'object') return `"${step.key}" is looked for in a value that is no object`;
  const member = partsOf(text, part.from).findLast(({ key }) => key === step.key);
  if (member === undefined) return `it has no "${step.key}"`;
  const type = typeAt(text, member.from);
  if (!step.each) return descend(text, member, rest);
  if (type === 'null') return [];
  if (type !== 'array') return `"${step.key}" is no array`;
  const found: JsonPart[] = [];
  for (const element of partsOf(text, member.from)) {
    const below = descend(text, element, rest);
    if (typeof below === 'string') return below;
    found.push(...below);
  }
  return found;
}

/** What a pass over a JSON file found. */
export interface JsonPlan {
  readonly columns: readonly FileColumn[];
  readonly rows: number;
  readonly rejected: number;
  readonly notes: readonly string[];
  /** The rows, each with a text per column (or fewer); undefined when they are in the file `spilled`. */
  readonly kept: readonly Row[] | undefined;
  readonly longestRow: number;
}

export interface JsonPass {
  readonly reader: TextReader;
  readonly records: string | undefined;
  /** Where rows may be written, a JSON array per line. */
  readonly spill: string;
  readonly onReject: (row: RejectedRow) => Promise<void> | void;
  /** Called when a pass begins anew: what it had found is void. */
  readonly onRestart: () => Promise<void>;
}

/** Rows and their columns, in memory up to a size. */
class JsonRows {
  readonly #spill: string;
  readonly #columns = new Map<string, { at: number; kinds: number }>();
  readonly #notes = new Set<string>();
  #kept: Row[] = [];
  #characters = 0;
  #fd: number | undefined;
  rows = 0;
  longest = 0;

  constructor(spill: string) {
    this.#spill = spill;
  }

  /** Adds the record at `part` of valid JSON; why it cannot be a row, if so. */
  add(text: string, part: JsonPart): string | undefined {
    const isObject = typeAt(text, part.from) === 'object';
    const members = isObject ? partsOf(text, part.from) : [{ ...part, key: SCALAR_COLUMN }];
    const mayBreak = /\\u[dD][89a-fA-F]/.test(text);
    const row: Row = new Array(this.#columns.size).fill(null);
    const seen = new Set<string>();
    let size = 2;
    for (const member of members) {
      const value = valueText(text, member);
      if (mayBreak && value !== null && !isWellFormed(value + member.key)) return 'a text has half a surrogate pair';
      if (seen.has(member.key)) this.#notes.add(`"${member.key}" is twice in a record: the last is taken`);
      seen.add(member.key);
      row[this.#column(member.key, value === null ? 0 : kindBit(text, member.from))] = value;
      size += (value?.length ?? 4) + 3;
    }
    this.rows++;
    this.#keep(row, size);
    return undefined;
  }

  /** Ends the writing; nothing more is added. */
  close(): void {
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    try {
      this.#write(fd);
    } finally {
      closeSync(fd);
    }
  }

  get kept(): readonly Row[] | undefined {
    return this.#fd === undefined ? this.#kept : undefined;
  }

  get notes(): string[] {
    return [...this.#notes];
  }

  get columns(): FileColumn[] {
    return [...this.#columns].map(([name, { kinds }]) => ({ name, type: 'TEXT', kind: KINDS[kinds] ?? 'mixed' }));
  }

  #column(key: string, kind: number): number {
    const known = this.#columns.get(key);
    if (known === undefined) {
      this.#columns.set(key, { at: this.#columns.size, kinds: kind });
      return this.#columns.size - 1;
    }
    known.kinds |= kind;
    return known.at;
  }

  #keep(row: Row, size: number): void {
    this.#kept.push(row);
    this.#characters += size;
    this.longest = Math.max(this.longest, size);
    if (this.#fd === undefined && this.#characters < KEEP_CHARACTERS) return;
    this.#fd ??= openSync(this.#spill, 'w');
    if (this.#characters >= WRITE_CHARACTERS) this.#write(this.#fd);
  }

  #write(fd: number): void {
    const bytes = Buffer.from(this.#kept.map((row) => `${JSON.stringify(row)}\n`).join(''));
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    this.#kept = [];
    this.#characters = 0;
  }
}

function kindBit(text: string, from: number): number {
  const type = typeAt(text, from);
  return type === 'number' ? 2 : type === 'boolean' ? 4 : 1;
}

/** Whether a text can be written as UTF-8 without loss. */
function isWellFormed(text: string): boolean {
  try {
    encodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** One JSON file on its way through the splitter. */
class JsonFile {
  readonly #pass: JsonPass;
  readonly #steps: readonly Segment[];
  readonly #splitter = new JsonSplitter();
  readonly #isLines: boolean;
  #first: JsonItem | undefined;
  #head: Buffer | undefined;
  readonly rows: JsonRows;
  rejects: RejectedRow[] = [];
  rejected = 0;

  constructor(pass: JsonPass) {
    this.#pass = pass;
    this.#steps = pass.records === undefined ? [] : parseRecordsPath(pass.records);
    this.#isLines = /^\.(?:ndjson|jsonl)$/.test(formatExtension(pass.reader.file.path));
    this.rows = new JsonRows(pass.spill);
  }

  push(chunk: Buffer): void {
    this.#head ??= chunk;
    for (const item of this.#splitter.push(chunk)) this.#add(item);
  }

  end(): void {
    for (const item of this.#splitter.end()) this.#add(item);
  }

  get arrays(): number {
    return this.#splitter.arrays;
  }

  /** Whether a broken value leaves the others as they are: values on lines of their own. */
  get #forgives(): boolean {
    if (this.#splitter.arrays > 0) return false;
    const first = this.#first;
    return this.#isLines || (first !== undefined && 'value' in first && !first.text.includes('\n'));
  }

  #add(item: JsonItem): void {
    const { file } = this.#pass.reader;
    const isFirst = this.#first === undefined;
    this.#first ??= item;
    if ('problem' in item) {
      if (isFirst) this.#assertNoCsv();
      this.#refuse(item.line, item.problem, item.text);
      return;
    }
    const { arrays, loose } = this.#splitter;
    if (arrays > 1 || (arrays > 0 && loose > 0)) {
      throw formatError(file, 'something follows the JSON array', { line: item.line, hint: 'have it delivered again' });
    }
    const whole = { key: '', from: 0, to: item.text.length };
    const parts = this.#steps.length === 0 ? [whole] : descend(item.text, whole, this.#steps);
    if (typeof parts === 'string') {
      this.#refuse(item.line, `no records at "${this.#pass.records}": ${parts}`, item.text);
      return;
    }
    for (const part of parts) {
      const problem = this.rows.add(item.text, part);
      if (problem !== undefined) this.#refuse(item.line, problem, item.text.slice(part.from, part.to));
    }
  }

  #refuse(line: number, problem: string, text: string): void {
    if (!this.#forgives) {
      throw formatError(this.#pass.reader.file, problem, {
        line: line + linesBefore(problem, text),
        hint: 'no part of a JSON document is taken; have it delivered again',
      });
    }
    this.rejected++;
    this.rejects.push({ line, column: null, error: problem, text: text.slice(0, REJECT_TEXT) });
  }

  #assertNoCsv(): void {
    const look = csvLook(this.#head ?? Buffer.alloc(0));
    if (look === undefined) return;
    const name = formatExtension(this.#pass.reader.file.path);
    throw formatError(
      this.#pass.reader.file,
      `it is ${name === '' ? 'read as JSON' : `named ${name}`} but it looks like CSV with ${look}`,
      {
        line: 1,
        hint: 'set `format: csv` if that is what it is',
      },
    );
  }
}

/** Lines of a text before the position that JSON.parse names. */
function linesBefore(problem: string, text: string): number {
  const position = /at position (\d+)/.exec(problem)?.[1];
  return position === undefined ? 0 : text.slice(0, Number(position)).split('\n').length - 1;
}

async function settle(pass: JsonPass, json: JsonFile): Promise<void> {
  for (const row of json.rejects) await pass.onReject(row);
  json.rejects = [];
}

async function runPass(pass: JsonPass, chunks: AsyncIterable<Buffer>): Promise<JsonPlan> {
  await pass.onRestart();
  const json = new JsonFile(pass);
  const { rows } = json;
  let kept: readonly Row[] | undefined;
  try {
    for await (const chunk of chunks) {
      json.push(chunk);
      await settle(pass, json);
    }
    json.end();
    await settle(pass, json);
    kept = rows.kept;
  } finally {
    rows.close();
  }
  if (rows.rows === 0 && json.rejected > 0) {
    throw formatError(pass.reader.file, `none of its ${json.rejected} records is valid JSON`, {
      hint: 'have it delivered again',
    });
  }
  if (rows.rows > 0 && rows.columns.length === 0) {
    throw formatError(pass.reader.file, 'its records have no keys: there is nothing to load');
  }
  const notes = [...pass.reader.notes, ...rows.notes];
  return { columns: rows.columns, rows: rows.rows, rejected: json.rejected, notes, kept, longestRow: rows.longest };
}

/** Reads a JSON file to its end: an array, one object, or values one after the other. A document that is not valid JSON is refused as a whole, a line of NDJSON alone. */
export function planJson(pass: JsonPass): Promise<JsonPlan> {
  return pass.reader.pass((chunks) => runPass(pass, chunks));
}
