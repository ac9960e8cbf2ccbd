-- The rows of a batch of many layouts, computed once: a union of them all would be planned again with each look at it.
CREATE OR REPLACE TEMP TABLE ingest_row AS {{rows}}
