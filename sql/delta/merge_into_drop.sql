DROP TABLE IF EXISTS _merge_source
