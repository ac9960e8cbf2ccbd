SELECT unnest(range($files::BIGINT)) AS _file_index, {{columns}}
