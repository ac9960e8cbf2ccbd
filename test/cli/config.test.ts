import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCli, tempFolder } from './run-cli.js';

interface Setting {
  readonly setting: string;
  readonly value: string | null;
  readonly source: string | null;
  readonly place: string | null;
}

async function doctor(args: readonly string[], options: { cwd: string; env?: Record<string, string> }) {
  const run = await runCli(['doctor', '-o', 'json', ...args], options);
  return { ...run, found: run.stdout === '' ? undefined : JSON.parse(run.stdout) };
}

const setting = (found: { config: { values: Setting[] } }, name: string) =>
  found.config.values.find((value) => value.setting === name);

describe('configuration', () => {
  const root = tempFolder();
  const deep = join(root, 'a', 'b');
  mkdirSync(deep, { recursive: true });
  const file = join(root, 'lakeledger.yaml');
  writeFileSync(file, 'lake: my-lake\nbatch_size: 5\nchecks:\n  fail_on: warn\n');

  it('is found from below, and its paths start at the file', async () => {
    const { code, found } = await doctor([], { cwd: deep });
    expect(code).toBe(0);
    expect(found.config.file).toBe(file);
    expect(found.lake).toEqual({ path: join(root, 'my-lake'), exists: false });
    expect(setting(found, 'batch-size')).toEqual({ setting: 'batch-size', value: '5', source: 'config', place: file });
    expect(setting(found, 'fail-on')).toMatchObject({ value: 'warn', source: 'config' });
    expect(setting(found, 'progress')).toMatchObject({ value: 'auto', source: 'default' });
  });

  it('yields to the environment, and that to a flag', async () => {
    const env = { LAKELEDGER_BATCH_SIZE: '6', LAKELEDGER_LAKE: 'env-lake' };
    const { found } = await doctor(['--batch-size', '7'], { cwd: deep, env });
    expect(setting(found, 'batch-size')).toMatchObject({ value: '7', source: 'flag', place: '--batch-size' });
    expect(setting(found, 'lake')).toMatchObject({ value: 'env-lake', source: 'env', place: 'LAKELEDGER_LAKE' });
    expect(found.lake.path).toBe(join(deep, 'env-lake'));
  });

  it('can be named by --config and LAKELEDGER_CONFIG', async () => {
    const cwd = tempFolder();
    expect((await doctor(['--config', file], { cwd })).found.config.file).toBe(file);
    expect((await doctor([], { cwd, env: { LAKELEDGER_CONFIG: file } })).found.config.file).toBe(file);
  });

  it('stops a command at file, line and column when it is wrong', async () => {
    const cwd = tempFolder();
    writeFileSync(join(cwd, 'lakeledger.yml'), 'lake: x\nchecks:\n  failon: warn\n');
    const { code, stderr } = await runCli(['table', 'list'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toBe(
      `error[CONFIG]: unknown key "checks.failon"\n  at ${join(cwd, 'lakeledger.yml')}:3:3\n  try: did you mean "fail_on"?\n`,
    );
  });

  it('is reported by doctor, not fatal to it', async () => {
    const cwd = tempFolder();
    writeFileSync(join(cwd, 'lakeledger.json'), '{"lakee": "x"}');
    const { code, found } = await doctor([], { cwd });
    expect(code).toBe(3);
    expect(found.probes[0]).toMatchObject({ probe: 'configuration', ok: false, detail: 'unknown key "lakee"' });
  });

  it('never shows what a reference stands for', async () => {
    const cwd = tempFolder();
    const reference = ['$', '{env:SECRET_PLACE}'].join('');
    writeFileSync(join(cwd, 'lakeledger.yaml'), `lake: ${reference}/x\n`);
    const { found } = await doctor([], { cwd, env: { SECRET_PLACE: 'hidden-place' } });
    expect(setting(found, 'lake')?.value).toBe(`${reference}/x`);
    const { code, stderr } = await runCli(['table', 'show', 'metadata.none', '-v'], {
      cwd,
      env: { SECRET_PLACE: 'hidden-place' },
    });
    expect(code).toBe(2);
    expect(stderr).toContain('***');
    expect(stderr).not.toContain('hidden-place');
    const missing = await runCli(['table', 'list'], { cwd });
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining('SECRET_PLACE is not set')]);
  });

  it('hides credentials in a URL', async () => {
    const { found } = await doctor(['--merge-sql', 'https://me:pw123@host/x.sql'], { cwd: tempFolder() });
    expect(setting(found, 'merge-sql')?.value).toBe('https://***@host/x.sql');
  });

  it('warns of a variable that looks like a slip', async () => {
    const { found } = await doctor([], { cwd: tempFolder(), env: { LAKELEDGER_LAKEE: 'x', LAKELEDGER_PARAM: 'y=1' } });
    expect(found.warnings).toContain('LAKELEDGER_LAKEE is not read; did you mean LAKELEDGER_LAKE?');
    expect(found.warnings.join()).not.toContain('LAKELEDGER_PARAM');
  });

  it('is written by init --with-config, once', async () => {
    const cwd = tempFolder();
    expect((await runCli(['init', 'data/lake', '--with-config'], { cwd })).code).toBe(0);
    const { found } = await doctor([], { cwd });
    expect(found.lake).toEqual({ path: join(cwd, 'data', 'lake'), exists: true });
    const text = readFileSync(join(cwd, 'lakeledger.yaml'), 'utf8');
    const again = await runCli(['init', 'elsewhere', '--with-config'], { cwd });
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('there is a configuration file already')]);
    expect(readFileSync(join(cwd, 'lakeledger.yaml'), 'utf8')).toBe(text);
  });

  it('has sources, which validate checks with line and column', async () => {
    const cwd = tempFolder();
    writeFileSync(join(cwd, 'rows.sql'), 'SELECT * FROM source');
    const good = 'sources:\n  daily:\n    path: in/*.csv\n    into: bronze.daily\n    transform: rows.sql\n';
    const validate = async (text: string) => {
      writeFileSync(join(cwd, 'lakeledger.yaml'), text);
      const { code, stdout } = await runCli(['validate', 'lakeledger.yaml', '-o', 'json'], { cwd });
      return { code, ...JSON.parse(stdout) };
    };
    expect(await validate(good)).toMatchObject({ code: 0, configs: 1, problems: [] });
    const bad = `${good.replace('rows', 'none')}    contrakt: freeze\n    retry: {delay: 5}\n`;
    expect(await validate(bad)).toMatchObject({
      code: 1,
      problems: [
        { line: 7, column: 20, field: 'sources.daily.retry.delay' },
        { line: 6, column: 5, reason: 'unknown key "sources.daily.contrakt"', hint: 'did you mean "contract"?' },
      ],
    });
    expect(await validate(good.replace('rows', 'none'))).toMatchObject({
      code: 1,
      problems: [
        { line: 5, column: 16, field: 'sources.daily.transform', reason: expect.stringContaining('none.sql') },
      ],
    });
    const { stdout } = await runCli(['validate', '--schema', 'config'], { cwd });
    const source = JSON.parse(stdout).properties.sources.additionalProperties;
    expect(Object.keys(source.properties)).toContain('on_correction');
    expect(Object.keys(source.properties)).toContain('watermark');
    // A transform that is missing is the business of its source only.
    writeFileSync(join(cwd, 'lakeledger.yaml'), good.replace('rows', 'none'));
    expect((await runCli(['doctor'], { cwd })).code).toBe(0);
  });
});
