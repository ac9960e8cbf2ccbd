import { createHash } from 'node:crypto';
import { type Document, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { EXIT, LakeError } from '../base/lake-error.js';
import { didYouMean } from '../base/nearest.js';
import { type FrontMatter, frontMatterSchema, keysAt } from './front-matter.js';

/** A check: its front matter, its SQL and where it came from. */
export interface Check extends FrontMatter {
  /** The SELECT, without front matter. */
  readonly sql: string;
  /** Line of the file on which `sql` starts, from 1. */
  readonly sqlLine: number;
  /** The whole file, LF line ends, without byte order mark. */
  readonly text: string;
  /** SHA-256 (hex) of `text`: the same on every platform, whatever git does to line ends. */
  readonly sha256: string;
  /** The file as the user knows it. */
  readonly file: string;
  /** True for a check of this package, which is locked by its hash. */
  readonly shipped: boolean;
}

/** A check file that cannot be used: code `CHECK_FILE`, exit code 2, place `file:line`. */
export function checkFileError(message: string, place: string, hint?: string): LakeError {
  return new LakeError('CHECK_FILE', message, { place, exitCode: EXIT.usage, ...(hint === undefined ? {} : { hint }) });
}

const OPENING = /^(?:\s|--[^\n]*\n)*\/\*[ \t]*@check(?=\s)/;
const CLOSING = /@check[ \t]*$/;

interface Parts {
  readonly yaml: string;
  /** Line of the file on which the YAML starts, from 1. */
  readonly yamlLine: number;
  readonly sql: string;
  readonly sqlLine: number;
}

function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let i = text.indexOf('\n'); i !== -1 && i < offset; i = text.indexOf('\n', i + 1)) line++;
  return line;
}

function splitCheckFile(text: string, file: string): Parts {
  const opening = OPENING.exec(text);
  if (opening === null) {
    throw checkFileError('a check file starts with its front matter: /* @check … @check */', `${file}:1`);
  }
  const start = opening[0].length;
  const yamlLine = lineOf(text, start);
  const end = text.indexOf('*/', start);
  const inside = end === -1 ? '' : text.slice(start, end);
  if (!CLOSING.test(inside)) {
    throw checkFileError('the front matter does not end with "@check */"', `${file}:${yamlLine}`);
  }
  const nested = inside.indexOf('/*');
  if (nested !== -1) {
    // DuckDB nests block comments, so the file would no longer be SQL that an analyst can paste.
    throw checkFileError(
      '"/*" inside the front matter opens a nested comment',
      `${file}:${lineOf(text, start + nested)}`,
    );
  }
  const body = text.slice(end + 2);
  const sql = body.trim();
  const sqlLine = lineOf(text, end + 2 + body.indexOf(sql));
  if (sql === '') throw checkFileError('there is no SELECT after the front matter', `${file}:${lineOf(text, end)}`);
  return { yaml: inside.replace(CLOSING, ''), yamlLine, sql, sqlLine };
}

/** The YAML line (from 1) of the deepest existing node on a path; `key` names a key of the map that is there. */
function lineAt(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let line = 1;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === step);
      if (pair === undefined) break;
      if (isScalar(pair.key) && pair.key.range) line = lines.linePos(pair.key.range[0]).line;
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step];
      if (isScalar(node) && node.range) line = lines.linePos(node.range[0]).line;
    } else break;
  }
  return line;
}

interface Problem {
  readonly line: number;
  readonly message: string;
  readonly hint?: string;
}

function dotted(path: readonly PropertyKey[]): string {
  return path.map(String).join('.');
}

function problemsOf(issue: z.core.$ZodIssue, lineFor: (path: readonly PropertyKey[]) => number): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      line: lineFor([...issue.path, key]),
      message: `unknown key "${dotted([...issue.path, key])}"`,
      hint: didYouMean(key, keysAt(issue.path)),
    }));
  }
  const name = dotted(issue.path);
  const line = lineFor(issue.path);
  if (issue.code === 'invalid_key')
    return [{ line, message: `"${name}": ${issue.issues[0]?.message ?? issue.message}` }];
  if (issue.message.endsWith('received undefined')) return [{ line, message: `"${name}" is missing` }];
  return [{ line, message: `${name === '' ? '' : `"${name}": `}${issue.message}` }];
}

const QUOTE_HINT = 'put comparisons and other text with special characters in quotes: error: "> 0"';

function parseFrontMatter(parts: Parts, file: string): FrontMatter {
  const lines = new LineCounter();
  const document = parseDocument(parts.yaml, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const fileLine = (line: number): number => parts.yamlLine + line - 1;
  // A warning here is an unresolved tag, which is what an unquoted `!= 0` becomes.
  const broken = document.errors[0] ?? document.warnings[0];
  if (broken !== undefined) {
    const place = `${file}:${fileLine(lines.linePos(broken.pos[0]).line)}`;
    throw checkFileError(`the front matter is not valid YAML: ${broken.message}`, place, QUOTE_HINT);
  }
  const parsed = frontMatterSchema.safeParse(document.toJS());
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues
    .flatMap((issue) => problemsOf(issue, (path) => fileLine(lineAt(document, lines, path))))
    .sort((a, b) => a.line - b.line);
  const [first, ...others] = problems;
  const rest = others.map(({ line, message }) => `; line ${line}: ${message}`).join('');
  throw checkFileError(
    `${first?.message ?? 'invalid'}${rest}`,
    `${file}:${first?.line ?? parts.yamlLine}`,
    first?.hint,
  );
}

/**
 * Parses one check file: YAML front matter in the block comment `/* @check … @check *\/`, then one SELECT.
 * The SQL itself is looked at by `inspectCheck`, which needs a session.
 * @param file the name for messages and reports.
 * @throws LakeError `CHECK_FILE` that names file and line.
 */
export function parseCheckFile(text: string, file: string, options: { readonly shipped?: boolean } = {}): Check {
  const clean = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  const parts = splitCheckFile(clean, file);
  return {
    ...parseFrontMatter(parts, file),
    sql: parts.sql,
    sqlLine: parts.sqlLine,
    text: clean,
    sha256: createHash('sha256').update(clean, 'utf8').digest('hex'),
    file,
    shipped: options.shipped ?? false,
  };
}
