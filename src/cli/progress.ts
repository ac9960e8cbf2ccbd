import type { FileProgress, ProgressEvent, WorkProgress } from '../base/progress.js';
import type { Terminal } from './io.js';
import { byteText, countText } from './render/amounts.js';
import { escapeControls } from './render/cells.js';
import { cutText } from './render/text-width.js';

export interface Progress {
  report(event: ProgressEvent): void;
  /** Takes the lines away, so that something else can be written; the next report brings them back. */
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
const ERASE = '\r\u001b[2K';
const LINE_UP = '\u001b[1A';

/** Lines on stderr: redrawn in a terminal, else one every few seconds, and one for each file. */
export function createProgress({ stderr, mode, format, now }: ProgressOptions): Progress {
  const bar = mode === 'bar' || (mode === 'auto' && stderr.isTTY === true && format === 'text');
  const start = now();
  const write = (text: string) => stderr.write(text, () => undefined);
  const width = () => (stderr.columns || 80) - 1;
  let next = start + (bar ? QUIET_MS : LOG_MS);
  let shown = 0;
  const clear = () => {
    // The cursor stands at the end of the last line.
    if (shown > 0) write(ERASE + (LINE_UP + ERASE).repeat(shown - 1));
    shown = 0;
  };
  const draw = (lines: readonly string[]) => {
    if (shown !== 1 || lines.length !== 1) clear();
    write(ERASE + lines.map((text) => cutText(text, width())).join('\n'));
    shown = lines.length;
  };
  const say = (event: ProgressEvent, text: string, seconds: number) =>
    write(format === 'json' ? `${JSON.stringify({ level: 'progress', ...event, seconds })}\n` : `${text}\n`);
  return {
    report(event) {
      if (mode === 'none') return;
      const time = now();
      const seconds = Math.floor((time - start) / 1000);
      if (event.phase === 'file') {
        const isNews = event.error !== null || (!bar && event.status !== 'SKIPPED') || format === 'json';
        if (!isNews) return;
        clear();
        say(event, fileLine(event), seconds);
        return;
      }
      if (time < next) return;
      next = time + (bar ? REDRAW_MS : LOG_MS);
      if (bar) draw([workLine(event, seconds), ...currentFile(event)]);
      else say(event, workLine(event, seconds), seconds);
    },
    clear,
  };
}

function workLine({ phase, done, total, unit, detail, bytes }: WorkProgress, seconds: number): string {
  const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  const of = total === undefined ? '' : ` of ${total.toLocaleString('en')}`;
  const share = bytes === undefined ? shareOf(done, total) : shareOf(bytes.done, bytes.total);
  const size = bytes === undefined ? '' : `  ${byteText(bytes.done)} of ${byteText(bytes.total)}`;
  const text = `${done.toLocaleString('en')}${of} ${unit}${size}  ${time}${detail ? `  ${detail}` : ''}`;
  return escapeControls(`${phase.padEnd(6)} ${share === undefined ? '' : `${barText(share)}  `}${text}`);
}

/** The line below the total: how far the file is that is worked on now. */
function currentFile({ file }: WorkProgress): string[] {
  if (file === undefined) return [];
  const share = shareOf(file.done, file.total);
  return [`       ${share === undefined ? '' : `${barText(share)}  `}${escapeControls(file.path)}`];
}

function shareOf(done: number, total: number | undefined): number | undefined {
  return total === undefined || total <= 0 ? undefined : Math.min(1, done / total);
}

function barText(share: number): string {
  const filled = Math.round(share * BAR);
  return `${'█'.repeat(filled)}${'░'.repeat(BAR - filled)} ${Math.floor(share * 100)}%`;
}

/** `ingested data/x.csv  21 rows  12 ms` */
function fileLine({ path, status, rows, error, ms }: FileProgress): string {
  const outcome = error ?? `${countText(rows, 'row')}  ${Math.round(ms)} ms`;
  return escapeControls(`${status.toLowerCase().padEnd(8)} ${path}  ${outcome}`);
}
