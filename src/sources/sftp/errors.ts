import { EXIT, LakeError, messageOf } from '../../base/lake-error.js';
import { type SftpConnection, sftpPlace } from './connection.js';
import { fingerprintOf, type HostKeyVerdict, keyTypeOf } from './host-keys.js';

/** Status codes of SFTP that are told apart (draft-ietf-secsh-filexfer-02, section 7). */
export const STATUS = { noSuchFile: 2, permissionDenied: 3, noConnection: 6, connectionLost: 7 } as const;

/** The status that a request was answered with; undefined for what is no answer. */
export function statusOf(error: unknown): number | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'number' ? code : undefined;
}

/** What another machine says, as a part of a sentence. */
function said(error: unknown): string {
  const text = messageOf(error)
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim();
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}

type Server = Pick<SftpConnection, 'host' | 'port'>;

function connectionError(
  server: Server,
  message: string,
  rest: { hint: string; retryable?: boolean; cause?: unknown },
) {
  return new LakeError('CONNECTION', message, {
    place: sftpPlace(server),
    retryable: true,
    exitCode: EXIT.tool,
    ...rest,
  });
}

/** The server could not be reached within this time. */
export function timedOut(server: Server, what: 'connect' | 'log in', ms: number): LakeError {
  return connectionError(server, `${sftpPlace(server)} did not let us ${what} within ${seconds(ms)}`, {
    hint: 'check host and port, and whether a firewall is in between; run the same command again',
  });
}

/** The server owes an answer and has said nothing for this time. */
export function wentSilent(server: Server, ms: number): LakeError {
  return connectionError(server, `${sftpPlace(server)} has been silent for ${seconds(ms)}`, {
    hint: 'run the same command again; a longer connect_timeout waits longer',
  });
}

/** A connection that was there is no more. */
export function connectionLost(server: Server, cause?: unknown): LakeError {
  const why = cause === undefined ? '' : `: ${said(cause)}`;
  return connectionError(server, `the connection to ${sftpPlace(server)} broke${why}`, {
    hint: 'run the same command again',
    cause,
  });
}

const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no host of this name',
  EAI_AGAIN: 'the name of the host cannot be looked up now',
  EHOSTUNREACH: 'there is no way to the host',
  ENETUNREACH: 'there is no way to its network',
  ETIMEDOUT: 'it does not answer',
};

/** What went wrong before the login: the network, or two sides that do not understand each other. */
export function cannotConnect(server: Server, error: unknown): LakeError {
  const { code = '' } = error as NodeJS.ErrnoException;
  const message = `cannot connect to ${sftpPlace(server)}: ${UNREACHABLE[code] ?? said(error)}`;
  if (/no matching/.test(messageOf(error))) {
    return connectionError(server, message, {
      hint: 'the server only has methods that are not considered safe any more; ask its owner for newer ones',
      retryable: false,
      cause: error,
    });
  }
  return connectionError(server, message, {
    hint: 'check host and port, and whether the server is running',
    retryable: code !== 'ENOTFOUND',
    cause: error,
  });
}

/** The login works, but not for files. */
export function noSftp(server: Server, error: unknown): LakeError {
  return connectionError(server, `${sftpPlace(server)} offers no SFTP to this login: ${said(error)}`, {
    hint: 'ask the owner of the server to allow SFTP for this user',
    retryable: false,
    cause: error,
  });
}

/** The login is refused; `tried` are the methods, `taken` those that the server would take. */
export function loginRefused(server: Server, how: { tried: readonly string[]; taken: readonly string[] }): LakeError {
  const tried = how.tried.length === 0 ? '' : ` with ${how.tried.join(' and ')}`;
  const taken = how.taken.length === 0 ? '' : ` (it takes ${how.taken.join(', ')})`;
  return new LakeError('AUTH', `${sftpPlace(server)} refused the login${tried}${taken}`, {
    place: sftpPlace(server),
    hint: 'check user, password and private_key of the connection, and that the server knows the public key',
    exitCode: EXIT.tool,
  });
}

/** The login would be right, but for a password that has to be changed first. */
export function passwordExpired(server: Server): LakeError {
  return new LakeError('AUTH', `${sftpPlace(server)} wants the password changed before anything else`, {
    place: sftpPlace(server),
    hint: 'change the password on the server, then put the new one where the connection reads it from',
    exitCode: EXIT.tool,
  });
}

/** A host key that is not trusted. */
export interface ShownKey {
  readonly key: Uint8Array;
  readonly verdict: Exclude<HostKeyVerdict, 'known'>;
}

/** Code `HOST_KEY`: exit code 2 when no key is known for the server, 3 when it shows another one. */
export function hostKeyRefused(server: Server, shown: readonly ShownKey[], isEmpty: boolean): LakeError {
  const place = sftpPlace(server);
  const names = shown.map(({ key }) => `${fingerprintOf(key)} (${keyTypeOf(key)})`).join(', ');
  if (shown.some(({ verdict }) => verdict === 'revoked')) {
    return new LakeError('HOST_KEY', `the host key of ${place} is marked as revoked: ${names}`, {
      place,
      hint: 'do not connect; ask the owner of the server what happened to its key',
      exitCode: EXIT.tool,
    });
  }
  if (isEmpty) {
    return new LakeError('HOST_KEY', `no host key is known for ${place}; the server shows ${names}`, {
      place,
      hint: 'ask the owner of the server whether that is its key, and put it into host_key of the connection',
      exitCode: EXIT.usage,
    });
  }
  return new LakeError('HOST_KEY', `${place} shows another host key than host_key says: ${names}`, {
    place,
    hint: 'another machine may be answering; put the key into host_key only when the owner of the server confirms it',
    exitCode: EXIT.tool,
  });
}

/** One file or folder that the server does not give. */
export function sftpUnreadable(place: string, what: 'list' | 'read', error: unknown): LakeError {
  const isDenied = statusOf(error) === STATUS.permissionDenied;
  const isGone = statusOf(error) === STATUS.noSuchFile;
  const why = isDenied ? 'permission denied' : isGone ? 'it is not there any more' : said(error);
  return new LakeError('SOURCE_UNREADABLE', `cannot ${what} ${place}: ${why}`, {
    place,
    exitCode: EXIT.data,
    cause: error,
    ...(isDenied ? { hint: 'ask the owner of the server to let this user read it' } : {}),
  });
}
