import { EXIT } from '../../base/lake-error.js';
import { defineCommand } from '../command.js';
import { rowsOf, writeRows } from '../results.js';
import { withLake } from '../with-lake.js';

const COLUMNS = ['run_id', 'source', 'target', 'status', 'started_at', 'seconds', 'processed', 'skipped', 'failed'];
const MORE_COLUMNS = ['rows', 'bytes', 'error', 'ended_at', 'execution_date', 'actor', 'host', 'pid', 'checksum'];

export const runsListCommand = defineCommand({
  path: ['runs', 'list'],
  summary: 'Runs of ingest, newest first: what they loaded, skipped and could not load',
  arguments: {},
  options: {
    source: { type: 'text', value: 'NAME', describe: 'Only of this source' },
    status: {
      type: 'text',
      choices: ['running', 'success', 'failed', 'skipped'],
      describe: 'Only those that ended so',
    },
    limit: { type: 'integer', value: 'N', min: 1, default: 50, describe: 'At most the newest N' },
  },
  examples: [
    { command: 'lakeledger runs list', comment: 'the newest 50' },
    { command: 'lakeledger runs list --source orders --status failed -o json', comment: 'what went wrong with one' },
  ],
  async run(invocation) {
    const { source, status, limit } = invocation.options;
    const filter = { ...(source === undefined ? {} : { source }), ...(status === undefined ? {} : { status }) };
    const rows = await withLake(invocation, async (lake) => {
      const { listRuns } = await import('../../ingest/events/history.js');
      return listRuns({ session: await lake.session(), catalog: lake.catalog }, filter, limit);
    });
    if (rows.length === 0) {
      const any = Object.keys(filter).length > 0;
      invocation.log.note(any ? 'no run matches' : 'there are no runs yet; "lakeledger ingest" makes one');
    }
    await writeRows(invocation, rowsOf(rows, [...COLUMNS, ...MORE_COLUMNS]));
    return EXIT.ok;
  },
});
