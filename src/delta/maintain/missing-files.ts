import type { ObjectMeta, ObjectStore } from '../../storage/object-store.js';
import { dataFile } from '../log/data-location.js';
import type { Snapshot } from '../log/snapshot.js';
import type { AddFile } from '../protocol/actions.js';
import { vectorPlace } from '../protocol/deletion-vector.js';

const AT_ONCE = 32;

/** Runs `work` for every item, some at a time; results are in the order of the items. */
export async function mapSome<T, R>(items: readonly T[], work: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let from = 0; from < items.length; from += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(from, from + AT_ONCE).map((item, i) => work(item, from + i)))));
  }
  return results;
}

/** What is known about a data file, wherever it is; undefined when it is gone. */
export function findFileMeta(store: ObjectStore, { path }: Pick<AddFile, 'path'>): Promise<ObjectMeta | undefined> {
  const file = dataFile(store, path);
  return file.store.findMeta(file.path);
}

/** Paths of data files and deletion vector files that are not there any more, as the log names them. */
export async function missingFiles(
  store: ObjectStore,
  snapshot: Snapshot,
  files: readonly AddFile[],
): Promise<string[]> {
  const known = new Map<string, Promise<boolean>>();
  const isGone = (path: string, look: () => Promise<ObjectMeta | undefined>): Promise<boolean> => {
    const found = known.get(path) ?? look().then((meta) => meta === undefined);
    known.set(path, found);
    return found;
  };
  const place = `${snapshot.path}@${snapshot.version}`;
  const missing = await mapSome(files, async (file) => {
    const gone = (await isGone(file.path, () => findFileMeta(store, file))) ? [file.path] : [];
    if (file.deletionVector == null) return gone;
    const vector = vectorPlace(file.deletionVector, place);
    if (vector.kind === 'inline') return gone;
    const path = vector.path;
    const look = () => (vector.absolute ? findFileMeta(store, { path }) : store.findMeta(path));
    return (await isGone(`dv:${path}`, look)) ? [...gone, path] : gone;
  });
  return [...new Set(missing.flat())];
}
