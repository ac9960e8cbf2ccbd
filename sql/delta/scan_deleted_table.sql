-- Rows of the data files of a scan that deletion vectors invalidate.
CREATE OR REPLACE TEMP TABLE {{deleted}} (file_position UBIGINT, file_row BIGINT)
