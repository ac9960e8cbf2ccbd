ALTER TABLE temp.{{table}} ADD COLUMN {{column}} VARCHAR
