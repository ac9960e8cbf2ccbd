import { z } from 'zod';
import { LakeError } from '../../base/lake-error.js';

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
  readonly version: number;
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

const protocolSchema = z.looseObject({
  minReaderVersion: z.int().min(1),
  minWriterVersion: z.int().min(1),
  readerFeatures: z.array(z.string()).nullish(),
  writerFeatures: z.array(z.string()).nullish(),
});

const metadataSchema = z.looseObject({
  id: z.string(),
  name: z.string().nullish(),
  description: z.string().nullish(),
  format: z.looseObject({ provider: z.string(), options: z.record(z.string(), z.string()).nullish() }),
  schemaString: z.string(),
  partitionColumns: z.array(z.string()),
  configuration: z.record(z.string(), z.string()).nullish(),
  createdTime: z.number().nullish(),
});

function parseWith<T>(schema: z.ZodType<T>, kind: string, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new LakeError('DELTA_LOG', `${kind}.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`);
}

function dropNulls<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== null)) as T;
}

/** `protocol` from JSON. Throws `DELTA_LOG` naming the field. */
function parseProtocol(value: unknown): Protocol {
  return dropNulls(parseWith(protocolSchema, 'protocol', value)) as Protocol;
}

/** `metaData` from JSON; an absent `configuration` is empty. Throws `DELTA_LOG` naming the field. */
function parseMetadata(value: unknown): Metadata {
  const parsed = parseWith(metadataSchema, 'metaData', value);
  return { ...dropNulls(parsed), configuration: parsed.configuration ?? {} } as Metadata;
}

type Json = Record<string, unknown>;

// File actions are checked by hand: a log may hold 300,000 of them, and zod would double the time to open it.
function requireFields(kind: string, value: unknown, fields: Readonly<Record<string, string>>): Json {
  if (typeof value !== 'object' || value === null) throw new LakeError('DELTA_LOG', `${kind} is not an object`);
  for (const [field, type] of Object.entries(fields)) {
    if (typeof (value as Json)[field] !== type) throw new LakeError('DELTA_LOG', `${kind}.${field} is not a ${type}`);
  }
  return value as Json;
}

const ADD = { path: 'string', partitionValues: 'object', size: 'number', modificationTime: 'number' };
const REMOVE = { path: 'string' };
const CDC = { path: 'string', partitionValues: 'object', size: 'number' };
const TXN = { appId: 'string', version: 'number' };
const DOMAIN = { domain: 'string', configuration: 'string', removed: 'boolean' };

/**
 * One line of a commit, or undefined for an action this version of the protocol does not know (PROTOCOL.md, "Actions":
 * unknown actions and fields are ignored). Throws `DELTA_LOG` when a known action is malformed.
 */
export function parseAction(value: unknown): Action | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new LakeError('DELTA_LOG', 'an action is not a JSON object');
  }
  const line = value as Json;
  if (line['add'] != null) {
    const add = requireFields('add', line['add'], ADD);
    if (add['partitionValues'] === null) throw new LakeError('DELTA_LOG', 'add.partitionValues is null');
    return { add: add as unknown as AddFile };
  }
  if (line['remove'] != null)
    return { remove: requireFields('remove', line['remove'], REMOVE) as unknown as RemoveFile };
  if (line['cdc'] != null) return { cdc: requireFields('cdc', line['cdc'], CDC) as unknown as CdcFile };
  if (line['metaData'] != null) return { metaData: parseMetadata(line['metaData']) };
  if (line['protocol'] != null) return { protocol: parseProtocol(line['protocol']) };
  if (line['txn'] != null) return { txn: requireFields('txn', line['txn'], TXN) as unknown as Txn };
  if (line['domainMetadata'] != null) {
    return {
      domainMetadata: requireFields('domainMetadata', line['domainMetadata'], DOMAIN) as unknown as DomainMetadata,
    };
  }
  if (line['commitInfo'] != null) return { commitInfo: requireFields('commitInfo', line['commitInfo'], {}) };
  return undefined;
}

/** The identity of a logical file: its path and its deletion vector (PROTOCOL.md, "Deletion Vectors"). */
export function fileKey(file: Pick<AddFile, 'path' | 'deletionVector'>): string {
  const dv = file.deletionVector;
  if (dv === undefined || dv === null) return file.path;
  const offset = dv.offset === undefined || dv.offset === null ? '' : `@${dv.offset}`;
  return `${file.path}\u0000${dv.storageType}${dv.pathOrInlineDv}${offset}`;
}
