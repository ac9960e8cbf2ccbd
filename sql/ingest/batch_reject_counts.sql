SELECT _file_no, count(*) AS rejected FROM ingest_reject GROUP BY _file_no
