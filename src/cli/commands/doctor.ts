import { EXIT } from '../../base/lake-error.js';
import { defineCommand } from '../command.js';
import type { Doctor } from '../examine.js';
import type { RowStyle } from '../render/row-types.js';
import { renderTable } from '../render/table.js';
import { fieldLines, rowsOf, writeObject } from '../results.js';
import { settingsOptions } from '../settings-options.js';

export const doctorCommand = defineCommand({
  path: ['doctor'],
  summary: 'Which configuration won, versions, what the storage of the lake can do, clock, tables',
  arguments: {},
  // Not used, only explained: where each of them comes from.
  options: settingsOptions,
  toleratesBadConfig: true,
  examples: [
    { command: 'lakeledger doctor', comment: 'exit code 3 if something does not work' },
    { command: 'lakeledger doctor -o json', comment: 'to attach to a bug report; secrets are not in it' },
  ],
  async run(invocation) {
    const { examine } = await import('../examine.js');
    const found = await examine(invocation);
    await writeObject(invocation, {
      value: found,
      text: (style) => doctorText(found, style),
      rows: rowsOf(found.probes),
    });
    if (invocation.configError !== undefined) invocation.log.error(invocation.configError);
    return found.probes.every((probe) => probe.ok) ? EXIT.ok : EXIT.tool;
  },
});

function doctorText(found: Doctor, style: RowStyle): string {
  const section = (title: string, objects: readonly object[], names: readonly string[]) => {
    const { columns, rows } = rowsOf(objects.map(withoutNull), names);
    return `\n${title}\n${renderTable(columns, rows, style)}`;
  };
  const { lakeledger, node, duckdb, platform } = found.versions;
  const decided = found.config.values.filter((setting) => setting.value !== null);
  const probes = found.probes.map((probe) => ({ ...probe, ok: probe.ok ? 'ok' : 'failed' }));
  return [
    fieldLines({ lakeledger, node, duckdb, platform, config: found.config.file, lake: found.lake.path }, style),
    section('settings', decided, ['setting', 'value', 'source', 'place']),
    section('probes', probes, ['probe', 'ok', 'ms', 'detail']),
    found.tables.length === 0
      ? ''
      : section('tables', found.tables, ['table', 'version', 'files', 'rows', 'bytes', 'problem']),
    ...found.warnings.map((warning) => `\nwarning: ${warning}\n`),
  ].join('');
}

/** In a report for people, nothing is shown as nothing. */
function withoutNull(object: object): object {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, value ?? '']));
}
