import { describe, expect, it } from 'vitest';
import { judgeEmpty, judgeValue } from '../../../src/checks/judge.js';
import { parseThreshold } from '../../../src/checks/threshold.js';

const rules = {
  severity: 'error',
  warn: parseThreshold('< 99'),
  error: parseThreshold('< 95'),
  on_empty: undefined,
  on_null: undefined,
  unit: '%',
} as const;

describe('judging', () => {
  it('tries error before warn', () => {
    expect(judgeValue(rules, 90)).toMatchObject({ level: 'error', threshold: '< 95', message: '90 % is < 95' });
    expect(judgeValue(rules, 97)).toMatchObject({ level: 'warn', threshold: '< 99' });
    expect(judgeValue(rules, 99)).toMatchObject({ level: 'pass', threshold: null });
  });

  it('does not round before it compares', () => {
    expect(judgeValue(rules, 94.9999).level).toBe('error');
    expect(judgeValue(rules, 95).level).toBe('warn');
    expect(judgeValue(rules, 98.999999).level).toBe('warn');
  });

  it('severity is the highest level', () => {
    expect(judgeValue({ ...rules, severity: 'warn' }, 90)).toMatchObject({ level: 'warn', threshold: '< 95' });
    expect(judgeValue({ ...rules, severity: 'info' }, 90)).toMatchObject({ level: 'pass', threshold: null });
    expect(judgeValue({ ...rules, severity: 'warn', on_null: 'error' }, null).level).toBe('warn');
    expect(judgeEmpty({ ...rules, severity: 'warn', on_empty: 'error' }).level).toBe('warn');
    expect(judgeEmpty({ ...rules, severity: 'info', on_empty: 'error' }).level).toBe('pass');
  });

  it('NULL is an error and no rows a warning unless the check says otherwise', () => {
    expect(judgeValue(rules, null)).toMatchObject({ level: 'error', threshold: 'on_null' });
    expect(judgeValue({ ...rules, on_null: 'warn' }, null).level).toBe('warn');
    expect(judgeValue({ ...rules, on_null: 'pass' }, null)).toMatchObject({ level: 'pass', threshold: null });
    expect(judgeEmpty(rules)).toMatchObject({ level: 'warn', threshold: 'on_empty' });
    expect(judgeEmpty({ ...rules, on_empty: 'error' }).level).toBe('error');
    expect(judgeEmpty({ ...rules, on_empty: 'pass' }).level).toBe('pass');
  });
});
