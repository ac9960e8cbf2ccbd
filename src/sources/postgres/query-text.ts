const BLANK = /\s/;
const WORD = /[A-Za-z0-9_$\u0080-\uffff]/;
const DOLLAR_TAG = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;

/** Where a comment that starts here ends. They may stand in one another. */
function afterBlockComment(text: string, start: number): number {
  let depth = 0;
  let at = start;
  do {
    if (text.startsWith('/*', at)) {
      depth++;
      at += 2;
    } else if (text.startsWith('*/', at)) {
      depth--;
      at += 2;
    } else at++;
  } while (depth > 0 && at < text.length);
  return at;
}

/** Where a quoted text or name that starts here ends; a doubled quote stands for one. */
function afterQuoted(text: string, start: number): number {
  const quote = text[start];
  const escapes = quote === "'" && /[eE]/.test(text[start - 1] ?? '') && !WORD.test(text[start - 2] ?? ' ');
  let at = start + 1;
  while (at < text.length) {
    if (escapes && text[at] === '\\') at += 2;
    else if (text[at] !== quote) at++;
    else if (text[at + 1] === quote) at += 2;
    else return at + 1;
  }
  return at;
}

function afterDollarQuoted(text: string, start: number): number | undefined {
  if (WORD.test(text[start - 1] ?? ' ')) return undefined;
  DOLLAR_TAG.lastIndex = start;
  const tag = DOLLAR_TAG.exec(text)?.[0];
  if (tag === undefined) return undefined;
  const end = text.indexOf(tag, start + tag.length);
  return end < 0 ? text.length : end + tag.length;
}

/** Where what is no code of its own ends, when it starts here: a comment, a quoted text or name. */
function afterOpaque(text: string, at: number): number | undefined {
  if (text.startsWith('--', at)) {
    const end = text.indexOf('\n', at);
    return end < 0 ? text.length : end;
  }
  if (text.startsWith('/*', at)) return afterBlockComment(text, at);
  if (text[at] === "'" || text[at] === '"') return afterQuoted(text, at);
  return text[at] === '$' ? afterDollarQuoted(text, at) : undefined;
}

/**
 * A statement of PostgreSQL without what follows its last word: semicolons, comments, blanks. The server must have found it to be one
 * statement before; strings are read as with `standard_conforming_strings`.
 */
export function trimStatement(text: string): string {
  let end = 0;
  for (let at = 0; at < text.length; ) {
    const next = afterOpaque(text, at);
    const isComment = next !== undefined && (text[at] === '-' || text[at] === '/');
    if (next === undefined && text[at] === ';') break;
    if (!isComment && !BLANK.test(text[at] ?? ' ')) end = next ?? at + 1;
    at = next ?? at + 1;
  }
  return text.slice(0, end);
}
