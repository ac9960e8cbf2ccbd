/** How an SFTP server is reached and trusted. It holds secrets: none of them is in an error. */
export interface SftpConnection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password?: string;
  /** The key itself: OpenSSH, PEM or PuTTY. */
  readonly privateKey?: string;
  readonly passphrase?: string;
  /** `SHA256:…` fingerprints, lines of a known_hosts file or public keys; one must match. */
  readonly hostKeys: readonly string[];
  /** Longest wait for a connection, and longest silence of the server while it owes an answer. */
  readonly connectTimeoutMs: number;
  /** Connections that one listing or one download may use, with growing waits between them; at least 1. */
  readonly attempts: number;
}

/** The server, or a path there, as people read it: without user and password. */
export function sftpPlace({ host, port }: Pick<SftpConnection, 'host' | 'port'>, path = ''): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return `sftp://${name}:${port}${path}`;
}
