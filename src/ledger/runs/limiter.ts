/** Runs pieces of work, at most `most` of them at the same time; the others wait for their turn. */
export function limiter(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await work();
    } finally {
      // The place goes to whoever waits longest; nobody else can take it meanwhile.
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
