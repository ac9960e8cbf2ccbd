import { createHash } from 'node:crypto';
import type { FileColumn } from '../../sources/formats/model.js';
import { LINEAGE } from '../load/target.js';

/** Names that stand beside the columns of a file: lineage, and what lakeledger and Delta call their own while rows are changed. */
const TAKEN: readonly string[] = [
  ...LINEAGE.map(({ name }) => name),
  '_file_no',
  '_file_index',
  '_file_row',
  '_change',
  '_merge_clause',
  '_source_row',
  '_target_row',
  '_change_type',
  '_commit_version',
  '_commit_timestamp',
];

/** Characters that Delta refuses in a name unless columns are mapped, and other control characters. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is about
const UNFIT = /[ ,;{}()=\u0000-\u001f\u007f]/g;

/** A name by which no other column goes, in any case of letters. */
function freeName(wanted: string, taken: ReadonlySet<string>): string {
  let name = wanted;
  for (let i = 1; taken.has(name.toLowerCase()); i++) name = `${wanted}_${i}`;
  return name;
}

/**
 * The names of a file's columns in a table, in order, without blanks around them: one without a name is `column` and its number from 0 (as DuckDB calls it),
 * characters that Delta does not take become `_`, one that is taken gets `_1`, `_2` ….
 */
export function tableNames(columns: readonly FileColumn[]): string[] {
  const taken = new Set(TAKEN);
  return columns.map((column, i) => {
    const published = column.name.trim();
    const wanted = published === '' ? `column${i}` : published.replace(UNFIT, '_');
    const name = freeName(wanted, taken);
    taken.add(name.toLowerCase());
    return name;
  });
}

/** SHA-256 that tells layouts apart: the published names in order, for formats with types also these. */
export function layoutFingerprint(names: readonly string[], types?: readonly string[]): string {
  const layout = types === undefined ? names : names.map((name, i) => [name, types[i] ?? '']);
  return createHash('sha256').update(JSON.stringify(layout)).digest('hex');
}
