SELECT unnest(range($partition_files::BIGINT)) AS _file_index, {{columns}}
