import type { Shape } from '../shape.js';
import { FEATURES } from './features.js';
import { PLAIN } from './plain.js';
import { SPARK_ONLY } from './spark-only.js';
import { VALUES } from './values.js';

/** Every kind of table that goes back and forth. A new kind is a new entry. */
export const SHAPES: readonly Shape[] = [...PLAIN, ...VALUES, ...FEATURES, ...SPARK_ONLY];
