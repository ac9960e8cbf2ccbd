/** Process exit codes of the command line contract; never renumbered. */
export const EXIT = {
  ok: 0,
  data: 1,
  usage: 2,
  tool: 3,
  drift: 4,
  locked: 5,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface LakeErrorOptions {
  /** Where: `table@version`, `file:line`, a flag. */
  readonly place?: string;
  /** What the user can do about it, as an instruction. */
  readonly hint?: string;
  /** True when the same call may succeed later without a change. */
  readonly retryable?: boolean;
  readonly exitCode?: ExitCode;
  readonly cause?: unknown;
}

/**
 * Every error that lakeledger raises on purpose: what happened, where, whether to retry, and a stable code.
 * Callers tell errors apart by `code`; `exitCode` is what a process ends with when nobody catches it.
 */
export class LakeError extends Error {
  override readonly name = 'LakeError';
  readonly code: string;
  readonly place: string | undefined;
  readonly hint: string | undefined;
  readonly retryable: boolean;
  readonly exitCode: ExitCode;

  constructor(code: string, message: string, options: LakeErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.place = options.place;
    this.hint = options.hint;
    this.retryable = options.retryable ?? false;
    this.exitCode = options.exitCode ?? EXIT.tool;
  }
}

/** A wrong flag, argument or configuration value: exit code 2. */
export function usageError(message: string, options: Omit<LakeErrorOptions, 'exitCode'> = {}): LakeError {
  return new LakeError('USAGE', message, { ...options, exitCode: EXIT.usage });
}

/** The text of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
