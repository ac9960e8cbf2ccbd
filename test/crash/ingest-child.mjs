// A process that ingests the files below its folder and kills itself at a step. Arguments: folder, configuration of the source as JSON, step, which occurrence of it; without a
// step it prints every step that it comes to.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const { Lake, resolveSource } = await import(
  process.env.LAKE_UNDER_TEST === undefined
    ? new URL('../../dist/index.js', import.meta.url).href
    : pathToFileURL(process.env.LAKE_UNDER_TEST).href
);
const [folder, config, step, occurrence] = process.argv.slice(2);
const lake = await Lake.open({ root: join(folder, 'lake') });
const source = await resolveSource('s', JSON.parse(config), { folder });
let left = Number(occurrence);
const result = await lake.ingest(
  { sources: [source] },
  {
    onStep: (reached) => {
      if (step === undefined) process.stdout.write(`${reached}\n`);
      else if (reached === step && --left === 0) process.kill(process.pid, 'SIGKILL');
    },
  },
);
await lake.close();
if (step !== undefined) process.stdout.write(`${JSON.stringify(result)}\n`);
