import { type SqlValue, toJson } from '../../duckdb/values.js';

/** A value as text without quotes; NULL is the business of the caller. Lists and structs are JSON, bytes base64. */
export function cellText(value: SqlValue): string {
  if (typeof value === 'string') return value;
  if (value === null) return '';
  if (typeof value === 'object') {
    const json = toJson(value);
    return typeof json === 'string' ? json : JSON.stringify(json);
  }
  return String(value);
}

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** What must not reach a terminal: control characters, and those that reorder text (CVE-2021-42574). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Text from outside, made harmless for a terminal: an escape sequence in a file name is shown, not obeyed. */
export function escapeControls(text: string): string {
  return text.replace(UNSAFE, (char) => NAMED[char] ?? escapeCode(char.charCodeAt(0)));
}

function escapeCode(code: number): string {
  return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

const NUMERIC = /^(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT|U[A-Z]+INT|FLOAT|DOUBLE|DECIMAL.*|REAL|BIGNUM)$/;

/** Whether columns of this DuckDB type are numbers, which stand on the right. */
export function isNumeric(type: string): boolean {
  return NUMERIC.test(type);
}
