import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { CLI, cleanEnv, ended, manifests, runCli, startCli, tempFolder } from './run-cli.js';

const cwd = tempFolder();
const shell = async (script: string) =>
  promisify(execFile)('bash', ['-c', script, process.execPath, CLI], { cwd, env: cleanEnv(), maxBuffer: 1 << 26 });

describe('streams', () => {
  it('is quiet when the reader has gone, and stops', async () => {
    const start = Date.now();
    const { stdout, stderr } = await shell(
      `"$0" "$1" query 'FROM range(2000000000)' -o csv | head -n 3; echo "\${PIPESTATUS[0]}"`,
    );
    expect(stdout).toBe('range\n0\n1\n0\n');
    expect(stderr).toBe('');
    expect(Date.now() - start).toBeLessThan(30_000);
  });

  it('loses nothing at the end of a pipe', async () => {
    const { stdout } = await shell(`"$0" "$1" query 'FROM range(200000)' -o ndjson | tail -n 1`);
    expect(stdout).toBe('{"range":199999}\n');
  });

  it.runIf(process.platform === 'linux')('reports a full disk behind a redirection', async () => {
    const error = await shell(`"$0" "$1" query 'FROM range(100000)' -o csv > /dev/full`).catch((e) => e);
    expect(error.code).toBe(3);
    expect(error.stderr).toContain('error[OUTPUT]: cannot write the result: ENOSPC');
  });

  it('does not show a big result whole as a table', async () => {
    const { code, stdout, stderr } = await runCli(['query', 'FROM range(10001)'], { cwd });
    expect(code).toBe(0);
    expect(stdout.split('\n')).toHaveLength(10_000 + 3);
    expect(stderr).toBe('the first 10000 of 10001 rows; all of them: -o csv, -o ndjson or -o json\n');
    expect((await runCli(['query', 'FROM range(10001)', '-q'], { cwd })).stderr).toBe('');
  });

  it.runIf(process.platform === 'linux')('streams: memory does not grow with the result', async () => {
    const { stderr } = await shell(
      `"$0" --require ./rss.cjs "$1" query 'SELECT range, repeat(chr(65 + (range % 26)::INT), 100) FROM range(3000000)' -o ndjson > /dev/null`,
    );
    expect(Number(/rss (\d+)/.exec(stderr)?.[1])).toBeLessThan(400);
  });

  it('makes nothing of control characters but text', async () => {
    const { stdout } = await runCli(['query', "SELECT 'a' || chr(27) || '[31m' || chr(10) || 'b' AS x"], { cwd });
    expect(stdout).toBe('x\n───────────\na\\x1b[31m\\nb\n'.replace('───────────', '─'.repeat(12)));
  });

  it('keeps stderr apart from data with JSON logs', async () => {
    const { stderr } = await runCli(['query', 'FROM range(10001)', '--log-format', 'json'], { cwd });
    expect(JSON.parse(stderr)).toMatchObject({ level: 'info', message: expect.stringContaining('10001') });
  });
});

writeFileSync(
  join(cwd, 'rss.cjs'),
  "process.on('exit', () => process.stderr.write('rss ' + Math.round(process.resourceUsage().maxRSS / 1024)));",
);

describe('interrupts', () => {
  it.each([
    ['SIGINT', 130, 1500],
    ['SIGINT', 130, 2500],
    ['SIGTERM', 143, 1500],
  ] as const)('%s during a query ends with %i, after %i ms', async (signal, code, delay) => {
    const child = startCli(['query', 'SELECT count(*) FROM range(1000000000000)'], { cwd });
    const run = ended(child);
    await new Promise((resolve) => setTimeout(resolve, delay));
    const start = Date.now();
    child.kill(signal);
    expect(await run).toMatchObject({
      code,
      signal: null,
      stdout: '',
      stderr: expect.stringMatching(/^\ninterrupted; /),
    });
    expect(Date.now() - start).toBeLessThan(3000);
  });

  it('a record that was interrupted is finished by the same command', async () => {
    const child = startCli(['record', '-'], { cwd });
    const run = ended(child);
    child.stdin.write(manifests(10));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    child.kill('SIGINT');
    expect((await run).code).toBe(130);
    const again = await runCli(['record', '-', '-o', 'json'], { cwd, stdin: manifests(10) });
    expect([again.code, JSON.parse(again.stdout).inserted]).toEqual([0, 10]);
  });

  it('leaves no half-written file', async () => {
    const child = startCli(['query', 'FROM range(2000000000)', '-o', 'csv=big.csv'], { cwd });
    const run = ended(child);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    child.kill('SIGINT');
    expect((await run).code).toBe(130);
    expect(() => readFileSync(join(cwd, 'big.csv'))).toThrow('ENOENT');
    expect((await shell('ls')).stdout).not.toContain('.tmp');
  });
});
