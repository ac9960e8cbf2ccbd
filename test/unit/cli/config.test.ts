import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { configTemplate } from '../../../src/cli/config-template.js';
import { configJsonSchema, loadConfig, parseConfig, resolveReferences } from '../../../src/config.js';
import { sourceSchema } from '../../../src/ingest/config/source-config.js';

/** A reference to a secret as it stands in a configuration file. */
const ref = (name: string) => `\${${name}}`;

const problems = (text: string) => {
  const result = parseConfig(text);
  return 'problems' in result ? result.problems : [];
};

describe('parseConfig', () => {
  it('reads YAML and JSON', () => {
    const config = { lake: './x', batch_size: 10, checks: { fail_on: 'warn' } };
    expect(parseConfig('lake: ./x\nbatch_size: 10\nchecks:\n  fail_on: warn\n')).toEqual({ config });
    expect(parseConfig(JSON.stringify(config, null, '\t'))).toEqual({ config });
    expect(parseConfig(`\uFEFF${JSON.stringify(config)}`)).toEqual({ config });
  });

  it.each(['', '# nothing\n', '---\n', '{}'])('reads %j as an empty configuration', (text) => {
    expect(parseConfig(text)).toEqual({ config: {} });
  });

  it.each([['file_sha'], ['[file_sha]'], ['[source_repo, file_path, file_sha]']])('takes the key %s', (key) => {
    expect(parseConfig(`key: ${key}`)).toHaveProperty('config');
  });

  it.each(['[file_path, file_sha]', 'file_path', '[file_sha, source_repo, file_path]', '3'])(
    'refuses the key %s',
    (key) => {
      expect(problems(`lake: a\nkey: ${key}`)).toMatchObject([
        { line: 2, column: 6, field: 'key', message: expect.stringContaining('must be file_sha or [source_repo') },
      ]);
    },
  );

  it('names line, column and what was meant for an unknown key', () => {
    expect(problems('lake: a\n\nbatchsize: 3\nchecks:\n  failon: warn\n')).toEqual([
      {
        line: 5,
        column: 3,
        field: 'checks.failon',
        message: 'unknown key "checks.failon"',
        hint: 'did you mean "fail_on"?',
      },
      {
        line: 3,
        column: 1,
        field: 'batchsize',
        message: 'unknown key "batchsize"',
        hint: 'did you mean "batch_size"?',
      },
    ]);
  });

  it.each([
    ['output: yaml', 1, 9, 'output is wrong: one of table, json, ndjson, csv, markdown'],
    ['lake: a\nbatch_size: many', 2, 13, 'batch_size is wrong'],
    ['lake: a\nbatch_size: 0', 2, 13, 'batch_size is wrong'],
    ['lake: ""', 1, 7, 'lake is wrong: must not be empty'],
    ['lake: 12', 1, 7, 'lake is wrong'],
    ['- lake: a', 1, 1, 'the configuration is wrong'],
    ['just text', 1, 1, 'the configuration is wrong'],
    ['lake: a\nlake: b', 2, 1, 'Map keys must be unique'],
    ['lake: [a\n', 2, 1, ''],
    ['lake: !secret x', 1, 7, 'Unresolved tag'],
    ['lake: a\n---\nlake: b', 2, 1, ''],
  ])('refuses %j', (text, line, column, message) => {
    expect(problems(text)[0]).toMatchObject({ line, column, message: expect.stringContaining(message) });
  });

  const source = (text: string) => `sources:\n  daily:\n    path: in/*.csv\n    into: bronze.daily\n${text}`;

  it('reads sources', () => {
    const text = source('    contract: freeze\n    arrival: {min_age: 30s}\n');
    const daily = { path: 'in/*.csv', into: 'bronze.daily', contract: 'freeze', arrival: { min_age: '30s' } };
    expect(parseConfig(text)).toEqual({ config: { sources: { daily } } });
  });

  it.each([
    ['    contrakt: freeze', 5, 5, 'unknown key "sources.daily.contrakt"', 'did you mean "contract"?'],
    ['    retry: {attemps: 3}', 5, 13, 'unknown key "sources.daily.retry.attemps"', 'did you mean "attempts"?'],
    ['    retry:\n      delay: 30', 6, 14, 'sources.daily.retry.delay is wrong', undefined],
    ['    retry:\n      delay: 30 sec', 6, 14, 'must be a number and a unit: 500ms, 30s, 5m, 1h, 2d', undefined],
    [
      '    format: {delimeter: ";"}',
      5,
      14,
      'unknown key "sources.daily.format.delimeter"',
      'did you mean "delimiter"?',
    ],
    ['    format: {delimiter: ";;"}', 5, 25, 'must be one ASCII character', undefined],
    ['    format: exel', 5, 13, 'one of auto, csv, json, parquet', undefined],
    ['    format: 5', 5, 13, 'expected one of auto, csv, json, parquet or a map of keys', undefined],
    ['    contract: evolv', 5, 15, 'one of evolve, freeze, rescue, discard_row', 'did you mean "evolve"?'],
    ['    contract: {types: freez}', 5, 23, 'sources.daily.contract.types is wrong', 'did you mean "freeze"?'],
    ['    columns: {code: VARCHARR}', 5, 21, 'must be a type like VARCHAR', undefined],
    ['    business_date: x-{yy}.csv', 5, 20, '{yy} is no part of a date', undefined],
    ['    params: {a: 1}', 5, 13, 'sources.daily.params is wrong: needs a transform', undefined],
    ['    expectations:\n      - {name: a, expct: x > 0}', 6, 9, 'expect is missing', undefined],
    [
      '    expectations: [{name: a, expect: b}, {name: a, expect: c}]',
      5,
      19,
      'sources.daily.expectations is wrong: two have the same name',
      undefined,
    ],
    ['    max_rejected_rows: -1', 5, 24, 'sources.daily.max_rejected_rows is wrong', undefined],
    ['  b.2:\n    into: bronze.b', 5, 3, 'sources.b.2.path is missing', undefined],
    ['  b:\n    path: []\n    into: bronze.b', 6, 11, 'sources.b.path is wrong: must not be empty', undefined],
    ['  b:\n    path: x\n    into: b', 7, 11, 'must be schema.table, for example bronze.orders', undefined],
    ['  b:\n    path: x\n    into: Metadata.b', 7, 11, "the schema metadata is the ledger's own", undefined],
    ['  b c:\n    path: x\n    into: bronze.b', 5, 3, 'must be letters, digits, _, . and -', undefined],
    ['  b: 5', 5, 6, 'sources.b is wrong', undefined],
  ])('says what is wrong with the source %j', (text, line, column, message, hint) => {
    const found = problems(source(text)).find((problem) => problem.message.includes(message));
    expect(found).toMatchObject({ line, column, ...(hint === undefined ? {} : { hint }) });
    if (hint === undefined) expect(found).not.toHaveProperty('hint');
  });

  it('publishes a JSON Schema that knows the same keys', () => {
    const schema = configJsonSchema() as { properties: object; additionalProperties: boolean };
    expect(Object.keys(schema.properties)).toEqual([
      'lake',
      'key',
      'batch_size',
      'strict',
      'merge_sql',
      'output',
      'progress',
      'log_format',
      'checks',
      'jobs',
      'time_zone',
      'calendar',
      'environment',
      'connections',
      'sources',
    ]);
    expect(schema.additionalProperties).toBe(false);
  });
});

describe('the template of init --with-config', () => {
  it('is a valid configuration that only sets the lake', () => {
    expect(parseConfig(configTemplate('a "b" lake'))).toEqual({ config: { lake: 'a "b" lake' } });
  });

  it('shows every key, and is valid when everything in it is switched on', () => {
    const on = configTemplate('x').replaceAll(/^# ?(?=( {2})*#? ?[a-z_]+:( |$)(?![A-Z]))/gm, '');
    const keys = Object.keys((configJsonSchema() as { properties: object }).properties);
    const all = parseDocument(on).toJS();
    expect(Object.keys(all).sort()).toEqual([...keys].sort());
    expect(parseConfig(on)).toHaveProperty('config');
    const shown = new Set(Object.values(all.sources).flatMap((source) => Object.keys(source as object)));
    expect([...shown].sort()).toEqual(Object.keys(sourceSchema.shape).sort());
  });
});

describe('loadConfig', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lakeledger-config-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string) => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };

  it('names the file, the line and the column', async () => {
    const file = write('lakeledger.yaml', 'lake: a\noutputt: json\n');
    await expect(loadConfig(file)).rejects.toMatchObject({
      code: 'CONFIG',
      exitCode: 2,
      place: `${file}:2:1`,
      hint: 'did you mean "output"?',
    });
  });

  it('says that a file is missing', async () => {
    await expect(loadConfig(join(folder, 'none.yaml'))).rejects.toMatchObject({ code: 'CONFIG', exitCode: 2 });
  });

  it('imports TypeScript where Node can, and says what to do where it cannot', async () => {
    const file = write('lakeledger.ts', 'export default { lake: "a", batch_size: 5 as number };\n');
    const loaded = await loadConfig(file).catch((error: unknown) => error);
    if (process.features && 'typescript' in process.features && process.features['typescript']) {
      expect(loaded).toEqual({ file, values: { lake: 'a', batch_size: 5 } });
    } else if (loaded instanceof Error) {
      expect(loaded).toMatchObject({ code: 'CONFIG', hint: expect.stringContaining('lakeledger.yaml') });
    }
  });
});

describe('resolveReferences', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lakeledger-secret-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'key.txt'), 's3cret\n');
  const env = { TOKEN: 'abc', EMPTY: '' };

  it('puts environment variables and files in, and tells what was secret', async () => {
    const secrets: string[] = [];
    const text = await resolveReferences(`x-${ref('env:TOKEN')}-${ref('file:key.txt')}-${ref('env:EMPTY')}$`, {
      env,
      folder,
      onSecret: (value) => secrets.push(value),
    });
    expect(text).toBe('x-abc-s3cret-$');
    expect(secrets).toEqual(['abc', 's3cret', '']);
  });

  it('does not resolve what a secret contains', async () => {
    expect(await resolveReferences(ref('env:A'), { env: { A: ref('env:B'), B: 'no' }, folder })).toBe(ref('env:B'));
  });

  it.each([ref('env:NONE'), ref('file:none.txt')])('refuses %s', async (text) => {
    await expect(resolveReferences(text, { env, folder })).rejects.toMatchObject({
      code: 'CONFIG',
      exitCode: 2,
      place: text,
    });
  });
});
