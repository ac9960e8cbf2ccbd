import { expect, test } from 'vitest';
import { exactNumber, numberText, parseExactJson, renderExactJson } from '../../../../src/delta/protocol/exact-json.js';

test.each([
  '9223372036854775807',
  '-9223372036854775808',
  '12345678901234567890.123456789',
  '0.1234567890123456789',
  '1.2345678901234567e300',
  '0',
  '-1.5',
])('%s keeps every digit', (text) => {
  const parsed = parseExactJson(`{"a":[${text}]}`) as { a: [never] };
  expect(numberText(parsed.a[0])).toBe(text);
  expect(renderExactJson(parsed)).toBe(`{"a":[${text}]}`);
});

test('digits inside strings and keys stay strings', () => {
  const text = '{"12345678901234567890":"x\\"12345678901234567890","n":12345678901234567890,"back\\\\":1}';
  const parsed = parseExactJson(text) as Record<string, never>;
  expect(parsed['12345678901234567890']).toBe('x"12345678901234567890');
  expect(parsed['back\\']).toBe(1);
  expect(renderExactJson(parsed)).toBe(text);
});

test('a text that only looks like a number is no number', () => {
  for (const text of ['', '01', '1.', '.5', '+1', 'NaN', 'inf', '1e', '1,2', ' 1', '0x10', '--1'])
    expect(exactNumber(text), text).toBeUndefined();
  expect(() => parseExactJson('{"a":012345678901234567890}')).toThrow(SyntaxError);
  expect(() => parseExactJson('{"a":12345678901234567890.}')).toThrow(SyntaxError);
});

test('infinite results and other types are no numbers', () => {
  expect(numberText(parseExactJson('1e999'))).toBeUndefined();
  expect(numberText('1')).toBeUndefined();
  expect(numberText({ '\u0000number': '"},{"' })).toBeUndefined();
  expect(numberText(undefined)).toBeUndefined();
});

test('a hostile marker cannot break out of the JSON text', () => {
  const text = renderExactJson({ '\u0000number': '1,"x":2' });
  expect(JSON.parse(text)).toEqual({ '\u0000number': '1,"x":2' });
});
