DROP TABLE IF EXISTS ingestion_manifest
