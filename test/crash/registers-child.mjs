// A process that adds records to a register until it is done or killed. One line with the SHA-256 on standard output for each that was acknowledged.
// Arguments: folder, writer, seed, how many (0: until killed), objects of the journal until they are made one.
import { createHash } from 'node:crypto';
import { pathToFileURL } from 'node:url';

const { LocalStore, RegisterFactory } = await import(
  process.env.LAKE_UNDER_TEST === undefined
    ? new URL('../../dist/index.js', import.meta.url).href
    : pathToFileURL(process.env.LAKE_UNDER_TEST).href
);
const [folder, writer, seed, count, journalLimit] = process.argv.slice(2);
const manager = await new RegisterFactory().open('downloads', {
  store: new LocalStore(folder),
  name: 'systems_download.manifest.json',
  etlVersion: '1.0.0',
  journalLimit: Number(journalLimit),
});
for (let i = 0; Number(count) === 0 || i < Number(count); i++) {
  // Every fourth content is one that every writer has.
  const content = i % 4 === 3 ? `shared-${seed}-${i}` : `own-${writer}-${seed}-${i}`;
  const sha256 = createHash('sha256').update(content).digest('hex');
  await manager.addFromEvent(
    { source_id: `source-${writer}`, dataset: 'systems', state: { last_etag: `"${i}"` } },
    { sha256, file_path: `data/raw/${content}`, file_size_bytes: 1 + i, ts_download_completed: new Date() },
  );
  process.stdout.write(`${sha256}\n`);
}
