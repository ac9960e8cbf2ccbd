SELECT * FROM ({{relation}}) WHERE _source_path = $path AND _file_sha = $sha
