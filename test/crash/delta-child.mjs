// A process that works on a table of accounts until it is done or killed. One line of JSON on standard output for what it has done.
// Arguments: folder, writer number, seed, how many operations (0: until killed), what it does ("write" or "checkpoint").
import { pathToFileURL } from 'node:url';

const { openTable, sql } = await import(
  process.env.DELTA_UNDER_TEST === undefined
    ? new URL('../../dist/delta.js', import.meta.url).href
    : pathToFileURL(process.env.DELTA_UNDER_TEST).href
);
const [folder, writer, seed, count, role] = process.argv.slice(2);
const ACCOUNTS = 64;

let state = (Number(seed) * 2_654_435_761) >>> 0 || 1;
function random(n) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  state >>>= 0;
  return state % n;
}

const { table, session, close } = openTable(folder, { engineInfo: `writer-${writer}/1` });
const say = (done) => process.stdout.write(`${JSON.stringify(done)}\n`);

let next = 0;
const notes = [];

function twoAccounts() {
  const from = random(ACCOUNTS);
  return [from, (from + 1 + random(ACCOUNTS - 1)) % ACCOUNTS, 1 + random(20)];
}

const OPERATIONS = {
  async update() {
    const [from, to, amount] = twoAccounts();
    return table.update({
      where: `id IN (${from}, ${to})`,
      set: { amount: `amount + CASE WHEN id = ${from} THEN -${amount} ELSE ${amount} END` },
    });
  },
  async merge() {
    const [from, to, amount] = twoAccounts();
    return table.mergeInto({
      source: sql(`SELECT * FROM (VALUES (${from}, -${amount}), (${to}, ${amount})) AS t(id, amount)`),
      on: 'target.id = source.id',
      whenMatched: [{ update: { amount: 'target.amount + source.amount' } }],
    });
  },
  async append() {
    const id = 1_000_000 * (Number(writer) + 1) + Number(seed) * 1000 + next++;
    const result = await table.append(sql(`SELECT ${id} AS id, 0 AS amount, ${id % 4} AS part`), {
      txn: { appId: `writer-${writer}-${seed}`, version: next },
    });
    notes.push(id);
    return { ...result, note: id };
  },
  /** Notes that every writer may be the first to insert. */
  async upsert() {
    const ids = [random(40), random(40)].map((n) => 500_000 + n);
    return table.mergeInto({
      source: sql(`SELECT DISTINCT id, 0 AS amount, id % 4 AS part FROM (VALUES (${ids[0]}), (${ids[1]})) AS t(id)`),
      on: 'target.id = source.id',
      whenMatched: [{ update: { part: 'source.part' } }],
      whenNotMatched: [{ insert: '*' }],
    });
  },
  async delete() {
    const id = notes.pop();
    if (id === undefined) return OPERATIONS.append();
    return { ...(await table.delete({ where: `id = ${id}` })), gone: id };
  },
  async optimize() {
    const { commits } = await table.optimize();
    return { commits };
  },
  async compact() {
    return { compacted: await table.compactNear((await table.snapshot()).files) };
  },
  async checkpoint() {
    return { checkpoint: await table.checkpoint() };
  },
  async vacuum() {
    return { vacuumed: (await table.vacuum()).files.length };
  },
};
const WEIGHTS = [
  'update',
  'update',
  'update',
  'merge',
  'merge',
  'append',
  'append',
  'upsert',
  'upsert',
  'delete',
  'delete',
];
const RARE = ['optimize', 'compact', 'compact', 'checkpoint', 'vacuum'];

async function write() {
  for (let done = 0; Number(count) === 0 || done < Number(count); done++) {
    const kind = random(8) === 0 ? RARE[random(RARE.length)] : WEIGHTS[random(WEIGHTS.length)];
    say({ kind, start: true, ...(kind === 'delete' ? { note: notes.at(-1) } : {}) });
    say({ kind, ...(await OPERATIONS[kind]()) });
  }
}

/** Reads and checkpoints the table again and again; every version that it sees must have the same total. */
async function checkpoint() {
  let asked = false;
  process.stdin.once('end', () => {
    asked = true;
  });
  process.stdin.resume();
  while (!asked) {
    const { table: fresh } = openTable(folder, { session: await session(), engineInfo: 'checkpoints/1' });
    const snapshot = await fresh.snapshot();
    const relation = await fresh.scan({ slot: 'total', snapshot, files: snapshot.files });
    const rows = await (await session()).rows(
      `SELECT count(*)::INTEGER AS rows, sum(amount)::INTEGER AS total FROM (${relation}) AS t WHERE id < ${ACCOUNTS}`,
    );
    say({ version: snapshot.version, ...rows[0] });
    await fresh.checkpoint();
  }
}

await (role === 'checkpoint' ? checkpoint() : write());
await close();
