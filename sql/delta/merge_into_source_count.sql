SELECT count(*) AS rows FROM _merge_source
