import type { Command, Example } from './command.js';
import { globalOptions, ROW_FORMATS } from './global-options.js';
import type { OptionSpecs } from './option-spec.js';

/** The folders of commands (`check`, `table`) and what they are for. */
export type CommandGroups = Readonly<Record<string, string>>;

export interface HelpPages {
  readonly commands: readonly Command[];
  readonly groups: CommandGroups;
  /** Columns to fill. */
  readonly width: number;
}

/** The help page that `words` lead to: of a command, of a group of commands, or of everything. */
export function helpText(words: readonly string[], pages: HelpPages): string {
  const { commands, groups } = pages;
  const names = new Set(commands.map((command) => command.path[0]));
  const start = words.findIndex((word) => names.has(word));
  const [first, second] = start === -1 ? [] : words.slice(start);
  const command = commands.find(({ path }) => path[0] === first && (path[1] === undefined || path[1] === second));
  if (command !== undefined) return commandHelp(command, pages);
  if (first !== undefined && groups[first] !== undefined) return groupHelp(first, groups[first], pages);
  return rootHelp(pages);
}

interface Line {
  readonly left: string;
  readonly right: string;
}

function rootHelp({ commands, groups, width }: HelpPages): string {
  const single = commands.flatMap(({ path, summary }) =>
    path.length === 1 ? [{ left: path.join(' '), right: summary }] : [],
  );
  const grouped = Object.entries(groups).map(([left, right]) => ({ left, right }));
  return page([
    'lakeledger <command> [options]',
    'The Spark-free ingestion ledger for Delta lakehouses.',
    block('Commands', [...single, ...grouped], width),
    block('Options of every command', optionLines(globalOptions), width),
    block('Exit codes', EXIT_CODES, width),
    examplesText(examplesOf(commands, ['record', 'query'])),
  ]);
}

function groupHelp(group: string, summary: string, { commands, width }: HelpPages): string {
  const inside = commands.filter(({ path }) => path[0] === group);
  return page([
    `lakeledger ${group} <command> [options]`,
    summary,
    block(
      'Commands',
      inside.map((command) => ({ left: command.path.join(' '), right: command.summary })),
      width,
    ),
    `lakeledger ${group} <command> --help says more.`,
    examplesText(inside.slice(0, 2).map((command) => command.examples[0])),
  ]);
}

function commandHelp(command: Command, { width }: HelpPages): string {
  const args = Object.entries(command.arguments);
  const words = args.map(([name, spec]) => {
    const word = spec.many ? `${name}..` : name;
    return spec.required ? `<${word}>` : `[${word}]`;
  });
  const formats = `${(command.formats ?? ROW_FORMATS).join(', ')} (default ${command.ownFormat ?? 'table'}); FORMAT=FILE writes a file`;
  return page([
    ['lakeledger', ...command.path, ...words, '[options]'].join(' '),
    command.summary,
    block(
      'Arguments',
      args.map(([left, spec]) => ({ left, right: spec.describe })),
      width,
    ),
    block('Options', optionLines(command.options), width),
    block(
      'Options of every command',
      optionLines({ ...globalOptions, output: { ...globalOptions.output, describe: formats } }),
      width,
    ),
    examplesText(command.examples),
  ]);
}

const EXIT_CODES: readonly Line[] = [
  { left: '0', right: 'done, or nothing to do; warnings only' },
  { left: '1', right: 'the data is not fine: a check failed, a manifest was rejected, a file failed' },
  { left: '2', right: 'wrong use or configuration' },
  { left: '3', right: 'the tool could not do its job: storage, a damaged or unsupported table' },
  { left: '4', right: 'a frozen schema stopped a file' },
  { left: '5', right: 'another live run is at it' },
  { left: '130, 143', right: 'interrupted; run the same command again' },
];

function examplesOf(commands: readonly Command[], names: readonly string[]): Example[] {
  return names.flatMap((name) => commands.filter(({ path }) => path[0] === name).map((command) => command.examples[0]));
}

function optionLines(specs: OptionSpecs): Line[] {
  return Object.entries(specs).map(([name, spec]) => {
    const value = spec.type === 'flag' ? '' : ` ${spec.value ?? spec.choices?.join('|') ?? 'VALUE'}`;
    const notes = [
      ...(spec.value !== undefined && spec.choices !== undefined ? [spec.choices.join(', ')] : []),
      ...(spec.default === undefined ? [] : [`default ${spec.default}`]),
    ];
    const note = notes.length === 0 ? '' : ` (${notes.join('; ')})`;
    return { left: `${spec.alias ? `-${spec.alias}, ` : '    '}--${name}${value}`, right: spec.describe + note };
  });
}

/** The end of every help page. Not wrapped, so that a line can be copied. */
function examplesText(examples: readonly Example[]): string {
  return ['Examples:', ...examples.map(({ command, comment }) => `  ${command}\n      ${comment}`)].join('\n');
}

const MAX_LEFT = 30;

function block(title: string, lines: readonly Line[], width: number): string {
  if (lines.length === 0) return '';
  const left = Math.min(MAX_LEFT, Math.max(...lines.map((line) => line.left.length)));
  const indent = ' '.repeat(left + 4);
  const body = lines.map(({ left: name, right }) => {
    const [first = '', ...rest] = wrap(right, Math.max(20, width - indent.length));
    const head = name.length > left ? `  ${name}\n${indent}${first}` : `  ${name.padEnd(left)}  ${first}`;
    return [head, ...rest.map((line) => indent + line)].join('\n');
  });
  return `${title}:\n${body.join('\n')}`;
}

function wrap(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}

function page(parts: readonly string[]): string {
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}
