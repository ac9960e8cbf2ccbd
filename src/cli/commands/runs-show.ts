import { EXIT } from '../../base/lake-error.js';
import { defineCommand } from '../command.js';
import { rowsOf, writeObject } from '../results.js';
import { runText } from '../run-text.js';
import { withLake } from '../with-lake.js';

export const runsShowCommand = defineCommand({
  path: ['runs', 'show'],
  summary: 'One run: how it went, and what it did with each file',
  arguments: { run: { describe: 'The id of a run, or its beginning', required: true } },
  options: {},
  examples: [
    { command: 'lakeledger runs show 7f3a', comment: 'the run whose id begins with 7f3a' },
    { command: 'lakeledger runs show 7f3a -o csv', comment: 'its files as CSV' },
  ],
  async run(invocation) {
    const story = await withLake(invocation, async (lake) => {
      const { showRun } = await import('../../ingest/events/history.js');
      return showRun({ session: await lake.session(), catalog: lake.catalog }, invocation.arguments.run);
    });
    const columns = ['source', 'target', 'path', 'sha', 'status', 'action', 'rule', 'rows', 'attempt', 'reason'];
    const files = rowsOf(story.files, columns);
    await writeObject(invocation, { value: story, text: (style) => runText(story, style), rows: files });
    return EXIT.ok;
  },
});
