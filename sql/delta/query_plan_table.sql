-- An empty stand-in with the table's columns: EXPLAIN over it tells which filters reach which table.
CREATE OR REPLACE TABLE {{table}} ({{columns}})
