import { usageError } from '../base/lake-error.js';
import { didYouMean } from '../base/nearest.js';
import { ROW_FORMATS } from './global-options.js';

/** One `-o`: a format, and the file it goes to (stdout when there is none). */
export interface OutputTarget {
  readonly format: string;
  readonly file: string | undefined;
}

/** What a command says about its output; see `Command`. */
export interface OutputRules {
  readonly path: readonly string[];
  readonly formats?: readonly string[];
  readonly manyOutputs?: boolean;
  readonly ownFormat?: string;
}

/** Reads the values of `-o`, e.g. `json` or `csv=result.csv`. At most one may go to stdout. */
export function parseOutputs(
  texts: readonly string[],
  command: OutputRules,
): readonly [OutputTarget, ...OutputTarget[]] {
  const known = command.formats ?? ROW_FORMATS;
  const targets = texts.map((text): OutputTarget => {
    const [, format = '', file] = /^([^=]*)(?:=(.*))?$/s.exec(text) ?? [];
    if (!known.includes(format)) {
      throw usageError(`"lakeledger ${command.path.join(' ')}" cannot write "${format}"`, {
        place: `-o ${text}`,
        hint: didYouMean(format, known),
      });
    }
    if (file === '') throw usageError(`-o ${format}= needs a file name`, { hint: `-o ${format}=result.${format}` });
    return { format, file: file === '-' ? undefined : file };
  });
  const [first = { format: command.ownFormat ?? 'table', file: undefined }, ...others] = targets;
  if (others.length > 0 && !command.manyOutputs) {
    throw usageError(`"lakeledger ${command.path.join(' ')}" takes one -o`, { place: `-o ${texts.join(' -o ')}` });
  }
  if (targets.filter((target) => target.file === undefined).length > 1) {
    throw usageError('only one output can go to stdout', { hint: `-o ${others.at(-1)?.format}=FILE` });
  }
  return [first, ...others];
}

/** Whether errors are wanted as JSON too; also answers for arguments that cannot be parsed. */
export function wantsJson(args: readonly string[], env: Readonly<Record<string, string | undefined>>): boolean {
  const given = args.flatMap((arg, i) => {
    if (arg === '-o' || arg === '--output') return [args[i + 1] ?? ''];
    const match = /^(?:-o|--output=)(.+)$/.exec(arg);
    return match?.[1] === undefined ? [] : [match[1]];
  });
  const formats = given.length > 0 ? given : [env.LAKELEDGER_OUTPUT ?? ''];
  return formats.some((format) => /^=?(nd)?json(=|$)/.test(format));
}
