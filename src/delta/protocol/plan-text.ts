/** The lexical part of DuckDB's EXPLAIN text: literals, and skipping what is not understood. */

/** A place in a text, moved by the functions that read from it. */
export interface Cursor {
  readonly text: string;
  at: number;
}

/** A constant as printed: `'it''s'`, `'2020-01-01'::DATE`, `-1.50`, `true`, `NULL`. */
export interface RawLiteral {
  readonly kind: 'string' | 'number' | 'word';
  /** Without quotes. */
  readonly text: string;
  /** The type after `::`, if there is one. */
  readonly cast: string | undefined;
}

const STRING = /'((?:[^']|'')*)'(?:::([A-Z_]+(?: WITH TIME ZONE)?(?:\(\d+(?:,\d+)?\))?))?/y;
const NUMBER = /-?(?:\d+(?:\.\d+)?|\.\d+)(?:e[+-]?\d+)?(?![\w.])/y;
const WORD = /(?:true|false|NULL)(?!\w)/y;

/** Reads `token` and returns true, or stays and returns false. */
export function take(cursor: Cursor, token: string): boolean {
  if (!cursor.text.startsWith(token, cursor.at)) return false;
  cursor.at += token.length;
  return true;
}

/** What `pattern` (sticky) matches here; the cursor moves behind it. */
export function takePattern(cursor: Cursor, pattern: RegExp): RegExpExecArray | undefined {
  pattern.lastIndex = cursor.at;
  const match = pattern.exec(cursor.text);
  if (match === null) return undefined;
  cursor.at = pattern.lastIndex;
  return match;
}

export function readLiteral(cursor: Cursor): RawLiteral | undefined {
  const string = takePattern(cursor, STRING);
  if (string !== undefined) {
    return { kind: 'string', text: (string[1] ?? '').replaceAll("''", "'"), cast: string[2] };
  }
  const number = takePattern(cursor, NUMBER);
  if (number !== undefined) return { kind: 'number', text: number[0], cast: undefined };
  const word = takePattern(cursor, WORD);
  return word && { kind: 'word', text: word[0], cast: undefined };
}

/** Moves behind the parenthesis that closes the one at the cursor; false, without moving, if there is none. */
export function skipBalanced(cursor: Cursor): boolean {
  if (!cursor.text.startsWith('(', cursor.at)) return false;
  let depth = 0;
  for (let i = cursor.at; i < cursor.text.length; i++) {
    const c = cursor.text.charAt(i);
    if (c === "'") i = cursor.text.indexOf("'", i + 1);
    if (i < 0) return false;
    if (c === '(') depth++;
    if (c === ')') depth--;
    if (depth === 0) {
      cursor.at = i + 1;
      return true;
    }
  }
  return false;
}

/**
 * Whether `text` can be one whole filter: its quotes and parentheses close, and it holds no list or struct. DuckDB splits
 * the filters of a scan at line breaks, also those inside a string constant, and cuts a constant at a NUL: the pieces
 * of such a filter may look like other filters. Strings inside lists and structs are printed without regard to this.
 */
export function isWholeFilter(text: string): boolean {
  const outside = text.replaceAll(/'(?:[^']|'')*'/g, '');
  if (/['[\]{}]/.test(outside)) return false;
  let depth = 0;
  for (const c of outside) {
    if (c === '(') depth++;
    if (c === ')') depth--;
    if (depth < 0) return false;
  }
  return depth === 0;
}
