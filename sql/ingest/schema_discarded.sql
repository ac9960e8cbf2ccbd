-- One row for each that is dropped, whatever number of its values is to blame.
SELECT DISTINCT ON (_file_no, _row_no)
  _file_no,
  CAST(NULL AS BIGINT) AS line,
  _row_no AS row_no,
  column_name,
  coalesce('not ' || misfit.type, 'the dataset has no such column') AS error,
  misfit.text AS text
FROM (
  UNPIVOT (SELECT _file_no, _row_no, {{misfits}} FROM (SELECT {{values}} FROM ({{relation}})) WHERE {{dropped}})
  ON COLUMNS(* EXCLUDE (_file_no, _row_no)) INTO NAME column_name VALUE misfit
)
ORDER BY _file_no, _row_no, column_name
