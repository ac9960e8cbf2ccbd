import type { Session } from '../../duckdb/session.js';

const last = new WeakMap<Session, Promise<unknown>>();

/**
 * Runs `work` when what was given before for the session is over: stages keep rows in temporary tables and variables of the
 * session, which two at a time would share. `work` must not wait for another of the same session.
 */
export function exclusively<T>(session: Session, work: () => Promise<T>): Promise<T> {
  const before = last.get(session) ?? Promise.resolve();
  const mine = before.then(work);
  last.set(
    session,
    mine.catch(() => undefined),
  );
  return mine;
}
