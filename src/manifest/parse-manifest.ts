import { detectDialect } from './detect-dialect.js';
import { canonicalFile } from './dialects/file-manifest.js';
import { type Part, partOf } from './dialects/part.js';
import { canonicalRegister } from './dialects/register.js';
import { canonicalRun } from './dialects/run-manifest.js';
import { FieldProblem, type Fields } from './fields.js';
import { exactValue } from './meta.js';

/** Escapes that may put a NUL or half a surrogate pair into a column, where UTF-8 and C strings have no place for them. */
const SUSPECT_ESCAPE = /\\u(?:0000|d[89a-f])/i;
const UNSTORABLE = /\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

const COLUMNS = ['file_sha', 'source_repo', 'file_path', 'target_backend', 'dest_path', 'error_message'] as const;

function refuseUnstorable(part: Part, text: string): Part {
  if (!('manifest' in part)) return part;
  const { manifest } = part;
  const bad = COLUMNS.find((name) => UNSTORABLE.test(manifest[name] ?? ''));
  if (bad === undefined) return part;
  return { problem: new FieldProblem(bad, 'holds a NUL character or half of a surrogate pair'), text, lines: 0 };
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'string' ? 'a string' : `a ${typeof value}`;
}

function dialectParts(parsed: Fields, text: string): Part[] {
  const value = exactValue(parsed, text);
  switch (detectDialect(value)) {
    case 'register':
      return canonicalRegister(value, text);
    case 'run':
      return canonicalRun(value, text);
    case 'file':
      return [partOf(text, 0, () => canonicalFile(value, text))];
  }
}

/**
 * The canonical rows of one JSON value, with what was wrong about others in it; `text` is the JSON that `value` was parsed from.
 * Pure: the same text gives the same rows. Numbers that a double cannot hold reach `meta` as strings of the same digits.
 */
export function parseManifest(value: unknown, text: string): readonly Part[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [
      { problem: new FieldProblem(null, `a manifest is a JSON object, this is ${describe(value)}`), text, lines: 0 },
    ];
  }
  try {
    const parts = dialectParts(value as Fields, text);
    return text.includes('\\u') && SUSPECT_ESCAPE.test(text)
      ? parts.map((part) => refuseUnstorable(part, text))
      : parts;
  } catch (error) {
    if (error instanceof FieldProblem) return [{ problem: error, text, lines: 0 }];
    throw error;
  }
}
