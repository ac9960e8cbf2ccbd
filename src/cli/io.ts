import type { Readable } from 'node:stream';

/** What a process has around it; tests pass their own. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Terminal;
  readonly stderr: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The working folder. */
  readonly cwd: string;
}

/** A stream that may be a terminal. */
export interface Terminal {
  readonly isTTY?: boolean;
  /** Width in characters when it is a terminal. */
  readonly columns?: number;
  write(text: string, done: (error?: Error | null) => void): boolean;
}

/** Whether to colour what goes to `stream` (https://no-color.org, and FORCE_COLOR as npm and chalk read it). */
export function wantsColor(stream: Terminal, env: Io['env'], noColor: boolean): boolean {
  if (noColor) return false;
  const forced = env.FORCE_COLOR;
  if (forced !== undefined && forced !== '' && forced !== '0' && forced !== 'false') return true;
  return stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb' && forced === undefined;
}
