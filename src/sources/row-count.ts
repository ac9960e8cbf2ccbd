import { JsonSplitter } from '../base/json-scanner.js';

/** Counts the rows of a text file from its bytes, pushed in order. */
export interface RowCounter {
  push(bytes: Buffer): void;
  /** The number of rows, or null when the content does not have the form that its name says. */
  end(): number | null;
}

const TAB = 9;
const LF = 10;
const CR = 13;
const QUOTE = 34;
const COMMA = 44;
const SEMICOLON = 59;
const PIPE = 124;

type CsvState = 'start' | 'plain' | 'quoted' | 'closing';

/** The most frequent of the usual delimiters outside quotes in the first line; the comma wins ties. */
function sniffDelimiter(head: Buffer): number {
  const counts = new Map([COMMA, TAB, SEMICOLON, PIPE].map((byte) => [byte, 0]));
  let quoted = false;
  for (const byte of head) {
    if (byte === QUOTE) quoted = !quoted;
    else if (!quoted && (byte === LF || byte === CR)) break;
    else if (!quoted && counts.has(byte)) counts.set(byte, (counts.get(byte) ?? 0) + 1);
  }
  return [...counts].reduce((best, next) => (next[1] > best[1] ? next : best))[0];
}

/** Records of CSV (RFC 4180) minus one header. Quotes count only where a field starts, lines end with LF, CRLF or CR, and empty lines are none. */
export class CsvRowCounter implements RowCounter {
  #delimiter = 0;
  #state: CsvState = 'start';
  #records = 0;
  /** Whether the current line has any byte. */
  #open = false;

  push(bytes: Buffer): void {
    if (this.#delimiter === 0 && bytes.length > 0) this.#delimiter = sniffDelimiter(bytes);
    const delimiter = this.#delimiter;
    let state = this.#state;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i];
      if (state === 'quoted') {
        const next = bytes.indexOf(QUOTE, i);
        if (next < 0) break;
        i = next;
        state = 'closing';
      } else if (byte === LF || byte === CR) {
        if (this.#open) this.#records++;
        this.#open = false;
        state = 'start';
      } else {
        this.#open = true;
        if (byte === QUOTE && state !== 'plain') state = 'quoted';
        else state = byte === delimiter ? 'start' : 'plain';
      }
    }
    this.#state = state;
  }

  end(): number {
    const records = this.#records + (this.#open ? 1 : 0);
    return Math.max(0, records - 1);
  }
}

/** Lines of NDJSON that are not blank. */
export class LineCounter implements RowCounter {
  #lines = 0;
  #open = false;

  push(bytes: Buffer): void {
    for (const byte of bytes) {
      if (byte === LF) this.#open = false;
      else if (!this.#open && byte > 32) {
        this.#open = true;
        this.#lines++;
      }
    }
  }

  end(): number {
    return this.#lines;
  }
}

/** Elements of a JSON array, 1 for an object, the number of objects of NDJSON that is called JSON; null when it is not valid JSON. */
export class JsonRowCounter implements RowCounter {
  readonly #splitter = new JsonSplitter();
  #values = 0;
  #hasScalar = false;
  #broken = false;

  push(bytes: Buffer): void {
    if (!this.#broken) this.#add(this.#splitter.push(bytes));
  }

  end(): number | null {
    if (!this.#broken) this.#add(this.#splitter.end());
    const { arrays, loose } = this.#splitter;
    const isArray = arrays === 1 && loose === 0;
    const areObjects = arrays === 0 && loose > 0 && !this.#hasScalar;
    return !this.#broken && (isArray || areObjects) ? this.#values : null;
  }

  #add(items: ReturnType<JsonSplitter['push']>): void {
    for (const item of items) {
      if ('problem' in item) this.#broken = true;
      else {
        this.#values++;
        if (typeof item.value !== 'object' || item.value === null) this.#hasScalar = true;
      }
    }
  }
}
