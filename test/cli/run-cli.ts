import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

/** What users run; `CLI_UNDER_TEST` names another build, e.g. that of an installed package. */
export const CLI = process.env['CLI_UNDER_TEST'] ?? fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

export interface CliRun {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

/** The environment of the tests without what would change the result. */
export function cleanEnv(extra: CliOptions['env'] = {}): NodeJS.ProcessEnv {
  const names = Object.keys(process.env).filter((name) => !/^(LAKELEDGER_|NO_COLOR$|FORCE_COLOR$|GITHUB_)/.test(name));
  return { ...Object.fromEntries(names.map((name) => [name, process.env[name]])), ...extra };
}

/** Starts the command line; its standard input is open. */
export function startCli(args: readonly string[], options: CliOptions = {}): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [CLI, ...args], { cwd: options.cwd, env: cleanEnv(options.env) });
}

/** Runs the command line to its end. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  const child = startCli(args, options);
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.stdin ?? '');
  return ended(child);
}

/** What a process that was started says until its end. */
export function ended(child: ChildProcessWithoutNullStreams): Promise<CliRun> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) =>
      resolve({ code, signal, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }),
    );
  });
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** An empty folder that goes away after the tests of the file. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lakeledger-test-'));
  folders.push(folder);
  return folder;
}

/** `count` file manifests as NDJSON, one hour apart, all of one source. */
export function manifests(count: number, change: (i: number) => object = () => ({})): string {
  const start = Date.UTC(2026, 0, 1);
  return Array.from({ length: count }, (_, i) => {
    const time = new Date(start + i * 3_600_000).toISOString();
    const manifest = {
      file_sha: (i + 1).toString(16).padStart(40, '0'),
      source: 'acme/data',
      path: `in/file-${i}.csv`,
      pull_ts_utc: time,
      size_bytes: 100 + i,
      row_count_estimate: i,
      target_backend: 'LOCAL',
      dest_path: null,
      status: 'INGESTED',
      ...change(i),
    };
    return `${JSON.stringify(manifest)}\n`;
  }).join('');
}
