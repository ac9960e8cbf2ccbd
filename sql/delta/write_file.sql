-- One new data file: of a table without partitions, or of the one partition that all rows are in.
COPY (SELECT {{stored}} FROM ({{relation}}) AS a)
TO $file (FORMAT parquet, ROW_GROUP_SIZE 16384, RETURN_STATS, {{options}})
