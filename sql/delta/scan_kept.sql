-- As a test and not as an anti join: the test builds its side in memory and lets the rows of the files pass by.
WHERE (file_index, file_row_number) NOT IN (SELECT (file_position, file_row) FROM temp.{{deleted}})
