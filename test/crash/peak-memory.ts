import { readFileSync } from 'node:fs';
import { type CliOptions, type CliResult, runCli } from './cli.js';

/** Most memory that a process ever had, in MB. */
function peakOf(pid: number): number | undefined {
  try {
    // A process that has ended but was not waited for yet still has a status, without its memory.
    const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
  } catch {
    return undefined;
  }
}

/** Runs one command of the CLI and says how much memory it took at most, in MB, and how many seconds. Linux only. */
export async function runMeasured(
  args: readonly string[],
  options: CliOptions = {},
): Promise<CliResult & { readonly peak: number; readonly seconds: number }> {
  let peak = 0;
  let timer: NodeJS.Timeout | undefined;
  const started = Date.now();
  const result = await runCli(args, {
    ...options,
    onStart: (child) => {
      timer = setInterval(() => {
        peak = Math.max(peak, peakOf(child.pid ?? 0) ?? 0);
      }, 50);
      options.onStart?.(child);
    },
  });
  clearInterval(timer);
  return { ...result, peak, seconds: (Date.now() - started) / 1000 };
}
