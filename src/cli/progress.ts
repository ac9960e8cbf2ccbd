import type { ProgressEvent } from '../base/progress.js';
import type { Terminal } from './io.js';
import { cutText } from './render/text-width.js';

export interface Progress {
  report(event: ProgressEvent): void;
  /** Takes the line away, so that something else can be written; the next report brings it back. */
  clear(): void;
}

export interface ProgressOptions {
  readonly stderr: Terminal;
  readonly mode: 'auto' | 'bar' | 'log' | 'none';
  readonly format: 'text' | 'json';
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** Short work shows nothing. */
const QUIET_MS = 400;
const REDRAW_MS = 100;
const LOG_MS = 5000;
const BAR = 20;

/** A line on stderr: redrawn in a terminal, else one line every few seconds. */
export function createProgress({ stderr, mode, format, now }: ProgressOptions): Progress {
  const bar = mode === 'bar' || (mode === 'auto' && stderr.isTTY === true && format === 'text');
  const start = now();
  let next = start + (bar ? QUIET_MS : LOG_MS);
  let shown = false;
  const write = (text: string) => stderr.write(text, () => undefined);
  return {
    report(event) {
      if (mode === 'none') return;
      const time = now();
      if (time < next) return;
      next = time + (bar ? REDRAW_MS : LOG_MS);
      const seconds = Math.floor((time - start) / 1000);
      if (!bar) {
        write(
          format === 'json'
            ? `${JSON.stringify({ level: 'progress', ...event, seconds })}\n`
            : `${line(event, seconds)}\n`,
        );
        return;
      }
      write(`\r\u001b[2K${cutText(line(event, seconds), (stderr.columns ?? 80) - 1)}`);
      shown = true;
    },
    clear() {
      if (shown) write('\r\u001b[2K');
      shown = false;
    },
  };
}

function line({ phase, done, total, unit, detail }: ProgressEvent, seconds: number): string {
  const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  const of = total === undefined ? '' : ` of ${total.toLocaleString('en')}`;
  const share = total === undefined || total <= 0 ? undefined : Math.min(1, done / total);
  const filled = share === undefined ? 0 : Math.round(share * BAR);
  const bar =
    share === undefined ? '' : `${'█'.repeat(filled)}${'░'.repeat(BAR - filled)} ${Math.floor(share * 100)}%  `;
  return `${phase.padEnd(6)} ${bar}${done.toLocaleString('en')}${of} ${unit}  ${time}${detail ? `  ${detail}` : ''}`;
}
