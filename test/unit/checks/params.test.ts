import { describe, expect, it } from 'vitest';
import { assertKnownParams, type ParamSpec, parseParam, resolveParams } from '../../../src/checks/params.js';

const context = { today: '2026-02-03', now: '2026-02-03T04:05:06.000Z', ledger_key: 'file_sha' };

function resolve(specs: Record<string, ParamSpec>, given: Record<string, string> = {}): unknown {
  return resolveParams({ specs, given, context, check: 'example' });
}

describe('parameters', () => {
  it.each<[ParamSpec['type'], string, unknown]>([
    ['integer', '7', 7],
    ['integer', '-7', -7],
    ['number', '0.5', 0.5],
    ['number', '1e3', 1000],
    ['text', ' a ', ' a '],
    ['text', "'; DROP TABLE x", "'; DROP TABLE x"],
    ['date', '2024-02-29', '2024-02-29'],
    ['date', '0001-01-01', '0001-01-01'],
    ['timestamp', '2024-02-29', '2024-02-29T00:00:00Z'],
    ['timestamp', '2024-02-29 12:30', '2024-02-29T12:30Z'],
    ['timestamp', '2024-02-29T12:30:00.123456+02:00', '2024-02-29T12:30:00.123456+02:00'],
    ['boolean', 'true', true],
    ['boolean', 'false', false],
  ])('%s "%s"', (type, raw, value) => expect(parseParam({ type }, raw)).toBe(value));

  it.each<[ParamSpec['type'], string]>([
    ['integer', '1.5'],
    ['integer', ''],
    ['integer', '9007199254740993'],
    ['integer', '0x10'],
    ['number', ''],
    ['number', 'NaN'],
    ['number', '1e999'],
    ['date', '2023-02-29'],
    ['date', '2023-2-9'],
    ['date', 'today'],
    ['timestamp', '2023-02-29T00:00:00Z'],
    ['timestamp', '2023-02-28T25:00:00Z'],
    ['boolean', '1'],
  ])('refuses %s "%s"', (type, raw) => expect(() => parseParam({ type }, raw)).toThrow('expected'));

  it('limits include their ends', () => {
    const days: ParamSpec = { type: 'integer', min: 1, max: 3 };
    expect([parseParam(days, '1'), parseParam(days, '3')]).toEqual([1, 3]);
    expect(() => parseParam(days, '0')).toThrow('at least 1');
    expect(() => parseParam(days, '4')).toThrow('at most 3');
    expect(() => parseParam({ type: 'date', min: '2020-01-01' }, '2019-12-31')).toThrow('at least 2020-01-01');
    expect(() => parseParam({ type: 'text', values: ['a', 'b'] }, 'c')).toThrow('one of a, b');
  });

  it('takes what is given, then the default, then what the runner knows', () => {
    const specs: Record<string, ParamSpec> = {
      days: { type: 'integer', default: 7 },
      as_of: { type: 'date', default: '$today' },
      now: { type: 'timestamp', default: '$now' },
      key: { type: 'text', default: '$ledger_key' },
      money: { type: 'text', default: '0' },
    };
    expect(resolve(specs)).toEqual({ days: 7, as_of: '2026-02-03', now: context.now, key: 'file_sha', money: '0' });
    expect(resolve(specs, { days: '0', as_of: '2020-01-01', money: '$today', other: 'x' })).toMatchObject({
      days: 0,
      as_of: '2020-01-01',
      money: '$today',
    });
  });

  it('a parameter without value or with a wrong one is a usage error that names the check', () => {
    expect(() => resolve({ days: { type: 'integer' } })).toThrow('check example needs the parameter days');
    expect(() => resolve({ days: { type: 'integer', default: 1 } }, { days: 'x' })).toThrow(
      'check example, parameter days: expected a whole number, got "x"',
    );
    expect(() => resolve({ valueOf: { type: 'integer' } as ParamSpec })).toThrow('needs the parameter valueOf');
  });

  it('a name that no selected check has is a usage error with the near name', () => {
    const days: ParamSpec = { type: 'integer' };
    const checks = [{ params: { days } }, { params: {} }];
    expect(() => assertKnownParams({ days: '1' }, checks)).not.toThrow();
    expect(() => assertKnownParams({ dasy: '1' }, checks)).toThrow(
      expect.objectContaining({ code: 'USAGE', exitCode: 2, hint: 'did you mean "days"?' }),
    );
  });
});
