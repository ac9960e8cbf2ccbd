import { EXIT } from '../../base/lake-error.js';
import type { Snapshot } from '../../delta/index.js';
import { defineCommand } from '../command.js';
import { byteText } from '../render/amounts.js';
import type { RowStyle } from '../render/row-types.js';
import { renderTable } from '../render/table.js';
import { fieldLines, rowsOf, writeObject } from '../results.js';
import { tableFacts, typeText } from '../table-facts.js';
import { AT_OPTION, TABLE_AT_ARGUMENT, tableAt } from '../table-target.js';
import { withLake } from '../with-lake.js';

export const tableShowCommand = defineCommand({
  path: ['table', 'show'],
  summary: 'What a Delta table is: version, protocol, columns, files',
  arguments: {
    table: TABLE_AT_ARGUMENT,
  },
  options: { at: AT_OPTION },
  examples: [
    { command: 'lakeledger table show metadata.ingestion_manifest', comment: 'the ledger' },
    { command: 'lakeledger table show metadata.ingestion_event@1 -o json', comment: 'as it was at version 1' },
  ],
  async run(invocation) {
    const { name, at } = tableAt(invocation.arguments.table, invocation.options.at);
    const snapshot = await withLake(invocation, (lake) => lake.table(name).snapshot(at));
    const { protocol, metadata, partitionColumns } = snapshot;
    await writeObject(invocation, {
      value: {
        ...tableFacts(snapshot),
        protocol,
        metadata,
        partition_columns: partitionColumns,
        columns: columnsOf(snapshot),
      },
      text: (style) => showText(snapshot, style),
    });
    return EXIT.ok;
  },
});

function columnsOf({ schema }: Snapshot): { name: string; type: string; nullable: boolean }[] {
  return schema.fields.map(({ name, type, nullable }) => ({ name, type: typeText(type), nullable }));
}

function showText(snapshot: Snapshot, style: RowStyle): string {
  const { path, version, files, rows, bytes } = tableFacts(snapshot);
  const { protocol, metadata, partitionColumns } = snapshot;
  const features = [...new Set([...(protocol.readerFeatures ?? []), ...(protocol.writerFeatures ?? [])])];
  const facts = fieldLines(
    {
      path,
      version: String(version),
      protocol: `reader ${protocol.minReaderVersion}, writer ${protocol.minWriterVersion}`,
      ...(features.length === 0 ? {} : { features: features.join(', ') }),
      'partitioned by': partitionColumns.length === 0 ? null : partitionColumns.join(', '),
      files: files.toLocaleString('en'),
      rows: rows === null ? null : rows.toLocaleString('en'),
      size: byteText(bytes),
      ...Object.fromEntries(Object.entries(metadata.configuration).sort()),
    },
    style,
  );
  const { columns, rows: lines } = rowsOf(
    columnsOf(snapshot).map((c) => ({ ...c, nullable: c.nullable ? 'yes' : 'no' })),
    ['name', 'type', 'nullable'],
  );
  return `${facts}\n${renderTable(columns, lines, style)}`;
}
