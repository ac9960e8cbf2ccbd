SELECT {{columns}} FROM ({{rows}}) AS target WHERE _source_path = $path AND list_contains($shas, _file_sha)
