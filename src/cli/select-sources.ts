import { usageError } from '../base/lake-error.js';
import { didYouMean } from '../base/nearest.js';
import { configFolder, type LoadedConfig } from '../config.js';
import {
  adHocSource,
  type ConnectionConfig,
  overrideSource,
  type ResolvedSource,
  readTransform,
  resolveConnection,
  resolveSource,
  type SourceConfig,
  type SourceOverrides,
  type SqlTransform,
} from '../ingest/config/source-config.js';
import type { ContractMode, CorrectionPolicy } from '../ingest/model.js';
import type { Invocation } from './invocation.js';
import type { OptionValues } from './option-spec.js';
import { parseParam } from './parse-values.js';
import type { sourceOptions } from './source-options.js';

/** Where configured sources come from. */
type Configured = Pick<Invocation, 'config' | 'resolveReference'>;

/** What this module reads of an invocation. */
type SourceInvocation = Configured & {
  readonly io: Invocation['io'];
  readonly options: OptionValues<typeof sourceOptions>;
};

/** The sources that the names or flags of a command mean. Throws a usage error (exit code 2) when there are none. */
export async function selectSources(
  invocation: SourceInvocation,
  names: readonly string[],
): Promise<readonly ResolvedSource[]> {
  const { options, io, config } = invocation;
  const overrides = await readOverrides(options);
  if (options.file.length > 0) {
    if (names.length > 0) throw usageError('either names of sources or --file, not both', { place: names.join(' ') });
    if (options.into === undefined) {
      throw usageError('--file needs --into', { hint: `--file '${options.file[0]}' --into bronze.orders` });
    }
    return [adHocSource({ files: options.file, into: options.into, cwd: io.cwd, options: overrides })];
  }
  if (options.into !== undefined) throw usageError('--into needs --file', { hint: "--file 'data/*.csv'" });
  const all = config?.values.sources ?? {};
  const chosen = names.length === 0 ? enabledNames(all) : [...new Set(names)];
  if (chosen.length === 0 || Object.keys(all).length === 0) throw noSources(config);
  for (const name of chosen) {
    if (!Object.hasOwn(all, name)) {
      throw usageError(`there is no source "${name}"`, {
        ...(config === undefined ? {} : { place: config.file }),
        hint: didYouMean(name, Object.keys(all)),
      });
    }
  }
  if (options.transform !== undefined && chosen.length > 1) {
    throw usageError('--transform is for one source', { hint: `name one of ${chosen.join(', ')}` });
  }
  const resolved = await Promise.all(chosen.map((name) => configuredSource(name, invocation)));
  return resolved.map((source) => overrideSource(source, overrides));
}

/** Every configured source, switched off or not; none without a configuration. */
export async function allSources(invocation: Configured): Promise<readonly ResolvedSource[]> {
  const names = Object.keys(invocation.config?.values.sources ?? {});
  return Promise.all(names.map((name) => configuredSource(name, invocation)));
}

async function configuredSource(name: string, { config, resolveReference }: Configured): Promise<ResolvedSource> {
  if (config === undefined) throw noSources(config);
  const written = config.values.sources?.[name];
  const value = (await fillReferences(written, resolveReference)) as SourceConfig;
  const at = { folder: configFolder(config) };
  if (value.connection === undefined) return resolveSource(name, value, at);
  const asked = config.values.connections?.[value.connection];
  const server = (await fillReferences(asked, resolveReference)) as ConnectionConfig;
  return resolveSource(name, value, { ...at, connection: resolveConnection(value.connection, server) });
}

async function fillReferences(value: unknown, resolve: (text: string) => Promise<string>): Promise<unknown> {
  if (typeof value === 'string') return resolve(value);
  if (Array.isArray(value)) return Promise.all(value.map((one) => fillReferences(one, resolve)));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(async ([key, one]) => [key, await fillReferences(one, resolve)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

function enabledNames(sources: Readonly<Record<string, SourceConfig>>): string[] {
  return Object.entries(sources).flatMap(([name, source]) => (source.enabled === false ? [] : [name]));
}

function noSources(config: LoadedConfig | undefined): Error {
  const known = Object.keys(config?.values.sources ?? {});
  if (known.length > 0) {
    return usageError('every source is switched off', { place: config?.file ?? '', hint: `name one: ${known[0]}` });
  }
  return usageError('there is nothing to ingest: no source is configured', {
    ...(config === undefined ? {} : { place: config.file }),
    hint: "add sources: to lakeledger.yaml, or name files: --file 'data/*.csv' --into bronze.orders",
  });
}

async function readOverrides(options: SourceInvocation['options']): Promise<SourceOverrides> {
  const { format, delimiter, encoding, skip, records, contract } = options;
  const key = options['row-key']?.split(',').map((column) => column.trim());
  return {
    format: {
      ...(format === undefined ? {} : { format: format as 'csv' }),
      ...(delimiter === undefined ? {} : { delimiter: readDelimiter(delimiter) }),
      ...(encoding === undefined ? {} : { encoding }),
      ...(skip === undefined ? {} : { skip }),
      ...(records === undefined ? {} : { records }),
    },
    ...(key === undefined ? {} : { key }),
    ...(contract === undefined ? {} : { contract: contract as ContractMode }),
    ...(options['on-correction'] === undefined ? {} : { correction: options['on-correction'] as CorrectionPolicy }),
    ...(options['business-date'] === undefined ? {} : { businessDate: options['business-date'] }),
    ...(await readTransformFlag(options)),
  };
}

async function readTransformFlag(options: SourceInvocation['options']): Promise<{ transform?: SqlTransform }> {
  const { transform, param } = options;
  if (transform === undefined) {
    if (param.length > 0) throw usageError('--param needs --transform', { place: `--param ${param[0]}` });
    return {};
  }
  return { transform: { sql: await readTransform(transform), params: Object.fromEntries(param.map(parseParam)) } };
}

function readDelimiter(text: string): string {
  const delimiter = text === '\\t' || text === 'tab' ? '\t' : text;
  if (delimiter.length === 1) return delimiter;
  throw usageError(`--delimiter is one character, not "${text}"`, { hint: "--delimiter ';'" });
}
