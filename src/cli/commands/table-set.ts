import { EXIT, usageError } from '../../base/lake-error.js';
import type { DeltaTable, Snapshot } from '../../delta/index.js';
import { defineCommand } from '../command.js';
import { fieldLines, writeObject } from '../results.js';
import { refuseLedgerTable, TABLE_ARGUMENT, writableTable } from '../table-target.js';
import { withLake } from '../with-lake.js';

/** What the ledger relies on in its own tables. */
const LEDGER_RELIES_ON = /^(lakeledger\.|delta\.appendOnly$|delta\.columnMapping\.|delta\.enableInCommitTimestamps$)/i;

export const tableSetCommand = defineCommand({
  path: ['table', 'set'],
  summary: 'Set or unset properties of a Delta table; the protocol is raised when one needs it',
  arguments: {
    table: TABLE_ARGUMENT,
    properties: { describe: 'KEY=VALUE', many: true },
  },
  options: {
    unset: { type: 'list', value: 'KEY', describe: 'Take a property away' },
    force: { type: 'flag', describe: 'Also what the ledger relies on in its own tables' },
  },
  examples: [
    {
      command: 'lakeledger table set metadata.check_result delta.enableChangeDataFeed=true',
      comment: 'record changes from now on, for "table changes"',
    },
    {
      command: 'lakeledger table set metadata.ingestion_event delta.targetFileSize=64mb --unset note',
      comment: 'several at once',
    },
  ],
  async run(invocation) {
    const { options } = invocation;
    const properties = Object.fromEntries(invocation.arguments.properties.map(parseProperty));
    const keys = Object.keys(properties);
    if (keys.length + options.unset.length === 0) {
      throw usageError('lakeledger table set needs KEY=VALUE or --unset KEY', {
        hint: tableSetCommand.examples[0].command,
      });
    }
    const twice = options.unset.find((key) => keys.includes(key));
    if (twice !== undefined) throw usageError(`"${twice}" is both set and unset`);
    const snapshot = await withLake(invocation, async (lake) => {
      const { table } = writableTable(lake, invocation.arguments.table);
      const touched = [...keys, ...options.unset].find((key) => LEDGER_RELIES_ON.test(key));
      if (touched !== undefined) {
        refuseLedgerTable(lake, table, { force: options.force, why: `it relies on ${touched}` });
      }
      return change(table, properties, options.unset);
    });
    const { path, version, protocol, metadata } = snapshot;
    await writeObject(invocation, {
      value: { path, version, protocol, properties: metadata.configuration },
      text: (style) =>
        fieldLines(
          {
            table: `${path}@${version}`,
            protocol: `reader ${protocol.minReaderVersion}, writer ${protocol.minWriterVersion}`,
            ...Object.fromEntries(Object.entries(metadata.configuration).sort()),
          },
          style,
        ),
    });
    return EXIT.ok;
  },
});

async function change(
  table: DeltaTable,
  properties: Readonly<Record<string, string>>,
  unset: readonly string[],
): Promise<Snapshot> {
  if (Object.keys(properties).length > 0) await table.setProperties(properties);
  const known = (await table.snapshot()).metadata.configuration;
  const present = unset.filter((key) => known[key] !== undefined);
  if (present.length > 0) await table.unsetProperties(present);
  return table.snapshot();
}

function parseProperty(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  if (at <= 0) throw usageError(`a property is KEY=VALUE, not "${text}"`, { hint: '--unset KEY takes one away' });
  return [text.slice(0, at), text.slice(at + 1)];
}
