import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sql } from '../../support/delta.js';
import { Desk, fileOf } from '../../support/ingest-desk.js';

const A = 'id,v\n1,10\n2,20\n';
const B = 'id,v\n3,30\n';

describe('a transform', () => {
  it('is a SELECT with parameters over the rows of a file', async () => {
    const desk = await Desk.open();
    writeFileSync(
      join(desk.folder, 'x.sql'),
      'SELECT id, v * $factor AS amount, _row_no FROM source WHERE v >= $least;\n',
    );
    const source = await desk.with({ transform: 'x.sql', params: { factor: 2, least: 20 } });
    source.write('a.csv', A).write('b.csv', B);
    expect(await source.ingest()).toMatchObject({ processed: 2, rows: 2 });
    expect(await source.rows('SELECT id, amount, _row_no, _source_path FROM bronze.t ORDER BY id')).toEqual([
      { id: 2n, amount: 40n, _row_no: 2n, _source_path: 'in/a.csv' },
      { id: 3n, amount: 60n, _row_no: 1n, _source_path: 'in/b.csv' },
    ]);
    source.write('a.csv', 'id,v\n2,21\n4,40\n');
    expect(fileOf(await source.ingest(), 'a.csv')).toMatchObject({ decision: 'replace', rows: 2 });
    expect(await source.rows('SELECT id, amount FROM bronze.t ORDER BY id')).toMatchObject([
      { amount: 42n },
      { id: 3n },
      { id: 4n },
    ]);
    await source.expectSettled();
  });

  it('is a function; one that fails for a file fails only this file', async () => {
    const desk = await Desk.open();
    desk.write('a.csv', A).write('b.csv', B);
    const seen: string[] = [];
    const transforms = {
      s: ({ path }: { readonly path: string }) => {
        seen.push(path);
        return `SELECT count(*) AS n, sum(CASE WHEN id = 3 THEN error('three') ELSE v END) AS total FROM source`;
      },
    };
    const result = await desk.ingest({ hooks: { transforms } });
    expect(fileOf(result, 'a.csv')).toMatchObject({ status: 'INGESTED', rows: 1 });
    expect(fileOf(result, 'b.csv')).toMatchObject({
      status: 'FAILED',
      rows: 0,
      error: expect.stringContaining('three'),
    });
    expect(new Set(seen)).toEqual(new Set(['in/a.csv', 'in/b.csv']));
    expect(await desk.rows('SELECT n, total::INTEGER AS total, _row_no FROM bronze.t')).toEqual([
      { n: 2n, total: 30, _row_no: 1n },
    ]);
    await desk.expectSettled();
  });

  it('that is no SELECT is refused before anything is written to the target', async () => {
    const desk = await Desk.open();
    desk.write('a.csv', A);
    for (const text of ['DROP TABLE x', 'SELECT 1; SELECT 2', 'COPY source TO $x']) {
      await expect(desk.ingest({ hooks: { transforms: { s: { sql: text, params: {} } } } })).rejects.toMatchObject({
        exitCode: 2,
      });
    }
    expect(await desk.lake.catalog.names()).not.toContain('bronze.t');
    expect(await desk.ingest()).toMatchObject({ processed: 1, rows: 2 });
    await desk.expectSettled();
  });
});

it('a raw copy has the bytes, and a manifest that says what they are', async () => {
  const desk = await Desk.open({ keep_raw: true });
  const bytes = Buffer.from('id,name\r\n1,"caff\u00e8"\r\n', 'latin1');
  desk.write('sub/a b.csv', bytes);
  const [file] = (await desk.ingest()).files;
  const root = join(desk.folder, 'lake', 'raw');
  const found = readdirSync(root, { recursive: true, encoding: 'utf8', withFileTypes: true }).filter((one) =>
    one.isFile(),
  );
  const copy = found.find(({ name }) => name === 'a b.csv');
  expect(copy && readFileSync(join(copy.parentPath, copy.name))).toEqual(bytes);
  expect(copy?.parentPath.slice(root.length)).toMatch(
    new RegExp(`^/s/ingest_date=\\d{4}-\\d\\d-\\d\\d/file_sha=${file?.file_sha}$`),
  );
  expect(found.map(({ name }) => name).sort()).toEqual(['a b.csv', 'manifest.json']);
  const manifest = JSON.parse(readFileSync(join(copy?.parentPath ?? '', 'manifest.json'), 'utf8'));
  expect(manifest).toMatchObject({
    file_sha: file?.file_sha,
    size_bytes: bytes.length,
    status: 'INGESTED',
    path: 'in/sub/a b.csv',
  });
  expect(await desk.rows('SELECT name FROM bronze.t')).toEqual([{ name: 'caffè' }]);
  await desk.expectSettled();
});

it('a target whose state is lost is not loaded again', async () => {
  const desk = await Desk.open();
  desk.write('a.csv', A);
  await desk.ingest();
  await desk.lake.close();
  for (const table of ['ingestion_event', 'ingestion_manifest']) {
    rmSync(join(desk.folder, 'lake', 'metadata', table), { recursive: true });
  }
  const fresh = await Desk.open({}, { folder: desk.folder });
  await expect(fresh.ingest()).rejects.toMatchObject({
    code: 'STATE_LOST',
    hint: expect.stringContaining('state rebuild'),
  });
  await expect(fresh.plan()).rejects.toMatchObject({ code: 'STATE_LOST' });
  expect(await fresh.counts()).toEqual({ 'a.csv': 2 });
});

it('two sources share a target: the same bytes are loaded once, and by the other one when the first has others', async () => {
  const desk = await Desk.open({ path: 'in/one/*' });
  const other = await desk.with({ path: 'in/two/*' }, 'other');
  desk.write('one/a.csv', A).write('two/a.csv', A).write('two/b.csv', B);
  const sources = [desk.source, other.source];
  expect(await desk.lake.ingest({ sources })).toMatchObject({ processed: 2, rows: 3 });
  expect(await desk.lake.ingest({ sources })).toMatchObject({ processed: 0, skipped: 3 });
  expect(await desk.counts()).toEqual({ 'one/a.csv': 2, 'two/b.csv': 1 });
  desk.write('one/a.csv', 'id,v\n9,90\n');
  expect(await desk.lake.ingest({ sources })).toMatchObject({ failed: 0 });
  expect(await desk.counts()).toEqual({ 'one/a.csv': 1, 'two/a.csv': 2, 'two/b.csv': 1 });
  await desk.expectSettled();
  await other.expectSettled();
});

it('a table that is no bronze table is left alone', async () => {
  const desk = await Desk.open();
  desk.write('a.csv', A);
  const table = desk.lake.catalog.table('bronze.t');
  await desk.lake.init();
  const { schemaFromDuckdb } = await import('../../../src/delta/index.js');
  await table.create({ schema: schemaFromDuckdb([{ name: 'id', type: 'BIGINT' }]) });
  await table.append(sql('SELECT 1 AS id'));
  await expect(desk.ingest()).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringContaining('is not a bronze table'),
  });
  await expect(desk.plan()).rejects.toMatchObject({ exitCode: 2 });
  expect((await table.snapshot()).version).toBe(1);
  expect(await desk.events()).toEqual([]);
});

it('files without rows are ingested with none, and take part in corrections', async () => {
  const desk = await Desk.open();
  desk.write('empty.csv', '').write('header.csv', 'id,v\n').write('none.json', '[]').write('a.csv', A);
  const first = await desk.ingest();
  expect(first).toMatchObject({ failed: 0, rows: 2 });
  expect(await desk.counts()).toEqual({ 'a.csv': 2 });
  await desk.expectSettled();
  desk.write('a.csv', 'id,v\n').write('empty.csv', B);
  const second = await desk.ingest();
  expect(second).toMatchObject({ failed: 0, rows: 1 });
  expect(await desk.counts()).toEqual({ 'empty.csv': 1 });
  await desk.expectSettled();
  desk.write('a.csv', A);
  expect(await desk.ingest()).toMatchObject({ processed: 1, rows: 2 });
  expect(await desk.counts()).toEqual({ 'a.csv': 2, 'empty.csv': 1 });
  await desk.expectSettled();
});

it('only files without rows make no trouble', async () => {
  const desk = await Desk.open();
  desk.write('empty.csv', '').write('header.csv', 'id,v\n');
  expect(await desk.ingest()).toMatchObject({ failed: 0, rows: 0 });
  await desk.expectSettled();
  desk.write('a.csv', A);
  expect(await desk.ingest()).toMatchObject({ processed: 1, rows: 2 });
  await desk.expectSettled();
});
