import { EXIT, type ExitCode, usageError } from '../base/lake-error.js';
import { targetOf } from '../ingest/config/table-schema.js';
import type { Watermark } from '../ingest/table/watermark.js';
import { confirm } from './confirm.js';
import type { Invocation } from './invocation.js';
import { withLakeState } from './lake-state.js';
import { fieldLines, writeObject } from './results.js';

interface AskedChange {
  readonly source: string;
  /** null: from the beginning. */
  readonly value: string | null;
  readonly reason: string | undefined;
  readonly dryRun?: boolean;
}

/** What the configuration says of the watermark of a source; undefined when it has none. */
async function configuredWatermark({ config }: Invocation, source: string) {
  const written = config?.values.sources?.[source];
  if (written?.watermark === undefined || written.connection === undefined) return undefined;
  const { tableParts } = await import('../ingest/config/table-schema.js');
  const watermark = typeof written.watermark === 'string' ? { column: written.watermark } : written.watermark;
  const { schema, table } = tableParts(written.table ?? '');
  const entity = written.table === undefined ? (written.name ?? source) : `${schema}.${table}`;
  return {
    column: watermark.column,
    type: ('type' in watermark ? watermark.type : undefined) ?? ('timestamp' as const),
    target: targetOf(source, written),
    path: `${written.connection}/${entity}`,
  };
}

/** Whether a name is that of a source with a watermark, in the configuration or in the lake. */
export async function hasWatermark(invocation: Invocation, name: string): Promise<boolean> {
  if ((await configuredWatermark(invocation, name)) !== undefined) return true;
  return withLakeState(invocation, async (state) =>
    (await state.get()).some((one) => one.source === name && one.watermark !== null),
  );
}

function shown(watermark: Watermark | null): string {
  return watermark === null ? 'none' : `${watermark.column} ${watermark.value ?? 'from the beginning'}`;
}

/** Sets or resets a watermark and says what it was and is. Throws a usage error without a reason. */
export async function changeWatermark(invocation: Invocation, asked: AskedChange): Promise<ExitCode> {
  const { source, value, reason, dryRun = false } = asked;
  if (reason === undefined || reason.trim() === '') {
    throw usageError('a change of a watermark needs --reason', { hint: '--reason "a late correction"' });
  }
  const configured = await configuredWatermark(invocation, source);
  const change = { source, value, reason, ...(configured === undefined ? {} : { configured }) };
  const done = await withLakeState(invocation, async (state) => {
    const planned = await state.setWatermark({ ...change, dryRun: true });
    if (dryRun) return { ...planned, written: false };
    invocation.progress.clear();
    const what = value === null ? 'from the beginning' : `from ${value} on`;
    const agreed =
      value !== null || (await confirm(invocation, `Have the table of ${source} read ${what} by the next ingest?`));
    return agreed ? { ...(await state.setWatermark(change)), written: true } : { ...planned, written: false };
  });
  if (!done.written) invocation.log.note('nothing was changed');
  const { before, after } = done;
  await writeObject(invocation, {
    value: { source, reason, before, after, written: done.written },
    text: (style) => fieldLines({ source, before: shown(before), after: shown(after), reason }, style),
  });
  return EXIT.ok;
}
