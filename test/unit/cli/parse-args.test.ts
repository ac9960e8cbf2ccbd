import { describe, expect, it } from 'vitest';
import { LakeError } from '../../../src/base/lake-error.js';
import { commandGroups, commands } from '../../../src/cli/commands/index.js';
import { parseArgs } from '../../../src/cli/parse-args.js';

const parse = (...args: string[]) => parseArgs(args, { commands, groups: commandGroups, width: 100 });

async function command(...args: string[]) {
  const parsed = await parse(...args);
  if (parsed.kind !== 'command') throw new Error(`expected a command, got ${parsed.kind}`);
  return parsed;
}

async function refused(...args: string[]): Promise<LakeError> {
  const error = await parse(...args).then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(LakeError);
  const lakeError = error as LakeError;
  expect(lakeError.exitCode).toBe(2);
  return lakeError;
}

describe('parseArgs', () => {
  it.each([
    ['record', '123e5', '0x10', '1_000', '007'],
    ['record', '-'],
    ['record', 'a', '-', 'b'],
    ['record', '--', '-x', '--strict'],
    ['record', '"quoted"', "'single'", 'with space', ''],
  ])('keeps positionals as the text they are: %j', async (...args) => {
    const { positionals } = await command(...args);
    expect(positionals).toEqual(args.slice(1).filter((arg) => arg !== '--'));
  });

  it('takes SQL that begins with a comment as SQL', async () => {
    const sql = '-- newest first\nSELECT 1';
    expect((await command('query', sql)).positionals).toEqual([sql]);
    expect((await command('query', '--newest first\nSELECT 1', '-o', 'csv')).positionals).toEqual([
      '--newest first\nSELECT 1',
    ]);
  });

  it('finds commands in groups', async () => {
    const parsed = await command('check', 'run', 'success_rate@1', '--fail-on', 'warn');
    expect(parsed.command.path).toEqual(['check', 'run']);
    expect(parsed.positionals).toEqual(['success_rate@1']);
    expect(parsed.flags['fail-on']).toBe('warn');
  });

  it('takes global flags before and after the command', async () => {
    expect((await command('--lake', 'a', 'record', 'x')).flags['lake']).toBe('a');
    expect((await command('record', 'x', '--lake', 'a')).flags['lake']).toBe('a');
  });

  it('takes the last of a repeated flag and all of a repeated list', async () => {
    const { flags } = await command('query', 'x', '--lake', 'a', '--lake', 'b', '--param', 'k=1', '--param', 'l=2');
    expect(flags['lake']).toBe('b');
    expect(flags['param']).toEqual(['k=1', 'l=2']);
  });

  it('does not let a list eat the arguments behind it', async () => {
    const parsed = await command('query', '--attach', 'x=1', 'SELECT 1');
    expect(parsed.flags['attach']).toEqual(['x=1']);
    expect(parsed.positionals).toEqual(['SELECT 1']);
  });

  it.each([['-o', 'json'], ['-ojson'], ['-o=json'], ['--output', 'json'], ['--output=json']])(
    'reads %s %s as the same flag',
    async (...flag) => {
      expect((await command('record', 'x', ...flag)).flags['output']).toEqual(['json']);
    },
  );

  it('does not read numbers, dots or "no-" into flags', async () => {
    const { flags } = await command('record', 'x', '--batch-size', '0010', '--no-color');
    expect(flags['batch-size']).toBe('0010');
    expect(flags['no-color']).toBe(true);
  });

  it.each([
    [['recrod', 'x'], 'unknown command "recrod"', 'did you mean "lakeledger record"?'],
    [['check', 'rnu'], 'unknown command "check rnu"', 'did you mean "lakeledger check run"?'],
    [['zzzzzz'], 'unknown command "zzzzzz"', 'one of init, scan, record'],
    [['check'], 'lakeledger check needs a command: list, show, run', 'lakeledger check --help'],
    [['record', 'x', '--dryrun'], 'unknown flag --dryrun of "lakeledger record"', 'did you mean --dry-run?'],
    [['record', 'x', '-z'], 'unknown flag -z of "lakeledger record"', 'lakeledger record --help'],
    [['record', 'x', '--a.b=1'], 'unknown flag --a.b of "lakeledger record"', 'lakeledger record --help'],
    [['init', '--strict'], 'unknown flag --strict of "lakeledger init"', 'lakeledger init --help'],
    [['record', 'x', '--lake'], '--lake needs a value', 'lakeledger --help'],
    [['record', 'x', '--lake='], '--lake needs a value', '--lake DIR'],
    [['record', 'x', '--lake', '--strict'], '--lake needs a value', ''],
    [['record', 'x', '--strict=maybe'], '--strict is yes or no, not "maybe"', '--strict'],
  ])('refuses %j', async (args, message, hint) => {
    const error = await refused(...args);
    expect(error.message).toBe(message);
    expect(error.hint).toContain(hint);
  });

  it('offers only the flags of the command', async () => {
    expect((await refused('scan', 'x', '--strikt')).hint).toBe('lakeledger scan --help');
  });

  it.each([
    [[], 'lakeledger <command> [options]'],
    [['--help'], 'lakeledger <command> [options]'],
    [['help'], 'lakeledger <command> [options]'],
    [['check', '--help'], 'lakeledger check <command> [options]'],
    [['help', 'check', 'run'], 'lakeledger check run [checks..] [options]'],
    [['--lake', 'somewhere', 'record', '-h'], 'lakeledger record <paths..> [options]'],
  ])('shows the help page for %j', async (args, first) => {
    const parsed = await parse(...args);
    expect(parsed.kind === 'help' && parsed.text.split('\n')[0]).toBe(first);
  });

  it('takes runs alone for runs list', async () => {
    expect((await command('runs')).command.path).toEqual(['runs', 'list']);
    expect((await command('runs', '--status', 'failed')).flags['status']).toBe('failed');
    expect((await command('runs', 'show', 'list')).command.path).toEqual(['runs', 'show']);
    expect((await parse('runs', '--help')).kind).toBe('help');
    expect((await refused('runs', 'lst')).message).toContain('lst');
  });

  it('knows --version everywhere but behind --', async () => {
    expect((await parse('--version')).kind).toBe('version');
    expect((await parse('record', '--version')).kind).toBe('version');
    expect((await command('record', '--', '--version')).positionals).toEqual(['--version']);
  });
});

describe('help pages', () => {
  const pages = [[], ...Object.keys(commandGroups).map((group) => [group]), ...commands.map((c) => [...c.path])];

  it.each(pages)('%s %s ends with two examples and fits the width', async (...path) => {
    const parsed = await parse(...path, '--help');
    if (parsed.kind !== 'help') throw new Error('no help');
    const examples = parsed.text.slice(parsed.text.indexOf('Examples:')).trimEnd().split('\n');
    expect(examples.filter((line) => /^ {2}lakeledger /.test(line))).toHaveLength(2);
    expect(examples).toHaveLength(5);
    const body = parsed.text.slice(0, parsed.text.indexOf('Examples:')).split('\n');
    expect(body.filter((line) => line.length > 100)).toEqual([]);
  });

  it('names every flag of every command', async () => {
    for (const { path, options } of commands) {
      const parsed = await parse(...path, '--help');
      if (parsed.kind !== 'help') throw new Error('no help');
      for (const name of Object.keys(options)) expect(parsed.text).toContain(`--${name}`);
    }
  });
});
