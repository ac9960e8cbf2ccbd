import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** The encoding that the first bytes of a text show, by byte order mark or by where JSON's first character has its zero byte. */
function encodingOf(head: Uint8Array): { readonly name: 'utf-8' | 'utf-16le' | 'utf-16be'; readonly bom: number } {
  const [a, b, c] = head;
  if (a === 0xef && b === 0xbb && c === 0xbf) return { name: 'utf-8', bom: 3 };
  if (a === 0xff && b === 0xfe) return { name: 'utf-16le', bom: 2 };
  if (a === 0xfe && b === 0xff) return { name: 'utf-16be', bom: 2 };
  if (a === 0 && b !== undefined && b !== 0) return { name: 'utf-16be', bom: 0 };
  if (b === 0 && a !== undefined && a !== 0) return { name: 'utf-16le', bom: 0 };
  return { name: 'utf-8', bom: 0 };
}

/** True when the bytes start as gzip does (RFC 1952 §2.3.1). */
export function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/** A whole text as UTF-8 without byte order mark; UTF-16 is decoded. Not for gzip. */
export function textBytes(bytes: Buffer): Buffer {
  const { name, bom } = encodingOf(bytes);
  const body = bom === 0 ? bytes : bytes.subarray(bom);
  return name === 'utf-8' ? body : Buffer.from(new TextDecoder(name).decode(body));
}

async function* withHead(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (head === undefined) yield bytes;
    else {
      head = Buffer.concat([head, bytes]);
      if (head.length < 4) continue;
      yield head;
      head = undefined;
    }
  }
  if (head !== undefined && head.length > 0) yield head;
}

/** The bytes of a text as UTF-8 without byte order mark: gzip (by its magic bytes, any number of members) is unpacked, UTF-16 decoded. */
export async function* streamTextBytes(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let decoder: InstanceType<typeof TextDecoder> | undefined;
  let first = true;
  for await (const chunk of unpacked(chunks)) {
    let bytes = chunk;
    if (first) {
      const { name, bom } = encodingOf(chunk);
      if (name !== 'utf-8') decoder = new TextDecoder(name);
      bytes = chunk.subarray(bom);
      first = false;
    }
    yield decoder === undefined ? bytes : Buffer.from(decoder.decode(bytes, { stream: true }));
  }
  const rest = decoder?.decode();
  if (rest) yield Buffer.from(rest);
}

async function* unpacked(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const source = withHead(chunks);
  const first = await source.next();
  if (first.done === true) return;
  const all = (async function* () {
    yield first.value;
    yield* source;
  })();
  yield* isGzip(first.value) ? withHead(pipeline(all)) : all;
}

/** Unpacks; an error of the source or of the packed data rejects the iteration. */
function pipeline(chunks: AsyncIterable<Buffer>): AsyncIterable<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  return Readable.from(chunks, { objectMode: false })
    .once('error', (error) => gunzip.destroy(error))
    .pipe(gunzip);
}
