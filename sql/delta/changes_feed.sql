-- Change data files: their rows say what happened to them.
SELECT
  {{columns}},
  _change_type,
  getvariable('{{slot}}_facts')[_file_index::BIGINT + 1].version AS _commit_version,
  getvariable('{{slot}}_facts')[_file_index::BIGINT + 1].time AS _commit_timestamp
FROM ({{scan}})
