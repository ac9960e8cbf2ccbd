import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Clock } from '../../src/base/clock.js';
import { LakeError } from '../../src/base/lake-error.js';
import type { DeltaTable, Snapshot } from '../../src/delta/index.js';
import { fileKey } from '../../src/delta/protocol/actions.js';
import type { Session } from '../../src/duckdb/session.js';
import { openSession, query, tableIn } from '../support/delta.js';
import { condition, layouts, operations } from '../support/delta-arbitraries.js';
import {
  createLayout,
  firstState,
  type Layout,
  type Model,
  type Operation,
  planStep,
} from '../support/delta-operations.js';
import {
  type Condition,
  conditionSql,
  meets,
  rowText,
  rowTexts,
  type TableState,
  textColumns,
} from '../support/table-model.js';
import { tempFolder } from '../support/temp-folder.js';

/** Sequences of operations; hundreds in a long run. */
const RUNS = Number(process.env['MODEL_RUNS'] ?? 8);
const SEED = Number(process.env['MODEL_SEED'] ?? 20_261_121);
const STEPS = Number(process.env['MODEL_STEPS'] ?? 12);
const HANDLES = 3;

/** A clock that never stands still: every commit has its own time. */
function tickingClock(): Clock {
  let now = Date.now();
  return {
    now: () => {
      now = Math.max(now + 5, Date.now());
      return now;
    },
    random: () => 0,
  };
}

interface World {
  readonly session: Session;
  readonly folder: string;
  readonly clock: Clock;
  readonly layout: Layout;
}

async function rowsAt(session: Session, table: DeltaTable, state: TableState, snapshot: Snapshot): Promise<string[]> {
  const relation = await table.scan({ slot: 'model', snapshot, files: snapshot.files });
  const rows = await session.rows(`SELECT ${textColumns(state)} FROM (${relation}) AS t`);
  return rows.map((row) => rowText(Object.values(row))).sort();
}

function expectColumns(snapshot: Snapshot, state: TableState): void {
  expect(snapshot.schema.fields.map((field) => field.name)).toEqual(state.columns.map((column) => column.name));
}

/** Applies the change feed of one version to the rows of the version before it. */
async function changedRows(session: Session, table: DeltaTable, version: number, [before, after]: TableState[]) {
  const { relation } = await table.changes({ from: { version }, to: { version } });
  const rows = await session.rows(
    `SELECT _change_type AS change, ${textColumns(after!)} FROM (${relation}) AS t ORDER BY _change_type LIKE '%insert' OR _change_type LIKE '%postimage'`,
  );
  const known = rowTexts({ ...after!, rows: before!.rows });
  const changes = rows.map(({ change, ...values }) => ({
    change: String(change),
    text: rowText(Object.values(values)),
  }));
  for (const { change, text } of changes) {
    if (change === 'insert' || change === 'update_postimage') known.push(text);
    else {
      const at = known.indexOf(text);
      if (at < 0) throw new Error(`version ${version}: the feed has a ${change} of a row that is not there: ${text}`);
      known.splice(at, 1);
    }
  }
  return { rows: known.sort(), changes };
}

function sameColumns(a: TableState, b: TableState): boolean {
  const names = ({ columns }: TableState) => columns.map(({ key, name }) => `${key} ${name}`);
  return names(a).every((column, i) => names(b)[i] === column);
}

async function expectChanges({ session, folder }: World, model: Model, kinds: ReadonlyMap<number, string>) {
  const table = tableIn(folder, session);
  for (const [version, state] of model.versions) {
    const before = model.versions.get(version - 1);
    // Columns that were renamed or dropped cannot be shown beside the rows of before.
    if (before === undefined || !sameColumns(before, state)) continue;
    // A column that a restore brings back has its values again, and no row has changed.
    if (kinds.get(version) === 'restore' && before.columns.length < state.columns.length) continue;
    const { rows, changes } = await changedRows(session, table, version, [before, state]);
    expect(rows, `changes of version ${version}`).toEqual(rowTexts(state));
    const types = new Set(changes.map(({ change }) => change));
    const kind = kinds.get(version);
    if (kind === 'quiet') expect(changes).toEqual([]);
    if (kind === 'append') expect([...types].filter((type) => type !== 'insert')).toEqual([]);
    if (kind === 'delete') expect([...types].filter((type) => type !== 'delete')).toEqual([]);
    if (kind === 'update') expect([...types].filter((type) => !type.startsWith('update_'))).toEqual([]);
  }
}

/** The same log without what only saves time. */
function withoutCheckpoints(folder: string): string {
  const copy = `${folder}-replayed`;
  rmSync(copy, { recursive: true, force: true });
  cpSync(join(folder, '_delta_log'), join(copy, '_delta_log'), { recursive: true });
  const log = join(copy, '_delta_log');
  for (const name of readdirSync(log)) if (!/^\d{20}\.json$/.test(name)) rmSync(join(log, name), { recursive: true });
  return copy;
}

function stateOf(snapshot: Snapshot) {
  return {
    version: snapshot.version,
    protocol: snapshot.protocol,
    metadata: snapshot.metadata,
    files: snapshot.files.map((file) => [fileKey(file), file.partitionValues, file.size, file.stats ?? null]).sort(),
    txns: [...snapshot.txns.values()].map(({ appId, version }) => [appId, version]).sort(),
  };
}

async function expectReplay({ session, folder }: World, model: Model): Promise<void> {
  if (!existsSync(join(folder, '_delta_log', `${'0'.repeat(20)}.json`))) return;
  const table = tableIn(folder, session);
  const replayed = tableIn(withoutCheckpoints(folder), session);
  for (const version of model.versions.keys()) {
    expect(stateOf(await table.snapshot({ version }))).toEqual(stateOf(await replayed.snapshot({ version })));
  }
}

async function expectSkipping({ session, folder }: World, model: Model, where: Condition): Promise<void> {
  const table = tableIn(folder, session);
  const { state } = model;
  const text = `SELECT ${textColumns(state)} FROM t WHERE ${conditionSql(state, where)}`;
  const expected = rowTexts({ ...state, rows: state.rows.filter((row) => meets(state, where, row)) });
  for (const skipping of [true, false]) {
    const { rows } = await query(session, table, text, { skipping });
    expect(rows.map((row) => rowText(Object.values(row))).sort(), `${text}, skipping ${skipping}`).toEqual(expected);
  }
}

async function expectVersions({ session, folder, layout }: World, model: Model): Promise<void> {
  const table = tableIn(folder, session);
  for (const [version, state] of model.versions) {
    const snapshot = await table.snapshot({ version });
    expectColumns(snapshot, state);
    expect(await rowsAt(session, table, state, snapshot), `version ${version}`).toEqual(rowTexts(state));
    if (!layout.stamped || snapshot.inCommitTimestamp === undefined) continue;
    const timestamp = new Date(snapshot.inCommitTimestamp).toISOString();
    expect((await table.snapshot({ timestamp })).version).toBe(version);
  }
}

/** Versions that a vacuum or a clean-up has taken are refused, or as they were. */
async function expectLost({ session, folder }: World, lost: ReadonlyMap<number, TableState>): Promise<void> {
  const table = tableIn(folder, session);
  for (const [version, state] of lost) {
    try {
      const rows = await rowsAt(session, table, state, await table.snapshot({ version }));
      expect(rows, `lost version ${version}`).toEqual(rowTexts(state));
    } catch (error) {
      if (!(error instanceof LakeError)) throw error;
      expect(['VERSION_NOT_FOUND', 'DATA_FILE_MISSING', 'DELTA_DELETION_VECTOR']).toContain(error.code);
    }
  }
}

interface Choice {
  readonly operation: Operation;
  readonly handle: number;
  readonly reopen: boolean;
  readonly read: boolean;
}

const choices: fc.Arbitrary<Choice> = fc.record({
  operation: operations,
  handle: fc.nat(HANDLES - 1),
  reopen: fc.nat(4).map((n) => n === 0),
  read: fc.nat(3).map((n) => n === 0),
});

async function runSequence(world: World, sequence: readonly Choice[], where: Condition): Promise<void> {
  const { session, folder, clock, layout } = world;
  const open = () => tableIn(folder, session, { clock });
  const handles = Array.from({ length: HANDLES }, open);
  await createLayout(handles[0]!, layout);
  const versions = new Map([[0, firstState(layout)]]);
  const lost = new Map<number, TableState>();
  const kinds = new Map<number, string>();
  let model: Model = { layout, state: firstState(layout), made: 0, txn: -1, versions };
  let newest = 0;
  for (const { operation, handle, reopen, read } of sequence) {
    if (reopen) handles[handle] = open();
    const step = planStep(model, operation);
    if (step === undefined) continue;
    let result: unknown;
    try {
      result = await step.run(handles[handle]!);
    } catch (error) {
      throw new Error(`${operation.kind} failed`, { cause: error });
    }
    const snapshot = await open().snapshot();
    if (step.quiet !== true) expect(snapshot.version - newest, operation.kind).toBeLessThanOrEqual(1);
    if (snapshot.version === newest) expect(rowTexts(step.model.state)).toEqual(rowTexts(model.state));
    for (let version = newest + 1; version <= snapshot.version; version++) {
      versions.set(version, step.model.state);
      kinds.set(version, step.quiet === true ? 'quiet' : operation.kind);
    }
    newest = snapshot.version;
    const oldest = step.oldest?.(result, newest) ?? 0;
    for (const [version, state] of versions) {
      if (version >= oldest) continue;
      lost.set(version, state);
      versions.delete(version);
    }
    model = step.model;
    expectColumns(snapshot, model.state);
    if (read) expect(await rowsAt(session, handles[0]!, model.state, snapshot)).toEqual(rowTexts(model.state));
  }
  await expectVersions(world, model);
  await expectLost(world, lost);
  await expectReplay(world, model);
  await expectSkipping(world, model, where);
  if (layout.changes) await expectChanges(world, model, kinds);
}

test(`${RUNS} random histories: every version has the rows of the model`, { timeout: 3_600_000 }, async () => {
  const session = await openSession();
  const root = tempFolder();
  let n = 0;
  let steps = 0;
  await fc.assert(
    fc.asyncProperty(
      layouts,
      fc.array(choices, { minLength: 2, maxLength: STEPS, size: 'max' }),
      condition,
      async (layout, sequence, where) => {
        const folder = join(root, String(n++));
        steps += sequence.length;
        try {
          await runSequence({ session, folder, clock: tickingClock(), layout }, sequence, where);
        } catch (error) {
          const code = error instanceof Error && error.cause instanceof LakeError ? error.cause.code : '';
          throw Object.assign(new Error(`${code} ${(error as Error).message}`, { cause: error }), { folder });
        } finally {
          rmSync(folder, { recursive: true, force: true });
          rmSync(`${folder}-replayed`, { recursive: true, force: true });
        }
      },
    ),
    { numRuns: RUNS, seed: SEED, endOnFailure: process.env['MODEL_SHRINK'] === undefined, verbose: 1 },
  );
  if (RUNS > 8) console.log(`${n} histories, ${steps} operations`);
});

test('operations on two tables at once, in one session, do not meet', { timeout: 3_600_000 }, async () => {
  const session = await openSession();
  const root = tempFolder();
  let n = 0;
  const sequence = fc.array(operations, { minLength: 4, maxLength: 8, size: 'max' });
  await fc.assert(
    fc.asyncProperty(layouts, sequence, async (layout, same) => {
      // The same operations meet at the same places; the rows tell the tables apart.
      const sequences = ['first', 'second'].map((s, k): Operation[] => {
        const appends = [0, 1, 2].map((part): Operation => {
          const rows = [0, 1, 2, 3].map((i) => ({ id: i * 3 + part, v: k * 10, s, p: 'a' }));
          return { kind: 'append', rows, grow: false };
        });
        return [...appends, ...same];
      });
      const tables = sequences.map(() => tableIn(join(root, String(n++)), session, { clock: tickingClock() }));
      for (const table of tables) await createLayout(table, layout);
      const state = firstState(layout);
      const models: Model[] = tables.map(() => ({ layout, state, made: 0, txn: -1, versions: new Map([[0, state]]) }));
      for (let i = 0; i < Math.max(...sequences.map(({ length }) => length)); i++) {
        const steps = sequences.map((all, k) => {
          const operation = all[i];
          return operation === undefined ? undefined : planStep(models[k]!, operation);
        });
        await Promise.all(steps.map((step, k) => step?.run(tables[k]!)));
        for (const [k, step] of steps.entries()) {
          if (step === undefined) continue;
          models[k] = { ...step.model, versions: new Map([[0, state]]) };
          const table = tables[k]!;
          const rows = await rowsAt(session, table, step.model.state, await table.snapshot());
          expect(rows, `table ${k}, step ${i}, ${sequences[k]?.[i]?.kind}`).toEqual(rowTexts(step.model.state));
        }
      }
      for (const table of tables) rmSync(table.path, { recursive: true, force: true });
    }),
    { numRuns: Math.ceil(RUNS / 2), seed: SEED, endOnFailure: true },
  );
});
