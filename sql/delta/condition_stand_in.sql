-- An empty stand-in of the table: a plan over it tells which filters reach it.
CREATE OR REPLACE TEMP TABLE _delta_target ({{columns}})
