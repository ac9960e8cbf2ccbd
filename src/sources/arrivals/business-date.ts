import { usageError } from '../../base/lake-error.js';

const PARTS: Readonly<Record<string, readonly string[]>> = {
  yyyy: ['y'],
  MM: ['m'],
  dd: ['d'],
  yyyyMMdd: ['y', 'm', 'd'],
  'yyyy-MM-dd': ['y', '-', 'm', '-', 'd'],
};
const TOKEN = /\{[^{}]*\}|\*\*\/|\*\*|\*|\?|[^{*?]+|\{/g;

function badPattern(pattern: string, why: string): Error {
  return usageError(`business date pattern "${pattern}": ${why}`, {
    hint: `write the date as {yyyyMMdd}, {yyyy-MM-dd} or {yyyy}, {MM} and {dd}, e.g. sales-{yyyyMMdd}.csv`,
  });
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

/** A pattern as a regular expression, and which part of a date each of its groups is. */
function compile(pattern: string): { readonly expression: RegExp; readonly groups: readonly string[] } {
  const groups: string[] = [];
  const part = (token: string): string => {
    if (token === '-') return '-';
    groups.push(token);
    return token === 'y' ? '(\\d{4})' : '(\\d{2})';
  };
  const source = (token: string): string => {
    if (token === '**/') return '(?:.*/)?';
    if (token === '**') return '.*';
    if (token === '*') return '[^/]*';
    if (token === '?') return '[^/]';
    if (!token.startsWith('{') || token === '{') return escaped(token);
    const name = token.slice(1, -1);
    const date = Object.hasOwn(PARTS, name) ? PARTS[name] : undefined;
    if (date !== undefined) return date.map(part).join('');
    if (name.includes(',')) return `(?:${name.split(',').map(escaped).join('|')})`;
    throw badPattern(pattern, `${token} is no part of a date`);
  };
  const body = (pattern.replace(/^(?:\.?\/)+/, '').match(TOKEN) ?? []).map(source).join('');
  for (const [name, text] of Object.entries({ y: 'year', m: 'month', d: 'day' })) {
    if (!groups.includes(name)) throw badPattern(pattern, `it has no ${text}`);
  }
  // The digits of a date are not the end of a longer number; what follows the pattern can only be the extension.
  return { expression: new RegExp(`(?<!\\d(?=\\d))${body}(?:\\.[^/]*)?$`, 'su'), groups };
}

function dateOf(values: ReadonlyMap<string, string>): string | null {
  const text = `${values.get('y')}-${values.get('m')}-${values.get('d')}`;
  const time = Date.parse(`${text}T00:00:00Z`);
  return Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== text ? null : text;
}

/**
 * A function that finds the date in a path (`YYYY-MM-DD`), or null where the end of the path does not match or the date does not exist.
 * The pattern holds `{yyyy}`, `{MM}`, `{dd}`, `{yyyyMMdd}` or `{yyyy-MM-dd}` beside `*`, `?`, `**` and `{a,b}`; the extension may be left out:
 * `regioni-{yyyyMMdd}`, `ingest_date={yyyy-MM-dd}/*`. A part that comes twice must be the same twice. Throws a usage error for a pattern without a whole date.
 */
export function businessDateReader(pattern: string): (path: string) => string | null {
  const { expression, groups } = compile(pattern);
  return (path) => {
    const match = expression.exec(path);
    if (match === null) return null;
    const values = new Map<string, string>();
    for (const [i, name] of groups.entries()) {
      const value = match[i + 1] ?? '';
      if ((values.get(name) ?? value) !== value) return null;
      values.set(name, value);
    }
    return dateOf(values);
  };
}
