import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { LakeError } from '../../src/base/lake-error.js';
import { serializeSchema } from '../../src/delta/protocol/schema.js';
import { Session } from '../../src/duckdb/session.js';
import { tableIn } from '../support/delta.js';
import { takeStep } from './ours.js';
import { knownReason } from './reasons.js';
import { ourRows, type Plain, plain, sorted } from './rows.js';
import type { Shape } from './shape.js';
import type { CreateStep, Step } from './steps.js';
import { asClickHouseTells, bareSchema, type Place, type TableRead, type Tool } from './tools.js';
import { ToolError } from './worker.js';

/** Runs `work` with a table of its own, which goes away afterwards. */
export async function withPlace(work: (place: Place) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'lakeledger-interop-'));
  const session = await Session.open();
  try {
    const place = { folder: join(root, 'table'), scratch: join(root, 'scratch'), session, marks: [] };
    mkdirSync(place.scratch);
    await work(place);
  } finally {
    await session.close();
    rmSync(root, { recursive: true, force: true });
  }
}

export function ourTable(place: Place) {
  return tableIn(place.folder, place.session);
}

async function newest(place: Place): Promise<number> {
  return (await ourTable(place).snapshot()).version;
}

/** We take the steps, and note the version after each. */
export async function weTake(place: Place, steps: readonly (Step | CreateStep)[]): Promise<void> {
  const table = ourTable(place);
  for (const step of steps) {
    try {
      await takeStep(table, step, place.marks);
    } catch (error) {
      throw Object.assign(error as Error, { message: `${step.do}: ${(error as Error).message}` });
    }
    place.marks.push((await table.snapshot()).version);
  }
}

/** The reason why a tool cannot, as the table puts it. Throws what is not known. */
export function reasonOf(tool: Tool, error: unknown, doing: string): string {
  if (!(error instanceof ToolError)) throw error;
  const reason = knownReason(tool.name, error.message);
  if (reason !== undefined) return reason;
  throw new Error(`${tool.name}, ${doing}: ${error.message}`);
}

/** What a tool did, and why it did not do the other steps. */
export interface Taken {
  readonly done: readonly string[];
  readonly reasons: ReadonlyMap<string, string>;
}

/** The tool makes a table, up to the first step that it cannot take. */
export async function theyMake(tool: Tool, place: Place, steps: readonly (Step | CreateStep)[]): Promise<Taken> {
  const done: string[] = [];
  for (const step of steps) {
    const { reasons } = await theyTake(tool, place, [step]);
    if (reasons.size > 0) return { done, reasons };
    done.push(step.do);
  }
  return { done, reasons: new Map() };
}

/** The tool takes the steps that it can. */
export async function theyTake(tool: Tool, place: Place, steps: readonly (Step | CreateStep)[]): Promise<Taken> {
  const done: string[] = [];
  const reasons = new Map<string, string>();
  for (const step of steps) {
    try {
      await tool.take(place, step);
      done.push(step.do);
    } catch (error) {
      reasons.set(step.do, reasonOf(tool, error, step.do));
    }
    place.marks.push(newestCommit(place));
  }
  return { done, reasons };
}

/** By the names in the log, as we may be unable to read the table. */
function newestCommit(place: Place): number {
  const log = join(place.folder, '_delta_log');
  const names = existsSync(log) ? readdirSync(log) : [];
  return Math.max(...names.flatMap((name) => (/^\d{20}\.json$/.test(name) ? [Number.parseInt(name, 10)] : [])));
}

/** The rows that we read at some versions. */
export async function weRead(place: Place, versions: readonly number[]): Promise<TableRead['rows']> {
  const rows: Record<string, readonly Plain[]> = {};
  for (const version of versions) {
    rows[version] = (await ourRows(place.session, place.folder, undefined, { version })).rows;
  }
  return rows;
}

function asToldBy(tool: Tool, rows: readonly Plain[]): readonly Plain[] {
  if (tool.name !== 'kernel') return rows;
  return [...rows.map(asClickHouseTells)].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

/** Rows of every version, schema, partition columns, properties and history are what we say. */
export async function expectSameTable(tool: Tool, place: Place, read: TableRead): Promise<void> {
  const versions = Object.keys(read.rows).map(Number);
  const ours = await weRead(place, versions);
  for (const version of versions) {
    const [theirs, wanted] = [read.rows[version]!, ours[version]!].map((rows) => asToldBy(tool, rows));
    expect(theirs, `rows of ${tool.name} at version ${version}, against ours`).toEqual(wanted);
  }
  const table = ourTable(place);
  const { schema, partitionColumns, metadata } = await table.snapshot();
  if (read.schema !== undefined) {
    expect(bareSchema(read.schema), `schema by ${tool.name}`).toEqual(bareSchema(JSON.parse(serializeSchema(schema))));
  }
  if (read.partitionColumns !== undefined) {
    expect(read.partitionColumns, `partition columns by ${tool.name}`).toEqual(partitionColumns);
  }
  if (read.properties !== undefined) {
    expect(read.properties, `properties by ${tool.name}`).toEqual(metadata.configuration);
  }
  if (read.history !== undefined) {
    const history = await table.history();
    const operations = history.map(({ version, operation }) => [version, operation]);
    expect(
      read.history.map(([version, operation]) => [version, operation]),
      `history by ${tool.name}`,
    ).toEqual(operations);
    // Other commits have the time of their file, or the time that the writer noted.
    if (metadata.configuration['delta.enableInCommitTimestamps'] === 'true') {
      const times = history.map(({ timestamp }) => timestamp);
      expect(
        read.history.map(([, , time]) => time),
        `commit times by ${tool.name}`,
      ).toEqual(times);
    }
  }
}

/** All versions of the table. */
export async function changedVersions(place: Place): Promise<{ readonly from: number; readonly to: number }> {
  return { from: 0, to: await newest(place) };
}

/** The change data feed that a tool has read of all versions is the same as ours. */
export async function expectSameChanges(tool: Tool, place: Place, changes: readonly Plain[]): Promise<void> {
  const { relation } = await ourTable(place).changes({ from: { version: 0 } });
  const { rows } = await place.session.query(`SELECT * EXCLUDE (_commit_timestamp) FROM (${relation})`);
  const ours = sorted(rows.map((row) => plain(row)));
  expect(ours.length).toBeGreaterThan(0);
  expect(asToldBy(tool, changes), `changes by ${tool.name}`).toEqual(asToldBy(tool, ours));
}

/** We refuse, and name the feature. */
export async function expectRefusal(work: () => Promise<unknown>, feature: string): Promise<void> {
  const error = await work().then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error, `we refuse "${feature}"`).toBeInstanceOf(LakeError);
  expect(error).toMatchObject({ code: 'DELTA_UNSUPPORTED', message: expect.stringContaining(feature) });
}

/** We refuse each step, and the table stays as it was. */
export async function weRefuseEach(place: Place, violations: readonly Step[]): Promise<void> {
  const before = await newest(place);
  for (const step of violations) {
    const taken = takeStep(ourTable(place), step, place.marks);
    await expect(taken, `we refuse ${JSON.stringify(step)}`).rejects.toBeInstanceOf(LakeError);
  }
  expect(await newest(place)).toBe(before);
}

/** The tool refuses each step, or has no such step. */
export async function theyRefuseEach(tool: Tool, place: Place, violations: readonly Step[]): Promise<void> {
  for (const step of violations) {
    await expect(tool.take(place, step), `${tool.name} refuses ${JSON.stringify(step)}`).rejects.toBeInstanceOf(
      ToolError,
    );
  }
}

const made = new Map<string, { readonly by: string; readonly rows: readonly (readonly Plain[])[] }>();

/** Every engine makes the same rows out of the same steps. */
export function expectSameMaking(shape: Shape, by: string, rows: readonly (readonly Plain[])[]): void {
  const first = made.get(shape.name);
  if (first === undefined) made.set(shape.name, { by, rows });
  else expect(rows, `rows after each step by ${by}, against those by ${first.by}`).toEqual(first.rows);
}
