-- Rows of the table whose key is in the source, with the file each is in.
CREATE OR REPLACE TEMP TABLE {{located}} AS
SELECT target.* FROM ({{relation}}) AS target SEMI JOIN {{source}} AS source USING ({{keys}})
