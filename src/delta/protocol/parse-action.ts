import { z } from 'zod';
import { LakeError } from '../../base/lake-error.js';
import type { Action, AddFile, CdcFile, DomainMetadata, Metadata, Protocol, RemoveFile, Txn } from './actions.js';
import { type Json as ExactJson, numberText, parseExactJson } from './exact-json.js';

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
  // Databricks creates a streaming table without one, and gives it one in the next version.
  schemaString: z.string().nullish(),
  partitionColumns: z.array(z.string()),
  configuration: z.record(z.string(), z.string()).nullish(),
  createdTime: z.int().nullish(),
});

function malformed(field: string, problem: string): never {
  throw new LakeError('DELTA_LOG', `${field} ${problem}`);
}

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

/** `metaData` from JSON; an absent `configuration` or `schemaString` is empty. Throws `DELTA_LOG` naming the field. */
function parseMetadata(value: unknown): Metadata {
  const parsed = parseWith(metadataSchema, 'metaData', value);
  const { configuration, schemaString } = parsed;
  return { ...dropNulls(parsed), configuration: configuration ?? {}, schemaString: schemaString ?? '' } as Metadata;
}

type Json = Record<string, unknown>;

// File actions are checked by hand: a log may hold 300,000 of them, and zod would double the time to open it.
function record(value: unknown, kind: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) malformed(kind, 'is not an object');
  return value as Json;
}

function assertText(value: unknown, field: string): void {
  if (typeof value !== 'string') malformed(field, 'is not a string');
}

/** Beyond 2^53 `JSON.parse` has lost digits: such a number is refused instead of being silently another one. */
function assertWhole(value: unknown, field: string): void {
  if (typeof value !== 'number') malformed(field, 'is not a number');
  if (!Number.isSafeInteger(value)) malformed(field, 'is not a whole number below 2^53');
}

function assertCount(value: unknown, field: string): void {
  assertWhole(value, field);
  if ((value as number) < 0) malformed(field, 'is negative');
}

function assertFlag(value: unknown, field: string): void {
  if (typeof value !== 'boolean') malformed(field, 'is not a boolean');
}

function assertTextMap(value: unknown, field: string): void {
  const map = record(value, field);
  for (const key in map) {
    const member = map[key];
    if (member !== null && typeof member !== 'string') malformed(`${field}.${key}`, 'is not a string');
  }
}

function ifPresent(value: unknown, field: string, check: (value: unknown, field: string) => void): void {
  if (value !== undefined && value !== null) check(value, field);
}

const STORAGE_TYPES: ReadonlySet<unknown> = new Set(['u', 'i', 'p']);

function assertDeletionVector(value: unknown, field: string): void {
  const dv = record(value, field);
  if (!STORAGE_TYPES.has(dv['storageType'])) malformed(`${field}.storageType`, 'is none of "u", "i" and "p"');
  assertText(dv['pathOrInlineDv'], `${field}.pathOrInlineDv`);
  ifPresent(dv['offset'], `${field}.offset`, assertCount);
  assertCount(dv['sizeInBytes'], `${field}.sizeInBytes`);
  assertCount(dv['cardinality'], `${field}.cardinality`);
}

function assertPath(file: Json, kind: string): void {
  assertText(file['path'], `${kind}.path`);
  if (file['path'] === '') malformed(`${kind}.path`, 'is empty');
}

function assertSharedFields(file: Json, kind: string): void {
  ifPresent(file['dataChange'], `${kind}.dataChange`, assertFlag);
  ifPresent(file['stats'], `${kind}.stats`, assertText);
  ifPresent(file['tags'], `${kind}.tags`, assertTextMap);
  ifPresent(file['deletionVector'], `${kind}.deletionVector`, assertDeletionVector);
  ifPresent(file['baseRowId'], `${kind}.baseRowId`, assertWhole);
  ifPresent(file['defaultRowCommitVersion'], `${kind}.defaultRowCommitVersion`, assertWhole);
}

/** Checks `add` of a commit or checkpoint. Throws `DELTA_LOG` naming the field. */
export function parseAdd(value: unknown): AddFile {
  const file = record(value, 'add');
  assertPath(file, 'add');
  assertTextMap(file['partitionValues'], 'add.partitionValues');
  assertCount(file['size'], 'add.size');
  assertWhole(file['modificationTime'], 'add.modificationTime');
  assertSharedFields(file, 'add');
  ifPresent(file['clusteringProvider'], 'add.clusteringProvider', assertText);
  return file as unknown as AddFile;
}

/** Checks `remove` of a commit or checkpoint. Throws `DELTA_LOG` naming the field. */
export function parseRemove(value: unknown): RemoveFile {
  const file = record(value, 'remove');
  assertPath(file, 'remove');
  ifPresent(file['deletionTimestamp'], 'remove.deletionTimestamp', assertWhole);
  ifPresent(file['extendedFileMetadata'], 'remove.extendedFileMetadata', assertFlag);
  ifPresent(file['partitionValues'], 'remove.partitionValues', assertTextMap);
  ifPresent(file['size'], 'remove.size', assertCount);
  assertSharedFields(file, 'remove');
  return file as unknown as RemoveFile;
}

function parseCdc(value: unknown): CdcFile {
  const file = record(value, 'cdc');
  assertPath(file, 'cdc');
  assertTextMap(file['partitionValues'], 'cdc.partitionValues');
  assertCount(file['size'], 'cdc.size');
  ifPresent(file['tags'], 'cdc.tags', assertTextMap);
  return file as unknown as CdcFile;
}

const MAX_LONG = 2n ** 63n - 1n;

/** Applications number their transactions as they like, by nanoseconds even: such a number comes as `bigint`. */
function parseTxn(value: unknown): Txn {
  const txn = record(value, 'txn');
  assertText(txn['appId'], 'txn.appId');
  ifPresent(txn['lastUpdated'], 'txn.lastUpdated', assertWhole);
  const text = numberText(txn['version'] as ExactJson);
  if (text === undefined) malformed('txn.version', 'is not a number');
  if (!/^-?\d+$/.test(text)) malformed('txn.version', 'is not a whole number');
  const exact = BigInt(text);
  if (exact > MAX_LONG || exact < -MAX_LONG - 1n) malformed('txn.version', 'does not fit into 64 bits');
  const version = Number.isSafeInteger(Number(exact)) ? Number(exact) : exact;
  return version === txn['version'] ? (txn as unknown as Txn) : ({ ...txn, version } as unknown as Txn);
}

function parseDomain(value: unknown): DomainMetadata {
  const domain = record(value, 'domainMetadata');
  assertText(domain['domain'], 'domainMetadata.domain');
  assertText(domain['configuration'], 'domainMetadata.configuration');
  assertFlag(domain['removed'], 'domainMetadata.removed');
  return domain as unknown as DomainMetadata;
}

/**
 * One line of a commit, or undefined for an action this version of the protocol does not know (PROTOCOL.md, "Actions":
 * unknown actions and fields are ignored). Throws `DELTA_LOG` when a known action is malformed, or holds a number that
 * `JSON.parse` did not keep exactly.
 */
export function parseAction(value: unknown): Action | undefined {
  const line = record(value, 'an action');
  if (line['add'] != null) return { add: parseAdd(line['add']) };
  if (line['remove'] != null) return { remove: parseRemove(line['remove']) };
  if (line['cdc'] != null) return { cdc: parseCdc(line['cdc']) };
  if (line['metaData'] != null) return { metaData: parseMetadata(line['metaData']) };
  if (line['protocol'] != null) return { protocol: parseProtocol(line['protocol']) };
  if (line['txn'] != null) return { txn: parseTxn(line['txn']) };
  if (line['domainMetadata'] != null) return { domainMetadata: parseDomain(line['domainMetadata']) };
  if (line['commitInfo'] != null) return { commitInfo: record(line['commitInfo'], 'commitInfo') };
  return undefined;
}

/** The JSON of one line of a log file; a `txn.version` that a double cannot hold is kept exactly. Throws `SyntaxError`. */
export function parseLine(text: string): unknown {
  const value: unknown = JSON.parse(text);
  const version = (value as { txn?: { version?: unknown } | null } | null)?.txn?.version;
  return typeof version === 'number' && !Number.isSafeInteger(version) ? parseExactJson(text) : value;
}
