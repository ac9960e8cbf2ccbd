import { basename } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { filesBelow, readText } from '../support/repository.js';

const sources = filesBelow('src', '.ts');
const SQL_START =
  /^\s*(?:SELECT\s|WITH\s+\w+\s+AS\s*\(|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|MERGE\s+INTO\s|COPY\s*\(|CREATE\s+(?:OR\s+REPLACE\s+)?(?:TEMP\w*\s+)?(?:TABLE|VIEW|SCHEMA|MACRO|INDEX)\s|DROP\s+(?:TABLE|VIEW|SCHEMA)\s|ALTER\s+TABLE\s|ATTACH\s+'|PRAGMA\s+\w|EXPLAIN\s+\S|DESCRIBE\s+\S|SUMMARIZE\s+\S|FROM\s+\w+\.\w|SET\s+\w+\s*=)/;
/** In any case of letters, where no sentence could be meant. */
const SQL_ANY_CASE =
  /^\s*(?:select\s[\s\S]*\sfrom\s|insert\s+into\s|delete\s+from\s|merge\s+into\s|create\s+(?:or\s+replace\s+)(?:temp\w*\s+)?(?:table|view)\s|copy\s*\()/i;

function stringLiterals(path: string): { readonly text: string; readonly line: number }[] {
  const file = ts.createSourceFile(path, readText(path), ts.ScriptTarget.ES2022, true);
  const found: { text: string; line: number }[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || node.kind === ts.SyntaxKind.TemplateHead) {
      const { line } = file.getLineAndCharacterOfPosition(node.getStart());
      found.push({ text: (node as ts.LiteralLikeNode).text, line: line + 1 });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

describe('source files', () => {
  it('are there', () => {
    expect(sources.length).toBeGreaterThan(80);
  });

  it.each(sources)('%s keeps the house rules', (path) => {
    const text = readText(path);
    const lines = text.trimEnd().split('\n');
    expect(lines.length, 'lines of the file').toBeLessThanOrEqual(400);
    expect(basename(path)).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*\.ts$/);
    expect(text, 'standard output belongs to the commands').not.toMatch(/\bconsole\s*\./);
    const sql = stringLiterals(path).filter(({ text }) => SQL_START.test(text) || SQL_ANY_CASE.test(text));
    expect(sql, 'SQL belongs into sql/').toEqual([]);
  });

  it('finds SQL where there is some', () => {
    const found = [
      'SELECT 1',
      'with x as (select 1)',
      'insert into t values (1)',
      'Create a lake',
      'MERGE',
      'select one',
    ];
    expect(found.filter((text) => SQL_START.test(text) || SQL_ANY_CASE.test(text))).toEqual([
      'SELECT 1',
      'insert into t values (1)',
    ]);
  });

  const doors = sources.filter((path) => basename(path) === 'index.ts' && path !== 'src/cli/commands/index.ts');
  it.each(doors)('%s only re-exports', (path) => {
    const file = ts.createSourceFile(path, readText(path), ts.ScriptTarget.ES2022, true);
    const others = file.statements.filter(
      (statement) => !(ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined),
    );
    expect(others.map((statement) => statement.getText())).toEqual([]);
  });
});

interface SqlRead {
  readonly path: string;
  readonly area: string | undefined;
  /** One name, or those of a choice (`a ? 'x' : 'y'`). */
  readonly names: readonly string[];
}

function literals(node: ts.Expression | undefined): string[] {
  if (node === undefined) return [];
  if (ts.isStringLiteralLike(node)) return [node.text];
  return ts.isConditionalExpression(node) ? [...literals(node.whenTrue), ...literals(node.whenFalse)] : [];
}

/** Every `readSqlFile(area, name)` in the sources. */
function sqlReads(): SqlRead[] {
  return sources.flatMap((path) => {
    const found: SqlRead[] = [];
    const visit = (node: ts.Node): void => {
      if (ts.isCallExpression(node) && node.expression.getText() === 'readSqlFile') {
        const [area, name] = node.arguments;
        found.push({ path, area: literals(area)[0], names: literals(name) });
      }
      ts.forEachChild(node, visit);
    };
    visit(ts.createSourceFile(path, readText(path), ts.ScriptTarget.ES2022, true));
    return found;
  });
}

describe('sql/', () => {
  const files = filesBelow('sql', '.sql');

  it('is read by literal names only, so that these tests see every use', () => {
    expect(sqlReads().filter(({ area, names }) => area === undefined || names.length === 0)).toEqual([]);
  });

  it('is read by the folder of the same name only', () => {
    expect(sqlReads().filter(({ path, area }) => !path.startsWith(`src/${area}/`))).toEqual([]);
  });

  it('has every file that is read, and none that is not', () => {
    const wanted = new Set(sqlReads().flatMap(({ area, names }) => names.map((name) => `sql/${area}/${name}.sql`)));
    // Checks are found by listing their folder; a Spark twin belongs to the file beside it.
    const present = files.filter((path) => !/^sql\/checks\/[^/]+\/v\d+\.sql$/.test(path));
    const twins = present.filter((path) => path.endsWith('.spark.sql'));
    expect(twins.filter((path) => !files.includes(path.replace('.spark.sql', '.sql')))).toEqual([]);
    expect(present.filter((path) => !twins.includes(path))).toEqual([...wanted].sort());
  });

  it.each(files)('%s has a plain name and no trailing blanks', (path) => {
    expect(path).toMatch(/^sql\/[a-z0-9/_-]+(\.spark)?\.sql$/);
    expect(readText(path)).not.toMatch(/[ \t]+$/m);
  });
});
