-- The files of a scan by their index in the table of changes.
SET VARIABLE {{slot}}_indexes = CAST($indexes AS BIGINT[])
