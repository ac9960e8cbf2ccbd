-- New rows as the table has them.
SELECT {{columns}} FROM _new_rows AS source
