import { createPrivateKey } from 'node:crypto';
import type { AuthHandlerMiddleware, ConnectConfig, KeyboardInteractiveAuthMethod } from 'ssh2';
import { usageError } from '../../base/lake-error.js';
import { type SftpConnection, sftpPlace } from './connection.js';

type Method = 'publickey' | 'password' | 'keyboard-interactive';

/** How one login goes. */
export interface Login {
  readonly options: Pick<ConnectConfig, 'username' | 'password' | 'privateKey' | 'passphrase' | 'authHandler'>;
  /** Methods that were tried, as people call them. */
  readonly tried: () => readonly string[];
  /** Methods that the server takes, as far as it has said so. */
  readonly taken: () => readonly string[];
}

const NAMES: Readonly<Record<Method, string>> = {
  publickey: 'the key',
  password: 'the password',
  'keyboard-interactive': 'the password',
};

function keyError(connection: SftpConnection, why: string, hint: string): Error {
  return usageError(`the private key for ${sftpPlace(connection)} ${why}`, { place: sftpPlace(connection), hint });
}

/** RSA and ECDSA keys in PKCS#8, which ssh2 does not read, in the older form that it does. */
function withoutPkcs8(text: string, passphrase: string | undefined): string {
  const key = createPrivateKey({ key: text, ...(passphrase === undefined ? {} : { passphrase }) });
  const type = key.asymmetricKeyType === 'ec' ? 'sec1' : 'pkcs1';
  return key.export({ format: 'pem', type }).toString().trim();
}

/**
 * The private key in a form that ssh2 reads, checked, so that a wrong passphrase is known before anybody is called. Rejects with a usage error. Nothing
 * of the key is in it.
 */
export async function readPrivateKey(connection: SftpConnection): Promise<string | undefined> {
  if (connection.privateKey === undefined) return undefined;
  const { passphrase } = connection;
  let text = connection.privateKey.replaceAll('\r\n', '\n').trim();
  let problem = '';
  try {
    if (/^-----BEGIN (ENCRYPTED )?PRIVATE KEY-----/.test(text)) text = withoutPkcs8(text, passphrase);
    const parsed = (await import('ssh2')).default.utils.parseKey(text, passphrase);
    if (parsed instanceof Error) problem = parsed.message;
    else if (parsed.isPrivateKey()) return text;
    else throw keyError(connection, 'is a public key', 'give the file without .pub');
  } catch (error) {
    if (error instanceof Error && 'exitCode' in error) throw error;
    problem = error instanceof Error ? error.message : '';
  }
  if (/no passphrase|passphrase required|interrupted or cancelled/i.test(problem)) {
    throw keyError(connection, 'is encrypted', 'give its passphrase');
  }
  if (passphrase !== undefined && /passphrase|bad decrypt|decrypt/i.test(problem)) {
    throw keyError(connection, 'cannot be decrypted', 'check the passphrase');
  }
  throw keyError(connection, 'cannot be read', 'convert it with: ssh-keygen -p -f FILE');
}

/** A prompt for one hidden answer is the password; no other is answered. */
function answering(username: string, password: string): KeyboardInteractiveAuthMethod {
  return {
    type: 'keyboard-interactive',
    username,
    prompt: (...asked) => {
      const [, , , prompts, finish] = asked;
      finish(prompts.map(({ echo }) => (prompts.length === 1 && echo !== true ? password : '')));
    },
  };
}

/** The key first, then the password; servers that want both get both. */
export function loginOf(connection: SftpConnection, privateKey: string | undefined): Login {
  const { user: username, password, passphrase } = connection;
  const methods: readonly Method[] = [
    ...(privateKey === undefined ? [] : ['publickey' as const]),
    ...(password === undefined ? [] : ['password' as const, 'keyboard-interactive' as const]),
  ];
  let left = [...methods];
  let last: Method | undefined;
  let taken: readonly string[] = [];
  const tried = new Set<Method>();
  const passed = new Set<Method>();
  // The first call comes before the server has said what it takes: with null.
  const authHandler: AuthHandlerMiddleware = (allowed: readonly string[] | null, isPartial, next) => {
    if (isPartial && last !== undefined) {
      passed.add(last);
      left = methods.filter((method) => !passed.has(method));
    }
    taken = allowed ?? [];
    last = left.find((method) => allowed === null || allowed.includes(method));
    if (last === undefined) return next(false as never);
    left = left.filter((method) => method !== last);
    tried.add(last);
    if (last !== 'keyboard-interactive') next(last);
    else next(answering(username, password ?? ''));
  };
  return {
    options: {
      username,
      authHandler,
      ...(password === undefined ? {} : { password }),
      ...(privateKey === undefined ? {} : { privateKey, ...(passphrase === undefined ? {} : { passphrase }) }),
    },
    tried: () => [...new Set([...tried].map((method) => NAMES[method]))],
    taken: () => taken,
  };
}
