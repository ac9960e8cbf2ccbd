SELECT {{columns}} FROM ({{rows}})
UNION ALL BY NAME
SELECT target.* REPLACE (relabel.new_path AS _source_path)
FROM ({{old}}) AS target
JOIN ingest_relabel AS relabel ON target._file_sha = relabel.sha AND target._source_path = relabel.old_path
