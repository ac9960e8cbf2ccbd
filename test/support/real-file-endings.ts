/** Files whose rows are not those of the estimate, and why: [rows, rejected] or a part of the error. */
export const EXPLAINED: Readonly<Record<string, readonly [number, number] | string>> = {
  // Python takes the stray quote and the line after it for a value; RFC 4180 has no reading for them: one reject with both lines.
  'csv/malformed_quote_note.csv': [3, 1],
  // The first line is a record with a stray quote, the header comes after it.
  'csv/header_on_line_2_note.csv': 'text follows the closing quote of a field in the first record',
  // No estimate: these are made, or cannot be read by what made it.
  'made/empty.csv': [0, 0],
  'made/empty.json': [0, 0],
  'made/empty.ndjson': [0, 0],
  'made/only_newlines.csv': [0, 0],
  'made/only_bom.csv': [0, 0],
  'made/empty_array.json': [0, 0],
  'made/regioni.ndjson': [21, 0],
  'made/regioni_crlf_no_final_newline.ndjson': [21, 0],
  'made/matches_nested.ndjson': [47, 0],
  'made/bom_array.json': [21, 0],
  'made/utf16le_bom.csv': [21, 0],
  // Record 12 is cut.
  'made/bad_line_12.ndjson': [20, 1],
  // The file ends within the quotes of record 160.
  'made/truncated_in_quote.csv': [159, 1],
  'made/truncated_array.json': 'the input ends inside this value',
  'made/truncated.parquet': 'No magic bytes found at end',
  'made/text_named_parquet.parquet': 'it is to be Parquet but it looks like text',
  'json/csv_named_json_metriche.json': 'it is named .json but it looks like CSV with semicolons',
  'json/invalid_missing_comma_clubs.json': "Expected ',' or '}' after property value",
  'json/invalid_trailing_data_fr_clubs.json': '"}" is not valid JSON',
  'parquet/unreadable_hadoop_lz4.parquet': 'Unsupported compression codec "LZ4"',
  'parquet/bad_PARQUET-1481.parquet': 'Invalid data',
  'parquet/bad_ARROW-GH-41321.parquet': "Geoparquet column 'geometry' does not have geometry types",
  'parquet/poison_case-041.parquet': "The Variant column must have 'metadata' and 'value' as the first two columns",
};
