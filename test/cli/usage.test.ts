import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CLI, cleanEnv, runCli, tempFolder } from './run-cli.js';

const cwd = tempFolder();

describe('help and version', () => {
  it('prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await runCli(['--version'])).toEqual({ code: 0, signal: null, stdout: `${version}\n`, stderr: '' });
  });

  it.each([[[]], [['--help']], [['help']]])('%j prints the commands to stdout', async (args) => {
    const { code, stdout, stderr } = await runCli(args, { cwd });
    expect([code, stderr]).toEqual([0, '']);
    for (const name of ['init', 'scan', 'record', 'ingest', 'plan', 'query', 'check', 'table', 'validate', 'doctor']) {
      expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
    }
    expect(stdout).not.toMatch(/^ {2}serve /m);
  });

  it('does not load the engine for help', () => {
    const script = `
      process.argv = [process.execPath, 'lakeledger', 'record', '--help'];
      await import(${JSON.stringify(pathToFileURL(CLI).href)});
      process.stderr.write(process.report.getReport().sharedObjects.filter((file) => /duckdb/.test(file)).join());`;
    const run = (text: string) =>
      execFileSync(process.execPath, ['--input-type=module', '-e', text], {
        cwd,
        env: cleanEnv(),
        stdio: ['ignore', 'ignore', 'pipe'],
        encoding: 'utf8',
      });
    expect(() => run(script)).not.toThrow();
    const probe = execFileSync(
      'sh',
      ['-c', `"$0" --input-type=module -e "$1" 2>&1 >/dev/null`, process.execPath, script],
      {
        cwd,
        env: cleanEnv(),
        encoding: 'utf8',
      },
    );
    expect(probe).toBe('');
  });
});

describe('usage errors', () => {
  it.each([
    [['recrod'], 'unknown command "recrod"', 'did you mean "lakeledger record"?'],
    [['record'], 'lakeledger record needs <paths>', 'lakeledger record manifests'],
    [['record', 'x', '--dryrun'], 'unknown flag --dryrun of "lakeledger record"', 'did you mean --dry-run?'],
    [['table', 'show'], 'lakeledger table show needs <table>', 'lakeledger table show metadata.ingestion_manifest'],
    [['table', 'show', 'a', 'b'], 'lakeledger table show does not take "b"', 'lakeledger table show --help'],
    [['record', 'x', '--batch-size', '1e3'], '--batch-size is a whole number of at least 1, not "1e3"', undefined],
    [
      ['record', 'x', '-o', 'yaml'],
      '"lakeledger record" cannot write "yaml"',
      'one of table, json, ndjson, csv, markdown',
    ],
    [['record', 'x', '--key', 'path'], '"path" is no key', '--key file_sha, or --key source_repo,file_path,file_sha'],
    [['record', 'not-there.ndjson'], undefined, undefined],
    [['query'], 'lakeledger query needs a statement', undefined],
    [['check', 'run', '--fail-on', 'fatal'], '--fail-on cannot be "fatal"', 'one of error, warn, never'],
    [['scan', 'not-there'], undefined, undefined],
    [['scan', '.', '--status', 'done'], '"done" is no status', undefined],
    [['validate'], 'lakeledger validate needs paths or --schema', undefined],
    [['init', '--config', 'none.yaml'], undefined, undefined],
  ])('%j: exit code 2, on stderr only', async (args, message, hint) => {
    const { code, stdout, stderr } = await runCli(args, { cwd });
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^error\[[A-Z_]+\]: /);
    if (message !== undefined) expect(stderr).toContain(`error[USAGE]: ${message}\n`);
    if (hint !== undefined) expect(stderr).toContain(`  try: ${hint}`);
    expect(stderr).not.toMatch(/^ +at .*\.js/m);
  });

  it.each([['-o', 'json'], ['-ojson'], ['--output=json']])('also as JSON with %s %s', async (...flag) => {
    const { stderr } = await runCli(['record', 'x', '--dryrun', ...flag], { cwd });
    const json = JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '');
    expect(json).toEqual({
      error: {
        code: 'USAGE',
        message: 'unknown flag --dryrun of "lakeledger record"',
        hint: 'did you mean --dry-run?',
        retryable: false,
      },
    });
  });

  it('shows the stack with -v', async () => {
    const { stderr } = await runCli(['record', 'not-there.ndjson', '-v'], { cwd });
    expect(stderr).toMatch(/^ +at .*\.js/m);
  });

  it('never colours a pipe unless it is told to', async () => {
    expect((await runCli(['recrod'], { cwd })).stderr).not.toContain('\u001b');
    expect((await runCli(['recrod'], { cwd, env: { FORCE_COLOR: '1' } })).stderr).toContain('\u001b[31m');
    const off = await runCli(['recrod', '--no-color'], { cwd, env: { FORCE_COLOR: '1' } });
    expect(off.stderr).not.toContain('\u001b');
  });
});
