-- The files whose partition values meet a condition; there is nothing else to refer to.
SELECT _file_index AS file_index FROM ({{files}}) AS target WHERE {{condition}}
