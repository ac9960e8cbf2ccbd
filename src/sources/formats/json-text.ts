const QUOTE = 34;
const BACKSLASH = 92;
const OPEN = 123;
const CLOSE = 125;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const COMMA = 44;
const COLON = 58;

/** A member of a JSON object, or an element of an array (its key is ''), as offsets into the text. */
export interface JsonPart {
  readonly key: string;
  readonly from: number;
  readonly to: number;
}

function skipString(text: string, at: number): number {
  for (let i = at + 1; ; i++) {
    const code = text.charCodeAt(i);
    if (code === BACKSLASH) i++;
    else if (code === QUOTE) return i + 1;
  }
}

/** The end of the value at `at`, in text that is valid JSON. */
function valueEnd(text: string, at: number): number {
  const first = text.charCodeAt(at);
  if (first === QUOTE) return skipString(text, at);
  const nested = first === OPEN || first === OPEN_LIST;
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = skipString(text, i) - 1;
    else if (code === OPEN || code === OPEN_LIST) depth++;
    else if (code === CLOSE || code === CLOSE_LIST) {
      if (!nested) return i;
      depth--;
      if (depth === 0) return i + 1;
    } else if (!nested && (code === COMMA || code <= 32)) return i;
  }
  return text.length;
}

function skipGap(text: string, at: number): number {
  let i = at;
  for (; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 32 && code !== COMMA && code !== COLON) break;
  }
  return i;
}

/** The content of a JSON string as it stands in the text. */
function stringAt(text: string, from: number, to: number): string {
  const inner = text.slice(from + 1, to - 1);
  return inner.includes('\\') ? JSON.parse(text.slice(from, to)) : inner;
}

/** The members or elements of the JSON object or array at `from`, in valid JSON. */
export function partsOf(text: string, from = 0): JsonPart[] {
  const open = skipGap(text, from);
  const isArray = text.charCodeAt(open) === OPEN_LIST;
  const parts: JsonPart[] = [];
  for (let at = skipGap(text, open + 1); ; ) {
    const code = text.charCodeAt(at);
    if (at >= text.length || code === CLOSE || code === CLOSE_LIST) return parts;
    let key = '';
    if (!isArray) {
      const keyEnd = skipString(text, at);
      key = stringAt(text, at, keyEnd);
      at = skipGap(text, keyEnd);
    }
    const to = valueEnd(text, at);
    parts.push({ key, from: at, to });
    at = skipGap(text, to);
  }
}

export type JsonType = 'object' | 'array' | 'text' | 'number' | 'boolean' | 'null';

export function typeAt(text: string, from: number): JsonType {
  switch (text[from]) {
    case '{':
      return 'object';
    case '[':
      return 'array';
    case '"':
      return 'text';
    case 't':
    case 'f':
      return 'boolean';
    case 'n':
      return 'null';
    default:
      return 'number';
  }
}

/** JSON without the blanks between its tokens; numbers and strings as they are written. */
function compact(json: string): string {
  return /\s/.test(json) ? json.replaceAll(/("(?:[^"\\]|\\.)*")|\s+/g, '$1') : json;
}

/** A value as text: strings their content, numbers their digits as written, null no text, nested values as JSON. */
export function valueText(text: string, { from, to }: JsonPart): string | null {
  switch (typeAt(text, from)) {
    case 'text':
      return stringAt(text, from, to);
    case 'null':
      return null;
    case 'object':
    case 'array':
      return compact(text.slice(from, to));
    default:
      return text.slice(from, to);
  }
}
