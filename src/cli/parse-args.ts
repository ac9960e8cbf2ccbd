import type { Argv } from 'yargs';
import { usageError } from '../base/lake-error.js';
import { findNearest } from '../base/nearest.js';
import type { Command } from './command.js';
import { globalOptions } from './global-options.js';
import { type HelpPages, helpText } from './help-text.js';
import type { OptionSpec, OptionSpecs, RawValue } from './option-spec.js';

export type Parsed =
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' }
  | {
      readonly kind: 'command';
      readonly command: Command;
      readonly flags: Readonly<Record<string, RawValue>>;
      readonly positionals: readonly string[];
    };

/** SQL that starts with a comment looks like a flag; no real argument can hold this character. */
const NOT_A_FLAG = '\u0000';

/** What a group alone means. */
const ALONE: Readonly<Record<string, string>> = { runs: 'list' };

/** `runs` and `runs --source x` are `runs list`; a page of help is about the group. */
function withDefaultCommand(args: readonly string[]): readonly string[] {
  const [group = '', next = ''] = args;
  const command = ALONE[group];
  const alone = next === '' || next.startsWith('-');
  if (command === undefined || !alone || next === '--help' || next === '-h') return args;
  return [group, command, ...args.slice(1)];
}

/** Reads the arguments of the process. Throws a usage error (exit code 2) for what cannot be meant. */
export async function parseArgs(args: readonly string[], pages: HelpPages): Promise<Parsed> {
  const normal = normalise(withDefaultCommand(args));
  const plain = beforeDashes(normal);
  if (plain.includes('--version')) return { kind: 'version' };
  if (plain.includes('--help') || plain.includes('-h')) return { kind: 'help', text: helpText(plain, pages) };
  const { commands } = pages;
  let found: { command: Command | undefined; path: readonly string[] } = { command: undefined, path: [] };
  // Help is ours (faster, and it shows values), so that asking for it does not even load yargs.
  const { default: yargs } = await import('yargs');
  const parser = configure(yargs([...normal]), pages, (command, path) => {
    found = { command, path };
  });
  const argv: Readonly<Record<string, unknown>> & { readonly _: readonly (string | number)[] } =
    await parser.parseAsync();

  const words = argv._.map((word) => String(word).replace(NOT_A_FLAG, ''));
  const { command, path } = found;
  if (command === undefined) throw unknownCommand(words, path, commands);
  const specs: OptionSpecs = { ...command.options, ...globalOptions };
  refuseUnknownFlags(argv, specs, command);
  refuseOddFlagValues(normal, specs);
  const flags = Object.fromEntries(
    Object.entries(specs).flatMap(([name, spec]) => {
      const value = plainValue(name, spec, argv[name]);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
  return { kind: 'command', command, flags, positionals: words.slice(command.path.length) };
}

type OnMatch = (command: Command | undefined, path: readonly string[]) => void;

function configure(parser: Argv, { commands, groups }: HelpPages, onMatch: OnMatch): Argv {
  parser
    .locale('en')
    .exitProcess(false)
    .version(false)
    .help(false)
    .parserConfiguration({
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'boolean-negation': false,
      'greedy-arrays': false,
      // Kept, because a list given twice would otherwise lose its first values; the last one of a scalar is taken below.
      'duplicate-arguments-array': true,
    })
    .fail((message, error) => {
      throw usageError(sentence(message ?? error.message), { hint: 'lakeledger --help', cause: error });
    });
  addOptions(parser, globalOptions);
  for (const command of commands) if (command.path.length === 1) addCommand(parser, command, onMatch);
  for (const [group, summary] of Object.entries(groups)) {
    parser.command(group, summary, (inner) => {
      onMatch(undefined, [group]);
      for (const command of commands) if (command.path[0] === group) addCommand(inner, command, onMatch);
      return inner;
    });
  }
  return parser;
}

function addCommand(parser: Argv, command: Command, onMatch: OnMatch): void {
  // Arguments are not declared to yargs, which would lose `-` and everything after `--`; they are read from `_`.
  parser.command(command.path.at(-1) ?? '', command.summary, (inner) => {
    onMatch(command, command.path);
    addOptions(inner, command.options);
    return inner;
  });
}

function addOptions(parser: Argv, specs: OptionSpecs): void {
  for (const [name, spec] of Object.entries(specs)) {
    parser.option(name, {
      ...(spec.alias === undefined ? {} : { alias: spec.alias }),
      ...(spec.type === 'flag' ? { boolean: true } : { string: true, requiresArg: true }),
      ...(spec.type === 'list' ? { array: true } : {}),
    });
  }
}

/** `-ojson` → `-o json` (yargs would read five flags), and SQL that starts with a comment is marked as no flag. */
function normalise(args: readonly string[]): string[] {
  const words = args[0] === 'help' || args.length === 0 ? [...args.slice(1), '--help'] : args;
  let literal = false;
  return words.flatMap((word) => {
    literal ||= word === '--';
    if (literal) return [word];
    if (/^-o[^=]/.test(word)) return ['-o', word.slice(2)];
    return [/^--?[^=\s]*\s/.test(word) ? NOT_A_FLAG + word : word];
  });
}

function beforeDashes(args: readonly string[]): readonly string[] {
  const end = args.indexOf('--');
  return end === -1 ? args : args.slice(0, end);
}

/** The last of repeated values, as a shell alias with a default flag expects. */
function plainValue(name: string, spec: OptionSpec, value: unknown): RawValue | undefined {
  if (value === undefined) return undefined;
  if (spec.type === 'list') {
    const list = (Array.isArray(value) ? value : [value]).map((item) => String(item).replace(NOT_A_FLAG, ''));
    if (list.includes('')) throw usageError(`--${name} needs a value`);
    return list;
  }
  const last = Array.isArray(value) ? value.at(-1) : value;
  if (spec.type === 'flag') return last === true;
  const text = String(last).replace(NOT_A_FLAG, '');
  if (text === '') throw usageError(`--${name} needs a value`, { hint: `--${name} ${spec.value ?? 'VALUE'}` });
  return text;
}

function refuseUnknownFlags(argv: Readonly<Record<string, unknown>>, specs: OptionSpecs, command: Command): void {
  const known = new Set(['_', '$0', ...Object.keys(specs)]);
  for (const spec of Object.values(specs)) if (spec.alias !== undefined) known.add(spec.alias);
  const unknown = Object.keys(argv).find((name) => !known.has(name));
  if (unknown === undefined) return;
  const flag = unknown.length === 1 ? `-${unknown}` : `--${unknown}`;
  const near = unknown.length === 1 ? undefined : findNearest(unknown, Object.keys(specs));
  const name = command.path.join(' ');
  throw usageError(`unknown flag ${flag} of "lakeledger ${name}"`, {
    hint: near === undefined ? `lakeledger ${name} --help` : `did you mean --${near}?`,
  });
}

/** yargs reads `--strict=maybe` as false; a person would be surprised. */
function refuseOddFlagValues(args: readonly string[], specs: OptionSpecs): void {
  for (const word of beforeDashes(args)) {
    const [, name = '', value = ''] = /^--([^=]+)=(.*)$/s.exec(word) ?? [];
    if (specs[name]?.type === 'flag' && value !== 'true' && value !== 'false') {
      throw usageError(`--${name} is yes or no, not "${value}"`, { hint: `--${name}` });
    }
  }
}

function unknownCommand(words: readonly string[], path: readonly string[], commands: readonly Command[]): Error {
  const level = path.length;
  const names = [
    ...new Set(commands.filter((c) => level === 0 || c.path[0] === path[0]).map((c) => c.path[level] ?? '')),
  ];
  const word = words[level];
  const prefix = ['lakeledger', ...path].join(' ');
  if (word === undefined) {
    return usageError(`${prefix} needs a command: ${names.join(', ')}`, { hint: `${prefix} --help` });
  }
  const near = findNearest(word, names);
  return usageError(`unknown command "${[...path, word].join(' ')}"`, {
    hint: near === undefined ? `one of ${names.join(', ')}` : `did you mean "${prefix} ${near}"?`,
  });
}

function sentence(message: string): string {
  const missing = /^Not enough arguments following: (.+)$/.exec(message);
  return missing === null ? message : `--${missing[1]} needs a value`;
}
