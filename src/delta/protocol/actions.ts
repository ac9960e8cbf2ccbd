import { decodePath } from './paths.js';

/** PROTOCOL.md, "Protocol Evolution". The feature lists are there exactly with reader 3 and writer 7. */
export interface Protocol {
  readonly minReaderVersion: number;
  readonly minWriterVersion: number;
  readonly readerFeatures?: readonly string[];
  readonly writerFeatures?: readonly string[];
}

/** PROTOCOL.md, "Change Metadata". */
export interface Metadata {
  readonly id: string;
  readonly name?: string | null;
  readonly description?: string | null;
  readonly format: { readonly provider: string; readonly options?: Readonly<Record<string, string>> };
  readonly schemaString: string;
  readonly partitionColumns: readonly string[];
  readonly configuration: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly createdTime?: number | null;
}

/** PROTOCOL.md, "Deletion Vector Descriptor Schema". */
export interface DeletionVector {
  readonly storageType: string;
  readonly pathOrInlineDv: string;
  readonly offset?: number | null;
  readonly sizeInBytes: number;
  readonly cardinality: number;
  readonly maxRowIndex?: number | null;
}

type StringMap = Readonly<Record<string, string | null>>;

/** PROTOCOL.md, "Add File and Remove File". `path` is as in the log: URI-encoded, relative to the table or absolute. */
export interface AddFile {
  readonly path: string;
  readonly partitionValues: StringMap;
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly modificationTime: number;
  readonly dataChange: boolean;
  /** JSON text; see `stats.ts`. */
  readonly stats?: string | null;
  readonly tags?: StringMap | null;
  readonly deletionVector?: DeletionVector | null;
  readonly baseRowId?: number | null;
  readonly defaultRowCommitVersion?: number | null;
  readonly clusteringProvider?: string | null;
}

/** PROTOCOL.md, "Add File and Remove File": a tombstone. */
export interface RemoveFile {
  readonly path: string;
  readonly deletionTimestamp?: number | null;
  readonly dataChange: boolean;
  readonly extendedFileMetadata?: boolean | null;
  readonly partitionValues?: StringMap | null;
  readonly size?: number | null;
  readonly stats?: string | null;
  readonly tags?: StringMap | null;
  readonly deletionVector?: DeletionVector | null;
  readonly baseRowId?: number | null;
  readonly defaultRowCommitVersion?: number | null;
}

/** PROTOCOL.md, "Add CDC File". */
export interface CdcFile {
  readonly path: string;
  readonly partitionValues: StringMap;
  readonly size: number;
  readonly dataChange: boolean;
  readonly tags?: StringMap | null;
}

/** PROTOCOL.md, "Transaction Identifiers". */
export interface Txn {
  readonly appId: string;
  /** A `bigint` only where a double would lose digits. */
  readonly version: number | bigint;
  readonly lastUpdated?: number | null;
}

/** PROTOCOL.md, "Domain Metadata". */
export interface DomainMetadata {
  readonly domain: string;
  readonly configuration: string;
  readonly removed: boolean;
}

/** PROTOCOL.md, "Commit Provenance Information": free-form. */
export interface CommitInfo {
  readonly timestamp?: number;
  readonly operation?: string;
  readonly operationParameters?: Readonly<Record<string, unknown>>;
  readonly operationMetrics?: Readonly<Record<string, unknown>>;
  readonly isBlindAppend?: boolean;
  readonly txnId?: string;
  /** Milliseconds since the epoch; the time of the version when the table has in-commit timestamps. */
  readonly inCommitTimestamp?: number;
  readonly [key: string]: unknown;
}

/** One line of a commit; exactly one key. */
export type Action =
  | { readonly commitInfo: CommitInfo }
  | { readonly protocol: Protocol }
  | { readonly metaData: Metadata }
  | { readonly txn: Txn }
  | { readonly remove: RemoveFile }
  | { readonly add: AddFile }
  | { readonly cdc: CdcFile }
  | { readonly domainMetadata: DomainMetadata };

const FILE_URI = /^file:(?:\/\/(?:localhost)?(?=\/))?/i;

/**
 * One spelling for every `path` of a file: decoded once, and `/a`, `file:/a`, `file:///a` are the same, as Spark has it.
 * Only for telling files apart: a relative path may come out as text that reads like a URI.
 */
export function canonicalPath(path: string): string {
  const first = path.charCodeAt(0);
  const plain = first === 102 || first === 70 ? path.replace(FILE_URI, '') : path;
  return plain.includes('%') ? decodePath(plain) : plain;
}

/** `deletionVector.uniqueId`, or the empty string without one (PROTOCOL.md, "Deletion Vectors", "Derived Fields"). */
export function deletionVectorId(dv: DeletionVector | null | undefined): string {
  if (dv === undefined || dv === null) return '';
  const offset = dv.offset === undefined || dv.offset === null ? '' : `@${dv.offset}`;
  return `${dv.storageType}${dv.pathOrInlineDv}${offset}`;
}

/** The identity of a logical file: its path and its deletion vector (PROTOCOL.md, "Action Reconciliation"). */
export function fileKey(file: Pick<AddFile, 'path' | 'deletionVector'>): string {
  const path = canonicalPath(file.path);
  return file.deletionVector == null ? path : `${path}\u0000${deletionVectorId(file.deletionVector)}`;
}
