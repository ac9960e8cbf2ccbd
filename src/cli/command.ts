import type { ExitCode } from '../base/lake-error.js';
import type { Invocation } from './invocation.js';
import type { ArgumentSpecs, OptionSpecs } from './option-spec.js';
import type { OutputRules } from './output-target.js';

export interface Example {
  readonly command: string;
  readonly comment: string;
}

/** One command of the command line. Its file stays light: what is expensive to load is imported inside `run`. */
export interface Command<O extends OptionSpecs = OptionSpecs, A extends ArgumentSpecs = ArgumentSpecs>
  extends OutputRules {
  /** `['check', 'run']` */
  readonly path: readonly string[];
  readonly summary: string;
  readonly options: O;
  readonly arguments: A;
  /** Two that run. */
  readonly examples: readonly [Example, Example];
  /** What `-o` takes; `table json ndjson csv markdown` unless told. */
  readonly formats?: readonly string[];
  /** `-o` may be given several times. */
  readonly manyOutputs?: boolean;
  /** The command goes on when the configuration file is wrong: it is about that file. */
  readonly toleratesBadConfig?: boolean;
  /** What `-o` is when neither flag nor environment says so; the configuration file is then not asked. */
  readonly ownFormat?: string;
  /** Does the work; the result is the exit code. A method, so that commands of all shapes fit in one list. */
  run(invocation: Invocation<O, A>): Promise<ExitCode>;
}

/** Keeps the literal types of the options and arguments of a command. */
export function defineCommand<const O extends OptionSpecs, const A extends ArgumentSpecs>(
  command: Command<O, A>,
): Command<O, A> {
  return command;
}
