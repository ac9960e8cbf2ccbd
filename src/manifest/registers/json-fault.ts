/** Where a text stops being JSON: the offset, and the keys that lead to the value that was being read. */
export interface JsonFault {
  readonly at: number;
  readonly path: readonly string[];
}

const TOKEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON allows none of them in a string
  /([{}[\],:])|"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[\da-fA-F]{4})[^"\\\u0000-\u001f]*)*"|(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y;
const BLANKS = /[ \t\n\r]*/y;

interface Frame {
  readonly isArray: boolean;
  key: string;
  index: number;
}

type Wanted = 'value' | 'first value' | 'key' | 'first key' | 'colon' | 'comma' | 'end';

/** Follows the tokens of a JSON text; `take` tells whether the next one may stand there. */
class Follower {
  readonly frames: Frame[] = [];
  #wanted: Wanted = 'value';

  get isDone(): boolean {
    return this.#wanted === 'end';
  }

  take(token: string): boolean {
    const top = this.frames.at(-1);
    if (token === '}' || token === ']') return this.#close(token, top);
    switch (this.#wanted) {
      case 'key':
      case 'first key':
        if (!token.startsWith('"') || top === undefined) return false;
        top.key = JSON.parse(token);
        this.#wanted = 'colon';
        return true;
      case 'colon':
        this.#wanted = 'value';
        return token === ':';
      case 'comma':
        if (token !== ',' || top === undefined) return false;
        top.index++;
        this.#wanted = top.isArray ? 'value' : 'key';
        return true;
      case 'end':
        return false;
      default:
        return this.#value(token);
    }
  }

  #value(token: string): boolean {
    if (token === ',' || token === ':') return false;
    const isArray = token === '[';
    if (isArray || token === '{') {
      this.frames.push({ isArray, key: '', index: 0 });
      this.#wanted = isArray ? 'first value' : 'first key';
    } else this.#wanted = this.frames.length === 0 ? 'end' : 'comma';
    return true;
  }

  #close(token: string, top: Frame | undefined): boolean {
    const mayClose = this.#wanted === 'comma' || this.#wanted === (top?.isArray ? 'first value' : 'first key');
    if (top === undefined || top.isArray !== (token === ']') || !mayClose) return false;
    this.frames.pop();
    this.#wanted = this.frames.length === 0 ? 'end' : 'comma';
    return true;
  }
}

/** The first place where `text` is not JSON (RFC 8259), or undefined when it is; JSON.parse does not always say where. */
export function findJsonFault(text: string): JsonFault | undefined {
  const follower = new Follower();
  for (let at = 0; ; ) {
    BLANKS.lastIndex = at;
    BLANKS.test(text);
    at = BLANKS.lastIndex;
    if (at === text.length && follower.isDone) return undefined;
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text)?.[0];
    if (token === undefined || !follower.take(token)) {
      const path = follower.frames.map(({ isArray, key, index }) => (isArray ? String(index) : key));
      return { at, path: path.filter((part) => part !== '') };
    }
    at = TOKEN.lastIndex;
  }
}
