-- The rows of a relation as the table's files hold them.
SELECT {{columns}} FROM ({{relation}}) AS a
