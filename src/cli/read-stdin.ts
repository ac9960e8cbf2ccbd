import { usageError } from '../base/lake-error.js';
import type { Io } from './io.js';

/** Nobody types manifests by hand: `-` with a terminal behind it is a mistake that would look like hanging. */
export function refuseTerminal(io: Io): void {
  if (io.stdin.isTTY === true) {
    throw usageError('standard input is a terminal', { place: '-', hint: 'lakeledger … - < FILE, or a pipe' });
  }
}

/** All text of standard input. */
export async function readStdin(io: Io): Promise<string> {
  refuseTerminal(io);
  const chunks: Buffer[] = [];
  for await (const chunk of io.stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
