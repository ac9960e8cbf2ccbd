import { EXIT } from '../../base/lake-error.js';
import type { SqlColumn } from '../../duckdb/session.js';
import { defineCommand } from '../command.js';
import { rowWriter } from '../render/row-writer.js';
import { rowStyle, withSink } from '../results.js';
import { parseTableName } from '../table-facts.js';
import { parseVersionAt, TABLE_ARGUMENT } from '../table-target.js';
import { withLake } from '../with-lake.js';

export const tableChangesCommand = defineCommand({
  path: ['table', 'changes'],
  summary: 'The rows that changed between versions of a Delta table with delta.enableChangeDataFeed',
  arguments: { table: TABLE_ARGUMENT },
  options: {
    from: {
      type: 'text',
      value: 'VERSION|TIME',
      describe: 'The first version, or the first at or after a time (default: since changes are recorded)',
    },
    to: {
      type: 'text',
      value: 'VERSION|TIME',
      describe: 'The last version, or the last at or before a time (default: the newest)',
    },
    limit: { type: 'integer', value: 'N', min: 1, describe: 'At most this many rows' },
  },
  examples: [
    { command: 'lakeledger table changes metadata.check_result --limit 10', comment: 'the first ten' },
    { command: 'lakeledger table changes metadata.check_result -o ndjson', comment: 'all, one a line, in order' },
  ],
  async run(invocation) {
    const { from, to, limit } = invocation.options;
    const { name } = parseTableName(invocation.arguments.table);
    const request = {
      ...(from === undefined ? {} : { from: parseVersionAt(from) }),
      ...(to === undefined ? {} : { to: parseVersionAt(to) }),
      ...(limit === undefined ? {} : { limit }),
    };
    const [target] = invocation.outputs;
    await withLake(invocation, (lake) =>
      withSink(invocation, target, async (sink) => {
        const writer = rowWriter(target.format, sink, rowStyle(invocation, target));
        let columns: readonly SqlColumn[] = [];
        let begun = false;
        const begin = async () => {
          if (!begun) await writer.begin(columns);
          begun = true;
        };
        const onColumns = (found: readonly SqlColumn[]) => {
          columns = found;
        };
        for await (const rows of lake.table(name).streamChanges(request, onColumns)) {
          await begin();
          await writer.rows(rows);
          if (sink.closed) break;
        }
        await begin();
        await writer.end();
      }),
    );
    return EXIT.ok;
  },
});
