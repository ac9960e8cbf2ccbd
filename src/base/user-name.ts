import { userInfo } from 'node:os';

/** The user of the process. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A process may run under a user id that has no name.
    return String(process.getuid?.() ?? 'unknown');
  }
}
