-- The actions of one kind in a checkpoint, as the JSON a commit would hold.
SELECT to_json({{action}})::VARCHAR AS action
FROM read_parquet($files)
WHERE {{action}} IS NOT NULL
