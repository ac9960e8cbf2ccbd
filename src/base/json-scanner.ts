import { isUtf8 } from 'node:buffer';

/** One JSON value found in a stream, or a stretch of text that is none. `line` is 1-based, of the first character. */
export type JsonItem =
  | { readonly line: number; readonly text: string; readonly value: unknown }
  | { readonly line: number; readonly text: string; readonly problem: string };

export interface JsonSplitterOptions {
  /** Longest value in bytes; a longer one becomes a problem. */
  readonly maxBytes?: number;
  /** How many bytes of text a problem carries at most. */
  readonly keepBytes?: number;
}

/** Longest single value by default: 64 MiB. */
const MAX_BYTES = 64 * 1024 * 1024;
/** Text that a problem carries, and the longest line that is tried as one value before it is scanned: 1 MiB. */
const KEEP_BYTES = 1024 * 1024;
const MAX_DEPTH = 200;

const LF = 10;
const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const OPEN_LIST = 91;
const BACKSLASH = 92;
const CLOSE_LIST = 93;
const OPEN = 123;
const CLOSE = 125;
const UTF8_BOM = Buffer.from('\ufeff');

function isSpace(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13);
}

/** Where a scan stands; `at` is relative to the start of the value, so that the buffer may move below it. */
interface Scan {
  at: number;
  depth: number;
  inString: boolean;
  escaped: boolean;
  lines: number;
  /** Column since the last line break while only blanks were seen on the line, else -1. */
  column: number;
  /** The last byte that is no blank, outside strings. */
  last: number;
  readonly indent: number;
  readonly stack: Uint8Array;
}

interface Failure {
  readonly line: number;
  readonly reason: string;
  readonly indent: number;
  kept: Buffer;
}

/**
 * Splits UTF-8 bytes into JSON values: NDJSON, concatenated or pretty-printed values, and the elements of top-level arrays
 * (an array is never held as a whole). Bytes are pushed in pieces of any size; the items do not depend on where they are cut.
 *
 * A value that is broken becomes a problem, and reading goes on: at the next value when its brackets balance, else at the next line
 * that starts with `{` and is not indented deeper than the broken value. Memory stays below the longest value allowed.
 */
export class JsonSplitter {
  readonly #maxBytes: number;
  readonly #keepBytes: number;
  #bytes: Buffer = Buffer.alloc(0);
  #store: Buffer = this.#bytes;
  #start = 0;
  #line = 1;
  /** Column of `#start` when only blanks stand before it on its line, else -1. */
  #column = 0;
  #inArray = false;
  /** What stands before `#start` in the array that is open. */
  #before: 'nothing' | 'element' | 'comma' = 'nothing';
  #arrayBroken = false;
  #arrayLine = 1;
  #arrays = 0;
  #loose = 0;
  #scan: Scan | undefined;
  #failure: Failure | undefined;

  constructor(options: JsonSplitterOptions = {}) {
    this.#maxBytes = options.maxBytes ?? MAX_BYTES;
    this.#keepBytes = Math.min(options.keepBytes ?? KEEP_BYTES, this.#maxBytes);
  }

  /** The values that are complete with these bytes. The splitter may keep `chunk`: do not write into it afterwards. */
  push(chunk: Buffer): JsonItem[] {
    this.#append(chunk);
    return this.#drain(false);
  }

  /** What is left when the input ends. */
  end(): JsonItem[] {
    const items = this.#drain(true);
    if (this.#inArray && !this.#arrayBroken) {
      items.push({ line: this.#arrayLine, text: '', problem: 'the JSON array that starts here is not closed' });
    }
    return items;
  }

  /** Number of top-level arrays so far. */
  get arrays(): number {
    return this.#arrays;
  }

  /** Number of values so far that stand in no array. */
  get loose(): number {
    return this.#loose;
  }

  #append(chunk: Buffer): void {
    const rest = this.#bytes.length - this.#start;
    if (rest === 0) {
      this.#bytes = this.#store = chunk;
    } else {
      const end = this.#bytes.length;
      const owned = this.#store !== this.#bytes;
      if (owned && this.#store.length - end >= chunk.length) {
        chunk.copy(this.#store, end);
        this.#bytes = this.#store.subarray(0, end + chunk.length);
        return;
      }
      const size = rest + chunk.length;
      const store = Buffer.allocUnsafe(rest > KEEP_BYTES ? size * 2 : size + 1);
      this.#bytes.copy(store, 0, this.#start);
      chunk.copy(store, rest);
      this.#store = store;
      this.#bytes = store.subarray(0, size);
    }
    this.#start = 0;
  }

  #drain(final: boolean): JsonItem[] {
    const items: JsonItem[] = [];
    for (;;) {
      const item = this.#failure === undefined ? this.#next(final, items) : this.#recover(this.#failure, final);
      if (item === undefined) return items;
      if (item === true) continue;
      if (!this.#inArray) this.#loose++;
      items.push(item);
    }
  }

  /** The next item; true when something was consumed that is none; undefined when more bytes are needed. */
  #next(final: boolean, items: JsonItem[]): JsonItem | true | undefined {
    if (this.#scan === undefined) {
      this.#skipBlanks();
      if (this.#start === this.#bytes.length) return undefined;
      const byte = this.#bytes[this.#start];
      if (this.#inArray) {
        if (this.#stepInArray(byte, items)) return true;
      } else if (byte === OPEN_LIST) {
        this.#inArray = true;
        this.#arrays++;
        this.#arrayLine = this.#line;
        this.#before = 'nothing';
        this.#arrayBroken = false;
        this.#start++;
        this.#column = -1;
        return true;
      } else {
        const item = this.#nextLine(final, byte === OPEN);
        if (item !== 'scan') return item;
      }
      this.#scan = this.#newScan();
    }
    return this.#scanned(this.#scan, final);
  }

  #skipBlanks(): void {
    const bytes = this.#bytes;
    let at = this.#start;
    for (; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (byte === LF) {
        this.#line++;
        this.#column = 0;
      } else if (isSpace(byte)) {
        if (this.#column >= 0) this.#column++;
      } else break;
    }
    this.#start = at;
  }

  /** Handles `,` and `]` between elements; true when it consumed a byte. */
  #stepInArray(byte: number | undefined, items: JsonItem[]): boolean {
    if (byte === COMMA || byte === CLOSE_LIST) {
      const closes = byte === CLOSE_LIST;
      const missing = this.#before === 'comma' || (!closes && this.#before === 'nothing' && !this.#arrayBroken);
      if (missing) items.push(this.#at(`an array element is missing before "${closes ? ']' : ','}"`));
      this.#inArray = !closes;
      this.#before = 'comma';
      this.#start++;
      this.#column = -1;
      return true;
    }
    if (this.#before === 'element') items.push(this.#at('"," is missing between two array elements'));
    this.#before = 'nothing';
    return false;
  }

  #at(problem: string): JsonItem {
    return { line: this.#line, text: '', problem };
  }

  /** Outside arrays: the value that is exactly one line; a line of something else; 'scan' when a longer value starts here. */
  #nextLine(final: boolean, isObject: boolean): JsonItem | true | undefined | 'scan' {
    const bytes = this.#bytes;
    const found = bytes.indexOf(LF, this.#start);
    const end = found >= 0 ? found : bytes.length;
    const short = end - this.#start < this.#keepBytes;
    if (short && found < 0 && !final) return undefined;
    if (!isObject && bytes.indexOf(UTF8_BOM, this.#start) === this.#start) {
      this.#start += UTF8_BOM.length;
      return true;
    }
    if (short) {
      let last = end;
      while (isSpace(bytes[last - 1] as number)) last--;
      const item = this.#parse(this.#start, last);
      if (isObject && 'problem' in item) return 'scan';
      this.#start = end;
      return item;
    }
    if (isObject) return 'scan';
    this.#fail('this is not JSON');
    return true;
  }

  #parse(start: number, end: number): JsonItem {
    const text = this.#bytes.toString('utf8', start, end);
    if (text.includes('\ufffd') && !isUtf8(this.#bytes.subarray(start, end))) {
      return { line: this.#line, text: text.slice(0, this.#keepBytes), problem: 'the text is not valid UTF-8' };
    }
    try {
      return { line: this.#line, text, value: JSON.parse(text) };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { line: this.#line, text: text.slice(0, this.#keepBytes), problem: `not valid JSON: ${reason}` };
    }
  }

  #newScan(): Scan {
    return {
      at: 0,
      depth: 0,
      inString: false,
      escaped: false,
      lines: 0,
      column: -1,
      last: 0,
      indent: Math.max(0, this.#column),
      stack: new Uint8Array(MAX_DEPTH + 1),
    };
  }

  #scanned(scan: Scan, final: boolean): JsonItem | true | undefined {
    const state = advance(scan, this.#bytes, this.#start);
    const open = state === 'more' && !(final && scan.depth === 0 && !scan.inString);
    const tooLong = scan.at > this.#maxBytes;
    if (open && !final && !tooLong) return undefined;
    if (tooLong) this.#fail(`longer than ${Math.floor(this.#maxBytes / 1024 / 1024)} MiB`);
    else if (open) this.#fail('the input ends inside this value');
    else if (state !== 'done' && state !== 'more') this.#fail(state);
    else {
      const item = this.#parse(this.#start, this.#start + scan.at);
      this.#start += scan.at;
      this.#line += scan.lines;
      this.#column = -1;
      this.#before = 'element';
      this.#scan = undefined;
      return item;
    }
    return true;
  }

  #fail(reason: string): void {
    this.#failure = { line: this.#line, reason, indent: Math.max(0, this.#column), kept: Buffer.alloc(0) };
    this.#arrayBroken = this.#inArray;
    this.#scan = undefined;
  }

  /** Drops bytes up to the next line where a value may start; the text of the failure is what was dropped. */
  #recover(failure: Failure, final: boolean): JsonItem | undefined {
    const bytes = this.#bytes;
    let found = -1;
    let dropTo = bytes.length;
    for (let lf = bytes.indexOf(LF, this.#start); lf >= 0 && found < 0; lf = bytes.indexOf(LF, lf + 1)) {
      let at = lf + 1;
      const deepest = at + failure.indent;
      while (at < deepest && (bytes[at] === 32 || bytes[at] === 9)) at++;
      if (bytes[at] === OPEN) found = lf + 1;
      else if (at >= bytes.length) dropTo = lf;
    }
    if (found < 0 && !final) {
      this.#drop(failure, dropTo);
      return undefined;
    }
    this.#drop(failure, found < 0 ? bytes.length : found);
    this.#failure = undefined;
    this.#column = 0;
    this.#before = 'nothing';
    const note = failure.kept.length < this.#keepBytes ? '' : ' (only the first part of its text is kept)';
    return { line: failure.line, text: failure.kept.toString('utf8').trimEnd(), problem: failure.reason + note };
  }

  #drop(failure: Failure, to: number): void {
    const part = this.#bytes.subarray(this.#start, to);
    const room = this.#keepBytes - failure.kept.length;
    if (room > 0 && part.length > 0) failure.kept = Buffer.concat([failure.kept, part.subarray(0, room)]);
    for (let at = part.indexOf(LF); at >= 0; at = part.indexOf(LF, at + 1)) this.#line++;
    this.#start = to;
  }
}

/** The index of the first byte from `at` on that can end a string or is its escape or a line break. */
function skipString(bytes: Buffer, at: number): number {
  let i = at;
  for (; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE || byte === BACKSLASH || byte === LF) break;
  }
  return i;
}

/** Goes on until the value is done or broken (the reason is returned) or the bytes end. */
function advance(scan: Scan, bytes: Buffer, start: number): string {
  let at = start + scan.at;
  for (; at < bytes.length; at++) {
    if (scan.inString) {
      if (scan.escaped) {
        scan.escaped = false;
        continue;
      }
      at = skipString(bytes, at);
      if (bytes[at] === LF) return finish(scan, at - start, 'a string is not closed on its line');
      scan.escaped = bytes[at] === BACKSLASH;
      if (bytes[at] !== QUOTE) continue;
      scan.inString = false;
      scan.last = QUOTE;
      if (scan.depth === 0) return finish(scan, at + 1 - start, 'done');
      continue;
    }
    const byte = bytes[at] as number;
    if (isSpace(byte)) {
      if (scan.depth === 0) return finish(scan, at - start, 'done');
      if (byte === LF) {
        scan.lines++;
        scan.column = 0;
      } else if (scan.column >= 0) scan.column++;
      continue;
    }
    const end = structural(scan, byte);
    if (end !== undefined) return finish(scan, at + 1 - start, end);
    if (scan.depth === 0 && (byte === COMMA || byte === CLOSE_LIST)) return finish(scan, at - start, 'done');
    scan.last = byte;
    scan.column = -1;
  }
  return finish(scan, Math.min(at, bytes.length) - start, 'more');
}

const finish = (scan: Scan, at: number, state: string): string => {
  scan.at = at;
  return state;
};

/** What a byte outside strings does to the nesting; a result ends the scan. */
function structural(scan: Scan, byte: number): string | undefined {
  switch (byte) {
    case QUOTE:
      scan.inString = true;
      return undefined;
    case OPEN:
    case OPEN_LIST:
      if (byte === OPEN && startsOver(scan)) return 'the value is not closed before the next one starts';
      if (scan.depth === MAX_DEPTH) return `nested deeper than ${MAX_DEPTH} levels`;
      scan.depth++;
      scan.stack[scan.depth] = byte;
      return undefined;
    case CLOSE:
    case CLOSE_LIST:
      if (scan.depth === 0) return undefined;
      scan.depth--;
      return scan.depth === 0 ? 'done' : undefined;
    default:
      return undefined;
  }
}

/** A `{` at the start of a line, no deeper than this value, where JSON allows no value: a new value after one that was cut off. */
function startsOver(scan: Scan): boolean {
  if (scan.depth === 0 || scan.column < 0 || scan.column > scan.indent) return false;
  const inList = scan.stack[scan.depth] === OPEN_LIST;
  return !(scan.last === COLON || scan.last === OPEN_LIST || (scan.last === COMMA && inList));
}
