import { createInterface } from 'node:readline';
import { usageError } from '../base/lake-error.js';
import type { Invocation } from './invocation.js';

/**
 * Asks a person on stderr whether to go on; `--yes` answers for them. Throws a usage error (exit code 2) where nobody can
 * be asked.
 */
export async function confirm({ io, options }: Invocation, question: string): Promise<boolean> {
  if (options.yes) return true;
  if (io.stdin.isTTY !== true) {
    throw usageError(`${question} Nobody can be asked here`, {
      hint: 'add --yes to answer, or --dry-run to look first',
    });
  }
  io.stderr.write(`${question} [y/N] `, () => undefined);
  const lines = createInterface({ input: io.stdin, terminal: false });
  try {
    for await (const line of lines) return /^\s*y(es)?\s*$/i.test(line);
    return false;
  } finally {
    lines.close();
  }
}
