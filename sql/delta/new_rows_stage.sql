-- New rows are computed once: a statement that says something else each time must not be asked twice.
CREATE OR REPLACE TEMP TABLE _new_rows AS {{relation}}
