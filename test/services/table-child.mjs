// A process that runs a source and kills itself at a step. What it does comes as JSON in the environment variable TABLE_RUN, for the connection has a password: the folder of the lake,
// the source, the request, the step and which occurrence of it; without a step it prints every step that it comes to.

import { pathToFileURL } from 'node:url';

const { Lake } = await import(
  process.env.LAKE_UNDER_TEST === undefined
    ? new URL('../../dist/index.js', import.meta.url).href
    : pathToFileURL(process.env.LAKE_UNDER_TEST).href
);
const { root, source, request, step, occurrence } = JSON.parse(process.env.TABLE_RUN);
const lake = await Lake.open({ root });
let left = occurrence;
await lake.ingest(
  { sources: [source], ...request },
  {
    onStep: (reached) => {
      if (step === undefined) process.stdout.write(`${reached}\n`);
      else if (reached === step && --left === 0) process.kill(process.pid, 'SIGKILL');
    },
  },
);
await lake.close();
