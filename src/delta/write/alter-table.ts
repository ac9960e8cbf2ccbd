import { LakeError, usageError } from '../../base/lake-error.js';
import { bindScan } from '../log/scan.js';
import type { Snapshot } from '../log/snapshot.js';
import type { Metadata } from '../protocol/actions.js';
import { clusteringColumns } from '../protocol/clustering.js';
import { mapStructs, PHYSICAL_NAME, physicalName, withoutMapping } from '../protocol/column-mapping.js';
import { assertMappingChange, assertNotInternal, assertProperty } from '../protocol/property-rules.js';
import type { DeltaField, DeltaSchema, DeltaType } from '../protocol/schema.js';
import {
  addColumns,
  dropField,
  type FieldPath,
  relaxField,
  renameField,
  widenField,
} from '../protocol/schema-evolution.js';
import type { Stage } from './commit.js';
import { NO_READS, type Reads } from './conflicts.js';
import { assertConstraints, checkConstraint } from './constraints.js';
import type { WriteDeps } from './data-files.js';
import type { StagedOperation } from './rows-where.js';
import { assertPartitions, changeMetadata, type MetadataChange } from './table-metadata.js';

const NO_ROWS = { inserted: 0, updated: 0, deleted: 0 };
const CONSTRAINT = 'delta.constraints.';

/** A change of a table itself, by Spark's names for the history. */
export type Alteration =
  | { readonly kind: 'set properties'; readonly properties: Readonly<Record<string, string>> }
  | { readonly kind: 'unset properties'; readonly names: readonly string[] }
  | { readonly kind: 'add columns'; readonly columns: readonly DeltaField[] }
  | { readonly kind: 'rename column'; readonly path: FieldPath; readonly name: string }
  | { readonly kind: 'drop column'; readonly path: FieldPath }
  | { readonly kind: 'widen column'; readonly path: FieldPath; readonly type: DeltaType }
  | { readonly kind: 'drop not null'; readonly path: FieldPath }
  | { readonly kind: 'add constraint'; readonly name: string; readonly expression: string }
  | { readonly kind: 'drop constraint'; readonly name: string };

interface Described {
  readonly change: MetadataChange;
  readonly operation: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly reads?: Reads;
}

function without(configuration: Metadata['configuration'], names: readonly string[]): Metadata['configuration'] {
  return Object.fromEntries(Object.entries(configuration).filter(([name]) => !names.includes(name)));
}

/** Files of an unmapped table have the logical names; a table that becomes mapped keeps them as physical ones. */
function withCurrentNames(schema: DeltaSchema): DeltaSchema {
  const visit = (fields: readonly DeltaField[]): DeltaField[] =>
    fields.map((field) => ({
      ...field,
      metadata: { ...field.metadata, [PHYSICAL_NAME]: field.name },
      type: mapStructs(field.type, visit),
    }));
  return { fields: visit(withoutMapping(schema.fields)) };
}

function setProperties(snapshot: Snapshot, properties: Readonly<Record<string, string>>): Described {
  for (const [name, value] of Object.entries(properties)) assertProperty(name, value);
  const before = snapshot.metadata.configuration;
  const configuration = { ...before, ...properties };
  const mode = 'delta.columnMapping.mode';
  assertMappingChange(before[mode], configuration[mode]);
  const mapped = snapshot.mapping === 'none' && configuration[mode] === 'name';
  return {
    change: { configuration, ...(mapped ? { schema: withCurrentNames(snapshot.schema) } : {}) },
    operation: 'SET TBLPROPERTIES',
    parameters: { properties },
  };
}

function unsetProperties(snapshot: Snapshot, names: readonly string[]): Described {
  const before = snapshot.metadata.configuration;
  const unknown = names.find((name) => before[name] === undefined);
  if (unknown !== undefined) throw usageError(`the table has no property "${unknown}"`);
  const constraint = names.find((name) => name.startsWith(CONSTRAINT));
  if (constraint !== undefined) throw usageError(`"${constraint}" is a constraint`, { hint: 'use dropConstraint' });
  for (const name of names) assertNotInternal(name);
  const configuration = without(before, names);
  assertMappingChange(before['delta.columnMapping.mode'], configuration['delta.columnMapping.mode']);
  return {
    change: { configuration },
    operation: 'UNSET TBLPROPERTIES',
    parameters: { properties: names, ifExists: false },
  };
}

function assertMapped(snapshot: Snapshot, what: string): void {
  if (snapshot.mapping !== 'none') return;
  throw usageError(`to ${what} a column, the table needs column mapping`, {
    place: `${snapshot.path}@${snapshot.version}`,
    hint: 'set the property delta.columnMapping.mode = name first',
  });
}

/** Expressions of the table name their columns in text; a column in one must not go or change its name. */
function assertNotNamed(snapshot: Snapshot, path: FieldPath, what: string): void {
  const column = path[0] ?? '';
  const word = new RegExp(`(?<![\\w$])${column.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\w$])`, 'i');
  const constraints = Object.entries(snapshot.metadata.configuration).filter(([key]) => key.startsWith(CONSTRAINT));
  const generated = snapshot.schema.fields.flatMap((field): [string, string][] => {
    const expressions = ['delta.generationExpression', 'delta.invariants'].flatMap((key) => field.metadata[key] ?? []);
    return expressions.map((text) => [`column ${field.name}`, String(text)]);
  });
  const user = [...constraints, ...generated].find(([, text]) => word.test(text));
  if (user === undefined) return;
  throw usageError(
    `cannot ${what} "${path.join('.')}": ${user[0].replace(CONSTRAINT, 'the constraint ')} uses it (${user[1]})`,
  );
}

function renameColumn(snapshot: Snapshot, path: FieldPath, name: string): Described {
  assertMapped(snapshot, 'rename');
  assertNotNamed(snapshot, path, 'rename');
  const schema = renameField(snapshot.schema, path, name);
  const partitionColumns = snapshot.partitionColumns.map((column) =>
    path.length === 1 && column.toLowerCase() === path[0]?.toLowerCase() ? name : column,
  );
  return {
    change: { schema, partitionColumns },
    operation: 'RENAME COLUMN',
    parameters: { oldColumnPath: path.join('.'), newColumnPath: [...path.slice(0, -1), name].join('.') },
  };
}

function dropColumn(snapshot: Snapshot, path: FieldPath): Described {
  assertMapped(snapshot, 'drop');
  assertNotNamed(snapshot, path, 'drop');
  if (
    path.length === 1 &&
    snapshot.partitionColumns.some((column) => column.toLowerCase() === path[0]?.toLowerCase())
  ) {
    throw usageError(`"${path[0]}" is a partition column and cannot be dropped`);
  }
  const [column] = path;
  const field = snapshot.schema.fields.find(({ name }) => name.toLowerCase() === column?.toLowerCase());
  const physical = field === undefined ? undefined : physicalName(field, snapshot.mapping);
  if (clusteringColumns(snapshot.domains).some((clustered) => clustered[0] === physical)) {
    throw usageError(`the table is clustered by "${column}", which cannot be dropped`);
  }
  return {
    change: { schema: dropField(snapshot.schema, path) },
    operation: 'DROP COLUMNS',
    parameters: { columns: [path.join('.')] },
  };
}

function widenColumn(snapshot: Snapshot, path: FieldPath, type: DeltaType): Described {
  if (snapshot.metadata.configuration['delta.enableTypeWidening']?.toLowerCase() !== 'true') {
    throw usageError('to widen a column, the table needs type widening', {
      hint: 'set the property delta.enableTypeWidening = true first',
    });
  }
  const schema = widenField(snapshot.schema, path, type);
  return { change: { schema }, operation: 'CHANGE COLUMN', parameters: { column: { path: path.join('.'), type } } };
}

async function addConstraint(
  deps: WriteDeps,
  snapshot: Snapshot,
  given: { readonly name: string; readonly expression: string },
): Promise<Described> {
  const { session, store } = deps;
  const place = `${snapshot.path}@${snapshot.version}`;
  const before = snapshot.metadata.configuration;
  const key = `${CONSTRAINT}${given.name.toLowerCase()}`;
  if (!/^\w+$/.test(given.name))
    throw usageError(`"${given.name}" is no name for a constraint: use letters, digits and _`);
  if (before[key] !== undefined) throw usageError(`the table has a constraint "${given.name}" already: ${before[key]}`);
  const constraint = await checkConstraint(session, snapshot, { name: given.name, text: given.expression });
  const relation = await bindScan(session, store, { slot: 'constraint', snapshot, files: snapshot.files });
  await assertConstraints(session, [constraint], { relation, place });
  return {
    change: { configuration: { ...before, [key]: given.expression } },
    operation: 'ADD CONSTRAINT',
    parameters: { name: given.name, expr: given.expression },
    // A row that somebody adds meanwhile would go unchecked.
    reads: { ...NO_READS, wholeTable: true },
  };
}

function dropConstraint(snapshot: Snapshot, name: string): Described {
  const key = Object.keys(snapshot.metadata.configuration).find(
    (k) => k.toLowerCase() === `${CONSTRAINT}${name}`.toLowerCase(),
  );
  if (key === undefined) {
    throw new LakeError('USAGE', `the table has no constraint "${name}"`, {
      exitCode: 2,
      place: `${snapshot.path}@${snapshot.version}`,
    });
  }
  const configuration = without(snapshot.metadata.configuration, [key]);
  return { change: { configuration }, operation: 'DROP CONSTRAINT', parameters: { name } };
}

function describe(deps: WriteDeps, snapshot: Snapshot, wanted: Alteration): Described | Promise<Described> {
  switch (wanted.kind) {
    case 'set properties':
      return setProperties(snapshot, wanted.properties);
    case 'unset properties':
      return unsetProperties(snapshot, wanted.names);
    case 'add columns': {
      const schema = addColumns(snapshot.schema, withoutMapping(wanted.columns));
      return {
        change: { schema },
        operation: 'ADD COLUMNS',
        parameters: { columns: wanted.columns.map((c) => ({ column: c })) },
      };
    }
    case 'rename column':
      return renameColumn(snapshot, wanted.path, wanted.name);
    case 'drop column':
      return dropColumn(snapshot, wanted.path);
    case 'widen column':
      return widenColumn(snapshot, wanted.path, wanted.type);
    case 'drop not null': {
      const schema = relaxField(snapshot.schema, wanted.path);
      return {
        change: { schema },
        operation: 'CHANGE COLUMN',
        parameters: { column: { path: wanted.path.join('.'), nullable: true } },
      };
    }
    case 'add constraint':
      return addConstraint(deps, snapshot, wanted);
    case 'drop constraint':
      return dropConstraint(snapshot, wanted.name);
  }
}

/**
 * Stages a change of the table itself; the protocol is raised when the change needs it. Nothing to commit when the table is so already.
 * Throws a usage error (exit 2) for what is not possible, `DELTA_SCHEMA`, `DELTA_CONSTRAINT` (exit 1) for rows that break a new constraint.
 */
export async function stageAlteration(
  deps: WriteDeps,
  snapshot: Snapshot,
  wanted: Alteration,
): Promise<StagedOperation> {
  const { change, operation, parameters, reads = NO_READS } = await describe(deps, snapshot, wanted);
  const { actions, schema, metadata } = changeMetadata(snapshot, change);
  assertPartitions(schema, metadata.partitionColumns, `${snapshot.path}@${snapshot.version}`);
  if (actions.length === 0) return { counts: NO_ROWS, files: [] };
  const stage: Stage = { snapshot, actions, reads, operation, parameters };
  return { counts: NO_ROWS, stage, files: [] };
}
