import { describe, expect, test } from 'vitest';
import {
  decodePath,
  encodePath,
  isAbsolutePath,
  partitionFolder,
  resolveDataPath,
} from '../../../../src/delta/protocol/paths.js';

describe('add.path', () => {
  test.each([
    ['part-00000.parquet', 'part-00000.parquet'],
    ['x=A%2FA/f.parquet', 'x=A%252FA/f.parquet'],
    ['x=B B/f.parquet', 'x=B%20B/f.parquet'],
    ['x=é/f.parquet', 'x=é/f.parquet'],
    ['x=a\u00a0b\u3000/f', 'x=a%C2%A0b%E3%80%80/f'],
    ['a#b?c[d]^e`f{g|h}"<i>\\j', 'a%23b%3Fc%5Bd%5D%5Ee%60f%7Bg%7Ch%7D%22%3Ci%3E%5Cj'],
    ["keep-_.!~'()*,;:$&+=@/all", "keep-_.!~'()*,;:$&+=@/all"],
    ['a:b.parquet', 'a%3Ab.parquet'],
    ['tab\tnewline\n\u007f', 'tab%09newline%0A%7F'],
  ])('%j is written as %j', (name, path) => {
    expect(encodePath(name)).toBe(path);
    expect(decodePath(path)).toBe(name);
    expect(isAbsolutePath(path)).toBe(false);
  });

  test.each([
    ['x=%C3%A9', 'x=é'],
    ['100%', '100%'],
    ['a%zz%4', 'a%zz%4'],
    ['%ff', '%ff'],
    ['%E2%82', '%E2%82'],
    ['%25%32%46', '%2F'],
    ['a+b', 'a+b'],
    ['%EF%BB%BFx', '\ufeffx'],
  ])('%j is decoded once, to %j', (path, name) => expect(decodePath(path)).toBe(name));
});

describe('places', () => {
  test.each([
    ['/lake/t', 'p=1/a%20b.parquet', '/lake/t/p=1/a b.parquet'],
    ['/lake/t/', 'a.parquet', '/lake/t/a.parquet'],
    ['s3://bucket/t', 'a%2520b', 's3://bucket/t/a%20b'],
    ['/lake/t', '/other/a%20b', '/other/a b'],
    ['/lake/t', 'file:/other/a%20b', '/other/a b'],
    ['/lake/t', 'file:///other/a', '/other/a'],
    ['/lake/t', 'file://localhost/other/a', '/other/a'],
    ['/lake/t', 's3://bucket/a%20b', 's3://bucket/a b'],
  ])('in %s the path %s is %s', (root, path, place) => expect(resolveDataPath(root, path)).toBe(place));

  test.each([
    ['part.parquet', false],
    ['x=a%3Ab/part', false],
    ['x=1/a:b', false],
    ['/a', true],
    ['s3a://b/c', true],
    ['file:/a', true],
  ])('%s absolute: %s', (path, absolute) => expect(isAbsolutePath(path)).toBe(absolute));
});

test('partition folders are escaped as Hive does, null and "" alike', () => {
  const values = { a: 'x/y z', b: null, c: '', d: '{é}[^]%\u0001"#\'*:=?\\' };
  expect(partitionFolder(['a', 'b', 'c', 'd'], values)).toBe(
    'a=x%2Fy z/b=__HIVE_DEFAULT_PARTITION__/c=__HIVE_DEFAULT_PARTITION__/d=%7Bé}%5B%5E%5D%25%01%22%23%27%2A%3A%3D%3F%5C',
  );
  expect(partitionFolder(['we=ird'], { 'we=ird': '1' })).toBe('we%3Dird=1');
});
