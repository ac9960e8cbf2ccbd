import { EXIT, LakeError, type LakeErrorOptions } from '../../base/lake-error.js';

/** What pg and the system say about an error. */
interface Told {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
}

function field(error: object, name: string): string | undefined {
  const value = (error as Record<string, unknown>)[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The first error of several: a name with several addresses fails once for each. */
function told(error: unknown): Told {
  if (typeof error !== 'object' || error === null) return { code: '', message: String(error), hint: undefined };
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : [];
  if (first !== undefined) return told(first);
  const [line = ''] = (field(error, 'message') ?? 'unknown error').split('\n');
  return { code: field(error, 'code') ?? '', message: line.trim().replace(/\.$/, ''), hint: field(error, 'hint') };
}

/** SQLSTATE of an error of the server; else the code of the system, or ''. */
export function codeOf(error: unknown): string {
  return told(error).code;
}

/** Classes and codes of SQLSTATE after which the connection is gone, or cannot be had now. */
const NO_CONNECTION = /^(?:08...|57P0[1-5]|25P0[34]|53300)$/;
const SYSTEM = /^(?:E[A-Z]+|EAI_\w+)$/;
const DROPPED = /connection terminated|connection error|client was closed|timeout expired|socket/i;
const TLS =
  /^(?:ERR_SSL\w*|ERR_TLS\w*|ERR_OSSL\w*|CERT_\w+|\w*_CERT\w*|UNABLE_TO_\w+|DEPTH_ZERO\w*|SELF_SIGNED\w*|INVALID_CA|HOSTNAME_MISMATCH)$/;
const NO_TLS = /does not support SSL|establishing an SSL connection/;

interface Rule {
  readonly matches: (told: Told) => boolean;
  readonly code: string;
  readonly says: (message: string) => string;
  readonly hint?: string;
  readonly exitCode?: LakeErrorOptions['exitCode'];
  readonly retryable?: boolean;
}

const state =
  (pattern: RegExp) =>
  ({ code }: Told) =>
    pattern.test(code);

const RULES: readonly Rule[] = [
  {
    matches: ({ code, message }) => TLS.test(code) || NO_TLS.test(message),
    code: 'TLS',
    says: (message) => `the connection cannot be encrypted as wanted: ${message}`,
    hint: 'set ca to the certificate of the authority that signed the one of the server; ssl: verify-full needs the name that is in it, verify-ca does not',
  },
  {
    matches: ({ code, message }) => code === '28000' && /no encryption|SSL off/.test(message),
    code: 'TLS',
    says: (message) => `the server takes encrypted connections only: ${message}`,
    hint: 'set ssl to verify-full, verify-ca or require',
  },
  {
    matches: ({ code, message }) => /^28/.test(code) || /^SASL|password must be a string/.test(message),
    code: 'AUTH',
    says: (message) => `the server refuses the login: ${message}`,
    hint: 'check user and password, and that the server lets this user in from here (pg_hba.conf)',
  },
  {
    matches: ({ code }) => code === 'ENOTFOUND',
    code: 'CONNECTION',
    says: (message) => `the server cannot be found: ${message}`,
    hint: 'check the name of the host',
  },
  {
    matches: ({ code, message }) =>
      NO_CONNECTION.test(code) || SYSTEM.test(code) || (code === '' && DROPPED.test(message)),
    code: 'CONNECTION',
    says: (message) => `there is no connection to the server: ${message}`,
    hint: 'check host and port, and that the server is up; then run the same command again',
    retryable: true,
  },
  {
    matches: ({ code, message }) => code === '55P03' || (code === '57014' && /lock timeout/.test(message)),
    code: 'TIMEOUT',
    says: (message) => `a lock was not to be had in time: ${message}`,
    hint: 'run it again when nothing else changes the table, or set lock_timeout higher',
    retryable: true,
  },
  {
    matches: ({ code, message }) => code === '57014' && /timeout/.test(message),
    code: 'TIMEOUT',
    says: (message) => `the server stopped the statement: ${message}`,
    hint: 'set statement_timeout higher, or read less at a time: a watermark with an index, fewer columns',
    retryable: true,
  },
  {
    matches: state(/^(?:57014|40...)$/),
    code: 'POSTGRES',
    says: (message) => `the server stopped the statement: ${message}`,
    hint: 'run the same command again; on a replica max_standby_streaming_delay or hot_standby_feedback keep it from happening',
    retryable: true,
  },
  {
    matches: state(/^42501$/),
    code: 'PERMISSION',
    says: (message) => `the server does not allow it: ${message}`,
    hint: 'grant the user USAGE on the schema and SELECT on the table',
  },
  {
    matches: state(/^25006$/),
    code: 'CONFIG',
    says: (message) => `a query may only read: ${message}`,
    exitCode: EXIT.usage,
  },
  {
    matches: state(/^(?:3D000|3F000|42...|0A000|26000)$/),
    code: 'CONFIG',
    says: (message) => `the server cannot read that: ${message}`,
    exitCode: EXIT.usage,
  },
  {
    matches: state(/^22021$/),
    code: 'POSTGRES',
    says: (message) => `a text of the table is no text: ${message}`,
    hint: 'the database does not know its encoding (SQL_ASCII): read the column in a query with convert_from(convert_to(…), …), or leave it out with include_columns',
    exitCode: EXIT.data,
  },
  {
    matches: state(/^2[12]...$/),
    code: 'POSTGRES',
    says: (message) => `the server cannot work out a value: ${message}`,
    hint: 'mend the query, or the view',
    exitCode: EXIT.data,
  },
];

/** An error of the server or on the way to it, in one sentence with the server's own words. `place` names no secret. */
export function postgresError(error: unknown, place: string): LakeError {
  if (error instanceof LakeError) return error;
  const what = told(error);
  const rule = RULES.find(({ matches }) => matches(what));
  const hint = what.hint ?? rule?.hint;
  return new LakeError(rule?.code ?? 'POSTGRES', rule?.says(what.message) ?? `the server says: ${what.message}`, {
    place,
    cause: error,
    retryable: rule?.retryable ?? false,
    exitCode: rule?.exitCode ?? EXIT.tool,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** A wrong entry of the configuration. */
export function configError(message: string, place: string, hint?: string): LakeError {
  return new LakeError('CONFIG', message, { place, exitCode: EXIT.usage, ...(hint === undefined ? {} : { hint }) });
}
