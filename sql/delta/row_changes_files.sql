-- The files that lose rows, and how many each.
SELECT _file_index AS file_index, count(*) AS removed
FROM _row_changes
WHERE _file_index IS NOT NULL
GROUP BY _file_index
ORDER BY _file_index
