import { EXIT, usageError } from '../../base/lake-error.js';
import { defineCommand } from '../command.js';
import { withLakeState } from '../lake-state.js';
import { fieldLines, writeObject } from '../results.js';

const EXAMPLE = 'lakeledger state set data/a.csv --sha 0f3c… --status SKIPPED --reason "sent by mistake"';
const SHA = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

export const stateSetCommand = defineCommand({
  path: ['state', 'set'],
  summary: 'Say by hand that a file is loaded already or never to be, or up to where a table was read',
  arguments: {
    path: { describe: 'The path of a file within its source; with --watermark the name of a source', required: true },
  },
  options: {
    watermark: { type: 'text', value: 'VALUE', describe: 'Up to where the table of the source was read' },
    sha: { type: 'text', value: 'SHA', describe: 'SHA-256 of its bytes; the beginning if the ledger knows them' },
    status: {
      type: 'text',
      choices: ['INGESTED', 'SKIPPED'],
      describe: 'INGESTED: its rows are in the target. SKIPPED: hold these bytes until "reprocess"',
    },
    reason: { type: 'text', value: 'TEXT', describe: 'Why; kept in the event log' },
    source: { type: 'text', value: 'NAME', describe: 'The source, where it is not clear' },
    into: { type: 'text', value: 'SCHEMA.TABLE', describe: 'The target, where it is not clear' },
  },
  examples: [
    {
      command: `lakeledger state set old.csv --sha ${SHA} --status INGESTED --reason "loaded by the old tool" --source old --into bronze.old`,
      comment: 'rows that something else has loaded',
    },
    {
      command: 'lakeledger state set shop_orders --watermark 2026-01-01T00:00:00Z --reason "a late correction"',
      comment: 'read the table of a source from there on',
    },
  ],
  async run(invocation) {
    const { sha, status, reason, source, into, watermark } = invocation.options;
    if (watermark !== undefined) {
      const { changeWatermark } = await import('../change-watermark.js');
      return changeWatermark(invocation, { source: invocation.arguments.path, value: watermark, reason });
    }
    if (sha === undefined || status === undefined || reason === undefined || reason.trim() === '') {
      throw usageError('lakeledger state set needs --sha, --status and --reason', { hint: EXAMPLE });
    }
    if (into !== undefined && !/^[A-Za-z_][\w-]*\.[A-Za-z_][\w-]*$/.test(into)) {
      throw usageError(`"${into}" is not a table name`, { place: '--into', hint: '--into bronze.orders' });
    }
    const event = await withLakeState(invocation, (state) =>
      state.set({
        path: invocation.arguments.path,
        sha,
        status: status as 'INGESTED',
        reason,
        ...(source === undefined ? {} : { source }),
        ...(into === undefined ? {} : { target: into }),
      }),
    );
    const value = {
      source: event.source,
      target: event.target,
      path: event.path,
      file_sha: event.sha,
      status: event.status,
      reason: event.reason,
      run_id: event.runId,
    };
    await writeObject(invocation, { value, text: (style) => fieldLines(value, style) });
    return EXIT.ok;
  },
});
