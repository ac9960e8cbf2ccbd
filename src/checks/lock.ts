import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../base/package-root.js';
import type { Check } from './check-file.js';

/** SHA-256 of every released check file, by its path: `{"success_rate/v1.sql": "…"}`. */
export type CheckLock = Readonly<Record<string, string>>;

/** The path of the lock file. */
export function lockPath(): string {
  return join(packageRoot(), 'sql', 'checks', 'checks.lock.json');
}

export function readLock(): CheckLock {
  return JSON.parse(readFileSync(lockPath(), 'utf8')) as CheckLock;
}

function lockOf(checks: readonly Check[]): CheckLock {
  return Object.fromEntries(checks.filter((c) => c.shipped).map((c) => [`${c.name}/v${c.version}.sql`, c.sha256]));
}

/** What is wrong with the shipped checks according to the lock; empty when they are as released. */
export function lockProblems(checks: readonly Check[], lock: CheckLock): string[] {
  const now = lockOf(checks);
  const released = Object.entries(lock).flatMap(([file, sha256]) => {
    if (now[file] === undefined) return [`${file} was released and is gone`];
    return now[file] === sha256 ? [] : [`${file} was released and has changed; write a new version instead`];
  });
  const missing = Object.keys(now).filter((file) => lock[file] === undefined);
  return [...released, ...missing.map((file) => `${file} is not in the lock`)];
}

/**
 * The lock with the files that are not in it yet; a released entry is never changed.
 * @throws Error when a released file has changed or is gone.
 */
export function updateLock(checks: readonly Check[], lock: CheckLock): CheckLock {
  const merged = { ...lockOf(checks), ...lock };
  const problems = lockProblems(checks, merged);
  if (problems.length > 0) throw new Error(problems.join('; '));
  return Object.fromEntries(Object.entries(merged).sort(([a], [b]) => (a < b ? -1 : 1)));
}
