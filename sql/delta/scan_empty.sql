-- A version without data files.
SELECT {{columns}}
WHERE false
