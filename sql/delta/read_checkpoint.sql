-- The actions of one kind in a checkpoint, as the JSON a commit would hold. Some writers leave a struct of nulls where another kind is.
SELECT to_json({{action}})::VARCHAR AS action
FROM read_parquet($file)
WHERE {{action}}.{{key}} IS NOT NULL
