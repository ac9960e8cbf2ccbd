import { EXIT, type ExitCode, usageError } from '../../base/lake-error.js';
import { defineCommand } from '../command.js';
import type { Invocation } from '../invocation.js';
import { refuseTerminal } from '../read-stdin.js';
import type { RowStyle } from '../render/row-types.js';
import { renderTable } from '../render/table.js';
import { fieldLines, rowsOf, withSink, writeObject } from '../results.js';
import type { Problem, ValidationResult } from '../validate-paths.js';

const SCHEMAS = ['file', 'register', 'run', 'config', 'check'] as const;

/** Problems that a person is shown; `-o json` has more. */
const SHOWN = 50;

export const validateCommand = defineCommand({
  path: ['validate'],
  summary: 'Check manifests, configuration files and check files, and say what is wrong where',
  arguments: { paths: { describe: 'Files, folders, or - for manifests on standard input', many: true } },
  options: {
    schema: { type: 'text', value: 'KIND', choices: SCHEMAS, describe: 'Print the JSON Schema of this kind of file' },
  },
  toleratesBadConfig: true,
  examples: [
    { command: 'lakeledger validate manifests', comment: 'every manifest below the folder' },
    { command: 'lakeledger validate --schema file', comment: 'for an editor: the JSON Schema of a manifest' },
  ],
  async run(invocation) {
    const { options, arguments: args } = invocation;
    if (options.schema !== undefined) return printSchema(invocation, options.schema);
    if (args.paths.length === 0) {
      throw usageError('lakeledger validate needs paths or --schema', { hint: validateCommand.examples[0].command });
    }
    if (args.paths.includes('-')) refuseTerminal(invocation.io);
    const { validatePaths } = await import('../validate-paths.js');
    const result = await validatePaths(args.paths, {
      stdin: invocation.io.stdin,
      onProgress: invocation.progress.report,
    });
    await writeObject(invocation, {
      value: result,
      text: (style) => resultText(result, style),
      rows: rowsOf(result.problems, ['file', 'line', 'column', 'field', 'reason', 'hint']),
    });
    return result.invalid > 0 ? EXIT.data : EXIT.ok;
  },
});

function resultText({ manifests, configs, checks, invalid, problems }: ValidationResult, style: RowStyle): string {
  const counts = fieldLines({ manifests, configs, checks, invalid }, style);
  if (problems.length === 0) return counts;
  const shown = problems
    .slice(0, SHOWN)
    .map((p) => ({ place: placeOf(p), field: p.field ?? '', reason: p.reason, hint: p.hint ?? '' }));
  const names = (['place', 'field', 'reason', 'hint'] as const).filter((name) => shown.some((row) => row[name] !== ''));
  const { columns, rows } = rowsOf(shown, names);
  const more = invalid > shown.length ? `… and ${invalid - shown.length} more; -o ndjson lists them\n` : '';
  return `${counts}\n${renderTable(columns, rows, style)}${more}`;
}

function placeOf({ file, line, column }: Problem): string {
  return [file, line, column].filter((part) => part !== null).join(':');
}

async function printSchema(invocation: Invocation, kind: string): Promise<ExitCode> {
  const schema = await schemaOf(kind);
  const [target] = invocation.outputs;
  await withSink(invocation, target, (sink) => sink.write(`${JSON.stringify(schema, null, 2)}\n`));
  return EXIT.ok;
}

async function schemaOf(kind: string): Promise<unknown> {
  if (kind === 'config') return (await import('../../config.js')).configJsonSchema();
  if (kind === 'check') return (await import('../../checks/index.js')).checkJsonSchema();
  const { manifestJsonSchema } = await import('../../manifest/index.js');
  return manifestJsonSchema(kind as 'file' | 'register' | 'run');
}
