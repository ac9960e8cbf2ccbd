import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { missingTools } from './installed.js';
import { InteropTable } from './interop-table.js';
import {
  changedVersions,
  expectRefusal,
  expectSameChanges,
  expectSameMaking,
  expectSameTable,
  ourTable,
  reasonOf,
  type Taken,
  theyMake,
  theyRefuseEach,
  theyTake,
  weRead,
  weRefuseEach,
  weTake,
  withPlace,
} from './journey.js';
import { ONLY_APPENDS } from './reasons.js';
import { ourRows } from './rows.js';
import { creation, handOf, type Maker, makersOf, type Shape, stepsOf } from './shape.js';
import { SHAPES } from './shapes/index.js';
import { type Place, TOOLS, type Tool, type ToolName, tool } from './tools.js';

const DOCUMENT = fileURLToPath(new URL('../../docs/interop.md', import.meta.url));
/** For a look at some shapes only; the document is not compared then. */
const only = process.env['SHAPES'];
const shapes = SHAPES.filter(
  (shape) => only === undefined || only.split(',').some((part) => shape.name.includes(part)),
);
const table = new InteropTable();

/** What a tool reads, or why it does not. */
async function whatTheyRead(shape: Shape, one: Tool, place: Place, versions: readonly number[]): Promise<string> {
  const read = await one.read(place, versions, true).catch((error) => reasonOf(one, error, 'read'));
  if (typeof read === 'string') return `– ${read}`;
  await expectSameTable(one, place, read);
  if (!shape.changes) return '✓';
  const changes = await one
    .changes(place, await changedVersions(place))
    .catch((error) => reasonOf(one, error, 'changes'));
  if (typeof changes === 'string') return `rows; ${changes}`;
  await expectSameChanges(one, place, changes);
  return '✓';
}

/** All that could read the table as it was made read the same rows from its newest version. */
async function everyoneReads(shape: Shape, place: Place, made: number): Promise<void> {
  if (shape.always !== undefined) {
    const wrong = `SELECT * FROM t WHERE (${shape.always}) IS NOT TRUE`;
    expect((await ourRows(place.session, place.folder, wrong)).rows).toEqual([]);
  }
  for (const name of TOOLS) {
    const one = await tool(name);
    const reading = (version: number) => one.read(place, [version]).catch((error) => reasonOf(one, error, 'read'));
    const read = await reading(place.marks.at(-1)!);
    if (typeof read !== 'string') await expectSameTable(one, place, read);
    else expect(await reading(made), `${name} does not read what is there now: ${read}`).toBe(read);
  }
}

function marksOf(shape: Shape, place: Place): number[] {
  return [...new Set(shape.newestOnly ? place.marks.slice(-1) : place.marks)];
}

function summary(taken: Taken): string {
  const { done, reasons } = taken;
  const real = [...new Set(reasons.values())].filter((reason) => reason !== ONLY_APPENDS);
  if (real.length === 0 && done.length > 0) return '✓';
  const why = real.join('; ');
  if (done.length === 0) return `– ${why}`;
  return `${done.join(', ')}; not ${[...reasons.keys()].join(', ')}: ${why}`;
}

/** Rows after each step of the making, as far as they can still be read. */
async function expectSameRowsMade(shape: Shape, by: Maker, place: Place): Promise<void> {
  const ours = await weRead(place, marksOf(shape, place));
  const marks = shape.newestOnly ? place.marks.slice(-1) : place.marks;
  expectSameMaking(
    shape,
    by,
    marks.map((version) => ours[version]!),
  );
}

async function madeThere(shape: Shape, maker: Exclude<Maker, 'lakeledger'>): Promise<void> {
  await withPlace(async (place) => {
    const one = await tool(maker);
    const { weRefuse } = shape;
    const fill = (reads: string, writes: string) => {
      table.set(shape.name, [maker, 'we read theirs'], reads);
      table.set(shape.name, [maker, 'we write theirs'], writes);
    };
    const miswrites = shape.miswrites?.[maker];
    if (miswrites !== undefined) return fill(`– ${miswrites}`, '–');
    fill('✗', '✗');
    const made = await theyMake(one, place, [creation(shape), ...stepsOf(shape)]);
    if (made.reasons.size > 0) return fill(`– not made: ${[...new Set(made.reasons.values())].join('; ')}`, '–');
    if (weRefuse?.read !== undefined) {
      await expectRefusal(() => ourTable(place).snapshot(), weRefuse.read);
      return fill(`– refused: ${weRefuse.read}`, '–');
    }
    const read = await whatTheyRead(shape, one, place, marksOf(shape, place));
    await expectSameRowsMade(shape, maker, place);
    fill(read, '✗');
    const hand = handOf(shape, 9);
    if (weRefuse?.write !== undefined) {
      await expectRefusal(() => weTake(place, hand), weRefuse.write);
      return fill(read, `– refused: ${weRefuse.write}`);
    }
    await weRefuseEach(place, shape.violations ?? []);
    const newestMade = place.marks.at(-1)!;
    await weTake(place, hand);
    await everyoneReads(shape, place, newestMade);
    fill(read, '✓');
  });
}

async function madeHere(shape: Shape): Promise<void> {
  await withPlace(async (place) => {
    for (const name of TOOLS) table.set(shape.name, [name, 'reads ours'], '✗');
    await weTake(place, [creation(shape), ...stepsOf(shape)]);
    await expectSameRowsMade(shape, 'lakeledger', place);
    const versions = marksOf(shape, place);
    for (const name of TOOLS) {
      table.set(shape.name, [name, 'reads ours'], await whatTheyRead(shape, await tool(name), place, versions));
    }
    for (const [i, name] of TOOLS.entries()) {
      table.set(shape.name, [name, 'writes ours'], '✗');
      const one = await tool(name);
      const miswrites = shape.miswrites?.[name];
      if (miswrites !== undefined) {
        table.set(shape.name, [name, 'writes ours'], `– ${miswrites}`);
        continue;
      }
      const taken = await theyTake(one, place, handOf(shape, i + 1));
      if (taken.done.length > 0) await theyRefuseEach(one, place, shape.violations ?? []);
      table.set(shape.name, [name, 'writes ours'], summary(taken));
    }
    await weRefuseEach(place, shape.violations ?? []);
    await weTake(place, handOf(shape, 9));
    await everyoneReads(shape, place, versions.at(-1)!);
    if (table.get(shape.name, ['kernel', 'writes ours']) === '✓') {
      // It makes no tables: theirs is what it has written into ours.
      table.set(shape.name, ['kernel', 'we read theirs'], '✓');
      table.set(shape.name, ['kernel', 'we write theirs'], '✓');
    }
  });
}

describe.skipIf(missingTools().length > 0)('tables of every shape, made by one and changed by the others', () => {
  for (const shape of shapes) {
    for (const maker of makersOf(shape)) {
      it.concurrent(`${shape.name}, made by ${maker}`, () =>
        maker === 'lakeledger' ? madeHere(shape) : madeThere(shape, maker));
    }
  }
});

describe.skipIf(missingTools().length > 0)('the interoperability table', () => {
  it('is what the suite has found', async () => {
    const found = await Promise.all(TOOLS.map(tool));
    const versions = Object.fromEntries(found.map(({ name, version }) => [name, version])) as Record<ToolName, string>;
    const document = table.render(
      shapes.map((shape) => shape.name),
      versions,
    );
    if (only !== undefined) return void process.stdout.write(document);
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(DOCUMENT, document);
    expect(existsSync(DOCUMENT) && readFileSync(DOCUMENT, 'utf8')).toBe(document);
  });
});
