-- Fails when the condition does not fit the columns; no row is looked at.
SELECT {{condition}} AS condition FROM (SELECT {{columns}} WHERE false) AS target LIMIT 0
