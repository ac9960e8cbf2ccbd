import { LakeError, usageError } from '../base/lake-error.js';
import { didYouMean } from '../base/nearest.js';
import type { SqlParam } from '../duckdb/session.js';

export const PARAM_TYPES = ['integer', 'number', 'text', 'date', 'timestamp', 'boolean'] as const;
export type ParamType = (typeof PARAM_TYPES)[number];

/** A parameter as the front matter declares it. Without `default` a run must name it. */
export interface ParamSpec {
  readonly type: ParamType;
  /** A value, or `$today`, `$now`, `$ledger_key`: what the runner knows. */
  readonly default?: string | number | boolean | undefined;
  /** Smallest allowed value (integer, number, date). */
  readonly min?: string | number | undefined;
  readonly max?: string | number | undefined;
  /** The only allowed values (text). */
  readonly values?: readonly string[] | undefined;
  readonly description?: string | undefined;
}

/** What the runner knows and a default may name with `$`. */
export interface ParamContext {
  /** UTC day of the run, `YYYY-MM-DD`. */
  readonly today: string;
  /** Moment of the run, ISO 8601 UTC. */
  readonly now: string;
  /** The key of the ledger: `file_sha` or `source_repo+file_path+file_sha` (Decision 1). */
  readonly ledger_key: string;
}

/** The type that each `$` default has. */
export const CONTEXT_TYPES: Readonly<Record<keyof ParamContext, ParamType>> = {
  today: 'date',
  now: 'timestamp',
  ledger_key: 'text',
};

type RawParam = string | number | boolean;

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const TIMESTAMP = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)(Z|[+-]\d{2}:\d{2})?)?$/;

function isDate(text: string): boolean {
  const parts = DATE.exec(text);
  if (parts === null) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

function timestamp(text: string): string | undefined {
  const parts = TIMESTAMP.exec(text);
  if (parts === null || !isDate(parts[1] ?? '')) return undefined;
  const whole = `${parts[1]}T${parts[2] ?? '00:00:00'}${parts[3] ?? 'Z'}`;
  return Number.isNaN(Date.parse(whole)) ? undefined : whole;
}

function convert(type: ParamType, raw: RawParam): SqlParam | undefined {
  const text = String(raw).trim();
  switch (type) {
    case 'integer':
      return /^[+-]?\d+$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
    case 'number':
      return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) && Number.isFinite(Number(text))
        ? Number(text)
        : undefined;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined;
    case 'date':
      return isDate(text) ? text : undefined;
    case 'timestamp':
      return timestamp(text);
    case 'text':
      return String(raw);
  }
}

const EXPECTED: Readonly<Record<ParamType, string>> = {
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  date: 'a date YYYY-MM-DD',
  timestamp: 'a time such as 2025-12-09T12:34:56Z (UTC) or a date',
  text: 'text',
};

/**
 * One value, converted to what is bound. Numbers stay numbers, dates and times are ISO text.
 * @throws Error whose message says what was expected.
 */
export function parseParam(spec: ParamSpec, raw: RawParam): SqlParam {
  const value = convert(spec.type, raw);
  if (value === undefined) throw new Error(`expected ${EXPECTED[spec.type]}, got "${raw}"`);
  if (spec.values !== undefined && !spec.values.includes(String(value))) {
    throw new Error(`expected one of ${spec.values.join(', ')}, got "${raw}"`);
  }
  // ISO dates of four-digit years order like their text, so one comparison serves numbers and dates.
  const { min, max } = spec;
  if (min !== undefined && (value as string | number) < min) throw new Error(`must be at least ${min}, got ${raw}`);
  if (max !== undefined && (value as string | number) > max) throw new Error(`must be at most ${max}, got ${raw}`);
  return value;
}

/** The context value that a default names (`$today` → `today`), or undefined for an ordinary default. */
export function contextName(raw: unknown): string | undefined {
  return typeof raw === 'string' && raw.startsWith('$') ? raw.slice(1) : undefined;
}

/** The checks' parameters and what a user gave for them. */
export interface ParamRequest {
  readonly specs: Readonly<Record<string, ParamSpec>>;
  /** `--param name=value`; names that this check does not declare are ignored here (see `assertKnownParams`). */
  readonly given: Readonly<Record<string, RawParam>>;
  readonly context: ParamContext;
  /** For messages: the check. */
  readonly check: string;
}

/**
 * Every declared parameter with its value.
 * @throws LakeError `USAGE` for a value that does not fit and for a parameter without value.
 */
export function resolveParams(request: ParamRequest): Readonly<Record<string, SqlParam>> {
  const entries = Object.entries(request.specs).map(([name, spec]): [string, SqlParam] => {
    const place = `check ${request.check}, parameter ${name}`;
    const given = Object.hasOwn(request.given, name) ? request.given[name] : undefined;
    if (given === undefined && spec.default === undefined) {
      throw usageError(`check ${request.check} needs the parameter ${name}`, { place, hint: `--param ${name}=…` });
    }
    const context = given === undefined ? contextName(spec.default) : undefined;
    try {
      const raw = context === undefined ? (given ?? spec.default) : request.context[context as keyof ParamContext];
      return [name, parseParam(spec, raw ?? '')];
    } catch (cause) {
      if (cause instanceof LakeError) throw cause;
      throw usageError(`${place}: ${(cause as Error).message}`, { place, ...hintOf(spec), cause });
    }
  });
  return Object.fromEntries(entries);
}

function hintOf(spec: ParamSpec): { hint?: string } {
  return spec.description === undefined ? {} : { hint: spec.description };
}

/** @throws LakeError `USAGE` when a given name is a parameter of none of the checks. */
export function assertKnownParams(
  given: Readonly<Record<string, RawParam>>,
  checks: readonly { readonly params: Readonly<Record<string, ParamSpec>> }[],
): void {
  const known = [...new Set(checks.flatMap((check) => Object.keys(check.params)))].sort();
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    throw usageError(`none of the selected checks has a parameter "${name}"`, {
      place: `--param ${name}`,
      hint: didYouMean(name, known),
    });
  }
}
