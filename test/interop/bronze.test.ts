import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { adHocSource } from '../../src/ingest/index.js';
import { openLake } from '../support/lake.js';
import { tempFolder } from '../support/temp-folder.js';
import { missingTools } from './installed.js';
import { expectSameTable } from './journey.js';
import { type Place, TOOLS, tool } from './tools.js';

const MONDAY =
  'code,sold,at,price,note\n01,5,2026-03-02 06:00:00,3.50,\n02,7,2026-03-02T07:30:00,4.25,"Ünïcode, quoted"\n';
const TUESDAY =
  'code,sold,at,price,note,day,zoned\n01,many,2026-03-03 06:00:00,3.75,x,2026-03-03,2026-03-03T06:00:00+01:00\n';

describe.skipIf(missingTools().length > 0)('bronze tables', () => {
  it('that were ingested, grown and corrected have the same rows for everybody', async () => {
    const inbox = tempFolder();
    const lake = await openLake();
    const source = adHocSource({ files: [inbox], into: 'bronze.prices', cwd: inbox });
    const ingest = (files: Readonly<Record<string, string>>) => {
      for (const [name, text] of Object.entries(files)) writeFileSync(join(inbox, name), text);
      return lake.ingest({ sources: [source] });
    };
    await ingest({ 'monday.csv': MONDAY });
    await ingest({
      'tuesday.csv': TUESDAY,
      'events.ndjson': '{"code":"03","sold":12345678901234567890,"tags":["a"]}\n',
    });
    const corrected = await ingest({ 'monday.csv': MONDAY.replace('3.50', '3.60') });
    expect(corrected.files.find(({ diff }) => diff !== null)?.diff).toEqual({ added: 1, removed: 1, changed: 0 });
    const { path, version } = await lake.catalog.table('bronze.prices').snapshot();
    const scratch = tempFolder();
    mkdirSync(scratch, { recursive: true });
    const place: Place = { folder: path, scratch, session: await lake.session(), marks: [version] };
    for (const name of TOOLS) {
      const one = await tool(name);
      await expectSameTable(one, place, await one.read(place, [version], true));
    }
  });
});
