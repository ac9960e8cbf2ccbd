import { LakeError } from '../../base/lake-error.js';
import type { Snapshot } from '../log/snapshot.js';
import type { Metadata } from '../protocol/actions.js';
import { type ColumnMappingMode, columnMappingMode, physicalName } from '../protocol/column-mapping.js';
import { type DeltaField, type DeltaType, parseSchema } from '../protocol/schema.js';
import { booleanProperty } from '../protocol/table-properties.js';
import { canWiden } from '../protocol/type-widening.js';

interface Modes {
  readonly old: ColumnMappingMode;
  readonly end: ColumnMappingMode;
}

/** Why rows of the old type cannot be shown as the end type; undefined when they can. */
function typeProblem(old: DeltaType, end: DeltaType, modes: Modes): string | undefined {
  if (old.kind === 'primitive' && end.kind === 'primitive') {
    const same = old.name === end.name || canWiden(old, end);
    return same ? undefined : `was of type ${old.name} and is of type ${end.name}`;
  }
  if (old.kind === 'array' && end.kind === 'array') return typeProblem(old.element, end.element, modes);
  if (old.kind === 'map' && end.kind === 'map') {
    return typeProblem(old.key, end.key, modes) ?? typeProblem(old.value, end.value, modes);
  }
  if (old.kind === 'struct' && end.kind === 'struct') return fieldsProblem(old.fields, end.fields, modes);
  return `was of type ${old.kind} and is of type ${end.kind}`;
}

function fieldsProblem(old: readonly DeltaField[], end: readonly DeltaField[], modes: Modes): string | undefined {
  for (const field of old) {
    const now = end.find(({ name }) => name === field.name);
    if (now === undefined) return `the column "${field.name}" was dropped or renamed`;
    if (physicalName(field, modes.old) !== physicalName(now, modes.end)) {
      return `the column "${field.name}" was replaced by another one of that name`;
    }
    if (field.nullable && !now.nullable) return `the column "${field.name}" was made NOT NULL`;
    const problem = typeProblem(field.type, now.type, modes);
    if (problem !== undefined) return problem.startsWith('was') ? `the column "${field.name}" ${problem}` : problem;
  }
  return undefined;
}

/**
 * Throws `DELTA_SCHEMA` when rows of `version`, of the given metadata, cannot be shown with the schema of the end version: only
 * added columns and wider types can (as in Spark).
 */
export function assertShownAs(end: Snapshot, metadata: Metadata, version: number): void {
  const place = `${end.path}@${version}`;
  const modes = { old: columnMappingMode(metadata, end.protocol, place), end: end.mapping };
  const samePartitions = JSON.stringify(metadata.partitionColumns) === JSON.stringify(end.partitionColumns);
  const problem =
    fieldsProblem(parseSchema(metadata.schemaString).fields, end.schema.fields, modes) ??
    (samePartitions ? undefined : 'the table was partitioned by other columns');
  if (problem === undefined) return;
  throw new LakeError(
    'DELTA_SCHEMA',
    `changes up to version ${end.version} cannot be shown with those of version ${version}: ${problem}`,
    { place, hint: 'read the changes before and after that change of the schema apart', exitCode: 2 },
  );
}

/** Whether the change data feed is on. */
export function recordsChanges({ configuration }: Metadata): boolean {
  return booleanProperty(configuration, 'delta.enableChangeDataFeed', false);
}

/** Throws `CHANGES_NOT_RECORDED` unless the change data feed is on. */
export function assertRecorded(path: string, metadata: Metadata, version: number): void {
  if (recordsChanges(metadata)) return;
  throw new LakeError('CHANGES_NOT_RECORDED', `the change data feed is off at version ${version}`, {
    place: `${path}@${version}`,
    hint: 'choose versions from the one on that has delta.enableChangeDataFeed = true',
    exitCode: 2,
  });
}
