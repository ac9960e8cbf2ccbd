import { describe, expect, it } from 'vitest';
import {
  booleanProperty,
  checkpointInterval,
  countProperty,
  deletedFileRetention,
  logCleanupEnabled,
  logRetention,
  parseInterval,
} from '../../../src/delta/protocol/table-properties.js';

const DAY = 86_400_000;

describe('table properties', () => {
  it.each([
    ['interval 1 week', 7 * DAY],
    ['INTERVAL 30 DAYS', 30 * DAY],
    ['2 days 12 hours', 2.5 * DAY],
    ['interval 0 seconds', 0],
    ['interval 1 minute 1 second 1 millisecond', 61_001],
    ['interval 1 month', undefined],
    ['interval', undefined],
    ['', undefined],
    ['7', undefined],
    [undefined, undefined],
  ])('parseInterval(%j) is %j', (text, expected) => {
    expect(parseInterval(text)).toBe(expected);
  });

  it('what is no value counts as not set', () => {
    expect(booleanProperty({ x: ' TRUE ' }, 'x', false)).toBe(true);
    expect(booleanProperty({ x: 'False' }, 'x', true)).toBe(false);
    expect(booleanProperty({ x: 'yes' }, 'x', true)).toBe(true);
    expect(booleanProperty({ x: 'yes' }, 'x', false)).toBe(false);
    expect(countProperty({ x: '12' }, 'x')).toBe(12);
    for (const x of ['-1', '1.5', '', '99999999999999999999']) expect(countProperty({ x }, 'x')).toBeUndefined();
    for (const value of ['0', '-5', 'x']) expect(checkpointInterval({ 'delta.checkpointInterval': value })).toBe(10);
    expect(checkpointInterval({ 'delta.checkpointInterval': '100' })).toBe(100);
    expect(deletedFileRetention({})).toBe(7 * DAY);
    expect(logRetention({})).toBe(30 * DAY);
    expect(logRetention({ 'delta.logRetentionDuration': 'interval 2 days' })).toBe(2 * DAY);
    expect(logCleanupEnabled({})).toBe(true);
    expect(logCleanupEnabled({ 'delta.enableExpiredLogCleanup': 'false' })).toBe(false);
  });
});
