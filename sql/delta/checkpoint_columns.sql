-- The columns of a Parquet file as a tree in depth-first order: each row is followed by its num_children subtrees.
SELECT name, coalesce(num_children, 0)::INTEGER AS children
FROM parquet_schema($file)
