import type { DeltaTable } from '../../src/delta/index.js';
import { sql } from '../support/delta.js';
import { type CreateStep, forgetOldLog, type MergeStep, type Step, schemaOf } from './steps.js';

function mergeOf(step: MergeStep) {
  return {
    source: sql(step.rows),
    on: step.on,
    whenMatched: (step.matched ?? []).map(({ set, ...rest }) => (set === undefined ? rest : { ...rest, update: set })),
    whenNotMatched: (step.notMatched ?? []).map(({ set, ...rest }) => ({ ...rest, insert: set })),
    whenNotMatchedBySource: (step.notMatchedBySource ?? []).map(({ set, ...rest }) =>
      set === undefined ? rest : { ...rest, update: set },
    ),
  };
}

/** Takes a step through the public door. */
export async function takeStep(made: DeltaTable, step: Step | CreateStep, marks: readonly number[]): Promise<void> {
  // biome-ignore lint/suspicious/noExplicitAny: until the last of these methods has landed
  const table = made as any;
  switch (step.do) {
    case 'create':
      return void (await table.create({
        schema: schemaOf(step.columns),
        partitionColumns: step.partitionBy ?? [],
        configuration: step.properties ?? {},
      }));
    case 'append':
      return void (await table.append(sql(step.rows), { txn: step.txn, mergeSchema: step.mergeSchema }));
    case 'overwrite':
      return void (await table.overwrite(sql(step.rows), {
        replaceWhere: step.where,
        overwriteSchema: step.overwriteSchema,
      }));
    case 'delete':
      return void (await table.delete({ where: step.where }));
    case 'update':
      return void (await table.update({ where: step.where, set: step.set }));
    case 'merge':
      return void (await table.mergeInto(mergeOf(step)));
    case 'addColumns':
      return void (await table.addColumns(schemaOf(step.columns).fields));
    case 'rename':
      return void (await table.renameColumn(step.column.split('.'), step.to));
    case 'drop':
      return void (await table.dropColumn(step.column.split('.')));
    case 'widen':
      return void (await table.widenColumn(step.column.split('.'), schemaOf({ it: step.type }).fields[0]!.type));
    case 'constraint':
      return void (await table.addConstraint(step.name, step.check));
    case 'properties':
      return void (await table.setProperties(step.set));
    case 'optimize':
      return void (await table.optimize({}));
    case 'vacuum':
      return void (await table.vacuum({ retentionHours: 0, force: true }));
    case 'restore':
      return void (await table.restore({ version: marks[step.step] }));
    case 'checkpoint':
      return void (await table.checkpoint());
    case 'forget':
      return forgetOldLog(made.path);
    case 'sql':
      throw new Error('only Spark takes statements');
  }
}
