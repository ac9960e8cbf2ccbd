import type { Session } from './session.js';

const last = new WeakMap<Session, Promise<void>>();

/**
 * Runs `work` when what was given before for the session is over: stages keep rows in temporary tables and variables of the
 * session, which two at a time would share. `work` must not wait for another of the same session.
 */
export async function exclusively<T>(session: Session, work: () => Promise<T>): Promise<T> {
  const end = await startExclusively(session);
  try {
    return await work();
  } finally {
    end();
  }
}

/** The same for work that comes in pieces: it begins when this resolves, and is over when the function it gives is called. */
export async function startExclusively(session: Session): Promise<() => void> {
  const before = last.get(session);
  let end: () => void = () => undefined;
  last.set(
    session,
    new Promise<void>((resolve) => {
      end = resolve;
    }),
  );
  await before;
  return end;
}
