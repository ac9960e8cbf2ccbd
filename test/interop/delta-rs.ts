import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const VENV = fileURLToPath(new URL('../../.venv/bin/python', import.meta.url));
const SCRIPT = fileURLToPath(new URL('./delta_rs.py', import.meta.url));

/** A Python that has delta-rs: that of `setup-python.sh`, or the one named by `INTEROP_PYTHON`. */
export function findPython(): string | undefined {
  const python = process.env['INTEROP_PYTHON'] ?? VENV;
  if (!existsSync(python)) return undefined;
  return spawnSync(python, ['-c', 'import deltalake, pyarrow'], { stdio: 'ignore' }).status === 0 ? python : undefined;
}

/** Calls a function of `delta_rs.py` with one JSON value and returns its JSON answer. Throws with Python's text. */
export function callPython<T>(python: string, name: string, input: unknown): T {
  const output = execFileSync(python, [SCRIPT, name], {
    input: JSON.stringify(input),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  return JSON.parse(output) as T;
}

/** The same while this process goes on. */
export function startPython<T>(python: string, name: string, input: unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const child = spawn(python, [SCRIPT, name], { stdio: ['pipe', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    child.stdout.on('data', (text) => {
      output += text;
    });
    child.stderr.on('data', (text) => {
      errors += text;
    });
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(JSON.parse(output) as T) : reject(new Error(errors))));
    child.stdin.end(JSON.stringify(input));
  });
}

/** How many rows delta-rs reads from the table in `folder`. */
export function countRows(python: string, folder: string): number {
  return callPython<{ rows: number }>(python, 'count', { path: folder }).rows;
}
