import { describe, expect, it } from 'vitest';
import { commonType, declaredType, storedType } from '../../../src/ingest/schema/typed-columns.js';

describe('types', () => {
  it.each([
    ['BIGINT', 'BIGINT', 'BIGINT'],
    ['BIGINT', 'NULL', 'BIGINT'],
    ['NULL', 'DATE', 'DATE'],
    ['INTEGER', 'BIGINT', 'BIGINT'],
    ['TINYINT', 'INTEGER', 'INTEGER'],
    ['BIGINT', 'DOUBLE', 'DOUBLE'],
    ['FLOAT', 'SMALLINT', 'DOUBLE'],
    ['TIMESTAMP', 'DATE', 'TIMESTAMP'],
    ['TIMESTAMP', 'TIMESTAMP WITH TIME ZONE', 'VARCHAR'],
    ['BOOLEAN', 'BIGINT', 'VARCHAR'],
    ['DECIMAL(5,2)', 'DECIMAL(6,2)', 'VARCHAR'],
  ])('%s and %s have %s in common', (a, b, common) => {
    expect([commonType(a, b), commonType(b, a)]).toEqual([common, common]);
  });

  it.each([
    ['text', 'VARCHAR'],
    [' int ', 'INTEGER'],
    ['timestamptz', 'TIMESTAMP WITH TIME ZONE'],
    ['numeric(12, 2)', 'DECIMAL(12,2)'],
    ['decimal', 'DECIMAL(18,3)'],
    ['integer[]', 'INTEGER[]'],
    ['bytes', 'BLOB'],
  ])('%j in a configuration is %s', (text, type) => {
    expect(declaredType('c', text)).toBe(type);
  });

  it.each(['uuid', 'hugeint', "varchar'); DROP TABLE x; --", 'constructor', ''])(
    '%j in a configuration is refused',
    (text) => {
      expect(() => declaredType('c', text)).toThrow(expect.objectContaining({ exitCode: 2 }));
    },
  );

  it('of a file that Delta has not are stored without loss', () => {
    expect(storedType('constructor')).toEqual({ type: 'VARCHAR', note: 'kept as text: Delta has no type constructor' });
    expect(storedType('"NULL"')).toEqual({ type: 'NULL' });
    expect(storedType('UBIGINT')).toEqual({ type: 'DECIMAL(20,0)', note: 'UBIGINT is kept as DECIMAL(20,0)' });
  });
});
