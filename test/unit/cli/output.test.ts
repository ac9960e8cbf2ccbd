import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { LakeError } from '../../../src/base/lake-error.js';
import type { ProgressEvent } from '../../../src/base/progress.js';

import { type Terminal, wantsColor } from '../../../src/cli/io.js';
import { ledgerKey } from '../../../src/cli/ledger-key.js';
import { createLog, type LogOptions } from '../../../src/cli/log.js';
import { parseOutputs, wantsJson } from '../../../src/cli/output-target.js';
import { parseAttach, parseParam } from '../../../src/cli/parse-values.js';
import { createProgress } from '../../../src/cli/progress.js';
import { byteText } from '../../../src/cli/render/amounts.js';
import { fileSink, stdoutSink } from '../../../src/cli/sink.js';
import { parseTableName } from '../../../src/cli/table-facts.js';

function terminal(isTTY = false, columns = 80): Terminal & { text: string } {
  return {
    text: '',
    isTTY,
    columns,
    write(text, done) {
      this.text += text;
      done();
      return true;
    },
  };
}

describe('parseOutputs', () => {
  const query = { path: ['query'] };
  const checks = { path: ['check', 'run'], formats: ['table', 'json', 'junit'], manyOutputs: true };

  it('reads FORMAT and FORMAT=FILE', () => {
    expect(parseOutputs([], query)).toEqual([{ format: 'table', file: undefined }]);
    expect(parseOutputs([], { ...query, ownFormat: 'ndjson' })).toEqual([{ format: 'ndjson', file: undefined }]);
    expect(parseOutputs(['csv=a=b.csv'], query)).toEqual([{ format: 'csv', file: 'a=b.csv' }]);
    expect(parseOutputs(['csv=-'], query)).toEqual([{ format: 'csv', file: undefined }]);
    expect(parseOutputs(['junit=x.xml', 'table'], checks)).toHaveLength(2);
  });

  it.each([
    [['yaml'], query, '"lakeledger query" cannot write "yaml"'],
    [['junit'], query, '"lakeledger query" cannot write "junit"'],
    [['json', 'csv=x'], query, '"lakeledger query" takes one -o'],
    [['json', 'table'], checks, 'only one output can go to stdout'],
    [['csv='], query, '-o csv= needs a file name'],
  ])('refuses %j', (texts, command, message) => {
    expect(() => parseOutputs(texts, command)).toThrow(message);
  });

  it.each([
    [['record', '-o', 'json'], {}, true],
    [['record', '-ojson'], {}, true],
    [['record', '--output=ndjson'], {}, true],
    [['record', '-o', 'json=out.json'], {}, true],
    [['record'], { LAKELEDGER_OUTPUT: 'json' }, true],
    [['record', '-o', 'csv'], { LAKELEDGER_OUTPUT: 'json' }, false],
    [['record', 'json'], {}, false],
  ])('knows whether errors are wanted as JSON: %j %j', (args, env, wanted) => {
    expect(wantsJson(args, env)).toBe(wanted);
  });
});

describe('stdoutSink', () => {
  const failing = (code: string): Terminal => ({
    write(_text, done) {
      done(Object.assign(new Error(code), { code }));
      return false;
    },
  });

  it('is closed, not broken, when the reader has gone', async () => {
    const sink = stdoutSink(failing('EPIPE'));
    expect(sink.closed).toBe(false);
    await sink.write('x');
    expect(sink.closed).toBe(true);
    await sink.write('more');
  });

  it('reports a full disk behind a redirection', async () => {
    await expect(stdoutSink(failing('ENOSPC')).write('x')).rejects.toMatchObject({ code: 'OUTPUT', exitCode: 3 });
  });
});

describe('fileSink', () => {
  const root = mkdtempSync(join(tmpdir(), 'lakeledger-sink-'));
  afterAll(() => rmSync(root, { recursive: true }));
  const folder = () => mkdtempSync(join(root, 'x-'));

  it('shows the file only at the end, and whole', async () => {
    const file = join(folder(), 'a.csv');
    writeFileSync(file, 'old');
    const sink = await fileSink(file);
    await sink.write('new ');
    await sink.write('text');
    expect(readFileSync(file, 'utf8')).toBe('old');
    await sink.end();
    expect(readFileSync(file, 'utf8')).toBe('new text');
  });

  it('leaves nothing behind when given up', async () => {
    const place = folder();
    const sink = await fileSink(join(place, 'a.csv'));
    await sink.write('x');
    await sink.abort();
    expect(readdirSync(place)).toEqual([]);
  });

  it('writes a device directly', async () => {
    const sink = await fileSink('/dev/null');
    await sink.write('x');
    await sink.end();
    expect(existsSync('/dev/null')).toBe(true);
  });

  it('refuses a folder that is not there', async () => {
    const file = join(folder(), 'none', 'a.csv');
    await expect(fileSink(file)).rejects.toMatchObject({ code: 'OUTPUT', exitCode: 2, place: file });
  });
});

describe('log', () => {
  function logged(options: Partial<LogOptions>, act: (log: ReturnType<typeof createLog>) => void): string {
    const stderr = terminal();
    act(
      createLog({
        stderr,
        format: 'text',
        quiet: false,
        verbose: false,
        color: false,
        jsonErrors: false,
        time: () => '2026-01-02T03:04:05.000Z',
        ...options,
      }),
    );
    return stderr.text;
  }
  const error = new LakeError('DELTA_LOG', 'version 3 is missing', {
    place: 't@4',
    hint: 'restore it',
    retryable: true,
  });

  it('shapes an error as the contract says', () => {
    expect(logged({}, (log) => log.error(error))).toBe(
      'error[DELTA_LOG]: version 3 is missing\n  at t@4\n  try: restore it\n',
    );
  });

  it('adds JSON when the output is JSON', () => {
    const lines = logged({ jsonErrors: true }, (log) => log.error(error))
      .trimEnd()
      .split('\n');
    expect(lines).toHaveLength(4);
    expect(JSON.parse(lines[3] ?? '')).toEqual({
      error: { code: 'DELTA_LOG', message: 'version 3 is missing', hint: 'restore it', retryable: true },
    });
  });

  it('shows a stack only with -v, with the causes', () => {
    const inner = new LakeError('X', 'outer', { cause: new Error('inner reason') });
    expect(logged({}, (log) => log.error(inner))).not.toMatch(/ at .*\.ts/);
    const verbose = logged({ verbose: true }, (log) => log.error(inner));
    expect(verbose).toMatch(/output\.test\.ts/);
    expect(verbose).toContain('caused by: Error: inner reason');
  });

  it('calls a stray error INTERNAL, and a system error by its place', () => {
    expect(logged({}, (log) => log.error(new TypeError('x is undefined')))).toMatch(
      /^error\[INTERNAL\]: x is undefined\n {2}try: /,
    );
    const system = Object.assign(new Error('EACCES: no'), { code: 'EACCES', syscall: 'open', path: '/secret' });
    expect(logged({}, (log) => log.error(system))).toBe('error[IO]: EACCES: no\n  at /secret\n');
    expect(logged({}, (log) => log.error('a string'))).toMatch(/^error\[INTERNAL\]: a string\n/);
  });

  it('does not obey control characters in messages', () => {
    expect(logged({}, (log) => log.error(new LakeError('X', 'a\u001b[2Jb', { place: 'f\r' })))).toBe(
      'error[X]: a\\x1b[2Jb\n  at f\\r\n',
    );
    expect(logged({}, (log) => log.note('a\u0007\nb'))).toBe('a\\x07\nb\n');
  });

  it('is one JSON object a line with --log-format json', () => {
    const text = logged({ format: 'json' }, (log) => {
      log.note('hello');
      log.error(error);
    });
    const [note, failure] = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(note).toEqual({ time: '2026-01-02T03:04:05.000Z', level: 'info', message: 'hello' });
    expect(failure).toMatchObject({ level: 'error', code: 'DELTA_LOG', place: 't@4', retryable: true });
  });

  it('is silent with -q but for warnings and errors', () => {
    expect(logged({ quiet: true }, (log) => log.note('n'))).toBe('');
    expect(logged({ quiet: true }, (log) => log.warn('w'))).toBe('warning: w\n');
  });

  it('redacts', () => {
    const redact = (text: string) => text.replaceAll('hunter2', '***');
    expect(logged({ redact }, (log) => log.error(new Error('login hunter2 refused')))).not.toContain('hunter2');
  });
});

describe('progress', () => {
  function run(options: {
    isTTY?: boolean;
    mode?: 'auto' | 'bar' | 'log' | 'none';
    times: number[];
    format?: 'text' | 'json';
  }) {
    const stderr = terminal(options.isTTY ?? false);
    let now = 0;
    const progress = createProgress({
      stderr,
      mode: options.mode ?? 'auto',
      format: options.format ?? 'text',
      now: () => now,
    });
    for (const time of options.times) {
      now = time;
      progress.report({ phase: 'merge', done: time, total: 10_000, unit: 'manifests' });
    }
    progress.clear();
    return stderr.text;
  }

  it('shows nothing for short work, and never with none', () => {
    expect(run({ isTTY: true, times: [0, 100, 300] })).toBe('');
    expect(run({ isTTY: true, mode: 'none', times: [5000, 10_000] })).toBe('');
  });

  it('redraws one line in a terminal and takes it away', () => {
    const text = run({ isTTY: true, times: [500, 510, 5000] });
    expect(text.split('\r\u001b[2K')).toEqual([
      '',
      'merge  █░░░░░░░░░░░░░░░░░░░ 5%  500 of 10,000 manifests  0:00',
      'merge  ██████████░░░░░░░░░░ 50%  5,000 of 10,000 manifests  0:05',
      '',
    ]);
  });

  it('writes a line every five seconds elsewhere', () => {
    const lines = run({ times: [1000, 5000, 6000, 9999, 10_000] })
      .trimEnd()
      .split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[1]).toContain('10,000 of 10,000 manifests  0:10');
    expect(lines.join('')).not.toContain('\u001b');
  });

  it('writes JSON lines for a log collector', () => {
    expect(JSON.parse(run({ isTTY: true, format: 'json', times: [5000] }))).toMatchObject({
      level: 'progress',
      done: 5000,
    });
  });
});

describe('progress of files', () => {
  const ESC = '\u001b';
  function start(options: { isTTY?: boolean; mode?: 'auto' | 'none'; format?: 'text' | 'json'; columns?: number }) {
    const stderr = { ...terminal(options.isTTY ?? false), columns: options.columns ?? 80 };
    const clock = { now: 0 };
    const progress = createProgress({
      stderr,
      mode: options.mode ?? 'auto',
      format: options.format ?? 'text',
      now: () => clock.now,
    });
    const at = (time: number, event: ProgressEvent) => {
      clock.now = time;
      progress.report(event);
    };
    return { progress, at, text: () => stderr.text };
  }
  const work = (done: number, file?: { path: string; done: number; total: number }): ProgressEvent => ({
    phase: 'ingest',
    done,
    total: 4,
    unit: 'files',
    bytes: { done: done * 1024, total: 10 * 1024 },
    ...(file === undefined ? {} : { file }),
  });
  const file = (status: string, error: string | null = null): ProgressEvent => ({
    phase: 'file',
    path: 'data/x.csv',
    status,
    rows: 21,
    error,
    ms: 12.4,
  });

  it('has a bar for the whole, by bytes, and one for the file', () => {
    const { at, progress, text } = start({ isTTY: true });
    at(500, work(2, { path: 'data/x.csv', done: 50, total: 100 }));
    progress.clear();
    expect(text()).toBe(
      `\r${ESC}[2Kingest ████░░░░░░░░░░░░░░░░ 20%  2 of 4 files  2.0 KiB of 10.0 KiB  0:00\n` +
        `       ██████████░░░░░░░░░░ 50%  data/x.csv` +
        `\r${ESC}[2K${ESC}[1A\r${ESC}[2K`,
    );
  });

  it('takes both lines away before it draws again, so that a terminal shows two at most', () => {
    const { at, progress, text } = start({ isTTY: true });
    for (const time of [500, 700, 900]) at(time, work(1, { path: `${time}.csv`, done: 1, total: 2 }));
    at(1100, work(4));
    expect(screen(text())).toEqual(['ingest ████████░░░░░░░░░░░░ 40%  4 of 4 files  4.0 KiB of 10.0 KiB  0:01']);
    progress.clear();
    expect(screen(text())).toEqual(['']);
  });

  it('keeps the line of a file that failed above the bars, and no other', () => {
    const { at, text } = start({ isTTY: true });
    at(500, work(1, { path: 'a.csv', done: 1, total: 2 }));
    at(510, file('INGESTED'));
    at(520, file('FAILED', 'no rows'));
    at(700, work(2));
    expect(screen(text())).toEqual(['failed   data/x.csv  no rows', expect.stringContaining('2 of 4 files')]);
  });

  it('writes a line per file where nothing can be redrawn, but none for a file that is in already', () => {
    const { at, text } = start({});
    at(1, file('INGESTED'));
    at(2, file('SKIPPED'));
    at(3, file('FAILED', 'the file is empty'));
    expect(text()).toBe('ingested data/x.csv  21 rows  12 ms\nfailed   data/x.csv  the file is empty\n');
  });

  it('writes every file as JSON for a log collector', () => {
    const { at, text } = start({ isTTY: true, format: 'json' });
    at(1, file('SKIPPED'));
    expect(JSON.parse(text())).toEqual({ level: 'progress', ...file('SKIPPED'), seconds: 0 });
  });

  it('shows a path harmless, and no longer than the terminal is wide', () => {
    const { at, text } = start({ isTTY: true, columns: 60 });
    at(500, work(1, { path: `a${ESC}[31m${'x'.repeat(100)}`, done: 1, total: 2 }));
    expect(text()).toContain('a\\x1b[31m');
    for (const line of screen(text())) expect(line.length).toBeLessThan(60);
  });

  it('is silent with none', () => {
    const { at, text } = start({ isTTY: true, mode: 'none' });
    at(5000, file('FAILED', 'x'));
    expect(text()).toBe('');
  });

  /** What a terminal shows after `text`; it knows the codes that are used. */
  function screen(text: string): string[] {
    const lines = [''];
    let row = 0;
    for (const char of text.replaceAll(`${ESC}[2K`, '\u{e000}').replaceAll(`${ESC}[1A`, '\u{e001}')) {
      if (char === '\n') lines[++row] ??= '';
      else if (char === '\u{e001}') row--;
      else if (char === '\u{e000}') lines[row] = '';
      else if (char !== '\r') lines[row] += char;
    }
    return lines.slice(0, row + 1);
  }
});

describe('wantsColor', () => {
  it.each([
    [true, {}, false, true],
    [false, {}, false, false],
    [true, { NO_COLOR: '1' }, false, false],
    [true, { NO_COLOR: '' }, false, true],
    [true, { TERM: 'dumb' }, false, false],
    [true, {}, true, false],
    [false, { FORCE_COLOR: '1' }, false, true],
    [true, { FORCE_COLOR: '0' }, false, false],
    [false, { FORCE_COLOR: '1' }, true, false],
  ])('terminal %s, %j, --no-color %s: %s', (isTTY, env, flag, wanted) => {
    expect(wantsColor(terminal(isTTY), env, flag)).toBe(wanted);
  });
});

describe('arguments with a form of their own', () => {
  it.each([
    ['n=5', ['n', 5n]],
    ['n=-12', ['n', -12n]],
    ['n=1.5', ['n', 1.5]],
    ['n=true', ['n', true]],
    ['n=null', ['n', null]],
    ['sha=123e5', ['sha', '123e5']],
    ['sha=0012', ['sha', '0012']],
    ['sha=1234567890123456789012345678901234567890', ['sha', '1234567890123456789012345678901234567890']],
    ["s='5'", ['s', '5']],
    ["s='it''s'", ['s', "it's"]],
    ['s=a=b', ['s', 'a=b']],
    ['d=2026-01-02', ['d', '2026-01-02']],
  ])('--param %s', (text, expected) => {
    expect(parseParam(text)).toEqual(expected);
  });

  it.each([
    ['t=/a/b', ['t', { path: '/a/b' }]],
    ['t=/a/b@12', ['t', { path: '/a/b', version: 12 }]],
    ['t=me@host/x', ['t', { path: 'me@host/x' }]],
    ['t=a=b@0', ['t', { path: 'a=b', version: 0 }]],
  ])('--attach %s', (text, expected) => {
    expect(parseAttach(text)).toEqual(expected);
  });

  it.each(['x', '=x', 'x='])('refuses %j', (text) => {
    expect(() => parseParam(text)).toThrow('--param is NAME=VALUE');
    expect(() => parseAttach(text)).toThrow('--attach is NAME=PATH[@VERSION]');
  });

  it('table names may carry a version', () => {
    expect(parseTableName('metadata.x@3')).toEqual({ name: 'metadata.x', version: 3 });
    expect(parseTableName('./a@b')).toEqual({ name: './a@b' });
  });

  it('keys', () => {
    expect(ledgerKey('file_sha')).toBe('file_sha');
    expect(ledgerKey('source_repo, file_path,file_sha')).toBe('source_repo+file_path+file_sha');
    expect(() => ledgerKey('file_path')).toThrow('"file_path" is no key');
  });

  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1_500_000, '1.4 MiB'],
    [5 * 2 ** 40, '5.0 TiB'],
  ])('%i bytes are %s', (bytes, text) => {
    expect(byteText(bytes)).toBe(text);
  });
});
