import { usageError } from '../base/lake-error.js';
import type { SqlParam } from '../duckdb/session.js';

/** Reads `NAME=VALUE`. A sha like `123e5` stays text: only plain decimal numbers are numbers. */
export function parseParam(text: string): readonly [string, SqlParam] {
  const [name, value] = split(text, '--param', 'NAME=VALUE');
  if (value === 'null') return [name, null];
  if (value === 'true' || value === 'false') return [name, value === 'true'];
  const quoted = /^'(.*)'$/s.exec(value);
  if (quoted?.[1] !== undefined) return [name, quoted[1].replaceAll("''", "'")];
  if (/^-?(0|[1-9]\d{0,17})$/.test(value)) return [name, BigInt(value)];
  if (/^-?\d{1,15}\.\d{1,15}$/.test(value)) return [name, Number(value)];
  return [name, value];
}

/** Reads `NAME=PATH` or `NAME=PATH@VERSION`. */
export function parseAttach(text: string): readonly [string, { readonly path: string; readonly version?: number }] {
  const [name, place] = split(text, '--attach', 'NAME=PATH[@VERSION]');
  const [, path = place, version] = /^(.+)@(\d+)$/s.exec(place) ?? [];
  return [name, version === undefined ? { path } : { path, version: Number(version) }];
}

function split(text: string, flag: string, form: string): readonly [string, string] {
  const at = text.indexOf('=');
  if (at <= 0 || at === text.length - 1)
    throw usageError(`${flag} is ${form}, not "${text}"`, { hint: `${flag} ${form}` });
  return [text.slice(0, at), text.slice(at + 1)];
}
