-- Rows of files that stayed and got another deletion vector.
SELECT
  {{columns}},
  getvariable('{{slot}}_facts')[_file_index::BIGINT + 1].type AS _change_type,
  getvariable('{{slot}}_facts')[_file_index::BIGINT + 1].version AS _commit_version,
  getvariable('{{slot}}_facts')[_file_index::BIGINT + 1].time AS _commit_timestamp
FROM ({{scan}})
SEMI JOIN (SELECT file, unnest(range(first, past)) AS row FROM {{slot}}_rows) AS changed
  ON _file_index = changed.file AND _file_row = changed.row
