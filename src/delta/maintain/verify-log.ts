import type { ObjectStore } from '../../storage/object-store.js';
import { readCommit } from '../log/commit-file.js';
import { listCommitVersions } from '../log/history.js';
import type { Snapshot } from '../log/snapshot.js';
import { type AddFile, fileKey, type Metadata, type Protocol } from '../protocol/actions.js';
import { LOG_FOLDER } from '../protocol/log-names.js';
import type { Finding } from './verify.js';

interface Replayed {
  readonly files: Map<string, AddFile>;
  readonly txns: Map<string, number | bigint>;
  protocol?: Protocol;
  metadata?: Metadata;
}

async function replay(store: ObjectStore, versions: readonly number[]): Promise<Replayed> {
  const state: Replayed = { files: new Map(), txns: new Map() };
  for (const version of versions) {
    for (const action of (await readCommit(store, version)).actions) {
      if ('add' in action) state.files.set(fileKey(action.add), action.add);
      else if ('remove' in action) state.files.delete(fileKey(action.remove));
      else if ('txn' in action) state.txns.set(action.txn.appId, action.txn.version);
      else if ('protocol' in action) state.protocol = action.protocol;
      else if ('metaData' in action) state.metadata = action.metaData;
    }
  }
  return state;
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/**
 * Whether the newest checkpoint says what the commits up to it say; only where all of them are still there. `at` is the
 * snapshot that was read from the checkpoint alone.
 */
export async function verifyCheckpoint(store: ObjectStore, at: Snapshot): Promise<Finding[]> {
  const versions = (await listCommitVersions(store)).filter((version) => version <= at.version);
  if (versions.length !== at.version + 1) return [];
  const truth = await replay(store, versions);
  const path = `${LOG_FOLDER}@${at.version}`;
  const finding = (message: string): Finding => ({ kind: 'checkpoint', path, message: `the checkpoint ${message}` });
  const live = new Set(at.files.map(fileKey));
  const lost = [...truth.files].filter(([key]) => !live.has(key));
  const extra = at.files.filter((file) => !truth.files.has(fileKey(file)));
  const txns = new Map([...at.txns].map(([id, txn]) => [id, txn.version]));
  const wrongTxn = [...truth.txns].find(([id, version]) => txns.has(id) && txns.get(id) !== version);
  return [
    ...lost.map(([, file]) => finding(`lacks ${file.path}`)),
    ...extra.map((file) => finding(`has ${file.path}, which the commits removed`)),
    ...(wrongTxn === undefined ? [] : [finding(`has another version of the application "${wrongTxn[0]}"`)]),
    ...(sorted(truth.metadata?.schemaString) === sorted(at.metadata.schemaString) &&
    sorted(truth.metadata?.configuration) === sorted(at.metadata.configuration)
      ? []
      : [finding('has another schema or other properties')]),
    ...(truth.protocol?.minReaderVersion === at.protocol.minReaderVersion &&
    truth.protocol.minWriterVersion === at.protocol.minWriterVersion
      ? []
      : [finding('has another protocol')]),
  ];
}
