-- The driver ends a stream quietly when the statement fails midway; the last row tells a whole result from a cut one.
SELECT *, false AS _whole FROM (
{{statement}}
)
UNION ALL BY NAME
SELECT true AS _whole
