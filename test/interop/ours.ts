import type { DeltaTable } from '../../src/delta/index.js';
import { sql } from '../support/delta.js';
import { type CreateStep, forgetOldLog, type MatchedClause, type MergeStep, type Step, schemaOf } from './steps.js';

/** An option that was given, or none. */
function option<K extends string, V>(name: K, value: V | undefined): { readonly [key in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [key in K]: V });
}

function changeOf({ and, set, ...clause }: MatchedClause) {
  if (clause.delete) return { ...option('and', and), delete: true } as const;
  return { ...option('and', and), update: set! };
}

function mergeOf(step: MergeStep): Parameters<DeltaTable['mergeInto']>[0] {
  return {
    source: sql(step.rows),
    on: step.on,
    whenMatched: (step.matched ?? []).map(changeOf),
    whenNotMatched: (step.notMatched ?? []).map(({ and, set }) => ({ ...option('and', and), insert: set })),
    whenNotMatchedBySource: (step.notMatchedBySource ?? []).map((clause) => changeOf(clause) as never),
  };
}

/** Takes a step through the public door. */
export async function takeStep(table: DeltaTable, step: Step | CreateStep, marks: readonly number[]): Promise<unknown> {
  switch (step.do) {
    case 'create':
      return table.create({
        schema: schemaOf(step.columns),
        partitionColumns: step.partitionBy ?? [],
        configuration: step.properties ?? {},
      });
    case 'append':
      return table.append(sql(step.rows), { ...option('txn', step.txn), ...option('mergeSchema', step.mergeSchema) });
    case 'overwrite':
      return table.overwrite(sql(step.rows), {
        ...option('replaceWhere', step.where),
        ...option('overwriteSchema', step.overwriteSchema),
      });
    case 'delete':
      return table.delete(option('where', step.where));
    case 'update':
      return table.update({ ...option('where', step.where), set: step.set });
    case 'merge':
      return table.mergeInto(mergeOf(step));
    case 'addColumns':
      return table.addColumns(schemaOf(step.columns).fields);
    case 'rename':
      return table.renameColumn(step.column.split('.'), step.to);
    case 'drop':
      return table.dropColumn(step.column.split('.'));
    case 'widen':
      return table.widenColumn(step.column.split('.'), schemaOf({ it: step.type }).fields[0]!.type);
    case 'constraint':
      return table.addConstraint(step.name, step.check);
    case 'properties':
      return table.setProperties(step.set);
    case 'optimize':
      return table.optimize({});
    case 'vacuum':
      return table.vacuum({ retentionHours: 0, force: true });
    case 'restore':
      return table.restore({ version: marks[step.step]! });
    case 'checkpoint':
      return table.checkpoint();
    case 'forget':
      return forgetOldLog(table.path);
    case 'sql':
      throw new Error('only Spark takes statements');
  }
}
