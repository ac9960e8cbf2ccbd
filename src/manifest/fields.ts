import { z } from 'zod';
import { STATUSES, type Status } from './canonical.js';
import { isDate, parseDay, parseTimestamp } from './timestamp.js';

/** What is wrong with one field of a manifest; the reader turns it into a rejection. */
export class FieldProblem extends Error {
  readonly field: string | null;

  constructor(field: string | null, reason: string) {
    super(reason);
    this.field = field;
  }
}

export type Fields = Readonly<Record<string, unknown>>;

/** Largest INT of Spark and Delta. */
const MAX_INT = 2_147_483_647;
const MAX_SHA_LENGTH = 256;

/** Spellings that other tools use, after upper-casing and `-` or blank → `_` (Decision 3). */
const SYNONYMS: Readonly<Record<string, Status>> = {
  SUCCESS: 'INGESTED',
  SUCCEEDED: 'INGESTED',
  SUCCESSFUL: 'INGESTED',
  COMPLETED: 'INGESTED',
  RUNNING: 'PROCESSING',
  IN_PROGRESS: 'PROCESSING',
  FAILURE: 'FAILED',
  ERROR: 'FAILED',
  RETRY: 'RETRYING',
};

const statusByName = new Map<string, Status>([...STATUSES.map((s) => [s, s] as const), ...Object.entries(SYNONYMS)]);

/** The status that a spelling stands for, if any. */
function findStatus(text: string): Status | undefined {
  return statusByName.get(text) ?? statusByName.get(text.trim().toUpperCase().replaceAll(/[-\s]/g, '_'));
}

function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function expected(what: string): { error: (issue: { readonly input?: unknown }) => string } {
  return {
    error: ({ input }) =>
      input === undefined || input === null
        ? `is missing (expected ${what})`
        : `expected ${what}, found ${shown(input)}`,
  };
}

const DIGITS = /^\s*\+?\d+\s*$/;

/** A whole number or its digits. A union tells the problem of the only branch whose type fits, so each branch has the message. */
function wholeBetween(min: number, max: number) {
  const message = expected(`a whole number from ${min} to ${max}`);
  const inRange = (text: string) => Number(text) >= min && Number(text) <= max;
  const number = z.number().int(message).min(min, message).max(max, message);
  return z.union([number, z.string().regex(DIGITS, message).refine(inRange, message)], message);
}

function optionalWhole(max: number) {
  return z
    .union([z.null(), z.literal(''), wholeBetween(0, max)], expected(`a whole number from 0 to ${max}`))
    .optional();
}

const textType = z.union([z.string(), z.null()], expected('text')).optional();
const timestampMessage = 'an ISO 8601 timestamp such as 2025-12-09T12:34:56Z';
const dayMessage = 'a date such as 2025-12-09';

/** The types that the dialects are made of; they check and never change a value. */
export const types = {
  text: textType,
  requiredText: z.string(expected('text')).refine((text) => text.trim() !== '', expected('text that is not blank')),
  sha: z
    .string(expected('an id of the content, a git SHA-1 or SHA-256'))
    .refine((text) => text.trim() !== '' && text.length <= MAX_SHA_LENGTH, {
      error: `expected 1 to ${MAX_SHA_LENGTH} characters that are not blank`,
    }),
  size: optionalWhole(Number.MAX_SAFE_INTEGER),
  count: optionalWhole(MAX_INT),
  positiveSize: wholeBetween(1, Number.MAX_SAFE_INTEGER),
  status: z.string(expected('a status')).refine((text) => findStatus(text) !== undefined, {
    error: ({ input }) => `unknown status ${shown(input)}; known are ${STATUSES.join(', ')}`,
  }),
  timestamp: z
    .string(expected(timestampMessage))
    .refine((text) => parseTimestamp(text.trim()) !== undefined, expected(timestampMessage)),
  day: z
    .union(
      [z.null(), z.string().refine((text) => dayOf(text) !== undefined, expected(dayMessage))],
      expected(dayMessage),
    )
    .optional(),
  flag: z
    .union(
      [
        z.boolean(),
        z.null(),
        z.literal(0),
        z.literal(1),
        z.string().regex(/^\s*(true|false|0|1|)\s*$/i, expected('true or false')),
      ],
      expected('true or false'),
    )
    .optional(),
};

function dayOf(text: string): string | undefined {
  return isDate(text) || text.trim() === '' ? text : parseDay(text.trim());
}

/** Throws the first problem that `schema` finds, with the others in its reason. */
export function check(schema: z.ZodType, value: unknown, prefix = ''): void {
  const result = schema.safeParse(value);
  if (result.success) return;
  const problems = result.error.issues.map((issue) => ({ field: prefix + issue.path.join('.'), text: issue.message }));
  const [first, ...others] = problems;
  // One value may break several rules of its type; that is still one problem.
  const rest = new Set(others.filter((p) => p.field !== first?.field).map((p) => `${p.field} ${p.text}`));
  throw new FieldProblem(
    first?.field || null,
    `${first?.text}${rest.size === 0 ? '' : ` (also: ${[...rest].join('; ')})`}`,
  );
}

/** Text, with blank as null. The value has passed `types.text`. */
export function textOf(value: unknown): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value : null;
}

/** The value has passed `types.size` or `types.count`. */
export function wholeOf(value: unknown): number | null {
  if (typeof value === 'number') return value === 0 ? 0 : value;
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : null;
}

/** The value has passed `types.flag`. */
export function flagOf(value: unknown): boolean {
  return typeof value === 'string' ? /true|1/i.test(value) : value === true || value === 1;
}

/** The value has passed `types.status`. */
export function statusOf(value: unknown): Status {
  return findStatus(String(value)) ?? 'PENDING';
}

/** The value has passed `types.timestamp`. */
export function timestampOf(value: unknown): string {
  return parseTimestamp(String(value).trim()) ?? '';
}

/** `YYYY-MM-DD`, or the day of `timestamp` when there is none. The value has passed `types.day`. */
export function dayOr(value: unknown, timestamp: string): string {
  return (typeof value === 'string' && value.trim() !== '' ? dayOf(value) : undefined) ?? timestamp.slice(0, 10);
}

const HEX_SHA = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i;

/** An id of content: a SHA-1 or SHA-256 in lower case, any other id as it is, without blanks around it. */
export function shaOf(value: unknown): string {
  const text = String(value).trim();
  return HEX_SHA.test(text) ? text.toLowerCase() : text;
}

/** One text for whatever holds errors: text, a list (joined by `; `), an object (its `message`, else its JSON). Null when empty. */
export function errorText(value: unknown): string | null {
  if (typeof value === 'string') return textOf(value);
  if (value === null || value === undefined) return null;
  if (Array.isArray(value))
    return (
      value
        .map(errorText)
        .filter((t) => t !== null)
        .join('; ') || null
    );
  if (typeof value !== 'object') return String(value);
  return textOf((value as Fields).message) ?? JSON.stringify(value);
}
