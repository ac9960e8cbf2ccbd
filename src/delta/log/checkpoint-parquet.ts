import { LakeError } from '../../base/lake-error.js';
import {
  fillSql,
  identifier,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import type { Session } from '../../duckdb/session.js';
import type { SqlRow } from '../../duckdb/values.js';
import type { Action } from '../protocol/actions.js';
import { parseAdd, parseLine, parseRemove } from '../protocol/parse-action.js';

/** The kinds that have a row each, and the field that every action of the kind has. */
const SMALL_KINDS: Readonly<Record<string, string>> = {
  checkpointMetadata: 'version',
  sidecar: 'path',
  protocol: 'minReaderVersion',
  metaData: 'schemaString',
  txn: 'appId',
  domainMetadata: 'domain',
};

/** The optional fields of file actions that are few or the same for most files. */
const REST: Readonly<Record<FileKind, readonly string[]>> = {
  add: ['tags', 'deletionVector', 'baseRowId', 'defaultRowCommitVersion', 'clusteringProvider'],
  remove: ['tags', 'deletionVector', 'baseRowId', 'defaultRowCommitVersion', 'extendedFileMetadata'],
};
const TIME: Readonly<Record<FileKind, string>> = { add: 'modificationTime', remove: 'deletionTimestamp' };

type FileKind = 'add' | 'remove';
type Json = Record<string, unknown>;
/** Top-level columns and the names of the fields in each. */
type Columns = ReadonlyMap<string, ReadonlySet<string>>;

const NULL = trustedFragment('NULL');

/** DuckDB expands `*`, `?` and `[` in file names; a bracket around each keeps them what they are. */
function escapeGlob(location: string): string {
  return location.replaceAll(/[[*?]/g, (char) => `[${char}]`);
}

async function readColumns(session: Session, file: string): Promise<Columns> {
  const rows = await session.rows(readSqlFile('delta', 'checkpoint_columns'), { file });
  const columns = new Map<string, ReadonlySet<string>>();
  let at = 0;
  const next = () => {
    const row = rows[at++];
    return { name: String(row?.['name']), children: Number(row?.['children'] ?? 0) };
  };
  const skip = (count: number) => {
    for (let i = 0; i < count; i++) skip(next().children);
  };
  const root = next();
  for (let i = 0; i < root.children; i++) {
    const { name, children } = next();
    const fields = new Set<string>();
    for (let k = 0; k < children; k++) {
      const field = next();
      fields.add(field.name);
      skip(field.children);
    }
    columns.set(name, fields);
  }
  return columns;
}

function field(kind: string, name: string): SqlFragment {
  return joinFragments([identifier(kind), identifier(name)], '.');
}

function jsonText(expression: SqlFragment): SqlFragment {
  return trustedFragment(`to_json(${expression})::VARCHAR`);
}

interface Branch {
  readonly members: Map<string, Branch>;
}

function packed({ members }: Branch, at: SqlFragment): SqlFragment {
  if (members.size === 0) return at;
  const pairs = [...members].map(([name, branch]) =>
    joinFragments([identifier(name), packed(branch, joinFragments([at, identifier(name)], '.'))], ' := '),
  );
  return trustedFragment(`struct_pack(${joinFragments(pairs, ', ')})`);
}

/** `stats_parsed` without the columns that are null in every row: as text each of them would be there for each file. */
async function statsStruct(session: Session, file: string): Promise<SqlFragment> {
  const whole = field('add', 'stats_parsed');
  const rows = await session.rows(readSqlFile('delta', 'checkpoint_stats_columns'), { file });
  const root: Branch = { members: new Map() };
  for (const row of rows) {
    let branch = root;
    for (const name of String(row['path']).split(', ').slice(2)) {
      const next = branch.members.get(name) ?? { members: new Map() };
      branch.members.set(name, next);
      branch = next;
    }
  }
  const value = trustedFragment(`CASE WHEN ${whole} IS NOT NULL THEN ${packed(root, whole)} END`);
  try {
    await session.rows(fillSql(readSqlFile('delta', 'checkpoint_probe'), { value }), { file });
    return value;
  } catch {
    // Parquet joins the names of a path by a comma: one that has a comma itself leads astray.
    return whole;
  }
}

interface FileColumn {
  readonly kind: FileKind;
  readonly fields: ReadonlySet<string>;
}

/** The optional fields as one JSON object, NULL for the many files that have none of them. */
function restOf({ kind, fields }: FileColumn): SqlFragment {
  const present = REST[kind].filter((name) => fields.has(name)).map((name) => ({ name, value: field(kind, name) }));
  if (present.length === 0) return NULL;
  const some = joinFragments(
    present.map(({ value }) => trustedFragment(`${value} IS NOT NULL`)),
    ' OR ',
  );
  const pairs = present.map(({ name, value }) => joinFragments([identifier(name), value], ' := '));
  const packed = jsonText(trustedFragment(`struct_pack(${joinFragments(pairs, ', ')})`));
  return trustedFragment(`CASE WHEN ${some} THEN ${packed} END`);
}

async function statsOf(session: Session, file: string, { kind, fields }: FileColumn): Promise<SqlFragment> {
  if (kind === 'remove') return NULL;
  const text = fields.has('stats') ? field(kind, 'stats') : NULL;
  if (!fields.has('stats_parsed')) return text;
  // The struct may have hundreds of columns: it is read only when there is no text for some file.
  const lacks =
    text === NULL || (await session.rows(readSqlFile('delta', 'checkpoint_lacks_stats'), { file }))[0]?.['lacks'];
  return lacks ? trustedFragment(`coalesce(${text}, ${jsonText(await statsStruct(session, file))})`) : text;
}

type FileFragments = Readonly<Record<'path' | 'stats', SqlFragment>> & Readonly<Record<string, SqlFragment>>;

/** The SQL of each value that is read of a file; absent columns are null (PROTOCOL.md, "Checkpoints"). */
async function fileFragments(session: Session, file: string, column: FileColumn): Promise<FileFragments> {
  const { kind, fields } = column;
  const find = (name: string) => (fields.has(name) ? field(kind, name) : NULL);
  return {
    action: identifier(kind),
    path: field(kind, 'path'),
    values: fields.has('partitionValues') ? jsonText(field(kind, 'partitionValues')) : NULL,
    size: find('size'),
    time: find(TIME[kind]),
    change: find('dataChange'),
    stats: await statsOf(session, file, column),
    rest: restOf(column),
  };
}

/** DuckDB renders NaN and infinities of a stats struct as words that are no JSON; such a bound is as good as none. */
const NO_NUMBER = /NaN|Infinity/i;

function repairStats(text: string): string {
  return text.replaceAll(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/gi, (token) =>
    token.startsWith('"') ? token : 'null',
  );
}

/** Parses texts that come again and again, once: most files share their tags, and many their partition. */
function sharedParser(): (text: string | undefined) => Json | undefined {
  const known = new Map<string, Json>();
  return (text) => {
    if (text === undefined || text === '' || text === 'null') return undefined;
    let value = known.get(text);
    if (value === undefined) {
      value = JSON.parse(text) as Json;
      known.set(text, value);
    }
    return value;
  };
}

/** The optional fields of a file; undefined when it has none. */
function restParser(): (text: string | undefined) => Json | undefined {
  const parse = sharedParser();
  const known = new Map<Json, Json | undefined>();
  return (text) => {
    const value = parse(text);
    if (value === undefined) return undefined;
    if (!known.has(value)) known.set(value, withoutUnset(value));
    return known.get(value);
  };
}

function lines(row: SqlRow, name: string): string[] {
  return String(row[name]).split('\n');
}

function numbers(row: SqlRow, name: string): unknown[] {
  return JSON.parse(String(row[name])) as unknown[];
}

/** The values of one pack, a list for each field; texts that are not there are empty. */
interface Pack {
  readonly files: number;
  readonly paths: readonly string[];
  readonly values: readonly string[];
  readonly sizes: readonly unknown[];
  readonly times: readonly unknown[];
  readonly changes: readonly unknown[];
  readonly stats: readonly string[];
  readonly rests: readonly string[];
}

function unpack(row: SqlRow): Pack {
  const stats = lines(row, 'stats');
  return {
    files: Number(row['files']),
    paths: lines(row, 'paths'),
    values: lines(row, 'values'),
    sizes: numbers(row, 'sizes'),
    times: numbers(row, 'times'),
    changes: numbers(row, 'changes'),
    stats: NO_NUMBER.test(String(row['stats'])) ? stats.map(repairStats) : stats,
    rests: lines(row, 'rests'),
  };
}

/** The files of a column. A value with a line break in it, which hardly any writer leaves there, has it escaped by a second try. */
async function readPacks(session: Session, file: string, column: FileColumn): Promise<readonly Pack[]> {
  const sql = readSqlFile('delta', 'read_checkpoint_files');
  const fragments = await fileFragments(session, file, column);
  const packs = (await session.rows(fillSql(sql, fragments), { file })).map(unpack);
  if (packs.every(({ files, paths, stats }) => paths.length === files && stats.length === files)) return packs;
  const escaped = {
    ...fragments,
    path: trustedFragment(`replace(${fragments.path}, chr(10), '%0A')`),
    stats: trustedFragment(`replace(${fragments.stats}, chr(10), ' ')`),
  };
  const again = (await session.rows(fillSql(sql, escaped), { file })).map(unpack);
  if (again.every(({ files, paths }) => paths.length === files)) return again;
  throw new LakeError('DELTA_LOG', `an "${column.kind}" action has no path`, { place: file });
}

function withoutUnset(file: Json): Json | undefined {
  const present = Object.entries(file).filter(([, member]) => member !== null && member !== undefined);
  return present.length === 0 ? undefined : Object.fromEntries(present);
}

async function readFiles(session: Session, file: string, column: FileColumn): Promise<Action[]> {
  const parseValues = sharedParser();
  const parseRest = restParser();
  const actions: Action[] = [];
  for (const pack of await readPacks(session, file, column)) {
    for (const [i, path] of pack.paths.entries()) {
      const partitionValues = parseValues(pack.values[i]);
      const dataChange = pack.changes[i] ?? false;
      const rest = parseRest(pack.rests[i]);
      const [size, time] = [pack.sizes[i], pack.times[i]];
      if (column.kind === 'add') {
        const text = pack.stats[i];
        const stats = text === '' || text === 'null' ? null : text;
        const add = { path, partitionValues, size, modificationTime: time, dataChange, stats };
        actions.push({ add: parseAdd(rest === undefined ? add : { ...add, ...rest }) });
      } else {
        const remove = { path, partitionValues, size, deletionTimestamp: time, dataChange };
        actions.push({ remove: parseRemove({ ...withoutUnset(remove), ...rest }) });
      }
    }
  }
  return actions;
}

/** One Parquet file of a checkpoint, or a sidecar. */
export interface CheckpointParquet {
  /** `add` and `remove`, checked; tombstones first. */
  readonly files: readonly Action[];
  /** The other actions as JSON values, one key each; those of the V2 specification among them. */
  readonly others: readonly unknown[];
}

async function readOthers(session: Session, file: string, columns: Columns): Promise<unknown[]> {
  const others: unknown[] = [];
  for (const [kind, key] of Object.entries(SMALL_KINDS)) {
    if (!columns.get(kind)?.has(key)) continue;
    const fragments = { action: identifier(kind), key: identifier(key) };
    const rows = await session.rows(fillSql(readSqlFile('delta', 'read_checkpoint'), fragments), { file });
    for (const row of rows) others.push(parseLine(`{"${kind}":${String(row['action'])}}`));
  }
  return others;
}

/**
 * Reads a Parquet file of a checkpoint; `others` alone when the files are not wanted. Columns that are missing are null,
 * columns that no specification knows are left alone. Throws whatever the reading of it throws.
 * Source: PROTOCOL.md, "Checkpoint Schema".
 */
export async function readCheckpointParquet(
  session: Session,
  location: string,
  wanted: 'all' | 'others' = 'all',
): Promise<CheckpointParquet> {
  const file = escapeGlob(location);
  const columns = await readColumns(session, file);
  const others = await readOthers(session, file, columns);
  const files: Action[] = [];
  for (const kind of wanted === 'all' ? (['remove', 'add'] as const) : []) {
    const fields = columns.get(kind);
    if (!fields?.has('path')) continue;
    for (const action of await readFiles(session, file, { kind, fields })) files.push(action);
  }
  return { files, others };
}
