const LF = 10;
const CR = 13;

/** What a record was found to be; offsets are into `bytes`, without the line end. */
export interface CsvRecord {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  /** Where the next record begins. */
  readonly next: number;
  readonly fields: number;
  /** Whether a field without quotes around it has a quote in it. */
  readonly hasStray: boolean;
  /** 1-based, of its first character. */
  readonly line: number;
  /** Why it is no record of RFC 4180. */
  readonly problem: string | null;
  /** The field (from 0) with the problem. */
  readonly problemField: number;
}

/** The reading of CSV at the level of bytes; each is one ASCII character, -1 for none. */
export interface CsvBytes {
  readonly delimiter: number;
  readonly quote: number;
  readonly escaper: number;
}

const STATE = { start: 0, plain: 1, quoted: 2, closing: 3, bad: 4 } as const;

/** Longest record: a longer one is a quote that was never closed. */
export const MAX_RECORD = 64 * 1024 * 1024;
const NOTHING = Buffer.alloc(0);
const UNCLOSED = 'a quoted field is not closed';

/**
 * Splits UTF-8 text into CSV records, pushed in pieces of any size. Lines end with LF, CRLF or CR outside quotes. Quotes count where a field starts; after
 * the closing one only a delimiter or the end of the line may follow. A record that breaks this reaches to the end of the line of the break.
 */
export class CsvScanner {
  readonly #dialect: CsvBytes;
  readonly #onRecord: (record: CsvRecord) => void;
  #bytes: Buffer = NOTHING;
  #start = 0;
  #at = 0;
  #state: number = STATE.start;
  #fields = 1;
  #line: number;
  #hasQuotes = false;
  #hasStray = false;
  #escaped = false;
  #problem: string | null = null;
  #problemField = 0;

  constructor(dialect: CsvBytes, onRecord: (record: CsvRecord) => void, line = 1) {
    this.#line = line;
    this.#dialect = dialect;
    this.#onRecord = onRecord;
  }

  /** Bytes of the record that is not complete yet. */
  get pending(): number {
    return this.#bytes.length - this.#start;
  }

  /** Whether it ends, so far, inside quotes. */
  get isOpen(): boolean {
    return this.#state === STATE.quoted;
  }

  /** The line that the pending record starts on. */
  get line(): number {
    return this.#line;
  }

  push(chunk: Buffer): void {
    const rest = this.#bytes.subarray(this.#start);
    this.#at -= this.#start;
    this.#bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    this.#start = 0;
    this.#scan(false);
  }

  end(): void {
    this.#scan(true);
    if (this.#start === this.#bytes.length) return;
    if (this.#state === STATE.quoted) this.#fail(UNCLOSED);
    this.#emit(this.#bytes.length, this.#bytes.length);
  }

  #fail(problem: string): void {
    this.#problem = problem;
    this.#problemField = this.#fields - 1;
    this.#state = STATE.bad;
  }

  #scan(final: boolean): void {
    const bytes = this.#bytes;
    const length = bytes.length;
    while (this.#at < length) {
      if (this.#state === STATE.quoted) {
        this.#skipQuoted();
        continue;
      }
      if (this.#state === STATE.plain || this.#state === STATE.bad) {
        this.#skipPlain();
        if (this.#at === length) return;
      }
      const byte = bytes[this.#at] as number;
      if (byte === LF || byte === CR) {
        if (byte === CR && this.#at + 1 === length && !final) return;
        const wide = byte === CR && bytes[this.#at + 1] === LF;
        this.#emit(this.#at, this.#at + (wide ? 2 : 1));
      } else this.#step(byte);
    }
  }

  /** Moves over fields without quotes to the end of the line, or to where a field may start with a quote. */
  #skipPlain(): void {
    const bytes = this.#bytes;
    const length = bytes.length;
    const { quote } = this.#dialect;
    const delimiter = this.#state === STATE.bad ? -1 : this.#dialect.delimiter;
    let fields = this.#fields;
    let at = this.#at;
    for (; at < length; at++) {
      const byte = bytes[at];
      if (byte === delimiter) {
        fields++;
        if (at + 1 === length || bytes[at + 1] === quote) {
          at++;
          this.#state = STATE.start;
          break;
        }
      } else if (byte === LF || byte === CR) break;
      else if (byte === quote) this.#hasStray = true;
    }
    this.#fields = fields;
    this.#at = at;
  }

  #skipQuoted(): void {
    const { quote, escaper } = this.#dialect;
    const bytes = this.#bytes;
    if (escaper === quote || escaper < 0) {
      const found = bytes.indexOf(quote, this.#at);
      this.#at = found < 0 ? bytes.length : found + 1;
      if (found >= 0) this.#state = STATE.closing;
      return;
    }
    let at = this.#at;
    if (this.#escaped) {
      this.#escaped = false;
      at++;
    }
    while (at < bytes.length && bytes[at] !== quote && bytes[at] !== escaper) at++;
    if (bytes[at] === escaper) {
      this.#at = at + 1;
      this.#escaped = true;
    } else {
      this.#at = Math.min(at + 1, bytes.length);
      if (at < bytes.length) this.#state = STATE.closing;
    }
  }

  /** One byte at the start of a field, after a field, or after a quote that may close one. */
  #step(byte: number): void {
    const { delimiter, quote, escaper } = this.#dialect;
    if (byte === delimiter) {
      this.#fields++;
      this.#at++;
      this.#state = STATE.start;
    } else if (this.#state === STATE.closing) {
      if (byte === quote && escaper === quote) {
        this.#state = STATE.quoted;
        this.#at++;
      } else this.#fail('text follows the closing quote of a field');
    } else if (byte === quote && this.#state === STATE.start) {
      this.#hasQuotes = true;
      this.#state = STATE.quoted;
      this.#at++;
    } else this.#state = STATE.plain;
  }

  #emit(end: number, next: number): void {
    const start = this.#start;
    const bytes = this.#bytes;
    this.#onRecord({
      bytes,
      start,
      end,
      next,
      fields: this.#fields,
      hasStray: this.#hasStray,
      line: this.#line,
      problem: this.#problem,
      problemField: this.#problemField,
    });
    this.#line += 1 + (this.#hasQuotes ? lineBreaks(bytes, start, end) : 0);
    this.#start = this.#at = next;
    this.#state = STATE.start;
    this.#fields = 1;
    this.#hasQuotes = false;
    this.#hasStray = false;
    this.#escaped = false;
    this.#problem = null;
  }
}

/** Line ends within a record: LF, CRLF and CR each count once. */
function lineBreaks(bytes: Buffer, start: number, end: number): number {
  const part = bytes.subarray(start, end);
  let count = 0;
  for (let at = part.indexOf(LF); at >= 0; at = part.indexOf(LF, at + 1)) count++;
  for (let at = part.indexOf(CR); at >= 0; at = part.indexOf(CR, at + 1)) if (part[at + 1] !== LF) count++;
  return count;
}
