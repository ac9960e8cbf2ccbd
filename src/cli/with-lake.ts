import { sleep } from '../base/clock.js';
import type { Lake, LedgerKey } from '../lake.js';
import type { Invocation } from './invocation.js';

/** Opens the lake of the invocation for `work` and closes it whatever happens. Loads the engine, so only commands that need it come here. */
export async function withLake<T>(
  invocation: Invocation,
  work: (lake: Lake) => Promise<T>,
  options: { readonly root?: string; readonly key?: LedgerKey } = {},
): Promise<T> {
  const { Lake } = await import('../lake.js');
  const lake = await Lake.open({
    root: options.root ?? invocation.options.lake,
    ...(options.key === undefined ? {} : { key: options.key }),
    onProgress: invocation.progress.report,
  });
  const over = new AbortController();
  const release = invocation.onInterrupt(() => interruptUntil(over.signal, lake));
  try {
    return await work(lake);
  } finally {
    over.abort();
    invocation.progress.clear();
    await lake.close();
    release();
  }
}

/** Between two interrupts, in milliseconds. */
const AGAIN_MS = 20;

/** Stops what the engines are doing until `over`. Again and again, because an interrupt between two statements is lost. */
async function interruptUntil(over: AbortSignal, lake: Lake): Promise<void> {
  while (!over.aborted) {
    await lake.interrupt();
    await sleep(AGAIN_MS);
  }
}
