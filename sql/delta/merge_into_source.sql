-- The source is computed once; the row number tells rows that have no partner.
CREATE OR REPLACE TEMP TABLE _merge_source AS SELECT *, row_number() OVER () AS _source_row FROM ({{relation}})
