import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from './package-root.js';

declare const fragment: unique symbol;

/** SQL text that may stand inside a statement: quoted identifiers and type names, never a value. */
export type SqlFragment = string & { readonly [fragment]: true };

const cache = new Map<string, string>();

/** The text of `sql/<area>/<name>.sql`. Only `src/<area>/` reads its area. */
export function readSqlFile(area: string, name: string): string {
  const key = `${area}/${name}`;
  let text = cache.get(key);
  if (text === undefined) {
    text = readFileSync(join(packageRoot(), 'sql', area, `${name}.sql`), 'utf8');
    cache.set(key, text);
  }
  return text;
}

/** Fills the `{{name}}` places of a statement. They hold identifiers, lists of them and type names; values are bound. */
export function fillSql(text: string, fragments: Readonly<Record<string, SqlFragment>>): string {
  return text.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const filled = fragments[name];
    if (filled === undefined) throw new Error(`no fragment for {{${name}}}`);
    return filled;
  });
}

/** One identifier, quoted: `a"b` becomes `"a""b"`. */
export function identifier(name: string): SqlFragment {
  return `"${name.replaceAll('"', '""')}"` as SqlFragment;
}

/** Identifiers with commas between them. */
export function identifiers(names: readonly string[]): SqlFragment {
  return names.map(identifier).join(', ') as SqlFragment;
}

/** Fragments joined by `separator` (a constant of the caller: `, ` or ` AND `). */
export function joinFragments(parts: readonly SqlFragment[], separator: string): SqlFragment {
  return parts.join(separator) as SqlFragment;
}

/** A fragment made by a caller that vouches that it holds no value: a type name, an alias, a constant expression. */
export function trustedFragment(text: string): SqlFragment {
  return text as SqlFragment;
}
