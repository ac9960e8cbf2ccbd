import { LakeError, messageOf } from '../base/lake-error.js';
import type { Terminal } from './io.js';
import { escapeControls } from './render/cells.js';
import { paints } from './render/colors.js';

/** Messages for people and log collectors, on stderr. */
export interface Log {
  /** Dropped with `-q`. */
  note(text: string): void;
  warn(text: string): void;
  /** Only with `-v`. */
  debug(text: string): void;
  /** An error, as the command line contract shapes it. */
  error(error: unknown): void;
}

export interface LogOptions {
  readonly stderr: Terminal;
  readonly format: 'text' | 'json';
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly color: boolean;
  /** Errors also as the JSON object of the contract. */
  readonly jsonErrors: boolean;
  /** The time of a message (JSON format), ISO 8601. */
  readonly time: () => string;
  /** Called before something is written, e.g. to take the progress line away. */
  readonly before?: () => void;
  /** Takes secrets out of a text. */
  readonly redact?: (text: string) => string;
}

/** A log as `options` want it. */
export function createLog(options: LogOptions): Log {
  const redact = options.redact ?? ((text: string) => text);
  const write = (text: string) => {
    options.before?.();
    options.stderr.write(`${redact(text)}\n`, () => undefined);
  };
  const say = (level: string, text: string) =>
    write(options.format === 'json' ? JSON.stringify({ time: options.time(), level, message: text }) : text);
  return {
    note: (text) => {
      if (!options.quiet) say('info', options.format === 'json' ? text : escapeLines(text));
    },
    warn: (text) => say('warn', options.format === 'json' ? text : `warning: ${escapeLines(text)}`),
    debug: (text) => {
      if (options.verbose) say('debug', options.format === 'json' ? text : escapeLines(text));
    },
    error: (error) => {
      const shape = errorShape(error);
      const stack = options.verbose && error instanceof Error ? stackOf(error) : undefined;
      if (options.format === 'json') {
        write(JSON.stringify({ time: options.time(), level: 'error', ...shape, ...(stack ? { stack } : {}) }));
      } else {
        write(errorText(shape, options.color) + (stack === undefined ? '' : `\n${stack}`));
      }
      if (options.jsonErrors) {
        const { code, message, hint, retryable } = shape;
        write(JSON.stringify({ error: { code, message, hint, retryable } }));
      }
    },
  };
}

/** An error in the words of the contract. */
interface ErrorShape {
  readonly code: string;
  readonly message: string;
  readonly place: string | null;
  readonly hint: string | null;
  readonly retryable: boolean;
}

/** What is said about any thrown value. */
function errorShape(error: unknown): ErrorShape {
  if (error instanceof LakeError) {
    const { code, message, place, hint, retryable } = error;
    return { code, message, place: place ?? null, hint: hint ?? null, retryable };
  }
  const system = error as NodeJS.ErrnoException | undefined;
  if (typeof system?.syscall === 'string' && typeof system.code === 'string') {
    return { code: 'IO', message: messageOf(error), place: system.path ?? null, hint: null, retryable: false };
  }
  return {
    code: 'INTERNAL',
    message: messageOf(error),
    place: null,
    hint: 'this is a mistake in lakeledger; run it again with -v and report what it says',
    retryable: false,
  };
}

function errorText({ code, message, place, hint }: ErrorShape, color: boolean): string {
  const paint = paints(color);
  const [first = '', ...rest] = message.split('\n').map(escapeControls);
  return [
    `${paint.red(`error[${code}]:`)} ${first}`,
    ...rest.map((line) => `  ${line}`),
    ...(place === null ? [] : [`  ${paint.dim('at')} ${escapeControls(place)}`]),
    ...(hint === null ? [] : [`  ${paint.dim('try:')} ${escapeLines(hint)}`]),
  ].join('\n');
}

function stackOf(error: Error): string {
  const own = error.stack ?? '';
  return error.cause instanceof Error ? `${own}\ncaused by: ${stackOf(error.cause)}` : own;
}

function escapeLines(text: string): string {
  return text.split('\n').map(escapeControls).join('\n');
}
