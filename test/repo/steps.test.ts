import { expect, it } from 'vitest';
import { STEPS } from '../../src/ingest/index.js';
import { readText } from '../support/repository.js';

it('docs/exactly-once.md says of each step of a batch what is on disk after it', () => {
  const rows = [...readText('docs/exactly-once.md').matchAll(/^\| `(\w+)`\s+\|([^|]*)\|([^|]*)\|$/gm)];
  expect(rows.map(([, step]) => step)).toEqual([...STEPS]);
  for (const [, , onDisk = '', next = ''] of rows) {
    expect(onDisk.trim()).not.toBe('');
    expect(next.trim()).not.toBe('');
  }
});
