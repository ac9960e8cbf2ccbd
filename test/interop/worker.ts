import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** What another engine said when it could not do something. */
export class ToolError extends Error {}

/** A child process that answers JSON lines until this process ends. */
export interface Worker {
  /** What it says about itself when it has started. */
  readonly version: string;
  /** Rejects with `ToolError`. */
  call<T>(name: string, given: unknown): Promise<T>;
}

interface Waiting {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
}

interface Reply {
  readonly id: number;
  readonly answer?: unknown;
  readonly error?: string;
}

/** Lets this process end although the child is there: the child ends when its standard input does. */
function letGo(child: ChildProcess): void {
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as unknown as { unref(): void }).unref();
}

/** Starts a worker; resolves when it is ready to be called. */
export async function startWorker(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): Promise<Worker> {
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1', ...options.env };
  const child = spawn(command, args, { cwd: options.cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
  const waiting = new Map<number, Waiting>();
  let errors = '';
  let last = 0;
  const answered = (id: number) =>
    new Promise<never>((resolve, reject) => {
      waiting.set(id, { resolve, reject });
    });
  const end = (error: Error) => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  child.stderr.on('data', (text) => {
    errors = `${errors}${text}`.slice(-4000);
  });
  child.on('error', end);
  child.on('close', (code) => end(new Error(`${command} ended with ${code}: ${errors}`)));
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { id, answer, error } = JSON.parse(line) as Reply;
    const found = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) found?.resolve(answer as never);
    else found?.reject(new ToolError(error));
  });
  const version: string = await answered(0);
  letGo(child);
  return {
    version,
    call: (name, given) => {
      last += 1;
      const answer = answered(last);
      child.stdin.write(`${JSON.stringify({ id: last, call: name, given })}\n`);
      // Nothing else keeps this process alive while it waits.
      const alive = setInterval(() => {}, 60_000);
      return answer.finally(() => clearInterval(alive));
    },
  };
}
