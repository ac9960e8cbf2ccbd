import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The CLI that is tested: the built one, or another installation of it. */
const CLI = process.env['CLI_UNDER_TEST'] ?? fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions extends Pick<SpawnOptions, 'cwd' | 'uid' | 'gid'> {
  readonly stdin?: string | Uint8Array;
  /** Leaves standard input to `onStart`, which must end it. */
  readonly openStdin?: boolean;
  /** Sends SIGKILL so many milliseconds after the start. */
  readonly killAfter?: number;
  readonly onStart?: (child: ChildProcess) => void;
}

/** Only what a program needs: no setting of the machine may change what is tested. */
function environment(): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env;
  return { PATH, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }), NO_COLOR: '1' };
}

/** Runs one command of the CLI to its end, or to its kill. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { stdin, openStdin, killAfter, onStart, ...spawnOptions } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CLI, ...args], { ...spawnOptions, env: environment(), stdio: 'pipe' });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (bytes) => stdout.push(bytes));
    child.stderr.on('data', (bytes) => stderr.push(bytes));
    child.stdin.on('error', () => undefined);
    if (openStdin !== true) child.stdin.end(stdin);
    const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
    });
    onStart?.(child);
  });
}
