-- Rows of one of the files, in their order.
SELECT * FROM _optimize_rows
WHERE rowid >= getvariable('_optimize_range')[1] AND rowid < getvariable('_optimize_range')[2]
