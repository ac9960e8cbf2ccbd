import type { SourceRun } from '../context.js';
import { fileManifest } from '../events/write-event.js';
import type { FileEvent } from '../model.js';
import { listRawCopies, writeRawManifest } from './raw-copy.js';

async function writeManifest({ deps, ingestDate }: SourceRun, path: string, event: FileEvent): Promise<void> {
  const { error_message: _, ...manifest } = fileManifest(event, ingestDate).value;
  const described = { ...manifest, size_bytes: event.size ?? 0, notes: event.error };
  await writeRawManifest(deps.catalog.store, path, described);
}

/** Writes `manifest.json` beside the raw copies that events tell of. */
export async function writeRawManifests(run: SourceRun, events: readonly FileEvent[]): Promise<void> {
  for (const event of events) {
    const path = event.detail['raw_path'];
    if (typeof path === 'string') await writeManifest(run, path, event);
  }
}

/** The same for loads of runs that died between the commit and their manifests. */
export async function recoverRawManifests(run: SourceRun, events: readonly FileEvent[]): Promise<void> {
  if (!run.source.keepRaw || events.length === 0) return;
  for (const copy of await listRawCopies(run.deps.catalog.store, run.source.name)) {
    if (copy.manifest !== null) continue;
    const event = events.find(({ sha, rows }) => sha === copy.sha && rows !== null);
    if (event !== undefined) await writeManifest(run, copy.path, event);
  }
}
