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

/** The SQL of each value that is read of a file; absent columns are null (PROTOCOL.md, "Checkpoints"). */
async function fileFragments(
  session: Session,
  file: string,
  { kind, fields }: { readonly kind: FileKind; readonly fields: ReadonlySet<string> },
): Promise<Record<string, SqlFragment>> {
  const find = (name: string) => (fields.has(name) ? field(kind, name) : NULL);
  const present = REST[kind].filter((name) => fields.has(name));
  const pairs = present.map((name) => joinFragments([identifier(name), field(kind, name)], ' := '));
  let stats = kind === 'add' ? find('stats') : NULL;
  if (kind === 'add' && fields.has('stats_parsed')) {
    // The struct may have hundreds of columns: it is read only when there is no text for some file.
    const lacks =
      stats === NULL || (await session.rows(readSqlFile('delta', 'checkpoint_lacks_stats'), { file }))[0]?.['lacks'];
    if (lacks) stats = trustedFragment(`coalesce(${stats}, ${jsonText(await statsStruct(session, file))})`);
  }
  return {
    action: identifier(kind),
    values: fields.has('partitionValues') ? jsonText(field(kind, 'partitionValues')) : NULL,
    size: find('size'),
    time: find(TIME[kind]),
    change: find('dataChange'),
    stats,
    rest: pairs.length === 0 ? NULL : jsonText(trustedFragment(`struct_pack(${joinFragments(pairs, ', ')})`)),
  };
}

/** DuckDB renders NaN and infinities of a stats struct as words that are no JSON; such a bound is as good as none. */
function repairStats(text: string | null): string | null {
  if (text === null || text === 'null') return null;
  if (!/NaN|Infinity/i.test(text)) return text;
  return text.replaceAll(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/gi, (token) =>
    token.startsWith('"') ? token : 'null',
  );
}

/** Parses texts that come again and again, once: most files share their tags, and many their partition. */
function sharedParser(): (text: string | null) => Json | undefined {
  const known = new Map<string, Json>();
  return (text) => {
    if (text === null || text === 'null') return undefined;
    let value = known.get(text);
    if (value === undefined) {
      value = JSON.parse(text) as Json;
      known.set(text, value);
    }
    return value;
  };
}

function list(row: SqlRow, name: string): (string | null)[] {
  return JSON.parse(String(row[name])) as (string | null)[];
}

/** The optional fields of a file; undefined when it has none. */
function restParser(): (text: string | null) => Json | undefined {
  const parse = sharedParser();
  const known = new Map<Json, Json | undefined>();
  return (text) => {
    const value = parse(text);
    if (value === undefined) return undefined;
    if (!known.has(value)) {
      const present = Object.entries(value).filter(([, member]) => member !== null);
      known.set(value, present.length === 0 ? undefined : Object.fromEntries(present));
    }
    return known.get(value);
  };
}

/** The values of one pack, a list for each field. */
function unpack(row: SqlRow) {
  return {
    paths: list(row, 'paths'),
    values: list(row, 'values'),
    sizes: list(row, 'sizes'),
    times: list(row, 'times'),
    changes: list(row, 'changes'),
    stats: list(row, 'stats'),
    rests: list(row, 'rests'),
  };
}

function withoutUnset(file: Json): Json {
  return Object.fromEntries(Object.entries(file).filter(([, member]) => member !== null && member !== undefined));
}

async function readFiles(
  session: Session,
  file: string,
  column: { readonly kind: FileKind; readonly fields: ReadonlySet<string>; readonly into: Action[] },
): Promise<void> {
  const { kind, into } = column;
  const sql = fillSql(readSqlFile('delta', 'read_checkpoint_files'), await fileFragments(session, file, column));
  const parseValues = sharedParser();
  const parseRest = restParser();
  for (const row of await session.rows(sql, { file })) {
    const pack = unpack(row);
    for (const [i, path] of pack.paths.entries()) {
      const partitionValues = parseValues(pack.values[i] ?? null);
      const dataChange = pack.changes[i] ?? false;
      const rest = parseRest(pack.rests[i] ?? null);
      const [size, time] = [pack.sizes[i], pack.times[i]];
      if (kind === 'add') {
        const stats = repairStats(pack.stats[i] ?? null);
        const add = { path, partitionValues, size, modificationTime: time, dataChange, stats };
        into.push({ add: parseAdd(rest === undefined ? add : { ...add, ...rest }) });
      } else {
        const remove = { path, partitionValues, size, deletionTimestamp: time, dataChange };
        into.push({ remove: parseRemove({ ...withoutUnset(remove), ...rest }) });
      }
    }
  }
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
    if (fields?.has('path')) await readFiles(session, file, { kind, fields, into: files });
  }
  return { files, others };
}
