import { EXIT } from '../../base/lake-error.js';
import type { SchemaComparison } from '../../ingest/schema/index.js';
import { defineCommand } from '../command.js';
import { escapeControls } from '../render/cells.js';
import { rowsOf, writeObject } from '../results.js';
import { DATASET_ARGUMENT, parseSchemaVersion, readVersions } from '../schema-target.js';

export const schemaDiffCommand = defineCommand({
  path: ['schema', 'diff'],
  summary: 'What is different between two layouts of a dataset',
  arguments: {
    dataset: DATASET_ARGUMENT,
    from: { describe: 'A version; default: the one before' },
    to: { describe: 'A version; default: the one that waits to be accepted, else the newest' },
  },
  options: {},
  examples: [
    { command: 'lakeledger schema diff bronze.orders', comment: 'the last change' },
    { command: 'lakeledger schema diff bronze.orders 1 -o json', comment: 'since the first version' },
  ],
  async run(invocation) {
    const from = parseSchemaVersion(invocation.arguments.from);
    const to = parseSchemaVersion(invocation.arguments.to);
    const versions = await readVersions(invocation, invocation.arguments.dataset);
    const { compareVersions } = await import('../../ingest/schema/index.js');
    const comparison = compareVersions(versions, {
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
    });
    await writeObject(invocation, { value: comparison, text: () => diffText(comparison), rows: diffRows(comparison) });
    return EXIT.ok;
  },
});

function diffText({ dataset, from, to, file, business_date, words }: SchemaComparison): string {
  if (from === null) return `${dataset} has had version ${to} only, since ${escapeControls(file)}\n`;
  const since = `${escapeControls(file)}${business_date === null ? '' : ` of ${business_date}`}`;
  const lines = words.length === 0 ? ['nothing: the same columns'] : words;
  return `${dataset}: version ${from} → ${to}, with ${since}\n${lines.map((line) => `  ${escapeControls(line)}\n`).join('')}`;
}

function diffRows({ added, removed, retyped, renamed, reordered }: SchemaComparison) {
  const rows = [
    ...added.map((column) => ({ change: 'added', column, from: null, to: null })),
    ...removed.map((column) => ({ change: 'removed', column, from: null, to: null })),
    ...renamed.map(({ from, to }) => ({ change: 'renamed', column: to, from, to })),
    ...retyped.map(({ column, from, to }) => ({ change: 'retyped', column, from, to })),
    ...(reordered ? [{ change: 'reordered', column: null, from: null, to: null }] : []),
  ];
  return rowsOf(rows, ['change', 'column', 'from', 'to']);
}
