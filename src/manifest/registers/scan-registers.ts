import { type Clock, systemClock } from '../../base/clock.js';
import { LakeError } from '../../base/lake-error.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { CorruptRegister, RegisterFiles, type RegisterView } from './register-files.js';
import {
  findJournalOwner,
  findRegisterName,
  findSetAsideOwner,
  journalFolder,
  type RegisterName,
} from './register-name.js';

/**
 * `missing`: the file is gone and its journal is there. `stale_temporary`: left over from a write that did not come to its end.
 * `set_aside`: the kept bytes of a register that was corrupt.
 */
export type RegisterState = 'healthy' | 'corrupt' | 'missing' | 'misnamed' | 'stale_temporary' | 'set_aside';

/** What is wrong with a file of the folder, in a sentence; `line` and `field` where that is known. */
export interface RegisterFault {
  readonly file: string;
  readonly line: number | null;
  readonly field: string | null;
  readonly reason: string;
}

/** One file of the folder that has to do with registers. What is not known is null. */
export interface RegisterHealth {
  readonly name: string;
  readonly domain: string | null;
  readonly process: string | null;
  readonly state: RegisterState;
  /** Records in the file. */
  readonly records: number | null;
  /** Records that only the journal has; the next who opens the register puts them into the file. */
  readonly pending: number | null;
  /** What the file says of the number of its records. */
  readonly total_records: number | null;
  readonly total_mismatch: boolean;
  readonly ts_updated: string | null;
  readonly problem: RegisterFault | null;
}

export interface RegisterScan {
  readonly root: string;
  /** In the order of their names. */
  readonly files: readonly RegisterHealth[];
  /** Files and folders (with `/` at their end) that are none of ours. */
  readonly foreign: readonly string[];
}

/** A temporary file that is younger belongs to a write that goes on. */
const WRITING_MS = 60_000;
const TEMPORARY = /^\.[^/]*\.tmp$|\.manifest(?:\.json)?\.tmp$/;

function health(name: string, state: RegisterState, more: Partial<RegisterHealth> = {}): RegisterHealth {
  const { domain = null, process = null } = findRegisterName(name) ?? {};
  const counts = { records: null, pending: null, total_records: null, total_mismatch: false, ts_updated: null };
  return { name, domain, process, state, ...counts, problem: null, ...more };
}

function fault(file: string, reason: string): { readonly problem: RegisterFault } {
  return { problem: { file, line: null, field: null, reason } };
}

function viewHealth(name: string, view: RegisterView): RegisterHealth {
  const { file, pending } = view;
  if (file === undefined) {
    const told = fault(name, `the file is not there; opening the register makes it anew from ${journalFolder(name)}`);
    return health(name, 'missing', { pending, ...told });
  }
  const { total_records, ts_updated } = file.metadata;
  const records = file.records.size;
  const total_mismatch = total_records !== records;
  return health(name, 'healthy', { records, pending, total_records, total_mismatch, ts_updated });
}

async function registerHealth(store: ObjectStore, name: string): Promise<RegisterHealth | undefined> {
  try {
    const view = await new RegisterFiles(store, name).inspect();
    return view === undefined ? undefined : viewHealth(name, view);
  } catch (error) {
    if (error instanceof CorruptRegister) {
      const { path: file, problem } = error;
      const { line, field, message: reason } = problem;
      return health(name, 'corrupt', { problem: { file, line, field, reason } });
    }
    if (!(error instanceof LakeError)) throw error;
    return health(name, 'corrupt', fault(name, error.message));
  }
}

/** What a file is that is no register by its name; `foreign` when it is none of ours, undefined while it is being written. */
async function otherHealth(
  store: ObjectStore,
  path: string,
  now: number,
): Promise<RegisterHealth | 'foreign' | undefined> {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const owner = findSetAsideOwner(path);
  if (owner !== undefined) {
    const told = fault(path, `the bytes of ${owner}, which were no register`);
    return health(path, 'set_aside', { ...partsOf(findRegisterName(owner)), ...told });
  }
  if (TEMPORARY.test(name)) {
    const meta = await store.findMeta(path);
    if (meta === undefined || now - meta.modified < WRITING_MS) return undefined;
    return health(
      path,
      'stale_temporary',
      fault(path, 'left over from a write that did not come to its end; delete it'),
    );
  }
  if (!name.endsWith('.manifest.json')) return 'foreign';
  return health(path, 'misnamed', fault(path, 'a register is named <domain>_<process>.manifest.json'));
}

function partsOf(name: RegisterName | undefined): Partial<RegisterHealth> {
  return name === undefined ? {} : { domain: name.domain, process: name.process };
}

/**
 * The health of every register of a folder (seed 001 §5.3), and what else lies there. Writes nothing; what cannot be read is told and does not stop it.
 * Rejects when the folder cannot be listed.
 */
export async function scanRegisters(store: ObjectStore, clock: Clock = systemClock): Promise<RegisterScan> {
  const paths = await store.list('');
  const folders = await store.listFolders('');
  const journals = new Map(folders.map((folder) => [folder, findJournalOwner(folder)?.name]));
  const owners = [...journals.values()].filter((name) => name !== undefined);
  const registers = new Set([...paths.filter((path) => findRegisterName(path) !== undefined), ...owners]);
  const files: RegisterHealth[] = [];
  const foreign = folders.filter((folder) => journals.get(folder) === undefined).map((folder) => `${folder}/`);
  for (const name of registers) {
    const found = await registerHealth(store, name);
    if (found !== undefined) files.push(found);
  }
  const below = await Promise.all(owners.map((name) => store.list(journalFolder(name))));
  const others = [...paths.filter((path) => !registers.has(path)), ...below.flat().filter((p) => p.endsWith('.tmp'))];
  for (const path of others) {
    const found = await otherHealth(store, path, clock.now());
    if (found === 'foreign') foreign.push(path);
    else if (found !== undefined) files.push(found);
  }
  return { root: store.root, files: files.sort((a, b) => (a.name < b.name ? -1 : 1)), foreign: foreign.sort() };
}
