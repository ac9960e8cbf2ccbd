import { EXIT } from '../../base/lake-error.js';
import { defineCommand } from '../command.js';
import { countText } from '../render/amounts.js';
import { renderTable } from '../render/table.js';
import { rowsOf, writeObject } from '../results.js';
import { parseTableName } from '../table-facts.js';
import { TABLE_ARGUMENT } from '../table-target.js';
import { withLake } from '../with-lake.js';

const COLUMNS = ['kind', 'path', 'message'];

export const tableVerifyCommand = defineCommand({
  path: ['table', 'verify'],
  summary: 'Look whether the files of a Delta table are what its log says; exit code 1 if not',
  arguments: { table: TABLE_ARGUMENT },
  options: {
    deep: { type: 'flag', describe: 'Read every data file and compare it with its statistics' },
  },
  examples: [
    { command: 'lakeledger table verify metadata.ingestion_manifest', comment: 'are all files there and whole?' },
    { command: 'lakeledger table verify metadata.ingestion_event --deep -o json', comment: 'and what is in them' },
  ],
  async run(invocation) {
    const { name } = parseTableName(invocation.arguments.table);
    const { deep } = invocation.options;
    const { path, result } = await withLake(invocation, async (lake) => {
      const table = lake.table(name);
      return { path: table.path, result: await table.verify({ deep }, invocation.progress.report) };
    });
    const { version, files, findings } = result;
    const place = version === null ? path : `${path}@${version}`;
    const found = rowsOf(findings, COLUMNS);
    await writeObject(invocation, {
      value: { path, version, deep, files, findings },
      text: (style) =>
        findings.length === 0
          ? `${place}: ${countText(files, 'file')}, all well\n`
          : `${place}: ${countText(files, 'file')}, ${countText(findings.length, 'finding')}\n\n${renderTable(found.columns, found.rows, style)}`,
      rows: found,
    });
    return findings.length === 0 ? EXIT.ok : EXIT.data;
  },
});
