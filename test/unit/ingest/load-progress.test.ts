import { describe, expect, it } from 'vitest';
import type { ProgressEvent } from '../../../src/base/progress.js';
import { LoadProgress } from '../../../src/ingest/load/load-progress.js';

const A = { path: 'a.csv', size: 100 };
const B = { path: 'b.csv', size: 300 };

describe('LoadProgress', () => {
  it('counts files and bytes of the whole, and the bytes of the file at work', () => {
    const events: ProgressEvent[] = [];
    const progress = new LoadProgress((event) => events.push(event), [A, B]);
    const last = () => events.at(-1);
    progress.begin(A);
    expect(last()).toEqual({
      phase: 'ingest',
      done: 0,
      total: 2,
      unit: 'files',
      bytes: { done: 0, total: 400 },
      file: { path: 'a.csv', done: 0, total: 100 },
    });
    progress.read(60);
    expect(last()).toMatchObject({ bytes: { done: 60 }, file: { done: 60 } });
    progress.end();
    expect(last()).toMatchObject({ done: 1, bytes: { done: 100 } });
    expect(last()).not.toHaveProperty('file');
    progress.begin(B);
    progress.read(30);
    expect(last()).toMatchObject({ done: 1, bytes: { done: 130 }, file: { path: 'b.csv', done: 30, total: 300 } });
    // A file that failed early counts as done.
    progress.end();
    expect(last()).toMatchObject({ done: 2, bytes: { done: 400, total: 400 } });
  });

  it('is never more than whole, when a file is read again or a batch is loaded file by file', () => {
    const events: ProgressEvent[] = [];
    const progress = new LoadProgress((event) => events.push(event), [A]);
    for (let i = 0; i < 2; i++) {
      progress.begin(A);
      progress.read(90);
      progress.read(90);
      expect(events.at(-1)).toMatchObject({ bytes: { done: 100 }, file: { done: 100 } });
      progress.end();
    }
    expect(events.at(-1)).toMatchObject({ done: 1, total: 1, bytes: { done: 100, total: 100 } });
  });

  it('costs nothing when nobody listens', () => {
    const progress = new LoadProgress(undefined, [A]);
    expect(() => progress.begin(A)).not.toThrow();
  });
});
