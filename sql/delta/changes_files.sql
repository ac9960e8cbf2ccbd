-- Whole files that were added or removed.
SELECT
  {{columns}},
  getvariable('{{slot}}_facts')[_file_index::BIGINT + 1].type AS _change_type,
  getvariable('{{slot}}_facts')[_file_index::BIGINT + 1].version AS _commit_version,
  getvariable('{{slot}}_facts')[_file_index::BIGINT + 1].time AS _commit_timestamp
FROM ({{scan}})
