-- A small CSV file. What it holds was found out before: everything is said here, and nothing is left to be detected.
INSERT INTO temp.{{table}}
SELECT $no, row_number() OVER (), {{columns}}
FROM read_csv($file, {{options}})
