import { dirname, isAbsolute, resolve } from 'node:path';
import { usageError } from '../base/lake-error.js';
import { didYouMean } from '../base/nearest.js';
import type { LoadedConfig } from '../config.js';
import type { Io } from './io.js';
import type { OptionSpec, OptionSpecs, RawValue } from './option-spec.js';

/** Where a value came from. */
export type Source = 'flag' | 'env' | 'config' | 'default';

/** For every option that has a value: the value as written, and who said so. */
export type Provenance = Readonly<
  Record<string, { readonly value: string; readonly source: Source; readonly place: string }>
>;

export interface Inputs {
  readonly flags: Readonly<Record<string, RawValue>>;
  readonly env: Io['env'];
  readonly config: LoadedConfig | undefined;
  /** Puts the values of `${env:…}` and `${file:…}` into a text of the configuration file. */
  readonly resolveReference: (text: string) => Promise<string>;
}

export interface Resolved {
  readonly values: Readonly<Record<string, unknown>>;
  readonly provenance: Provenance;
}

/** `batch-size` → `LAKELEDGER_BATCH_SIZE` */
export function envName(option: string): string {
  return `LAKELEDGER_${option.toUpperCase().replaceAll('-', '_')}`;
}

/** Gives every option its value: flag, then environment, then configuration file, then default. */
export async function resolveOptions(specs: OptionSpecs, inputs: Inputs): Promise<Resolved> {
  const values: Record<string, unknown> = {};
  const provenance: Record<string, Provenance[string]> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const found = find(name, spec, inputs);
    values[name] = found === undefined ? absent(spec) : await typed(spec, found, inputs);
    if (found !== undefined) {
      provenance[name] = { value: [found.raw].flat().join(', '), source: found.source, place: found.place };
    }
  }
  return { values, provenance };
}

interface Found {
  readonly raw: RawValue;
  readonly source: Source;
  /** For messages: `--lake`, `LAKELEDGER_LAKE`, `file: key`. */
  readonly place: string;
}

function find(name: string, spec: OptionSpec, inputs: Inputs): Found | undefined {
  const flag = inputs.flags[name];
  if (flag !== undefined) return { raw: flag, source: 'flag', place: `--${name}` };
  const variable = envName(name);
  const env = inputs.env[variable];
  if (env !== undefined && env !== '') {
    // One value a line, because a value of a list may hold any other separator.
    const raw = spec.type === 'list' ? env.split('\n').filter((line) => line !== '') : env;
    return { raw, source: 'env', place: variable };
  }
  const configured = spec.config === undefined ? undefined : configValue(inputs.config, spec.config);
  if (configured !== undefined) {
    const raw = typeof configured === 'boolean' ? configured : [configured].flat().join(',');
    return {
      raw: spec.type === 'list' ? [String(raw)] : raw,
      source: 'config',
      place: `${inputs.config?.file}: ${spec.config}`,
    };
  }
  if (spec.default === undefined) return undefined;
  return { raw: String(spec.default), source: 'default', place: 'default' };
}

function configValue(config: LoadedConfig | undefined, path: string): unknown {
  let value: unknown = config?.values;
  for (const key of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[key];
  return value;
}

function absent(spec: OptionSpec): unknown {
  if (spec.type === 'flag') return false;
  return spec.type === 'list' ? [] : undefined;
}

async function typed(spec: OptionSpec, found: Found, inputs: Inputs): Promise<unknown> {
  if (spec.type === 'list') return found.raw;
  if (spec.type === 'flag') return typeof found.raw === 'boolean' ? found.raw : yesOrNo(String(found.raw), found.place);
  let text = String(found.raw);
  if (found.source === 'config' && inputs.config !== undefined) {
    text = await inputs.resolveReference(text);
    if (spec.isPath && !isAbsolute(text) && !/^[a-z][a-z0-9+.-]+:\/\//i.test(text)) {
      text = resolve(dirname(inputs.config.file), text);
    }
  }
  if (spec.type === 'integer') return integer(text, spec, found.place);
  if (spec.choices !== undefined && !spec.choices.includes(text)) {
    throw usageError(`${found.place} cannot be "${text}"`, { hint: didYouMean(text, spec.choices) });
  }
  return text;
}

function yesOrNo(text: string, place: string): boolean {
  if (/^(1|true|yes|on)$/i.test(text)) return true;
  if (/^(0|false|no|off)$/i.test(text)) return false;
  throw usageError(`${place} is yes or no, not "${text}"`, { hint: `${place}=1 or ${place}=0` });
}

function integer(text: string, spec: OptionSpec, place: string): number {
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  const min = spec.min ?? 0;
  if (!Number.isSafeInteger(value) || value < min) {
    throw usageError(`${place} is a whole number of at least ${min}, not "${text}"`);
  }
  return value;
}
