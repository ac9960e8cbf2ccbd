import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { manifests, runCli, tempFolder } from './run-cli.js';

const cwd = tempFolder();

beforeAll(() => {
  mkdirSync(join(cwd, 'data'));
  writeFileSync(join(cwd, 'data', 'a.csv'), 'x,y\n1,2\n3,"4\n5"\n');
  writeFileSync(join(cwd, 'data', 'b c.txt'), 'text');
  mkdirSync(join(cwd, 'in'));
  writeFileSync(join(cwd, 'in', 'good.ndjson'), manifests(3));
});

describe('scan', () => {
  const scan = (...args: string[]) => runCli(['scan', ...args], { cwd });

  it('writes NDJSON with the blob ids of git', async () => {
    const { code, stdout, stderr } = await scan('data', '--source', 'acme/data');
    expect([code, stderr]).toEqual([0, '']);
    const found = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(found.map((m) => [m.path, m.size_bytes, m.row_count_estimate])).toEqual([
      ['a.csv', 16, 2],
      ['b c.txt', 4, null],
    ]);
    const bytes = readFileSync(join(cwd, 'data/a.csv'));
    const git = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
    expect(found[0]).toMatchObject({ file_sha: git, source: 'acme/data', status: 'INGESTED', target_backend: 'LOCAL' });
    expect(Object.keys(found[0])).toEqual([
      ...['file_sha', 'source', 'path', 'pull_ts_utc', 'size_bytes', 'row_count_estimate', 'target_backend'],
      ...['dest_path', 'ingest_date', 'status', 'notes', 'reprocess'],
    ]);
  });

  it('stays NDJSON when the configuration asks for tables', async () => {
    writeFileSync(join(cwd, 'tables.yaml'), 'output: table\n');
    const { stdout } = await scan('data', '--config', 'tables.yaml');
    expect(() => JSON.parse(stdout.split('\n')[0] ?? '')).not.toThrow();
    expect((await scan('data', '-o', 'csv', '--glob', '*.csv')).stdout).toMatch(
      /^file_sha,source,.*\n[0-9a-f]{40},data,a\.csv,/,
    );
  });

  it('writes the lake layout, once, and record reads it', async () => {
    const first = await scan('data', '--into', 'inbox', '--status', 'pending', '-o', 'json');
    expect(JSON.parse(first.stdout)).toEqual({ into: 'inbox', written: 2, unchanged: 0, failed: 0 });
    expect(
      JSON.parse((await scan('data', '--into', 'inbox', '--status', 'pending', '-o', 'json')).stdout),
    ).toMatchObject({
      written: 0,
      unchanged: 2,
    });
    const run = await runCli(['record', 'inbox', '-o', 'json'], { cwd });
    expect([run.code, JSON.parse(run.stdout).inserted]).toEqual([0, 2]);
  });
});

describe('validate', () => {
  const validate = async (...args: string[]) => {
    const run = await runCli(['validate', ...args, '-o', 'json'], { cwd });
    return { ...run, value: JSON.parse(run.stdout) };
  };

  it('says where and what', async () => {
    writeFileSync(
      join(cwd, 'bad.ndjson'),
      `${manifests(1)}{"file_sha":"x","status":"INGESTED","pull_ts_utc":"2026-02-30"}\n{\n`,
    );
    const { code, value } = await validate('bad.ndjson', 'in');
    expect(code).toBe(1);
    expect(value).toMatchObject({ manifests: 4, invalid: 2 });
    expect(value.problems).toMatchObject([
      { file: 'bad.ndjson', line: 2, field: 'pull_ts_utc' },
      { file: 'bad.ndjson', line: 3, field: null },
    ]);
  });

  it('judges configurations and checks by their own rules, also inside a folder', async () => {
    mkdirSync(join(cwd, 'project'));
    writeFileSync(join(cwd, 'project', 'lakeledger.json'), '{\n  "lake": "x",\n  "outputt": "json"\n}');
    writeFileSync(join(cwd, 'project', 'm.json'), manifests(1));
    writeFileSync(join(cwd, 'project', 'other.sql'), 'CREATE TABLE x (a INT);');
    writeFileSync(
      join(cwd, 'project', 'nope.sql'),
      '/* @check\nname: nope\nversion: 1\ntitle: T\nseverity: error\nresult: rows\nwarn: "> 0"\neror: "> 0"\n@check */\nSELECT 1\n',
    );
    const { code, value } = await validate('project');
    expect(code).toBe(1);
    expect(value).toMatchObject({ manifests: 1, configs: 0, checks: 0, invalid: 2 });
    expect(value.problems).toMatchObject([
      { line: 3, column: 3, field: 'outputt', hint: 'did you mean "output"?' },
      { file: join('project', 'nope.sql'), line: 8, reason: expect.stringContaining('eror') },
    ]);
    expect((await validate('in')).code).toBe(0);
  });

  it('finds a check whose SQL is no SELECT', async () => {
    const file = join(cwd, 'drop.sql');
    writeFileSync(
      file,
      '/* @check\nname: drop\nversion: 1\ntitle: T\nseverity: error\nresult: rows\nerror: "> 0"\n@check */\nDROP TABLE x\n',
    );
    const { code, value } = await validate('drop.sql');
    expect([code, value.invalid]).toEqual([1, 1]);
  });

  it('reads standard input', async () => {
    const run = await runCli(['validate', '-', '-o', 'json'], { cwd, stdin: 'null\n' });
    expect([run.code, JSON.parse(run.stdout).problems[0].file]).toEqual([1, '-']);
  });

  it.each(['file', 'register', 'run', 'config', 'check'])('prints the JSON Schema of %s', async (kind) => {
    const run = await runCli(['validate', '--schema', kind], { cwd });
    expect(run.code).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({ $schema: 'https://json-schema.org/draft/2020-12/schema' });
  });
});

describe('doctor', () => {
  it('ends with 3 when a table is damaged, and names it', async () => {
    const lake = join(cwd, 'damaged');
    expect((await runCli(['init', lake], { cwd })).code).toBe(0);
    writeFileSync(join(lake, 'metadata/ingestion_event/_delta_log/00000000000000000000.json'), '{');
    const run = await runCli(['doctor', '--lake', lake, '-o', 'json'], { cwd });
    expect(run.code).toBe(3);
    const found = JSON.parse(run.stdout);
    const broken = found.tables.filter((table: { problem: string | null }) => table.problem !== null);
    expect(broken).toMatchObject([{ table: 'metadata.ingestion_event' }]);
    expect(found.probes.filter((p: { ok: boolean }) => !p.ok)).toMatchObject([{ probe: 'tables' }]);
  });

  it('proves that the second of two conditional writes is refused, and leaves nothing behind', async () => {
    const lake = join(cwd, 'probed');
    expect((await runCli(['init', lake], { cwd })).code).toBe(0);
    const before = execFileSync('find', [lake], { encoding: 'utf8' });
    const run = await runCli(['doctor', '--lake', lake, '-o', 'json'], { cwd });
    const found = JSON.parse(run.stdout);
    expect(found.probes).toContainEqual(
      expect.objectContaining({ probe: 'conditional write, second time', ok: true, detail: 'refused' }),
    );
    expect(Math.abs(found.clock_skew_ms)).toBeLessThan(1000);
    expect(found.versions).toMatchObject({ node: process.versions.node, duckdb: expect.stringMatching(/^v\d/) });
    expect(execFileSync('find', [lake], { encoding: 'utf8' })).toBe(before);
  });

  it.runIf(process.getuid?.() !== 0)('ends with 3 when the lake cannot be written', async () => {
    const lake = join(cwd, 'readonly');
    mkdirSync(lake, { mode: 0o555 });
    expect((await runCli(['doctor', '--lake', lake], { cwd })).code).toBe(3);
  });
});
