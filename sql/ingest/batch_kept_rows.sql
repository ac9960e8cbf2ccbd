-- The rows that no expectation of action quarantine refuses.
SELECT * FROM ({{rows}}) AS target WHERE {{conditions}}
