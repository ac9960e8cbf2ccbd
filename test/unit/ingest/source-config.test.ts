import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { durationMs } from '../../../src/ingest/config/duration.js';
import { adHocSource, overrideSource, resolveSource, sourceSchema } from '../../../src/ingest/config/source-config.js';
import { sourceNameProblem, targetProblem } from '../../../src/ingest/config/source-schema.js';

const folder = mkdtempSync(join(tmpdir(), 'lakeledger-source-'));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'x.sql'), 'SELECT * FROM source WHERE country = $country');
writeFileSync(join(folder, 'empty.sql'), ' \n');

const resolve = (value: object) => resolveSource('daily', sourceSchema.parse(value), { folder });

describe('resolveSource', () => {
  it('fills in what is not said', async () => {
    expect(await resolve({ path: 'in/*.csv', into: 'bronze.daily' })).toEqual({
      name: 'daily',
      type: 'file',
      skipIfSuccess: false,
      daily: false,
      target: 'bronze.daily',
      root: folder,
      patterns: ['in/*.csv'],
      exclude: [],
      absolutePaths: false,
      format: {},
      key: [],
      contract: { columns: 'evolve', types: 'rescue' },
      columns: {},
      expectations: [],
      correction: 'replace',
      retry: { maxAttempts: 3, baseDelayMs: 1000, maxDelayMs: 3_600_000 },
      keepRaw: false,
      arrival: {},
      order: 'path',
      enabled: true,
    });
  });

  it('takes everything that is said', async () => {
    const written = {
      path: ['a/*.csv', 'b'],
      exclude: '*.old.csv',
      into: 'bronze.daily',
      format: { type: 'csv', delimiter: ';', header: true, encoding: 'latin1', skip: 2, null_values: ['NA', ''] },
      key: ['data', 'codice'],
      contract: { types: 'freeze' },
      columns: { codice: 'varchar', sum: 'decimal(18, 2)' },
      expectations: [
        { name: 'a', expect: 'x > 0' },
        { name: 'b', expect: 'y > 0', action: 'quarantine' },
      ],
      on_correction: 'hold',
      retry: { attempts: 5, delay: '500ms', max_delay: '2h' },
      keep_raw: true,
      arrival: { min_age: '30s', stable_for: '1.5s', done_file: '{path}.done', temporary_suffixes: ['.up'] },
      business_date: 'regioni-{yyyyMMdd}',
      order: 'modified',
      transform: 'x.sql',
      params: { country: 'IT', limit: 3 },
      max_rejected_rows: 0,
      enabled: false,
    };
    expect(await resolve(written)).toEqual({
      name: 'daily',
      type: 'file',
      skipIfSuccess: false,
      daily: true,
      target: 'bronze.daily',
      root: folder,
      patterns: ['a/*.csv', 'b'],
      exclude: ['*.old.csv'],
      absolutePaths: false,
      format: { format: 'csv', delimiter: ';', header: true, encoding: 'latin1', skip: 2, nullValues: ['NA', ''] },
      key: ['data', 'codice'],
      contract: { columns: 'evolve', types: 'freeze' },
      columns: { codice: 'VARCHAR', sum: 'DECIMAL(18,2)' },
      expectations: [
        { name: 'a', expression: 'x > 0', action: 'warn' },
        { name: 'b', expression: 'y > 0', action: 'quarantine' },
      ],
      correction: 'hold',
      retry: { maxAttempts: 5, baseDelayMs: 500, maxDelayMs: 7_200_000 },
      keepRaw: true,
      arrival: { minAgeMs: 30_000, stableForMs: 1500, doneFile: '{path}.done', temporarySuffixes: ['.up'] },
      businessDate: 'regioni-{yyyyMMdd}',
      order: 'modified',
      transform: { sql: 'SELECT * FROM source WHERE country = $country', params: { country: 'IT', limit: 3 } },
      maxRejectedRows: 0,
      enabled: false,
    });
  });

  it('reads the short forms of format and contract', async () => {
    const source = await resolve({ path: 'x', into: 'b.x', format: 'json', contract: 'freeze' });
    expect([source.format, source.contract]).toEqual([{ format: 'json' }, { columns: 'freeze', types: 'freeze' }]);
  });

  it.each([
    ['none.sql', 'cannot read the transform'],
    ['empty.sql', 'the transform is empty'],
  ])('refuses the transform %s', async (transform, message) => {
    await expect(resolve({ path: 'x', into: 'b.x', transform })).rejects.toMatchObject({
      code: 'CONFIG',
      exitCode: 2,
      place: join(folder, transform),
      message: expect.stringContaining(message),
    });
  });

  it('refuses a name that the schema of the file would refuse, for programs that have no file', async () => {
    const value = { path: 'x', into: 'bronze.x' };
    await expect(resolveSource('a b', value, { folder })).rejects.toMatchObject({ code: 'CONFIG', exitCode: 2 });
    await expect(resolveSource('a', { ...value, into: 'x' }, { folder })).rejects.toMatchObject({ code: 'CONFIG' });
  });
});

describe('names', () => {
  it.each(['daily', 'it.daily-2', '2020', '_x'])('takes the source %s', (name) => {
    expect(sourceNameProblem(name)).toBeUndefined();
  });

  it.each(['', '-x', '.x', 'a b', 'a/b', 'ä', 'a:b'])('refuses the source %j', (name) => {
    expect(sourceNameProblem(name)).toBeDefined();
  });

  it.each(['bronze.daily', 'a_b.c-d'])('takes the target %s', (name) => {
    expect(targetProblem(name)).toBeUndefined();
  });

  it.each(['daily', 'a.b.c', 'metadata.x', 'METADATA.x', '../x.y', 'a.', 'bronze.1x', 'a b.c'])(
    'refuses the target %j',
    (name) => {
      expect(targetProblem(name)).toBeDefined();
    },
  );
});

describe('durationMs', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['2 d', 172_800_000],
    ['0s', 0],
  ])('%s is %d', (text, ms) => {
    expect(durationMs(text)).toBe(ms);
  });
});

describe('adHocSource', () => {
  const source = adHocSource({ files: ['./data/*.csv', '/abs/x.csv'], into: 'bronze.orders', cwd: folder });

  it('is named after its target and knows files by absolute path', () => {
    expect(source).toMatchObject({
      name: 'bronze.orders',
      target: 'bronze.orders',
      root: folder,
      patterns: ['data/*.csv', '/abs/x.csv'],
      absolutePaths: true,
      correction: 'replace',
      enabled: true,
    });
  });

  it.each([
    [{ files: ['x'], into: 'orders' }, 'must be schema.table'],
    [{ files: ['x'], into: 'metadata.orders' }, "the ledger's own"],
    [{ files: [], into: 'bronze.orders' }, 'no files are named'],
    [{ files: ['x'], into: 'bronze.orders', options: { businessDate: 'x-{dd}' } }, 'has no year'],
  ])('refuses %j', (request, message) => {
    expect(() => adHocSource({ cwd: folder, ...request })).toThrow(message);
  });

  it('takes what one run wants to be different, and keeps the rest', () => {
    const changed = overrideSource(
      { ...source, format: { delimiter: ';', encoding: 'latin1' }, key: ['id'] },
      { format: { encoding: 'utf-8' }, contract: 'freeze', retry: { maxAttempts: 1 }, correction: 'append' },
    );
    expect(changed).toMatchObject({
      format: { delimiter: ';', encoding: 'utf-8' },
      key: ['id'],
      contract: { columns: 'freeze', types: 'freeze' },
      retry: { maxAttempts: 1, baseDelayMs: 1000 },
      correction: 'append',
    });
    const { transform } = overrideSource(source, {});
    expect(transform).toBeUndefined();
    expect(overrideSource(source, {})).toEqual(source);
  });
});
