import { z } from 'zod';
import { messageOf } from '../../base/lake-error.js';
import { checkRecord } from '../dialects/register.js';
import { check, FieldProblem, type Fields, types, wholeOf } from '../fields.js';
import { type JsonMember, jsonMembers, linesBetween } from '../json-members.js';
import { exactValue } from '../meta.js';
import { textBytes } from '../text-bytes.js';
import { findJsonFault } from './json-fault.js';
import { compareRecords, type RegisterRecord, recordOf } from './register-record.js';

/** What a register says of itself (seed 001, `ManifestMetadata`). */
export interface RegisterMetadata {
  /** The part of the pipeline that the register is of: extractor, transformer, loader or another plain word. */
  readonly process: string;
  /** Version of the code that made the register. */
  readonly etl_version: string;
  /** Where the register was made. */
  readonly root_dir: string;
  readonly total_records: number;
  /** ISO 8601 UTC. */
  readonly ts_created: string;
  readonly ts_updated: string;
  readonly [more: string]: unknown;
}

/** A register as it stands in a file, or a part of one as it stands in the journal. */
export interface RegisterContent {
  /** `total_records` is what the file says, whether it is right or not. */
  readonly metadata: RegisterMetadata;
  /** By SHA-256 in lower case. */
  readonly records: ReadonlyMap<string, RegisterRecord>;
  /** Fields of other tools beside `metadata` and `records`. */
  readonly rest: Fields;
}

/** Why bytes are no register. `line` is 1-based. */
export class RegisterProblem extends Error {
  readonly line: number;
  readonly field: string | null;

  constructor(line: number, field: string | null, reason: string) {
    super(reason);
    this.line = line;
    this.field = field;
  }
}

const PLAIN_WORD = /^[A-Za-z][A-Za-z0-9_-]*$/;
const plainWord = types.requiredText.refine((text) => PLAIN_WORD.test(text), {
  error: 'expected a plain word such as extractor, transformer or loader',
});

const metadataSchema = z.object({
  process: plainWord,
  etl_version: types.requiredText,
  root_dir: types.requiredText,
  total_records: types.size,
  ts_created: types.timestamp,
  ts_updated: types.timestamp,
});

/** Throws a `FieldProblem` unless these fields are the metadata of a register. */
export function checkMetadata(fields: Fields): RegisterMetadata {
  check(metadataSchema, fields, 'metadata.');
  return Object.freeze({ ...fields, total_records: wholeOf(fields.total_records) ?? 0 }) as RegisterMetadata;
}

function decoded(bytes: Uint8Array): string {
  try {
    const utf8 = textBytes(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    return new TextDecoder('utf-8', { fatal: true }).decode(utf8);
  } catch {
    throw new RegisterProblem(1, null, 'the text is not valid UTF-8');
  }
}

/** Reads the members of one text, and tells problems with their line. */
class Reader {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  problem(at: number, field: string | null, reason: string): RegisterProblem {
    return new RegisterProblem(1 + linesBetween(this.#text, 0, at), field, reason);
  }

  parse(): unknown {
    if (this.#text.trim() === '') throw this.problem(0, null, 'the file is empty');
    try {
      return JSON.parse(this.#text);
    } catch (error) {
      const fault = findJsonFault(this.#text);
      const field = fault?.path.join('.') || null;
      throw this.problem(fault?.at ?? 0, field, `not valid JSON: ${messageOf(error)}`);
    }
  }

  /** The members of the object that `of` is the text of, with offsets in the whole text; `same` tells which keys are the same. */
  members(of: JsonMember, path: string, same = (key: string) => key): JsonMember[] {
    const seen = new Set<string>();
    return jsonMembers(of.text).map((member) => {
      const at = of.at + member.at;
      const key = same(member.key);
      if (seen.has(key)) throw this.problem(at, path + member.key, 'the key is there twice');
      seen.add(key);
      return { ...member, at };
    });
  }

  /** Runs `work`, and gives a `FieldProblem` of it the line of its field in `of`. */
  within<T>(of: JsonMember, path: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof FieldProblem)) throw error;
      const name = error.field?.slice(path.length);
      const isObject = of.text.startsWith('{');
      const member = isObject ? jsonMembers(of.text).find(({ key }) => key === name) : undefined;
      throw this.problem(of.at + (member?.at ?? 0), error.field, error.message);
    }
  }
}

const isObject = (text: string) => text.startsWith('{');

/**
 * A register from its bytes (UTF-8, or UTF-16 that shows itself). Throws a `RegisterProblem` when it is broken JSON, when a field is
 * wrong or a key is there twice, and when a record is filed under another checksum than its own.
 */
export function parseRegister(bytes: Uint8Array): RegisterContent {
  const text = decoded(bytes);
  const reader = new Reader(text);
  const parsed = reader.parse();
  const whole = { key: '', text: text.trimStart(), at: text.length - text.trimStart().length };
  if (!isObject(whole.text)) throw reader.problem(whole.at, null, 'a register is a JSON object');
  const top = reader.within(whole, '', () => exactValue(parsed as Fields, text));
  const parts = new Map(reader.members(whole, '').map((member) => [member.key, member]));
  const part = (name: string): JsonMember => {
    const member = parts.get(name);
    if (member === undefined) throw reader.problem(whole.at, name, 'is missing');
    if (!isObject(member.text)) throw reader.problem(member.at, name, 'expected an object');
    return member;
  };
  const metadata = part('metadata');
  const records = part('records');
  reader.members(metadata, 'metadata.');
  const found = new Map<string, RegisterRecord>();
  for (const member of reader.members(records, 'records.', (key) => key.toLowerCase())) {
    const path = `records.${member.key}.`;
    if (isObject(member.text)) reader.members(member, path);
    const check = () => recordOf(checkRecord(member.key, exactValue(JSON.parse(member.text), member.text)));
    const record = reader.within(member, path, check);
    found.set(record.checksum, record);
  }
  const { metadata: fields, records: _, ...rest } = top;
  return {
    metadata: reader.within(metadata, 'metadata.', () => checkMetadata(fields as Fields)),
    records: found,
    rest,
  };
}

/** The bytes of a register: indented as seed 001 has it, records oldest first. `total_records` is counted. */
export function renderRegister({ metadata, records, rest }: RegisterContent): Buffer {
  const sorted = [...records.values()].sort(compareRecords);
  const { process, etl_version, root_dir, total_records: _, ts_created, ts_updated, ...more } = metadata;
  const value = {
    metadata: { process, etl_version, root_dir, total_records: sorted.length, ts_created, ts_updated, ...more },
    records: Object.fromEntries(sorted.map((record) => [record.checksum, record])),
    ...rest,
  };
  return Buffer.from(`${JSON.stringify(value, null, 4)}\n`);
}
