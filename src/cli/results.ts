import type { SqlColumn } from '../duckdb/session.js';
import type { SqlRow, SqlValue } from '../duckdb/values.js';
import type { Invocation } from './invocation.js';
import { wantsColor } from './io.js';
import type { OutputTarget } from './output-target.js';
import { escapeControls } from './render/cells.js';
import { type Paints, paints, statusPaint } from './render/colors.js';
import type { RowStyle } from './render/row-types.js';
import { rowWriter } from './render/row-writer.js';
import { textWidth } from './render/text-width.js';
import { fileSink, type Sink, stdoutSink } from './sink.js';

/** Opens where `target` goes for `work`; a file appears only if `work` succeeds. */
export async function withSink(
  invocation: Invocation,
  target: OutputTarget,
  work: (sink: Sink) => Promise<void>,
): Promise<void> {
  const sink = target.file === undefined ? stdoutSink(invocation.io.stdout) : await fileSink(target.file);
  // The progress line and the result may share a terminal.
  invocation.progress.clear();
  const release = invocation.onInterrupt(() => sink.abort());
  try {
    await work(sink);
  } catch (error) {
    await sink.abort();
    throw error;
  } finally {
    release();
  }
  await sink.end();
}

/** How rows look at `target`: cut and coloured only in a terminal. */
export function rowStyle({ io, options, log }: Invocation, target: OutputTarget): RowStyle {
  const terminal = target.file === undefined;
  return {
    width: terminal && io.stdout.isTTY === true ? io.stdout.columns || 80 : undefined,
    color: terminal && wantsColor(io.stdout, io.env, options['no-color']),
    note: log.note,
  };
}

/** Columns and rows. */
export interface Rows {
  readonly columns: readonly SqlColumn[];
  readonly rows: readonly SqlRow[];
}

/** Writes rows to every output of the invocation. */
export async function writeRows(invocation: Invocation, { columns, rows }: Rows): Promise<void> {
  for (const target of invocation.outputs) {
    await withSink(invocation, target, async (sink) => {
      const writer = rowWriter(target.format, sink, rowStyle(invocation, target));
      await writer.begin(columns);
      await writer.rows(rows);
      await writer.end();
    });
  }
}

/** A result that is one object. */
export interface ObjectResult {
  /** The JSON of the contract. */
  readonly value: object;
  /** What a person sees. */
  readonly text: (style: RowStyle) => string;
  /** What csv, ndjson and markdown show; the object as one row unless told. */
  readonly rows?: Rows;
}

/** Writes an object to every output of the invocation. */
export async function writeObject(invocation: Invocation, result: ObjectResult): Promise<void> {
  for (const target of invocation.outputs) {
    await withSink(invocation, target, async (sink) => {
      const style = rowStyle(invocation, target);
      if (target.format === 'table') return sink.write(result.text(style));
      if (target.format === 'json') return sink.write(`${JSON.stringify(result.value, plainNumbers, 2)}\n`);
      const { columns, rows } = result.rows ?? rowsOf([result.value]);
      const writer = rowWriter(target.format, sink, style);
      await writer.begin(columns);
      await writer.rows(rows);
      await writer.end();
    });
  }
}

/** 64-bit integers are JSON numbers while those are exact. */
export function plainNumbers(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
}

/** Plain objects as rows; a column is a number when all its values are. */
export function rowsOf(objects: readonly object[], names?: readonly string[]): Rows {
  const columns = names ?? [...new Set(objects.flatMap((object) => Object.keys(object)))];
  const rows = objects as readonly SqlRow[];
  return {
    columns: columns.map((name) => ({ name, type: isNumberColumn(rows, name) ? 'DOUBLE' : 'VARCHAR' })),
    rows,
  };
}

function isNumberColumn(rows: readonly SqlRow[], name: string): boolean {
  let numbers = 0;
  for (const row of rows) {
    const value = row[name] ?? null;
    if (typeof value === 'number' || typeof value === 'bigint') numbers++;
    else if (value !== null) return false;
  }
  return numbers > 0;
}

/** Lines of a name and a value each, the names padded to one width; numbers stand on the right. */
export function fieldLines(fields: Readonly<Record<string, SqlValue>>, style: RowStyle): string {
  const paint: Paints = paints(style.color);
  const entries = Object.entries(fields);
  const width = Math.max(...entries.map(([name]) => textWidth(name)));
  const texts = entries.map(([, value]) =>
    typeof value === 'number' || typeof value === 'bigint' ? value.toLocaleString('en') : undefined,
  );
  const numberWidth = Math.max(0, ...texts.map((text) => text?.length ?? 0));
  return entries
    .map(([name, value], i) => {
      const number = texts[i]?.padStart(numberWidth);
      const text =
        number ?? (value === null ? paint.dim('–') : statusPaint(paint, value)(escapeControls(String(value))));
      return `${paint.dim(name.padEnd(width))}  ${text}\n`;
    })
    .join('');
}
