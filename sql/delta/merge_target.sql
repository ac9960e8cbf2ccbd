-- What the MERGE statement works on: those rows with the table's own columns.
CREATE OR REPLACE TEMP TABLE {{target}} AS
SELECT {{columns}} FROM {{located}}
