SELECT _file_no, count(*) AS row_count, count(_rescued_data) AS rescued {{broken}}
FROM ({{rows}}) AS target
GROUP BY _file_no
