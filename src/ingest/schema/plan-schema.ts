import { EXIT, LakeError } from '../../base/lake-error.js';
import type { Session } from '../../duckdb/session.js';
import type { StagedGroup } from '../../sources/formats/model.js';
import { type GroupSql, groupSql } from './group-sql.js';
import { type BatchLayout, type DatasetColumn, NO_TYPE, type SchemaPlan, type SchemaRequest } from './model.js';
import { layoutFingerprint, tableNames } from './names.js';
import { type GroupLayout, type PlannedColumn, planColumns } from './plan-columns.js';
import { shown } from './reasons.js';
import { declaredType } from './typed-columns.js';

function drift(message: string, hint: string): LakeError {
  return new LakeError('SCHEMA_DRIFT', message, { exitCode: EXIT.drift, hint });
}

function fingerprintOf({ columns }: StagedGroup): string {
  const names = columns.map(({ name }) => name);
  const typed = columns.some(({ type }) => type !== 'TEXT');
  return typed
    ? layoutFingerprint(
        names,
        columns.map(({ type }) => type),
      )
    : layoutFingerprint(names);
}

function firstFile({ files }: StagedGroup): number {
  return files.reduce((least, file) => Math.min(least, file), Number.POSITIVE_INFINITY);
}

function lacking(names: readonly string[], known: ReadonlySet<string>): string[] {
  return names.filter((name) => !known.has(name.toLowerCase()));
}

function namesOf(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.map((name) => name.toLowerCase()));
}

/** The layouts of the groups in the order of their first files, and which of them may bring columns. */
function readLayouts(request: SchemaRequest): GroupLayout[] {
  const groups = [...request.groups].sort((a, b) => firstFile(a) - firstFile(b));
  const { contract, current, accepted } = request;
  // The first file ever makes the dataset, however many come with it.
  const first = current.length === 0 ? groups[0] : undefined;
  const base = first === undefined ? current.map(({ name }) => name) : tableNames(first.columns);
  const known = namesOf([...base, ...(request.known ?? [])]);
  return groups.map((group) => {
    const names = tableNames(group.columns);
    const fingerprint = fingerprintOf(group);
    const free = contract.columns === 'evolve' || group === first || accepted?.has(fingerprint) === true;
    return { group, names, fingerprint, evolves: free || lacking(names, known).length === 0 };
  });
}

/** Why a layout with columns that a frozen dataset does not have is stopped. */
function columnDrift(layout: GroupLayout, known: ReadonlySet<string>): LakeError {
  const names = lacking(layout.names, known);
  const list = names.map((name) => `"${name}"`).join(', ');
  return drift(
    `the file has ${names.length === 1 ? 'a column' : 'columns'} that the dataset does not have: ${list}`,
    'look at it with "schema diff", take it with "schema accept" and run "retry --all"',
  );
}

function typeDrift(examples: readonly { column: PlannedColumn; text: string }[]): LakeError {
  const list = examples.map(({ column, text }) => `"${column.name}" is ${column.type} and has ${shown(text)}`);
  return drift(
    `the file has values that do not fit their columns: ${list.join('; ')}`,
    'correct the file, or set "types: rescue" in the contract of the source and run "retry --all"',
  );
}

/** Stops the files that have a value which does not fit its column. */
async function stopMisfits(session: Session, sql: GroupSql, stopped: Map<number, LakeError>): Promise<void> {
  if (sql.misfits === undefined) return;
  const { columns } = sql.misfits;
  for (const row of await session.rows(sql.misfits.sql)) {
    const examples = columns.flatMap((column, i) => {
      const text = row[`example_${i}`];
      return typeof text === 'string' ? [{ column, text }] : [];
    });
    const file = Number(row['_file_no']);
    if (!stopped.has(file)) stopped.set(file, typeDrift(examples));
  }
}

function datasetColumn({ name, published, type, note }: PlannedColumn): DatasetColumn {
  return { name, published, type, ...(note === undefined ? {} : { note }) };
}

/** The layouts of a batch; groups that differ in nothing that is published are one. */
function batchLayouts(
  layouts: readonly GroupLayout[],
  held: readonly GroupLayout[],
  columns: readonly PlannedColumn[],
): BatchLayout[] {
  const planned = new Map(columns.map((column) => [column.name.toLowerCase(), column]));
  const found = new Map<string, BatchLayout>();
  for (const layout of layouts) {
    const { group, names, fingerprint } = layout;
    const before = found.get(fingerprint);
    const own = group.columns.map(({ name: published, type }, i): DatasetColumn => {
      const name = names[i] ?? published;
      const column = planned.get(name.toLowerCase());
      const fileType = type === 'TEXT' ? {} : { fileType: type };
      if (column === undefined) return { name, published, type: type === 'TEXT' ? NO_TYPE : type, ...fileType };
      return { ...datasetColumn(column), published, ...fileType };
    });
    found.set(fingerprint, {
      fingerprint,
      names: group.columns.map(({ name }) => name),
      types: group.columns.map(({ type }) => type),
      columns: own,
      files: [...(before?.files ?? []), ...group.files].sort((a, b) => a - b),
      pending: held.includes(layout),
    });
  }
  return [...found.values()];
}

function declaredTypes(declared: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(declared).map(([name, type]) => [name.toLowerCase(), declaredType(name, type)]));
}

/**
 * Decides what every column of a batch becomes, under a contract. Reads the groups to find the types of columns that are new, and for
 * `types: 'freeze'` to find values that do not fit; writes nothing. Throws a usage error for a declared type that is none.
 */
export async function planSchema(session: Session, request: SchemaRequest): Promise<SchemaPlan> {
  const { contract, current } = request;
  const layouts = readLayouts(request);
  const stopped = new Map<number, LakeError>();
  const held = contract.columns === 'freeze' ? layouts.filter(({ evolves }) => !evolves) : [];
  const going = layouts.filter((layout) => !held.includes(layout));
  const columns = await planColumns(session, going, { current, declared: declaredTypes(request.declared ?? {}) });
  const known = namesOf([...columns.map(({ name }) => name), ...(request.known ?? [])]);
  for (const layout of held) {
    for (const file of layout.group.files) stopped.set(file, columnDrift(layout, known));
  }
  if (contract.types === 'freeze') {
    for (const layout of going) {
      await stopMisfits(session, groupSql(layout, columns, { contract, stopped: [] }), stopped);
    }
  }
  const bySource = new Map(layouts.map((layout) => [layout.group, layout]));
  const sqlOf = (group: StagedGroup): GroupSql => {
    const layout = bySource.get(group);
    if (layout === undefined) throw new Error('the plan is about other groups');
    return groupSql(layout, columns, { contract, stopped: group.files.filter((file) => stopped.has(file)) });
  };
  const inTable = namesOf(current.map(({ name }) => name));
  return {
    columns: columns.map(datasetColumn),
    added: columns
      .filter(({ name, type }) => type !== NO_TYPE && !inTable.has(name.toLowerCase()))
      .map(({ name, type }) => ({ name, type })),
    select: (group) => sqlOf(group).select,
    discarded: (group) => sqlOf(group).discarded,
    stopped,
    notes: columns.flatMap(({ name, note }) => (note === undefined ? [] : [`${name}: ${note}`])),
    layouts: batchLayouts(layouts, held, columns),
  };
}
