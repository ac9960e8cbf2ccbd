import { resolve } from 'node:path';
import { EXIT, LakeError } from '../base/lake-error.js';
import { packageVersion } from '../base/package-root.js';
import type { LoadedConfig } from '../config.js';
import type { Command } from './command.js';
import { commandGroups, commands } from './commands/index.js';
import { findConfig } from './find-config.js';
import { globalOptions } from './global-options.js';
import type { Invocation } from './invocation.js';
import { type Io, wantsColor } from './io.js';
import { createLog, type Log } from './log.js';
import type { OptionSpecs } from './option-spec.js';
import { parseOutputs, wantsJson } from './output-target.js';
import { type Parsed, parseArgs } from './parse-args.js';
import { createProgress } from './progress.js';
import { resolveOptions } from './resolve-options.js';
import { stdoutSink } from './sink.js';

export interface AppDeps {
  readonly io: Io;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** ISO 8601, UTC. */
  readonly time: () => string;
  /** See `Invocation.onInterrupt`. */
  readonly onInterrupt: Invocation['onInterrupt'];
  /** True once a signal has arrived. */
  readonly interrupted?: () => boolean;
}

type CommandCall = Extract<Parsed, { kind: 'command' }>;

/** One run of the command line. Returns the exit code; every error is reported and becomes a code. */
export async function runApp(args: readonly string[], deps: AppDeps): Promise<number> {
  const { io } = deps;
  const secrets = new Set<string>();
  let log = earlyLog(args, deps);
  try {
    const width = Math.min(io.stdout.columns || 100, 120);
    const parsed = await parseArgs(args, { commands, groups: commandGroups, width });
    if (parsed.kind !== 'command') {
      await stdoutSink(io.stdout).write(parsed.kind === 'help' ? parsed.text : `${packageVersion()}\n`);
      return EXIT.ok;
    }
    const invocation = await prepare(parsed, { args, deps, secrets });
    log = invocation.log;
    try {
      return await parsed.command.run(invocation);
    } finally {
      invocation.progress.clear();
    }
  } catch (error) {
    // What fails because it was interrupted is no news.
    if (deps.interrupted?.() !== true) log.error(error);
    return error instanceof LakeError ? error.exitCode : EXIT.tool;
  }
}

interface Context {
  readonly args: readonly string[];
  readonly deps: AppDeps;
  readonly secrets: Set<string>;
}

/** Resolves all options of a command and checks its arguments. */
async function prepare(call: CommandCall, { args, deps, secrets }: Context): Promise<Invocation> {
  const { command, flags, positionals } = call;
  const { io } = deps;
  const { config, configError } = await readConfig(call, io);
  const specs: OptionSpecs = { ...command.options, ...optionsFor(command) };
  const resolveReference = (text: string) => resolveSecret(text, { config, io, secrets });
  const { values, provenance } = await resolveOptions(specs, { flags, env: io.env, config, resolveReference });
  const options = values as Invocation['options'];
  const noColor = options['no-color'];
  const progress = createProgress({
    stderr: io.stderr,
    mode: options.quiet ? 'none' : (options.progress as 'auto'),
    format: options['log-format'] as 'text',
    now: deps.now,
  });
  const log = createLog({
    stderr: io.stderr,
    format: options['log-format'] as 'text',
    quiet: options.quiet,
    verbose: options.verbose,
    color: wantsColor(io.stderr, io.env, noColor),
    jsonErrors: wantsJson(args, io.env) || options.output.some((o) => o === 'json' || o === 'ndjson'),
    time: deps.time,
    before: () => progress.clear(),
    redact: (text) => redactAll(text, secrets),
  });
  return {
    options,
    arguments: readArguments(command, positionals) as Invocation['arguments'],
    outputs: parseOutputs(options.output, command),
    provenance,
    config,
    configError,
    io,
    log,
    progress,
    resolveReference,
    onInterrupt: deps.onInterrupt,
  };
}

/** A command with a format of its own does not ask the configuration file: `scan | record -` must go on working. */
function optionsFor(command: Command): OptionSpecs {
  if (command.ownFormat === undefined) return globalOptions;
  const { config: _, ...output } = globalOptions.output;
  return { ...globalOptions, output };
}

async function readConfig(
  { command, flags }: CommandCall,
  io: Io,
): Promise<{ config: LoadedConfig | undefined; configError: Error | undefined }> {
  const given = flags.config ?? io.env.LAKELEDGER_CONFIG;
  const file = given ? resolve(io.cwd, String(given)) : findConfig(io.cwd);
  if (file === undefined) return { config: undefined, configError: undefined };
  const { loadConfig } = await import('../config.js');
  try {
    return { config: await loadConfig(file), configError: undefined };
  } catch (error) {
    if (!command.toleratesBadConfig || !(error instanceof Error)) throw error;
    return { config: undefined, configError: error };
  }
}

async function resolveSecret(
  text: string,
  { config, io, secrets }: { config: LoadedConfig | undefined; io: Io; secrets: Set<string> },
): Promise<string> {
  const { configFolder, resolveReferences } = await import('../config.js');
  return resolveReferences(text, {
    env: io.env,
    folder: config === undefined ? io.cwd : configFolder(config),
    onSecret: (value) => secrets.add(value),
  });
}

/** Shorter values would take ordinary words out of messages. */
const MIN_SECRET = 4;

function redactAll(text: string, secrets: ReadonlySet<string>): string {
  let clean = text;
  for (const secret of secrets) if (secret.length >= MIN_SECRET) clean = clean.replaceAll(secret, '***');
  return clean;
}

function readArguments(
  command: Command,
  words: readonly string[],
): Record<string, string | readonly string[] | undefined> {
  const entries = Object.entries(command.arguments);
  const name = `lakeledger ${command.path.join(' ')}`;
  const values = Object.fromEntries(
    entries.map(([key, spec], i) => {
      const value = spec.many ? words.slice(i) : words[i];
      if (spec.required && (value === undefined || value.length === 0)) {
        throw new LakeError('USAGE', `${name} needs <${key}>`, {
          hint: command.examples[0].command,
          exitCode: EXIT.usage,
        });
      }
      return [key, value];
    }),
  );
  const extra = entries.some(([, spec]) => spec.many) ? undefined : words[entries.length];
  if (extra !== undefined) {
    throw new LakeError('USAGE', `${name} does not take "${extra}"`, { hint: `${name} --help`, exitCode: EXIT.usage });
  }
  return values;
}

/** For errors that happen before the options are known. */
function earlyLog(args: readonly string[], { io, time }: AppDeps): Log {
  const json = args.includes('--log-format=json') || args[args.indexOf('--log-format') + 1] === 'json';
  return createLog({
    stderr: io.stderr,
    format: (args.some((a) => a.startsWith('--log-format')) ? json : io.env.LAKELEDGER_LOG_FORMAT === 'json')
      ? 'json'
      : 'text',
    quiet: false,
    verbose: args.includes('-v') || args.includes('--verbose'),
    color: wantsColor(io.stderr, io.env, args.includes('--no-color')),
    jsonErrors: wantsJson(args, io.env),
    time,
  });
}
