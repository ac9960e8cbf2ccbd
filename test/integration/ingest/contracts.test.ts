import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.js';
import { acceptSchema, readSchemaHistory } from '../../../src/ingest/schema/index.js';
import { Desk, fileOf } from '../../support/ingest-desk.js';

const FIRST = 'id,code\n1,01\n2,02\n';
const MORE = 'id,code,extra\n3,03,x\n4,04,\n';
const OTHER_TYPE = 'id,code\nfive,05\n6,06\n';

async function deps(desk: Desk) {
  return { session: await desk.lake.session(), catalog: desk.lake.catalog, clock: systemClock };
}

/** A desk whose dataset has two columns; then a file comes that has a further one. */
async function drifted(contract: 'evolve' | 'freeze' | 'rescue' | 'discard_row', second: string) {
  const desk = await Desk.open({ contract });
  desk.write('a.csv', FIRST);
  expect(await desk.ingest()).toMatchObject({ processed: 1, rows: 2 });
  desk.write('b.csv', second);
  return { desk, result: await desk.ingest() };
}

const ROWS = 'SELECT id, code, _rescued_data AS rescued FROM bronze.t ORDER BY ALL';

describe('a new column', () => {
  it('evolve: is added, and older rows have none', async () => {
    const { desk, result } = await drifted('evolve', MORE);
    expect(fileOf(result, 'b.csv')).toMatchObject({ status: 'INGESTED', rows: 2, rescued: 0 });
    expect(await desk.rows('SELECT id, code, extra FROM bronze.t ORDER BY id')).toEqual([
      { id: 1n, code: '01', extra: null },
      { id: 2n, code: '02', extra: null },
      { id: 3n, code: '03', extra: 'x' },
      { id: 4n, code: '04', extra: null },
    ]);
    await desk.expectSettled();
  });

  it('freeze: stops the file until the schema is accepted, and then the next run loads it by itself', async () => {
    const { desk, result } = await drifted('freeze', MORE);
    const stopped = fileOf(result, 'b.csv');
    expect(stopped).toMatchObject({ status: 'QUARANTINED', error_code: 'SCHEMA_DRIFT', rows: 0, version: null });
    expect(stopped.error).toContain('extra');
    expect(result).toMatchObject({ status: 'failed', failed: 1, processed: 0 });
    expect(await desk.counts()).toEqual({ 'a.csv': 2 });
    const [, pending] = await readSchemaHistory(await deps(desk), 'bronze.t');
    expect(pending).toMatchObject({ version: 2, status: 'pending' });
    const versions = await desk.versions();
    expect(fileOf(await desk.ingest(), 'b.csv')).toMatchObject({ decision: 'skip', rule: 'quarantined' });
    expect(await desk.versions()).toEqual(versions);

    await acceptSchema(await deps(desk), { dataset: 'bronze.t', version: 2, reason: 'agreed', actor: 'tester' });
    expect(fileOf(await desk.ingest(), 'b.csv')).toMatchObject({ status: 'INGESTED', rows: 2 });
    expect(await desk.rows(`SELECT extra FROM bronze.t WHERE id = 3`)).toEqual([{ extra: 'x' }]);
    await desk.expectSettled();
  });

  it('rescue: is kept beside the row', async () => {
    const { desk, result } = await drifted('rescue', MORE);
    expect(fileOf(result, 'b.csv')).toMatchObject({ status: 'INGESTED', rows: 2, rescued: 1 });
    expect(await desk.rows(ROWS)).toEqual([
      { id: 1n, code: '01', rescued: null },
      { id: 2n, code: '02', rescued: null },
      { id: 3n, code: '03', rescued: '{"extra":"x"}' },
      { id: 4n, code: '04', rescued: null },
    ]);
    await desk.expectSettled();
  });

  it('discard_row: takes the rows without a value there and rejects the others', async () => {
    const { desk, result } = await drifted('discard_row', MORE);
    expect(fileOf(result, 'b.csv')).toMatchObject({ status: 'INGESTED', rows: 1, rejected: 1 });
    expect(await desk.counts()).toEqual({ 'a.csv': 2, 'b.csv': 1 });
    const rejects = await desk.rows('SELECT kind, column_name, file_path, row_no, text FROM metadata.reject');
    expect(rejects).toMatchObject([{ kind: 'contract', column_name: 'extra', file_path: 'in/b.csv', row_no: 1n }]);
    expect(String(rejects[0]?.['text'])).toContain('x');
    await desk.expectSettled();
  });
});

describe('values of another type', () => {
  it('rescue: the value is kept beside the row', async () => {
    const { desk, result } = await drifted('rescue', OTHER_TYPE);
    expect(fileOf(result, 'b.csv')).toMatchObject({ status: 'INGESTED', rows: 2, rescued: 1 });
    expect(fileOf(result, 'b.csv').notes.join()).toContain('_rescued_data');
    expect(await desk.rows(`SELECT id, _rescued_data AS rescued FROM bronze.t WHERE code = '05'`)).toEqual([
      { id: null, rescued: '{"id":"five"}' },
    ]);
    await desk.expectSettled();
  });

  it('freeze: stops the file alone', async () => {
    const { desk, result } = await drifted('freeze', OTHER_TYPE);
    expect(fileOf(result, 'b.csv')).toMatchObject({ status: 'QUARANTINED', error_code: 'SCHEMA_DRIFT' });
    expect(fileOf(result, 'b.csv').error).toMatch(/id.*five|five.*id/s);
    desk.write('c.csv', 'id,code\n7,07\n');
    expect(fileOf(await desk.ingest(), 'c.csv')).toMatchObject({ status: 'INGESTED', rows: 1 });
    expect(await desk.counts()).toEqual({ 'a.csv': 2, 'c.csv': 1 });
    await desk.expectSettled();
  });

  it('discard_row: only these rows are rejected', async () => {
    const { desk, result } = await drifted('discard_row', OTHER_TYPE);
    expect(fileOf(result, 'b.csv')).toMatchObject({ status: 'INGESTED', rows: 1, rejected: 1 });
    expect(await desk.rows('SELECT kind, column_name FROM metadata.reject')).toEqual([
      { kind: 'contract', column_name: 'id' },
    ]);
    await desk.expectSettled();
  });
});

it('a stopped file stops no other file of its batch, and what is mended is loaded', async () => {
  const desk = await Desk.open({ contract: 'freeze' });
  desk.write('a.csv', FIRST);
  await desk.ingest();
  desk.write('b.csv', MORE).write('c.csv', 'id,code\n8,08\n');
  expect(await desk.ingest()).toMatchObject({ processed: 1, failed: 1, rows: 1 });
  desk.write('b.csv', 'id,code\n3,03\n');
  expect(await desk.ingest()).toMatchObject({ processed: 1, failed: 0, rows: 1 });
  expect(await desk.counts()).toEqual({ 'a.csv': 2, 'b.csv': 1, 'c.csv': 1 });
  await desk.expectSettled();
});
