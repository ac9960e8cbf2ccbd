import { LakeError, messageOf } from '../../base/lake-error.js';
import type { Session } from '../../duckdb/session.js';
import type { ObjectStore } from '../../storage/object-store.js';
import type { Action } from '../protocol/actions.js';
import { SIDECAR_FOLDER } from '../protocol/log-names.js';
import { parseAction, parseLine } from '../protocol/parse-action.js';
import { decodePath } from '../protocol/paths.js';
import { readCheckpointParquet } from './checkpoint-parquet.js';
import { decodeLog } from './commit-file.js';
import type { CheckpointFiles } from './segment.js';

/** What the top-level files of a checkpoint say. */
interface TopLevel {
  readonly actions: Action[];
  /** Paths relative to the table. */
  readonly sidecars: string[];
  /** `checkpointMetadata.version` of each that is there. */
  readonly versions: unknown[];
}

/** Failures that are not the fault of the file, so that no other file is better. */
const NOT_DAMAGE = /^(?:INTERRUPT|Out of Memory)/i;

async function naming<T>(place: string, what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof LakeError && (error.code === 'STORAGE' || NOT_DAMAGE.test(error.message))) throw error;
    throw new LakeError('DELTA_LOG', `${what} cannot be read: ${messageOf(error)}`, {
      place,
      hint: 'restore the file from a backup, or delete the checkpoint if the log still has all commits',
      cause: error,
    });
  }
}

/** Sidecars are always in the folder of the table itself, however their path is spelled (PROTOCOL.md, "Sidecar File Information"). */
function sidecarPath(path: unknown): string {
  const name = typeof path === 'string' ? decodePath(path.slice(path.lastIndexOf('/') + 1)) : '';
  if (name === '' || name.includes('/') || name === '..')
    throw new LakeError('DELTA_LOG', 'sidecar.path is no file name');
  return `${SIDECAR_FOLDER}/${name}`;
}

function addOther(top: TopLevel, line: unknown): void {
  const { sidecar, checkpointMetadata } = (line ?? {}) as Record<string, Record<string, unknown> | null>;
  if (sidecar != null) top.sidecars.push(sidecarPath(sidecar['path']));
  else if (checkpointMetadata != null) top.versions.push(checkpointMetadata['version']);
  else {
    const action = parseAction(line);
    if (action !== undefined && !('commitInfo' in action) && !('cdc' in action)) top.actions.push(action);
  }
}

function readJson(top: TopLevel, text: string): void {
  text.split('\n').forEach((line, i) => {
    if (line.trim() === '') return;
    try {
      addOther(top, parseLine(line));
    } catch (error) {
      throw new LakeError('DELTA_LOG', `line ${i + 1}: ${messageOf(error)}`, { cause: error });
    }
  });
}

/** Where checkpoints are read from. */
export interface CheckpointDeps {
  readonly store: ObjectStore;
  readonly engine: () => Promise<Session>;
}

async function readTopLevel(
  { store, engine }: CheckpointDeps,
  path: string,
  wanted: 'all' | 'others' = 'all',
): Promise<TopLevel> {
  const top: TopLevel = { actions: [], sidecars: [], versions: [] };
  if (path.endsWith('.json')) {
    readJson(top, decodeLog(await store.get(path)));
    return top;
  }
  const { files, others } = await readCheckpointParquet(await engine(), store.location(path), wanted);
  for (const line of others) addOther(top, line);
  for (const action of files) top.actions.push(action);
  return top;
}

function isFileAction(action: Action): boolean {
  return 'add' in action || 'remove' in action;
}

function assertWhole(top: TopLevel, checkpoint: CheckpointFiles): void {
  const problem = (text: string): never => {
    throw new LakeError('DELTA_LOG', text);
  };
  if (!top.actions.some((action) => 'protocol' in action)) problem('it has no "protocol" action');
  if (!top.actions.some((action) => 'metaData' in action)) problem('it has no "metaData" action');
  if (top.versions.length > 1) problem('it has two "checkpointMetadata" actions');
  const [version] = top.versions;
  if (version !== undefined && version !== checkpoint.version) problem(`it says that it is of version ${version}`);
  if (top.sidecars.length > 0 && top.actions.some(isFileAction)) problem('it has files of its own beside sidecars');
  if (new Set(top.sidecars).size < top.sidecars.length) problem('it names a sidecar twice');
}

/**
 * The actions of a checkpoint: classic, in parts, or by the V2 specification with its sidecars. Throws `DELTA_LOG`, naming
 * the file, when one of them is damaged or missing. Source: PROTOCOL.md, "Checkpoints", "V2 Spec", "Sidecar Files".
 */
export async function readCheckpoint(deps: CheckpointDeps, checkpoint: CheckpointFiles): Promise<Action[]> {
  const { store, engine } = deps;
  const all: TopLevel = { actions: [], sidecars: [], versions: [] };
  for (const path of checkpoint.paths) {
    const top = await naming(store.location(path), 'a checkpoint', () => readTopLevel(deps, path));
    for (const action of top.actions) all.actions.push(action);
    all.sidecars.push(...top.sidecars);
    all.versions.push(...top.versions);
  }
  await naming(store.location(checkpoint.paths[0] ?? ''), 'a checkpoint', async () => assertWhole(all, checkpoint));
  for (const path of all.sidecars) {
    const place = store.location(path);
    const { files } = await naming(place, 'a sidecar of a checkpoint', async () =>
      readCheckpointParquet(await engine(), place),
    );
    for (const action of files) all.actions.push(action);
  }
  return all.actions;
}

/** Paths of the sidecars that a checkpoint names, relative to the table. Throws `DELTA_LOG` when it cannot be read. */
export async function readSidecarPaths(deps: CheckpointDeps, checkpoint: CheckpointFiles): Promise<string[]> {
  const paths: string[] = [];
  for (const path of checkpoint.paths) {
    const place = deps.store.location(path);
    const top = await naming(place, 'a checkpoint', () => readTopLevel(deps, path, 'others'));
    paths.push(...top.sidecars);
  }
  return paths;
}
