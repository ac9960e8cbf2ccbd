import { z } from 'zod';

const DURATION = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A length of time in a configuration: a number and a unit. */
export const durationSchema = z
  .string()
  .regex(DURATION, { error: 'must be a number and a unit: 500ms, 30s, 5m, 1h, 2d' });

/** Milliseconds of a duration that the schema let through. */
export function durationMs(value: string): number {
  const [, number = '0', unit = 'ms'] = DURATION.exec(value) ?? [];
  return Math.round(Number(number) * (UNIT_MS[unit] ?? 1));
}
