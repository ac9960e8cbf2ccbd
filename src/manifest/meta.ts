import { FieldProblem, type Fields } from './fields.js';

const MAX_DEPTH = 200;
const RESERVED = '_ledger';
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/** JSON text with the keys of every object sorted. */
function stableJson(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(stableJson).join(',')}]`;
  const fields = value as Fields;
  const parts = Object.keys(fields)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${stableJson(fields[key])}`);
  return `{${parts.join(',')}}`;
}

/** The `meta` column: the fields given, sorted. The ledger's own key `_ledger` is kept under another name. */
export function metaText(fields: ReadonlyMap<string, unknown>): string | null {
  if (fields.size === 0) return null;
  const own: Record<string, unknown> = Object.create(null);
  for (const [key, value] of fields) {
    let name = key;
    while (name === RESERVED || (name !== key && fields.has(name))) name += '_received';
    own[name] = value;
  }
  return stableJson(own);
}

/** True when a number lost digits in JSON.parse, or may have. Throws on nesting that no manifest has. */
function mayBeInexact(value: unknown, depth = 0): boolean {
  if (typeof value === 'number') return !Number.isSafeInteger(value);
  if (value === null || typeof value !== 'object') return false;
  if (depth > MAX_DEPTH) throw new FieldProblem(null, `nested deeper than ${MAX_DEPTH} levels`);
  for (const key in value) if (mayBeInexact((value as Fields)[key], depth + 1)) return true;
  return false;
}

function isExact(token: string): boolean {
  const digits = token
    .replace(/[eE].*$/, '')
    .replaceAll(/[-.]/g, '')
    .replace(/^0+/, '');
  const value = Number(token);
  return Number.isFinite(value) && (digits.length <= 15 || String(value) === token);
}

/** `value`, or parsed anew from its JSON text with numbers that a double cannot hold as strings of the same digits. */
export function exactValue(value: Fields, text: string): Fields {
  return mayBeInexact(value) ? JSON.parse(quoteInexactNumbers(text)) : value;
}

/** Valid JSON text in which numbers that a double cannot hold became strings of the same digits. */
function quoteInexactNumbers(text: string): string {
  return text.replaceAll(TOKEN, (token) => (token.startsWith('"') || isExact(token) ? token : `"${token}"`));
}
