SELECT * FROM ({{relation}}) ORDER BY _commit_version LIMIT $limit::BIGINT
