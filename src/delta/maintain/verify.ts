import { LakeError } from '../../base/lake-error.js';
import { readCommit } from '../log/commit-file.js';
import { readDeletionVector } from '../log/deletion-vectors.js';
import { listCommitVersions } from '../log/history.js';
import type { Snapshot } from '../log/snapshot.js';
import type { AddFile } from '../protocol/actions.js';
import { commitPath } from '../protocol/log-names.js';
import { parsePartitionValue } from '../protocol/partition-values.js';
import { parseStats } from '../protocol/stats.js';
import { deletedFileRetention } from '../protocol/table-properties.js';
import type { MaintainDeps } from './maintain-deps.js';
import { findFileMeta, mapSome } from './missing-files.js';
import { verifyCheckpoint } from './verify-log.js';
import { verifyRows } from './verify-rows.js';

export type FindingKind =
  | 'log'
  | 'checkpoint'
  | 'missing'
  | 'size'
  | 'unreadable'
  | 'deletion-vector'
  | 'partition-value'
  | 'row-count'
  | 'statistics'
  | 'change-data';

/** Something about a table that is not as its log says. */
export interface Finding {
  readonly kind: FindingKind;
  /** The file, as the log names it. */
  readonly path: string;
  readonly message: string;
}

export interface VerifyRequest {
  /** Reads every data file whole and compares it with its statistics. */
  readonly deep?: boolean;
}

export interface VerifyResult {
  /** Null when the log cannot be read. */
  readonly version: number | null;
  readonly deep: boolean;
  readonly files: number;
  /** Empty when all is well. */
  readonly findings: readonly Finding[];
}

export interface VerifyDeps extends MaintainDeps {
  snapshotAt(version: number): Promise<Snapshot>;
}

async function verifyFile({ store }: VerifyDeps, snapshot: Snapshot, file: AddFile): Promise<Finding[]> {
  const { path } = file;
  const findings: Finding[] = [];
  const meta = await findFileMeta(store, file);
  if (meta === undefined) findings.push({ kind: 'missing', path, message: 'is not there' });
  else if (meta.size !== file.size) {
    findings.push({ kind: 'size', path, message: `has ${meta.size} bytes, the log says ${file.size}` });
  }
  const stats = parseStats(file.stats);
  if (file.stats && stats === undefined)
    findings.push({ kind: 'statistics', path, message: 'its statistics are no JSON' });
  if (file.deletionVector != null) {
    const rows = stats?.numRecords;
    const { cardinality } = file.deletionVector;
    try {
      await readDeletionVector(store, file.deletionVector, path);
    } catch (error) {
      if (!(error instanceof LakeError)) throw error;
      findings.push({ kind: 'deletion-vector', path, message: error.message });
    }
    if (rows !== undefined && cardinality > rows) {
      const message = `its deletion vector has ${cardinality} rows, the file only ${rows}`;
      findings.push({ kind: 'deletion-vector', path, message });
    }
  }
  return [...findings, ...verifyPartition(snapshot, file)];
}

function verifyPartition(snapshot: Snapshot, { path, partitionValues }: AddFile): Finding[] {
  return snapshot.partitionColumns.flatMap((column, i): Finding[] => {
    const key = snapshot.physicalPartitionColumns[i] ?? column;
    const type = snapshot.schema.fields.find(({ name }) => name === column)?.type;
    if (type === undefined) return [];
    if (!Object.hasOwn(partitionValues, key)) {
      return [{ kind: 'partition-value', path, message: `the log does not say its "${column}"` }];
    }
    try {
      parsePartitionValue(type, partitionValues[key] ?? null);
      return [];
    } catch (error) {
      if (!(error instanceof LakeError)) throw error;
      return [{ kind: 'partition-value', path, message: `"${column}": ${error.message}` }];
    }
  });
}

/** Change data files of the retention must be there; older ones may have been deleted. */
async function verifyChangeData({ store, clock }: VerifyDeps, snapshot: Snapshot): Promise<Finding[]> {
  const cutoff = clock.now() - deletedFileRetention(snapshot.metadata.configuration);
  const findings: Finding[] = [];
  for (const version of (await listCommitVersions(store)).reverse()) {
    if (((await store.findMeta(commitPath(version)))?.modified ?? 0) < cutoff) break;
    for (const action of (await readCommit(store, version)).actions) {
      if (!('cdc' in action) || (await findFileMeta(store, action.cdc)) !== undefined) continue;
      findings.push({ kind: 'change-data', path: action.cdc.path, message: `of version ${version} is not there` });
    }
  }
  return findings;
}

async function findings(deps: VerifyDeps, snapshot: Snapshot, deep: boolean): Promise<Finding[]> {
  const { files, checkpointVersion } = snapshot;
  const report = (done: number) => deps.onProgress?.({ phase: 'check', done, total: files.length, unit: 'files' });
  let done = 0;
  const found = await mapSome(files, async (file) => {
    const result = await verifyFile(deps, snapshot, file);
    report(++done);
    return result;
  });
  const light = found.flat();
  const broken = new Set(light.filter(({ kind }) => kind !== 'statistics').map(({ path }) => path));
  const whole = files.filter(({ path }) => !broken.has(path));
  return [
    ...(checkpointVersion < 0 ? [] : await verifyCheckpoint(deps.store, await deps.snapshotAt(checkpointVersion))),
    ...light,
    ...(await verifyChangeData(deps, snapshot)),
    ...(deep ? await verifyRows(deps, snapshot, { files: whole, onFiles: report }) : []),
  ];
}

/** Looks whether a table is what its log says. Changes nothing. Throws when there is no table or it cannot be read here. */
export async function verify(deps: VerifyDeps, { deep = false }: VerifyRequest = {}): Promise<VerifyResult> {
  try {
    const snapshot = await deps.snapshot();
    const found = await findings(deps, snapshot, deep);
    return { version: snapshot.version, deep, files: snapshot.files.length, findings: found };
  } catch (error) {
    if (!(error instanceof LakeError) || error.code !== 'DELTA_LOG') throw error;
    const finding: Finding = { kind: 'log', path: error.place ?? '', message: error.message };
    return { version: null, deep, files: 0, findings: [finding] };
  }
}
