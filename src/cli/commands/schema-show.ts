import { EXIT } from '../../base/lake-error.js';
import { defineCommand } from '../command.js';
import { renderTable } from '../render/table.js';
import { fieldLines, rowsOf, writeObject } from '../results.js';
import { DATASET_ARGUMENT, parseSchemaVersion, readVersions, versionFacts } from '../schema-target.js';

export const schemaShowCommand = defineCommand({
  path: ['schema', 'show'],
  summary: 'A layout of the files of a dataset: its columns, their types, and why they have them',
  arguments: {
    dataset: DATASET_ARGUMENT,
    version: { describe: 'Default: the one that waits to be accepted, else the newest' },
  },
  options: {},
  examples: [
    { command: 'lakeledger schema show bronze.orders', comment: 'the newest layout' },
    { command: 'lakeledger schema show bronze.orders 1 -o json', comment: 'the first one' },
  ],
  async run(invocation) {
    const wanted = parseSchemaVersion(invocation.arguments.version);
    const versions = await readVersions(invocation, invocation.arguments.dataset);
    const { schemaVersion, shownVersion } = await import('../../ingest/schema/index.js');
    const version = wanted === undefined ? shownVersion(versions) : schemaVersion(versions, wanted);
    const facts = versionFacts(version);
    const columns = version.columns.map(({ name, published, type, fileType, note }) => ({
      name,
      type,
      published,
      file_type: fileType ?? null,
      note: note ?? null,
    }));
    const rows = rowsOf(columns, ['name', 'type', 'published', 'file_type', 'note']);
    const typed = columns.some(({ file_type }) => file_type !== null);
    const shown = typed ? rows : rowsOf(columns, ['name', 'type', 'published', 'note']);
    await writeObject(invocation, {
      value: { ...facts, columns, drifts: version.drifts },
      text: (style) => `${fieldLines(facts, style)}\n${renderTable(shown.columns, shown.rows, style)}`,
      rows,
    });
    return EXIT.ok;
  },
});
