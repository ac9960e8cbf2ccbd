-- Every data file of a merge is read once; keeping its bytes would only take memory from the tables.
SET enable_external_file_cache = false
