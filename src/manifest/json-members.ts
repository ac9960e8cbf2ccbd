/** A member of a JSON object, or an element of a JSON array (`key` is its index), as it stands in the text. */
export interface JsonMember {
  readonly key: string;
  readonly text: string;
  /** Offset of the value in the text that was searched. */
  readonly at: number;
}

/** The end of the JSON value that starts at `at`, in text that is valid JSON. */
function valueEnd(text: string, at: number): number {
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    const char = text[i];
    if (char === '"') {
      for (i++; text[i] !== '"'; i++) if (text[i] === '\\') i++;
      if (depth === 0) return i + 1;
    } else if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') {
      depth--;
      if (depth === 0) return i + 1;
      if (depth < 0) return i;
    } else if (depth === 0 && (char === ',' || char === ':' || /\s/.test(char ?? ''))) return i;
  }
  return text.length;
}

const GAP = /[\s,:]*/y;

function skipGap(text: string, at: number): number {
  GAP.lastIndex = at;
  GAP.test(text);
  return GAP.lastIndex;
}

/** The members of the JSON object or array that is `text` (valid JSON), in order, repeated keys included. */
export function jsonMembers(text: string): JsonMember[] {
  const open = skipGap(text, 0);
  const isArray = text[open] === '[';
  const members: JsonMember[] = [];
  let at = skipGap(text, open + 1);
  while (at < text.length && text[at] !== '}' && text[at] !== ']') {
    let key = String(members.length);
    if (!isArray) {
      const keyEnd = valueEnd(text, at);
      key = JSON.parse(text.slice(at, keyEnd));
      at = skipGap(text, keyEnd);
    }
    const end = valueEnd(text, at);
    members.push({ key, text: text.slice(at, end), at });
    at = skipGap(text, end);
  }
  return members;
}

/** The last member of that name, which is the one that JSON.parse keeps. */
export function findMember(text: string, key: string): JsonMember | undefined {
  return jsonMembers(text).findLast((member) => member.key === key);
}

/** Number of line breaks from one offset up to another. */
export function linesBetween(text: string, from: number, to: number): number {
  let lines = 0;
  for (let at = text.indexOf('\n', from); at >= 0 && at < to; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}
