import {
  fillSql,
  identifier,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import type { Contract } from '../model.js';
import { convert, sourceText } from './conversion.js';
import { rawColumn } from './infer.js';
import { NO_TYPE } from './model.js';
import type { GroupLayout, PlannedColumn } from './plan-columns.js';

/** A value of a row that is not a value of the dataset: a misfit of its column, or one of a column that is kept out. */
interface Misfit {
  /** As published, or as in the table when several are published so. */
  readonly key: string;
  readonly happens: SqlFragment;
  readonly text: SqlFragment;
  readonly type: SqlFragment;
  /** Says by which part of the contract it is judged. */
  readonly about: 'types' | 'columns';
}

/** The statements over one staged group, made from one walk over its columns. */
export interface GroupSql {
  readonly select: SqlFragment;
  readonly discarded: SqlFragment | undefined;
  /** Files with a value that is none of its column's type, and an example by column; undefined when there can be none. */
  readonly misfits: { readonly sql: SqlFragment; readonly columns: readonly PlannedColumn[] } | undefined;
}

const NULL_TEXT = trustedFragment('CAST(NULL AS VARCHAR)');

function anyOf(misfits: readonly Misfit[]): SqlFragment {
  return misfits.length === 0
    ? trustedFragment('false')
    : joinFragments(
        misfits.map(({ happens }) => happens),
        ' OR ',
      );
}

function isDropped(contract: Contract, { about }: Misfit): boolean {
  return contract[about] === 'discard_row';
}

/** The names by which the values of a row are rescued. */
function rescueKeys({ group, names }: GroupLayout): string[] {
  const published = group.columns.map(({ name }) => name.toLowerCase());
  return names.map((name, i) => {
    const own = group.columns[i]?.name ?? '';
    const alone = published.filter((other) => other === own.toLowerCase()).length === 1;
    // It may be the name of another column in the table.
    const clash = names.some((other, j) => j !== i && other.toLowerCase() === own.toLowerCase());
    return own.trim() !== '' && alone && !clash ? own : name;
  });
}

interface Walk {
  /** What the inner SELECT has beside the rows of the group. */
  readonly values: SqlFragment[];
  /** What the outer SELECT shows. */
  readonly columns: SqlFragment[];
  readonly misfits: Misfit[];
  readonly typed: { readonly misfit: Misfit; readonly column: PlannedColumn }[];
}

/** The columns of the dataset as the group has them, or NULL. */
function walkDataset(layout: GroupLayout, columns: readonly PlannedColumn[]): Walk {
  const walk: Walk = { values: [], columns: [], misfits: [], typed: [] };
  const keys = rescueKeys(layout);
  const places = new Map(layout.names.map((name, at) => [name.toLowerCase(), at]));
  for (const [i, column] of columns.entries()) {
    if (column.type === NO_TYPE) continue;
    const at = places.get(column.name.toLowerCase());
    const source = at === undefined ? undefined : layout.group.columns[at];
    const value = trustedFragment(`v${i}`);
    walk.columns.push(trustedFragment(`${value} AS ${identifier(column.name)}`));
    if (at === undefined || source === undefined) {
      walk.values.push(trustedFragment(`CAST(NULL AS ${column.type}) AS ${value}`));
      continue;
    }
    const conversion = convert(rawColumn(at), source, column);
    walk.values.push(trustedFragment(`${conversion.value} AS ${value}`));
    if (conversion.safe) continue;
    const happens = trustedFragment(`(${conversion.text} IS NOT NULL AND ${value} IS NULL)`);
    const type = trustedFragment(`typeof(${value})`);
    const misfit: Misfit = { key: keys[at] ?? column.name, happens, text: conversion.text, type, about: 'types' };
    walk.misfits.push(misfit);
    walk.typed.push({ misfit, column });
  }
  return walk;
}

/** Columns of the group that the dataset does not take. */
function extraColumns(layout: GroupLayout, columns: readonly PlannedColumn[]): Misfit[] {
  const known = new Set(columns.map(({ name }) => name.toLowerCase()));
  const keys = rescueKeys(layout);
  return layout.names.flatMap((name, at): Misfit[] => {
    const source = layout.group.columns[at];
    if (known.has(name.toLowerCase()) || source === undefined) return [];
    const text = sourceText(rawColumn(at), source);
    const happens = trustedFragment(`(${text} IS NOT NULL)`);
    return [{ key: keys[at] ?? name, happens, text, type: NULL_TEXT, about: 'columns' }];
  });
}

function rescuedColumn(misfits: readonly Misfit[]): SqlFragment {
  if (misfits.length === 0) return trustedFragment(`${NULL_TEXT} AS _rescued_data`);
  const texts = misfits.map(({ key, happens, text }) =>
    trustedFragment(`${identifier(key)} := CASE WHEN ${happens} THEN ${text} END`),
  );
  const parts = { misfit: anyOf(misfits), texts: joinFragments(texts, ', ') };
  return trustedFragment(`${fillSql(readSqlFile('ingest', 'schema_rescued'), parts).trim()} AS _rescued_data`);
}

function discardedSql(source: Source, dropped: readonly Misfit[], gone: string): SqlFragment | undefined {
  if (dropped.length === 0) return undefined;
  const misfits = dropped.map(({ key, happens, text, type }) =>
    trustedFragment(`CASE WHEN ${happens} THEN {'text': ${text}, 'type': ${type}} END AS ${identifier(key)}`),
  );
  const parts = {
    ...source,
    misfits: joinFragments(misfits, ', '),
    dropped: trustedFragment(`${gone} AND (${anyOf(dropped)})`),
  };
  return trustedFragment(fillSql(readSqlFile('ingest', 'schema_discarded'), parts).trim());
}

interface Source extends Readonly<Record<string, SqlFragment>> {
  readonly values: SqlFragment;
  readonly relation: SqlFragment;
}

function misfitsSql(source: Source, { typed }: Walk): GroupSql['misfits'] {
  if (typed.length === 0) return undefined;
  const examples = typed.map(({ misfit: { happens, text } }, i) =>
    trustedFragment(`min(${text}) FILTER (WHERE ${happens}) AS example_${i}`),
  );
  const misfit = anyOf(typed.map((t) => t.misfit));
  const parts = { ...source, misfit, examples: joinFragments(examples, ', ') };
  const sql = trustedFragment(fillSql(readSqlFile('ingest', 'schema_misfits'), parts).trim());
  return { sql, columns: typed.map(({ column }) => column) };
}

/** The statements that read a staged group as rows of the dataset. Rows of `stopped` files are left out. */
export function groupSql(
  layout: GroupLayout,
  columns: readonly PlannedColumn[],
  rules: { readonly contract: Contract; readonly stopped: readonly number[] },
): GroupSql {
  const walk = walkDataset(layout, columns);
  const misfits = [...walk.misfits, ...extraColumns(layout, columns)];
  const dropped = misfits.filter((misfit) => isDropped(rules.contract, misfit));
  const rescued = misfits.filter((misfit) => !isDropped(rules.contract, misfit));
  const names = [trustedFragment('_file_no'), trustedFragment('_row_no')];
  const gone = rules.stopped.length === 0 ? 'true' : `_file_no NOT IN (${rules.stopped.join(', ')})`;
  const source = {
    relation: layout.group.relation,
    values: joinFragments([trustedFragment('*'), ...walk.values], ', '),
  };
  const parts = {
    ...source,
    columns: joinFragments([...names, ...walk.columns, rescuedColumn(rescued)], ', '),
    kept: trustedFragment(dropped.length === 0 ? gone : `${gone} AND NOT (${anyOf(dropped)})`),
  };
  return {
    select: trustedFragment(fillSql(readSqlFile('ingest', 'schema_select'), parts).trim()),
    discarded: discardedSql(source, dropped, gone),
    misfits: misfitsSql(source, walk),
  };
}
