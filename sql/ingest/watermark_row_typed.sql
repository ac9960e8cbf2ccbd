SELECT * REPLACE (open_transactions::BIGINT AS open_transactions, updated_at::TIMESTAMPTZ AS updated_at) FROM ingest_watermark_row
