-- Which rows of which files changed, as ranges.
CREATE OR REPLACE TEMP TABLE {{slot}}_rows AS
SELECT unnest(CAST($files AS BIGINT[])) AS file, unnest(CAST($starts AS BIGINT[])) AS first, unnest(CAST($ends AS BIGINT[])) AS past
