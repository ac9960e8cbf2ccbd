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
    if (lacks) stats = trustedFragment(`coalesce(${stats}, ${jsonText(field(kind, 'stats_parsed'))})`);
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

function withoutNulls(value: Json | undefined): Json {
  return Object.fromEntries(Object.entries(value ?? {}).filter(([, member]) => member !== null));
}

function list(row: SqlRow, name: string): (string | null)[] {
  return JSON.parse(String(row[name])) as (string | null)[];
}

function* unpack(row: SqlRow, kind: FileKind, parse: (text: string | null) => Json | undefined): Generator<Json> {
  const [paths, values, sizes] = [list(row, 'paths'), list(row, 'values'), list(row, 'sizes')];
  const [times, changes] = [list(row, 'times'), list(row, 'changes')];
  const [stats, rests] = [list(row, 'stats'), list(row, 'rests')];
  const shared = new Map<string | null, Json>();
  for (let i = 0; i < paths.length; i++) {
    const restText = rests[i] ?? null;
    let rest = shared.get(restText);
    if (rest === undefined) {
      rest = withoutNulls(parse(restText));
      shared.set(restText, rest);
    }
    const file: Json = { path: paths[i], partitionValues: parse(values[i] ?? null), size: sizes[i] };
    file[TIME[kind]] = times[i];
    file['dataChange'] = changes[i] ?? false;
    if (kind === 'add') file['stats'] = repairStats(stats[i] ?? null);
    yield Object.assign(kind === 'add' ? file : withoutUnset(file), rest);
  }
}

function withoutUnset(file: Json): Json {
  for (const key in file) if (file[key] === null || file[key] === undefined) delete file[key];
  return file;
}

async function* readFiles(
  session: Session,
  file: string,
  column: { readonly kind: FileKind; readonly fields: ReadonlySet<string> },
): AsyncGenerator<Action> {
  const sql = fillSql(readSqlFile('delta', 'read_checkpoint_files'), await fileFragments(session, file, column));
  const parse = sharedParser();
  for (const row of await session.rows(sql, { file })) {
    for (const found of unpack(row, column.kind, parse)) {
      yield column.kind === 'add' ? { add: parseAdd(found) } : { remove: parseRemove(found) };
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

/**
 * Reads a Parquet file of a checkpoint. Columns that are missing are null, columns that no specification knows are left
 * alone. Throws whatever the reading of it throws. Source: PROTOCOL.md, "Checkpoint Schema".
 */
export async function readCheckpointParquet(session: Session, location: string): Promise<CheckpointParquet> {
  const file = escapeGlob(location);
  const columns = await readColumns(session, file);
  const others: unknown[] = [];
  for (const [kind, key] of Object.entries(SMALL_KINDS)) {
    if (!columns.get(kind)?.has(key)) continue;
    const fragments = { action: identifier(kind), key: identifier(key) };
    const rows = await session.rows(fillSql(readSqlFile('delta', 'read_checkpoint'), fragments), { file });
    for (const row of rows) others.push(parseLine(`{"${kind}":${String(row['action'])}}`));
  }
  const files: Action[] = [];
  for (const kind of ['remove', 'add'] as const) {
    const fields = columns.get(kind);
    if (!fields?.has('path')) continue;
    for await (const action of readFiles(session, file, { kind, fields })) files.push(action);
  }
  return { files, others };
}
