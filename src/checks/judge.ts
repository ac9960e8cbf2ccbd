import type { Check } from './check-file.js';
import { isMet, valueText } from './threshold.js';

/** The level of one measured value. */
export type JudgedLevel = 'pass' | 'warn' | 'error';

export interface Judgement {
  readonly level: JudgedLevel;
  /** The rule that decided, `< 95` or `on_null`; null when the value passes. */
  readonly threshold: string | null;
  /** One sentence for people. */
  readonly message: string;
}

type Rules = Pick<Check, 'severity' | 'warn' | 'error' | 'on_empty' | 'on_null' | 'unit'>;

/** `severity` is the highest level that a check may report: `info` never rises above pass. */
function cap(level: JudgedLevel, severity: Rules['severity']): JudgedLevel {
  if (severity === 'info') return 'pass';
  return severity === 'warn' && level === 'error' ? 'warn' : level;
}

function decide(rules: Rules, level: JudgedLevel, because: { threshold: string; message: string }): Judgement {
  const capped = cap(level, rules.severity);
  return { level: capped, threshold: capped === 'pass' ? null : because.threshold, message: because.message };
}

/**
 * Judges one value: the error comparison first, then the warn comparison, as dbt does; then `severity` caps the level.
 * NULL is no value (NaN and infinities are passed as null too) and is judged by `on_null`, by default an error.
 */
export function judgeValue(rules: Rules, value: number | null): Judgement {
  if (value === null) {
    return decide(rules, rules.on_null ?? 'error', { threshold: 'on_null', message: 'the value is NULL' });
  }
  const shown = `${valueText(value, [rules.error, rules.warn])}${rules.unit ? ` ${rules.unit}` : ''}`;
  for (const level of ['error', 'warn'] as const) {
    const threshold = rules[level];
    if (threshold === undefined || !isMet(threshold, value)) continue;
    return decide(rules, level, { threshold: threshold.text, message: `${shown} is ${threshold.text}` });
  }
  return { level: 'pass', threshold: null, message: shown };
}

/** Judges a metric that returned no row at all: no rows is not success, so the default is a warning. */
export function judgeEmpty(rules: Rules): Judgement {
  return decide(rules, rules.on_empty ?? 'warn', { threshold: 'on_empty', message: 'the query returned no row' });
}
