/**
 * JSON whose numbers keep every digit. `JSON.parse` reads numbers as doubles, which hold at most 15 decimal digits
 * exactly: too few for Delta's `long` and `decimal`.
 */

const KEY = '\u0000number';
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const LONG_NUMBER = /[\d.]{16}/;
const NUMBERS = /-?\d[\d.eE+-]*/g;

/** A number that a double might not hold, as its JSON text. */
export interface ExactNumber {
  readonly [KEY]: string;
}

export type Json = null | boolean | number | string | ExactNumber | readonly Json[] | { readonly [key: string]: Json };

/** Like `JSON.parse`, but a number that a double may not hold exactly comes as `ExactNumber`. Throws SyntaxError. */
export function parseExactJson(text: string): Json {
  return JSON.parse(LONG_NUMBER.test(text) ? wrapLongNumbers(text) : text) as Json;
}

/** Strings are stepped over, not matched: this runs over the stats of every file of a table. */
function wrapLongNumbers(text: string): string {
  let wrapped = '';
  let from = 0;
  while (from < text.length) {
    const quote = text.indexOf('"', from);
    const end = quote < 0 ? text.length : quote;
    const between = text.slice(from, end);
    wrapped += between.length > 15 && LONG_NUMBER.test(between) ? between.replaceAll(NUMBERS, wrapIfLong) : between;
    from = quote < 0 ? end : stringEnd(text, quote);
    wrapped += text.slice(end, from);
  }
  return wrapped;
}

function wrapIfLong(number: string): string {
  return LONG_NUMBER.test(number) && NUMBER.test(number) ? `{"\\u0000number":"${number}"}` : number;
}

/** The place behind the string that starts at `quote`. */
function stringEnd(text: string, quote: number): number {
  for (let end = text.indexOf('"', quote + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 92) backslashes++;
    if (backslashes % 2 === 0) return end + 1;
  }
  return text.length;
}

/** The number written as `text`, to be rendered digit by digit; undefined if `text` is no JSON number. */
export function exactNumber(text: string): ExactNumber | undefined {
  return NUMBER.test(text) ? { [KEY]: text } : undefined;
}

/** The text of a JSON number, exact; undefined if `value` is none. */
export function numberText(value: Json | undefined): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  const text = (value as ExactNumber)[KEY];
  return typeof text === 'string' && NUMBER.test(text) ? text : undefined;
}

/** Like `JSON.stringify` without spaces; the counterpart of `parseExactJson`. */
export function renderExactJson(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(renderExactJson).join(',')}]`;
  const number = numberText(value);
  if (number !== undefined) return number;
  const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}:${renderExactJson(member)}`);
  return `{${members.join(',')}}`;
}
