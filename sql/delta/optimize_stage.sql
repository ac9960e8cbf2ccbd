-- The sorted rows of a partition that becomes several files.
CREATE OR REPLACE TEMP TABLE _optimize_rows AS {{relation}}
