import { isUtf8 } from 'node:buffer';

/** The bytes do not belong to the encoding that they were taken for. */
export class EncodingMismatch extends Error {}

/** Turns bytes, in pieces, into UTF-8 without byte order mark. */
export interface Decoder {
  push(bytes: Buffer): Buffer;
  end(): Buffer;
}

const NOTHING = Buffer.alloc(0);

/** What windows-1252 has at 0x80 to 0x9f; a blank where it has nothing. */
const HIGH_1252 = '€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ';

/** Number of bytes at the end that begin a character and do not complete it. */
function incomplete(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] as number;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return length > back ? back : 0;
    }
  }
  return 0;
}

class Utf8 implements Decoder {
  #rest: Buffer = NOTHING;
  #started = false;

  push(bytes: Buffer): Buffer {
    let text = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const cut = incomplete(text);
    this.#rest = text.subarray(text.length - cut);
    text = text.subarray(0, text.length - cut);
    if (!isUtf8(text)) throw new EncodingMismatch();
    if (this.#started || text.length === 0) return text;
    this.#started = true;
    return text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf ? text.subarray(3) : text;
  }

  end(): Buffer {
    if (this.#rest.length > 0) throw new EncodingMismatch();
    return NOTHING;
  }
}

class Latin1 implements Decoder {
  push(bytes: Buffer): Buffer {
    return Buffer.from(bytes.toString('latin1'));
  }

  end(): Buffer {
    return NOTHING;
  }
}

class Windows1252 implements Decoder {
  push(bytes: Buffer): Buffer {
    const text = bytes.toString('latin1').replaceAll(/[\x80-\x9f]/g, (char) => {
      const meaning = HIGH_1252[char.charCodeAt(0) - 0x80];
      if (meaning === ' ' || meaning === undefined) throw new EncodingMismatch();
      return meaning;
    });
    return Buffer.from(text);
  }

  end(): Buffer {
    return NOTHING;
  }
}

/** Any other label. Node's decoder drops the byte order mark itself. */
class Labelled implements Decoder {
  readonly #decoder: InstanceType<typeof TextDecoder>;

  constructor(label: string) {
    this.#decoder = new TextDecoder(label, { fatal: true });
  }

  push(bytes: Buffer): Buffer {
    return this.#decode(bytes, true);
  }

  end(): Buffer {
    return this.#decode(NOTHING, false);
  }

  #decode(bytes: Buffer, stream: boolean): Buffer {
    try {
      return Buffer.from(this.#decoder.decode(bytes, { stream }));
    } catch {
      throw new EncodingMismatch();
    }
  }
}

/** The usual name of an encoding; undefined when there is none of that label. */
export function encodingName(label: string): string | undefined {
  const plain = label.trim().toLowerCase();
  // TextDecoder takes these for windows-1252, which gives 0x80 to 0x9f another meaning.
  if (/^(?:latin-?1|iso-?8859-?1|iso_8859-1)$/.test(plain)) return 'latin1';
  try {
    return new TextDecoder(plain).encoding;
  } catch {
    return undefined;
  }
}

export function decoderFor(encoding: string): Decoder {
  switch (encoding) {
    case 'utf-8':
      return new Utf8();
    case 'latin1':
      return new Latin1();
    case 'windows-1252':
      return new Windows1252();
    default:
      return new Labelled(encoding);
  }
}

/** Share of zero bytes among the even and the odd positions. */
function zeros(head: Buffer, from: 0 | 1): number {
  let count = 0;
  for (let i = from; i < head.length; i += 2) if (head[i] === 0) count++;
  return count / Math.max(1, Math.floor(head.length / 2));
}

/** The encoding that the first bytes show: by byte order mark, or by where Latin text in UTF-16 has its zeros; else UTF-8. */
export function encodingOfHead(head: Buffer): string {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be';
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return 'utf-8';
  const sample = head.subarray(0, 4096);
  const [even, odd] = [zeros(sample, 0), zeros(sample, 1)];
  if (odd > 0.4 && even < 0.1) return 'utf-16le';
  if (even > 0.4 && odd < 0.1) return 'utf-16be';
  return 'utf-8';
}
