CREATE OR REPLACE TEMP TABLE ingest_watermark_row AS SELECT unnest(from_json($rows, '{{json}}'), max_depth := 2)
