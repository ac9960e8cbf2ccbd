/** Names in `_delta_log` (PROTOCOL.md, "File Types"). */
export const LOG_FOLDER = '_delta_log';

export type LogFile =
  | { readonly kind: 'commit'; readonly version: number; readonly path: string }
  | { readonly kind: 'checkpoint'; readonly version: number; readonly path: string }
  | {
      readonly kind: 'part';
      readonly version: number;
      readonly path: string;
      readonly part: number;
      readonly parts: number;
    }
  | { readonly kind: 'v2checkpoint'; readonly version: number; readonly path: string };

const COMMIT = /^(\d{20})\.json$/;
const CHECKPOINT = /^(\d{20})\.checkpoint\.parquet$/;
const PART = /^(\d{20})\.checkpoint\.(\d{10})\.(\d{10})\.parquet$/;
const V2 = /^(\d{20})\.checkpoint\.[0-9a-fA-F-]{36}\.(?:json|parquet)$/;

/** What a file of the log is, or undefined for files that readers ignore. `path` is relative to the table. */
export function parseLogPath(path: string): LogFile | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  let match = COMMIT.exec(name);
  if (match) return { kind: 'commit', version: Number(match[1]), path };
  match = CHECKPOINT.exec(name);
  if (match) return { kind: 'checkpoint', version: Number(match[1]), path };
  match = PART.exec(name);
  if (match) return { kind: 'part', version: Number(match[1]), path, part: Number(match[2]), parts: Number(match[3]) };
  match = V2.exec(name);
  if (match) return { kind: 'v2checkpoint', version: Number(match[1]), path };
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

/** Sorts before every file of `version` and after every file of the versions below it. */
export function beforeVersion(version: number): string {
  return `${LOG_FOLDER}/${padded(version)}`;
}

export const LAST_CHECKPOINT = `${LOG_FOLDER}/_last_checkpoint`;
