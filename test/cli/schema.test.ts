import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCli, tempFolder } from './run-cli.js';

const cwd = tempFolder();
const empty = tempFolder();

const CONFIG = `
sources:
  stock: {path: stock/*.csv, into: bronze.stock, contract: {columns: freeze}, business_date: '{yyyy-MM-dd}.csv'}
`;

function cli(...args: string[]) {
  return runCli(args, { cwd });
}

async function json(...args: string[]) {
  const { code, stdout, stderr } = await cli(...args, '-o', 'json');
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return JSON.parse(stdout);
}

beforeAll(async () => {
  mkdirSync(join(cwd, 'stock'));
  writeFileSync(join(cwd, 'lakeledger.yaml'), CONFIG);
  writeFileSync(join(cwd, 'stock', '2026-03-01.csv'), 'code,count\n01,5\n');
  writeFileSync(join(cwd, 'stock', '2026-03-02.csv'), 'code,counted,\u001b[31mred\n02,6,x\n');
  expect(await cli('ingest', 'stock')).toMatchObject({ code: 4 });
});

describe('schema', () => {
  it('list names the datasets, and the versions of one', async () => {
    expect(await json('schema', 'list')).toMatchObject([
      { dataset: 'bronze.stock', versions: 2, columns: 2, pending: 1, last_file: 'stock/2026-03-01.csv' },
    ]);
    expect(await json('schema', 'list', 'bronze.stock')).toMatchObject([
      { version: 1, status: 'accepted', columns: 2, first_date: '2026-03-01', changes: null },
      { version: 2, status: 'pending', columns: 3, first_file: 'stock/2026-03-02.csv' },
    ]);
    const none = await runCli(['schema', 'list', '-o', 'json'], { cwd: empty });
    expect([none.code, none.stdout.trim()]).toEqual([0, '[]']);
  });

  it('show tells the columns of the layout that waits, or of the one that is named', async () => {
    expect(await json('schema', 'show', 'bronze.stock')).toMatchObject({ version: 2, status: 'pending' });
    const shown = await json('schema', 'show', 'bronze.stock', '1');
    expect(shown).toMatchObject({
      version: 1,
      first_business_date: '2026-03-01',
      columns: [
        { name: 'code', type: 'VARCHAR', note: 'kept as text: "01" has a leading zero' },
        { name: 'count', type: 'BIGINT', published: 'count', file_type: null, note: null },
      ],
    });
    const { stdout } = await cli('schema', 'show', 'bronze.stock', '1');
    expect(stdout).toContain('kept as text: "01" has a leading zero');
    expect((await cli('schema', 'show', 'bronze.stock', '1', '-o', 'csv')).stdout.split('\n')[0]).toBe(
      'name,type,published,file_type,note',
    );
  });

  it('diff tells in words what is different', async () => {
    expect(await json('schema', 'diff', 'bronze.stock')).toMatchObject({
      from: 1,
      to: 2,
      file: 'stock/2026-03-02.csv',
      business_date: '2026-03-02',
      added: ['\u001b[31mred'],
      removed: [],
      renamed: [{ from: 'count', to: 'counted' }],
      reordered: false,
    });
    const { stdout } = await cli('schema', 'diff', 'bronze.stock');
    expect(stdout).toContain('bronze.stock: version 1 → 2, with stock/2026-03-02.csv of 2026-03-02');
    expect(stdout).toContain('probably renamed: count → counted');
    expect(stdout).not.toContain('\u001b');
    expect(await json('schema', 'diff', 'bronze.stock', '2', '1')).toMatchObject({ from: 2, to: 1 });
    expect(await json('schema', 'diff', 'bronze.stock', '1', '1')).toMatchObject({ added: [], words: [] });
    const csv = (await cli('schema', 'diff', 'bronze.stock', '-o', 'csv')).stdout;
    expect(csv).toContain('renamed,counted,count,counted');
  });

  it.each([
    [['schema', 'show', 'bronze.other'], 'there is no schema history of "bronze.other"'],
    [['schema', 'show', 'bronze.stock', '7'], 'bronze.stock has no schema version 7'],
    [['schema', 'diff', 'bronze.stock', '1e0'], '"1e0" is not a schema version'],
    [['schema', 'accept', 'bronze.stock'], 'needs --reason'],
    [['schema', 'accept', 'bronze.stock', '1', '--reason', 'x'], 'version 1 is accepted already'],
  ])('%j is a usage error', async (args, message) => {
    const { code, stderr } = await cli(...args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  });

  it('accept lets the files in, and has nothing to do after that', async () => {
    expect(await json('schema', 'accept', 'bronze.stock', '--reason', 'agreed')).toMatchObject({
      version: 2,
      status: 'accepted',
      reason: 'agreed',
      accepted_by: expect.any(String),
    });
    const again = await cli('schema', 'accept', 'bronze.stock', '--reason', 'agreed');
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('no version waits to be accepted')]);
    expect((await cli('retry', '--all')).code).toBe(0);
    expect(await json('query', 'SELECT code, count, counted FROM bronze.stock ORDER BY code')).toEqual([
      { code: '01', count: 5, counted: null },
      { code: '02', count: null, counted: 6 },
    ]);
    expect(await json('schema', 'list', 'bronze.stock')).toMatchObject([
      { version: 1 },
      { version: 2, status: 'accepted', last_file: 'stock/2026-03-02.csv' },
    ]);
  });
});
