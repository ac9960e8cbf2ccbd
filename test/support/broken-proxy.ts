import { connect, createServer, type Server, type Socket } from 'node:net';

const HOST = '127.0.0.1';

interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  /** Bytes that the client got. */
  given: number;
}

/** A TCP proxy on the loopback address that breaks connections on purpose. */
export class BrokenProxy {
  readonly #listener: Server;
  readonly #connections: Connection[] = [];
  readonly #target: number;
  #cuts: number[] = [];
  #refusals = 0;
  #delayMs = 0;
  #isDeaf = false;

  private constructor(listener: Server, target: number) {
    this.#listener = listener;
    this.#target = target;
    listener.on('connection', (client) => this.#accept(client));
  }

  static async start(target: number): Promise<BrokenProxy> {
    const listener = createServer();
    await new Promise<void>((resolve) => listener.listen(0, HOST, resolve));
    return new BrokenProxy(listener, target);
  }

  get port(): number {
    const address = this.#listener.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Bytes that each connection so far gave to its client. */
  get given(): readonly number[] {
    return this.#connections.map(({ given }) => given);
  }

  /** The next connections end after so many bytes from the server, in this order; those after them are left alone. */
  cutAfter(...bytes: readonly number[]): void {
    this.#cuts = [...bytes];
  }

  /** The next connections end at once. */
  refuse(count: number): void {
    this.#refusals = count;
  }

  /** Everything from the server comes so much later. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** From now on nothing from the server comes, and no connection ends. */
  goDeaf(isDeaf = true): void {
    this.#isDeaf = isDeaf;
  }

  /** Ends the connections that there are. */
  cut(): void {
    for (const { client, server } of this.#connections) {
      client.destroy();
      server.destroy();
    }
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#listener.close(resolve));
  }

  #accept(client: Socket): void {
    client.on('error', () => undefined);
    if (this.#refusals > 0) {
      this.#refusals--;
      client.destroy();
      return;
    }
    const server = connect({ host: HOST, port: this.#target, noDelay: true });
    const connection: Connection = { client, server, given: 0 };
    this.#connections.push(connection);
    const limit = this.#cuts.shift() ?? Number.POSITIVE_INFINITY;
    server.on('error', () => client.destroy());
    server.on('close', () => client.end());
    client.on('close', () => server.destroy());
    client.pipe(server);
    server.on('data', (data) => {
      if (this.#isDeaf) return;
      if (this.#delayMs > 0) setTimeout(() => this.#give(connection, data, limit), this.#delayMs);
      else this.#give(connection, data, limit);
    });
  }

  #give(connection: Connection, data: Buffer, limit: number): void {
    const { client, server } = connection;
    if (client.destroyed || connection.given >= limit) return;
    const part = data.subarray(0, limit - connection.given);
    connection.given += part.length;
    const isLast = connection.given >= limit;
    const hasRoom = client.write(part, () => {
      if (!isLast) return;
      server.destroy();
      client.destroy();
    });
    if (hasRoom) return;
    server.pause();
    client.once('drain', () => server.resume());
  }
}
