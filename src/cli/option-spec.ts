/** One flag. Its environment variable is `LAKELEDGER_` and its name in capitals, `-` as `_`. */
export interface OptionSpec {
  /** `flag` is yes or no, `list` may be given several times, `integer` is a whole number. */
  readonly type: 'text' | 'flag' | 'integer' | 'list';
  readonly describe: string;
  /** What stands for the value in the help, e.g. `FILE`. */
  readonly value?: string;
  readonly alias?: string;
  readonly choices?: readonly string[];
  readonly default?: string | number;
  /** Smallest value of an `integer`. */
  readonly min?: number;
  /** Key in the configuration file, dots between levels: `checks.fail_on`. */
  readonly config?: string;
  /** A value of the configuration file is a path relative to that file. */
  readonly isPath?: boolean;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** One positional argument; all of them are text, `123e5` is a sha prefix. */
export interface ArgumentSpec {
  readonly describe: string;
  readonly required?: boolean;
  /** Takes all the arguments that are left. */
  readonly many?: boolean;
}

export type ArgumentSpecs = Readonly<Record<string, ArgumentSpec>>;

type OptionValue<S extends OptionSpec> = S['type'] extends 'flag'
  ? boolean
  : S['type'] extends 'list'
    ? readonly string[]
    : S['type'] extends 'integer'
      ? S extends { readonly default: number }
        ? number
        : number | undefined
      : S extends { readonly default: string }
        ? string
        : string | undefined;

export type OptionValues<O extends OptionSpecs> = { readonly [K in keyof O]: OptionValue<O[K]> };

export type ArgumentValues<A extends ArgumentSpecs> = {
  readonly [K in keyof A]: A[K] extends { readonly many: true }
    ? readonly string[]
    : A[K] extends { readonly required: true }
      ? string
      : string | undefined;
};

/** The value of a flag as it was written on the command line. */
export type RawValue = string | boolean | readonly string[];
