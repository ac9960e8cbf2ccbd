import {
  fillSql,
  identifier,
  joinFragments,
  readSqlFile,
  type SqlFragment,
  trustedFragment,
} from '../../base/sql-file.js';
import { type ColumnMappingMode, FIELD_ID, fieldId, physicalName } from '../protocol/column-mapping.js';
import { type DeltaField, type DeltaType, duckdbType } from '../protocol/schema.js';
import { listElement, mapEntry, type ParquetNode } from './parquet-tree.js';

/** How one column is read from files of one layout. */
export interface PhysicalColumn {
  /** Its name in the files. */
  readonly name: string;
  /** The DuckDB type to read it with; structs have the files' names. */
  readonly type: string;
  /** The logical value, given the stored one. */
  readonly convert: (value: SqlFragment) => SqlFragment;
}

/** How a type is read; undefined where no file holds anything of it. */
interface Reading {
  readonly type: string;
  /** Absent where the stored value is the logical one. */
  readonly convert?: (value: SqlFragment) => SqlFragment;
}

interface Context {
  readonly mapping: ColumnMappingMode;
  /** Lambdas inside lambdas need names of their own. */
  readonly depth: number;
}

/** A NULL of the type of a column. */
export function typedNull(type: DeltaType): SqlFragment {
  return trustedFragment(`CAST(NULL AS ${duckdbType(type)})`);
}

/** Whether a primitive of that name is anywhere in the type. */
export function holdsPrimitive(type: DeltaType, name: string): boolean {
  switch (type.kind) {
    case 'primitive':
      return type.name === name;
    case 'array':
      return holdsPrimitive(type.element, name);
    case 'map':
      return holdsPrimitive(type.key, name) || holdsPrimitive(type.value, name);
    case 'struct':
      return type.fields.some((field) => holdsPrimitive(field.type, name));
  }
}

/** Text that its writer did not mark as text (ClickHouse does not): bytes in UTF-8, which a cast to VARCHAR would escape. */
function bytesAsText(): Reading {
  const template = readSqlFile('delta', 'scan_text');
  return { type: 'BLOB', convert: (value) => trustedFragment(fillSql(template, { value })) };
}

function isUnmarkedText(type: DeltaType, node: ParquetNode | undefined): boolean {
  return type.kind === 'primitive' && type.name === 'string' && node?.type === 'BLOB';
}

/** Whether a struct is anywhere in the type. */
export function holdsStruct(type: DeltaType): boolean {
  switch (type.kind) {
    case 'primitive':
      return false;
    case 'array':
      return holdsStruct(type.element);
    case 'map':
      return holdsStruct(type.key) || holdsStruct(type.value);
    case 'struct':
      return true;
  }
}

function findNode(nodes: readonly ParquetNode[], field: DeltaField, mapping: ColumnMappingMode) {
  // What is no column of the table but of its change files has no id.
  if (mapping === 'id' && FIELD_ID in field.metadata) {
    const id = fieldId(field);
    return nodes.find((node) => node.id === id);
  }
  const name = physicalName(field, mapping);
  return nodes.find((node) => node.name === name) ?? nodes.find((n) => n.name.toLowerCase() === name.toLowerCase());
}

/**
 * How a column is read (PROTOCOL.md, "Reader Requirements for Column Mapping"); undefined when the files do not have it, so that it is NULL. Without `root`, the
 * tree of the files' columns, it is taken to be there under its physical name.
 */
export function physicalColumn(
  field: DeltaField,
  mapping: ColumnMappingMode,
  root?: ParquetNode,
): PhysicalColumn | undefined {
  const node = root && findNode(root.children, field, mapping);
  const stored = node?.children.length === 0 ? node.type : undefined;
  const wanted = field.type.kind === 'primitive' ? duckdbType(field.type) : undefined;
  const differs = stored !== wanted && !isUnmarkedText(field.type, node);
  if (node !== undefined && stored !== undefined && wanted !== undefined && differs) {
    // Read as the wider type, DuckDB would round the constants of filters to the stored one.
    return { name: node.name, type: stored, convert: (value) => trustedFragment(`CAST(${value} AS ${wanted})`) };
  }
  const found = locate(field, { mapping, depth: 0 }, root);
  return found && { name: found.name, type: found.reading.type, convert: found.reading.convert ?? ((value) => value) };
}

function locate(field: DeltaField, context: Context, parent: ParquetNode | undefined) {
  const node = parent && findNode(parent.children, field, context.mapping);
  if (parent !== undefined && node === undefined) return undefined;
  const reading = readingOf(field.type, context, node);
  return reading && { name: node?.name ?? physicalName(field, context.mapping), reading };
}

function readingOf(type: DeltaType, context: Context, node: ParquetNode | undefined): Reading | undefined {
  switch (type.kind) {
    case 'primitive':
      if (type.name === 'void') return undefined;
      return isUnmarkedText(type, node) ? bytesAsText() : { type: duckdbType(type) };
    case 'array':
      return listReading(readingOf(type.element, deeper(context), node && listElement(node)), context);
    case 'map': {
      const [key, value] = node === undefined ? [] : mapEntry(node);
      return mapReading(
        readingOf(type.key, deeper(context), key),
        readingOf(type.value, deeper(context), value),
        context,
      );
    }
    case 'struct':
      return structReading(type.fields, context, node);
  }
}

function deeper(context: Context): Context {
  return { ...context, depth: context.depth + 1 };
}

function listReading(element: Reading | undefined, { depth }: Context): Reading | undefined {
  if (element === undefined) return undefined;
  const type = `${element.type}[]`;
  const { convert } = element;
  if (convert === undefined) return { type };
  const item = identifier(`_item_${depth}`);
  const template = readSqlFile('delta', 'scan_list');
  return { type, convert: (value) => trustedFragment(fillSql(template, { value, item, element: convert(item) })) };
}

function mapReading(key: Reading | undefined, mapped: Reading | undefined, { depth }: Context): Reading | undefined {
  if (key === undefined || mapped === undefined) return undefined;
  const type = `MAP(${key.type}, ${mapped.type})`;
  if (key.convert === undefined && mapped.convert === undefined) return { type };
  const item = identifier(`_item_${depth}`);
  const template = readSqlFile('delta', 'scan_map');
  const part = (reading: Reading, name: string) => {
    const value = memberOf(item, name);
    return reading.convert?.(value) ?? value;
  };
  const parts = { item, key: part(key, 'key'), mapped: part(mapped, 'value') };
  return { type, convert: (value) => trustedFragment(fillSql(template, { value, ...parts })) };
}

function memberOf(struct: SqlFragment, name: string): SqlFragment {
  return trustedFragment(`(${struct}).${identifier(name)}`);
}

function structReading(
  fields: readonly DeltaField[],
  context: Context,
  node: ParquetNode | undefined,
): Reading | undefined {
  const members = fields.map((field) => ({ field, found: locate(field, context, node) }));
  const stored = members.flatMap(({ found }) => found ?? []);
  const [witness] = node?.children ?? [];
  // DuckDB reads a struct by at least one of its members; one that is not wanted tells where the struct is NULL.
  if (stored.length === 0 && witness === undefined) return undefined;
  const read =
    stored.length > 0
      ? stored.map(({ name, reading }) => `${identifier(name)} ${reading.type}`)
      : [`${identifier(witness?.name ?? '')} VARCHAR`];
  const type = `STRUCT(${read.join(', ')})`;
  const same = members.every(({ field, found }) => found?.name === field.name && found.reading.convert === undefined);
  if (same) return { type };
  const template = readSqlFile('delta', 'scan_struct');
  const convert = (value: SqlFragment) => {
    const packed = members.map(({ field, found }) => {
      const member = found && memberOf(value, found.name);
      const logical = member === undefined ? typedNull(field.type) : (found?.reading.convert?.(member) ?? member);
      return trustedFragment(`${identifier(field.name)} := ${logical}`);
    });
    return trustedFragment(fillSql(template, { value, fields: joinFragments(packed, ', ') }));
  };
  return { type, convert };
}
