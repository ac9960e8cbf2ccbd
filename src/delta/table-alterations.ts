import type { DeltaField, DeltaType } from './protocol/schema.js';
import type { FieldPath } from './protocol/schema-evolution.js';
import type { Alteration } from './write/alter-table.js';
import type { RowCounts } from './write/row-changes.js';

/** What a write did. */
export interface WriteResult extends RowCounts {
  /** The version it made; the one it found when there was nothing to commit. */
  readonly version: number;
  readonly committed: boolean;
}

/** The changes of a table itself, by name. */
export abstract class TableAlterations {
  /** Commits one change. Throws a usage error (exit 2) for what is not possible. */
  abstract alter(alteration: Alteration): Promise<WriteResult>;

  /** Sets table properties; the protocol is raised when one needs it. */
  setProperties(properties: Readonly<Record<string, string>>): Promise<WriteResult> {
    return this.alter({ kind: 'set properties', properties });
  }

  unsetProperties(names: readonly string[]): Promise<WriteResult> {
    return this.alter({ kind: 'unset properties', names });
  }

  addColumns(columns: readonly DeltaField[]): Promise<WriteResult> {
    return this.alter({ kind: 'add columns', columns });
  }

  /** Needs column mapping; files keep their names. */
  renameColumn(path: FieldPath, name: string): Promise<WriteResult> {
    return this.alter({ kind: 'rename column', path, name });
  }

  /** Needs column mapping; files keep the values. */
  dropColumn(path: FieldPath): Promise<WriteResult> {
    return this.alter({ kind: 'drop column', path });
  }

  /** Needs `delta.enableTypeWidening`. */
  widenColumn(path: FieldPath, type: DeltaType): Promise<WriteResult> {
    return this.alter({ kind: 'widen column', path, type });
  }

  dropNotNull(path: FieldPath): Promise<WriteResult> {
    return this.alter({ kind: 'drop not null', path });
  }

  /** Adds a CHECK constraint in Spark's SQL; every row that is there must keep to it. */
  addConstraint(name: string, expression: string): Promise<WriteResult> {
    return this.alter({ kind: 'add constraint', name, expression });
  }

  dropConstraint(name: string): Promise<WriteResult> {
    return this.alter({ kind: 'drop constraint', name });
  }
}
