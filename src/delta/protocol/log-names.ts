import { LakeError } from '../../base/lake-error.js';

/** Names in `_delta_log` (PROTOCOL.md, "File Types"). */
export const LOG_FOLDER = '_delta_log';
export const SIDECAR_FOLDER = `${LOG_FOLDER}/_sidecars`;
export const LAST_CHECKPOINT = `${LOG_FOLDER}/_last_checkpoint`;

interface Named {
  readonly version: number;
  /** Relative to the table. */
  readonly path: string;
}

export type LogFile =
  | (Named & { readonly kind: 'commit' | 'checkpoint' | 'v2checkpoint' | 'checksum' })
  | (Named & { readonly kind: 'part'; readonly part: number; readonly parts: number })
  /** The reconciled actions of the commits `version … end`. */
  | (Named & { readonly kind: 'compaction'; readonly end: number });

const COMMIT = /^(\d{20})\.json$/;
const CHECKPOINT = /^(\d{20})\.checkpoint\.parquet$/;
const PART = /^(\d{20})\.checkpoint\.(\d{10})\.(\d{10})\.parquet$/;
const V2 = /^(\d{20})\.checkpoint\.[0-9a-fA-F-]{36}\.(?:json|parquet)$/;
const COMPACTION = /^(\d{20})\.(\d{20})\.compacted\.json$/;
const CHECKSUM = /^(\d{20})\.crc$/;

function versionOf(digits: string | undefined, place: string): number {
  const version = Number(digits);
  if (Number.isSafeInteger(version)) return version;
  throw new LakeError('DELTA_LOG', 'a version of the log is beyond 2^53, which no writer reaches', { place });
}

/** What a file of the log is, or undefined for files that readers ignore. Throws `DELTA_LOG` for a version beyond 2^53. */
export function parseLogPath(path: string): LogFile | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const named = (match: RegExpExecArray): Named => ({ version: versionOf(match[1], path), path });
  let match = COMMIT.exec(name);
  if (match) return { kind: 'commit', ...named(match) };
  match = CHECKPOINT.exec(name);
  if (match) return { kind: 'checkpoint', ...named(match) };
  match = PART.exec(name);
  if (match) return { kind: 'part', ...named(match), part: Number(match[2]), parts: Number(match[3]) };
  match = V2.exec(name);
  if (match) return { kind: 'v2checkpoint', ...named(match) };
  match = COMPACTION.exec(name);
  if (match) return { kind: 'compaction', ...named(match), end: versionOf(match[2], path) };
  match = CHECKSUM.exec(name);
  if (match) return { kind: 'checksum', ...named(match) };
  return undefined;
}

function padded(version: number): string {
  return version.toString().padStart(20, '0');
}

/** `_delta_log/00000000000000000007.json` */
export function commitPath(version: number): string {
  return `${LOG_FOLDER}/${padded(version)}.json`;
}

/** `_delta_log/00000000000000000010.checkpoint.parquet` */
export function checkpointPath(version: number): string {
  return `${LOG_FOLDER}/${padded(version)}.checkpoint.parquet`;
}

/** `_delta_log/00000000000000000010.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json` */
export function uuidCheckpointPath(version: number, uuid: string): string {
  return `${LOG_FOLDER}/${padded(version)}.checkpoint.${uuid}.json`;
}

/** `_delta_log/00000000000000000007.crc` */
export function checksumPath(version: number): string {
  return `${LOG_FOLDER}/${padded(version)}.crc`;
}

/** Sorts before every file of `version` and after every file of the versions below it. */
export function beforeVersion(version: number): string {
  return `${LOG_FOLDER}/${padded(version)}`;
}
