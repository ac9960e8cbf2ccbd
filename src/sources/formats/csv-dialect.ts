import { usageError } from '../../base/lake-error.js';
import { type CsvBytes, type CsvRecord, CsvScanner } from './csv-scanner.js';
import type { FileToStage, FormatOptions } from './model.js';

/** How many records are looked at to find the delimiter. */
const SAMPLE_RECORDS = 200;
/** The comma comes last: it is at home in texts and numbers, so that another one which fits as well is meant. */
const CANDIDATES = ['\t', ';', '|', ','];

/** One ASCII character of an option as a byte; -1 for the empty text. */
function byteOf(text: string, option: string, file: FileToStage): number {
  const code = text.charCodeAt(0);
  if (text === '') return -1;
  if (text.length > 1 || code > 127 || code === 10 || code === 13) {
    throw usageError(`${option} must be one ASCII character, not ${JSON.stringify(text)}`, { place: file.path });
  }
  return code;
}

/** The records at the start of a text; the last may be cut off, and is left out when the text goes on. */
function sampleRecords(head: Buffer, dialect: CsvBytes, whole: boolean): CsvRecord[] {
  const records: CsvRecord[] = [];
  const scanner = new CsvScanner(dialect, (record) => {
    if (records.length < SAMPLE_RECORDS && record.end > record.start) records.push(record);
  });
  scanner.push(head);
  if (whole || records.length === 0) scanner.end();
  return records;
}

/** How well a delimiter explains the text: records with as many fields as most have, and how many fields these are. */
function agreement(records: readonly CsvRecord[]): { readonly share: number; readonly fields: number } {
  const counts = new Map<number, number>();
  for (const { fields, problem } of records) if (problem === null) counts.set(fields, (counts.get(fields) ?? 0) + 1);
  let best = { share: 0, fields: 1 };
  for (const [fields, count] of counts) {
    // A header that has another number of fields speaks against it: decimal commas in a file with semicolons.
    const share = (count / records.length) * (records[0]?.fields === fields ? 1 : 0.5);
    if (fields > 1 && (share > best.share || (share === best.share && fields > best.fields))) best = { share, fields };
  }
  return best;
}

/** The delimiter that cuts most records into equally many fields (more than one); of several that do, the one with more fields, then the earlier candidate. */
function sniffDelimiter(head: Buffer, quoting: Omit<CsvBytes, 'delimiter'>, whole: boolean): string {
  let best = { delimiter: ',', share: 0, fields: 1 };
  for (const delimiter of CANDIDATES) {
    const dialect = { ...quoting, delimiter: delimiter.charCodeAt(0) };
    const { share, fields } = agreement(sampleRecords(head, dialect, whole));
    const alike = Math.abs(share - best.share) < 0.05;
    const better = alike ? fields > best.fields || (fields === best.fields && share > best.share) : share > best.share;
    if (better) best = { delimiter, share, fields };
  }
  return best.delimiter;
}

/** The dialect that the options and the first bytes of the text give. */
export function csvDialect(
  file: FileToStage,
  options: FormatOptions,
  head: { bytes: Buffer; whole: boolean },
): CsvBytes {
  const quote = byteOf(options.quote ?? '"', 'quote', file);
  const escaper = options.escape === undefined ? quote : byteOf(options.escape, 'escape', file);
  const quoting = { quote, escaper: quote < 0 ? -1 : escaper };
  const delimiter = options.delimiter ?? sniffDelimiter(head.bytes, quoting, head.whole);
  const byte = byteOf(delimiter, 'delimiter', file);
  if (byte < 0 || byte === quote)
    throw usageError('the delimiter must be a character other than the quote', { place: file.path });
  return { ...quoting, delimiter: byte };
}

/** One field of a record: its text, and whether it stood in quotes. */
export interface CsvField {
  readonly text: string;
  readonly quoted: boolean;
}

/** The fields of a record without a problem. */
export function fieldsOf(record: CsvRecord, { delimiter, quote, escaper }: CsvBytes): CsvField[] {
  const { bytes, end } = record;
  const fields: CsvField[] = [];
  let at = record.start;
  for (;;) {
    if (at < end && bytes[at] === quote) {
      const parts: string[] = [];
      let from = at + 1;
      for (at = from; at < end; at++) {
        const byte = bytes[at];
        const next = at + 1 < end ? bytes[at + 1] : -1;
        if (byte === escaper && (next === quote || (escaper !== quote && next === escaper))) {
          parts.push(bytes.toString('utf8', from, at));
          from = ++at;
        } else if (byte === quote) break;
      }
      parts.push(bytes.toString('utf8', from, at));
      fields.push({ text: parts.join(''), quoted: true });
      at++;
    } else {
      const found = bytes.indexOf(delimiter, at);
      const stop = found < 0 || found > end ? end : found;
      fields.push({ text: bytes.toString('utf8', at, stop), quoted: false });
      at = stop;
    }
    if (at >= end) return fields;
    at++;
    if (at === end) return [...fields, { text: '', quoted: false }];
  }
}

const NAMES: Readonly<Record<string, string>> = { ',': 'commas', '\t': 'tabs', ';': 'semicolons', '|': 'bars' };

/** What separates the fields if a text looks like CSV: at least two lines with the same number of fields. */
export function csvLook(head: Buffer): string | undefined {
  if (/^\s*[[{]/.test(head.toString('latin1', 0, 4096))) return undefined;
  const quoting = { quote: 34, escaper: 34 };
  const delimiter = sniffDelimiter(head, quoting, false);
  const records = sampleRecords(head, { ...quoting, delimiter: delimiter.charCodeAt(0) }, false);
  return records.length > 1 && agreement(records).share > 0.8 ? NAMES[delimiter] : undefined;
}
