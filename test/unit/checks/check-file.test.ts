import { describe, expect, it } from 'vitest';
import { LakeError } from '../../../src/base/lake-error.js';
import { checkJsonSchema, parseCheckFile } from '../../../src/checks/index.js';

const GOOD = `/* @check
name: example
version: 3
title: An example
severity: error
result: metric
grain: [day]
warn: "< 99"
error: "between 1 and 5"
params:
  days: { type: integer, default: 7, min: 1, max: 400, description: Days back }
  as_of: { type: date, default: $today }
tags: [daily]
@check */
SELECT day, 1 AS value FROM s.t WHERE d > $days AND $as_of IS NOT NULL;
`;

function failure(text: string): LakeError {
  try {
    parseCheckFile(text, 'my/example.sql');
  } catch (error) {
    if (error instanceof LakeError) return error;
    throw error;
  }
  throw new Error('no error');
}

describe('check files', () => {
  it('parses front matter and SQL', () => {
    const check = parseCheckFile(GOOD, 'my/example.sql');
    expect(check).toMatchObject({
      name: 'example',
      version: 3,
      grain: ['day'],
      warn: { op: '<', bound: 99 },
      error: { op: 'between', low: 1, high: 5 },
      samples: 20,
      redact: [],
      sqlLine: 15,
      shipped: false,
      params: { days: { type: 'integer', default: 7, min: 1, max: 400 }, as_of: { default: '$today' } },
    });
    expect(check.sql).toMatch(/^SELECT day/);
    expect(check.on_empty).toBeUndefined();
  });

  it('has the same hash whatever the line ends are, another one for another text', () => {
    const { sha256 } = parseCheckFile(GOOD, 'a.sql');
    expect(parseCheckFile(`\uFEFF${GOOD.replaceAll('\n', '\r\n')}`, 'b.sql').sha256).toBe(sha256);
    expect(parseCheckFile(GOOD.replace('99', '98'), 'a.sql').sha256).not.toBe(sha256);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('may start with line comments', () => {
    expect(parseCheckFile(`-- licence\n\n${GOOD}`, 'a.sql').sqlLine).toBe(17);
  });

  it.each([
    ['unknown key', GOOD.replace('grain:', 'grian:'), 7, 'unknown key "grian"', 'did you mean "grain"?'],
    ['unknown parameter key', GOOD.replace('min: 1', 'minn: 1'), 11, 'unknown key "params.days.minn"', '"min"'],
    ['missing key', GOOD.replace('title: An example\n', ''), 1, '"title" is missing', ''],
    ['wrong enum', GOOD.replace('severity: error', 'severity: fatal'), 5, '"severity"', ''],
    ['bad threshold', GOOD.replace('"< 99"', '"less than 99"'), 8, '"less than 99" is not a comparison', ''],
    ['threshold that is a number', GOOD.replace('"< 99"', '99'), 8, 'expected one comparison in quotes', ''],
    ['unquoted >', GOOD.replace('"< 99"', '> 99'), 8, 'not valid YAML', 'in quotes'],
    ['unquoted !=', GOOD.replace('"< 99"', '!= 99'), 8, 'not valid YAML', 'in quotes'],
    ['duplicate key', GOOD.replace('title:', 'name:'), 4, 'not valid YAML', ''],
    ['version 0', GOOD.replace('version: 3', 'version: 0'), 3, '"version"', ''],
    ['version 1.5', GOOD.replace('version: 3', 'version: 1.5'), 3, '"version"', ''],
    ['bad name', GOOD.replace('name: example', 'name: Ex-ample'), 2, 'lower case', ''],
    ['bad parameter name', GOOD.replace('days: {', 'Days: {'), 11, 'lower case', ''],
    ['default out of range', GOOD.replace('default: 7', 'default: 401'), 11, 'must be at most 400', ''],
    ['default of another type', GOOD.replace('default: 7', 'default: soon'), 11, 'a whole number', ''],
    ['unknown $ default', GOOD.replace('$today', '$tody'), 12, '"$tody" is not known', ''],
    ['$ default of another type', GOOD.replace('$today', '$now'), 12, 'is a timestamp, the parameter a date', ''],
    ['min of text', GOOD.replace('type: integer', 'type: text'), 11, 'has no min', ''],
    ['value as grain', GOOD.replace('[day]', '[value]'), 7, '"value" is the measured column', ''],
    ['grain twice', GOOD.replace('[day]', '[day, day]'), 7, 'listed twice', ''],
    ['grain of rows', GOOD.replace('metric', 'rows'), 7, '"grain": belongs to', ''],
    ['nested comment', GOOD.replace('An example', 'see docs/*.md'), 4, 'nested comment', ''],
    ['no front matter', 'SELECT 1', 1, 'starts with its front matter', ''],
    ['ordinary comment', '/* check */ SELECT 1', 1, 'starts with its front matter', ''],
    ['front matter without end', '/* @check\nname: a\nSELECT 1', 1, 'does not end with "@check */"', ''],
    ['comment without @check at the end', '\n/* @check\nname: a\n*/ SELECT 1', 2, 'does not end', ''],
    ['no SQL', GOOD.slice(0, GOOD.indexOf('SELECT')), 14, 'no SELECT', ''],
    ['front matter that is a list', '/* @check\n- a\n@check */ SELECT 1', 1, 'expected object', ''],
    ['empty front matter', '/* @check\n@check */ SELECT 1', 1, 'expected object', ''],
  ])('%s: file, line and reason', (...[, text, line, message, hint]) => {
    const error = failure(text);
    expect(error.message).toContain(message);
    expect(error.place).toBe(`my/example.sql:${line}`);
    expect(error.hint ?? '').toContain(hint);
    expect(error).toMatchObject({ code: 'CHECK_FILE', exitCode: 2 });
  });

  it('names every problem with its line, in order', () => {
    const error = failure(GOOD.replace('grain:', 'grian:').replace('severity: error', 'severity: fatal'));
    expect(error.place).toBe('my/example.sql:5');
    expect(error.message).toMatch(/^"severity".*; line 7: unknown key "grian"$/);
  });

  it('a check that could never fire is refused, a list is not', () => {
    const silent = GOOD.replace('warn: "< 99"\n', '').replace('error: "between 1 and 5"\n', '');
    expect(failure(silent).message).toContain('could never fire');
    expect(parseCheckFile(silent.replace('severity: error', 'severity: info'), 'a.sql').warn).toBeUndefined();
  });

  it('on_empty and on_null belong to metrics', () => {
    const rows = GOOD.replace('metric', 'rows').replace('grain: [day]\n', 'on_empty: warn\non_null: warn\n');
    expect(failure(rows).message).toMatch(/"on_empty": belongs.*line 8: "on_null": belongs/);
  });

  it('publishes a JSON Schema that forbids other keys', () => {
    expect(checkJsonSchema()).toMatchObject({ type: 'object', additionalProperties: false });
    expect(JSON.stringify(checkJsonSchema())).toContain('"on_empty"');
  });
});
