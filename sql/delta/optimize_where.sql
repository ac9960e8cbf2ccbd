-- The files whose partition values satisfy a condition of the user; there is nothing else to refer to.
SELECT _file_index FROM ({{files}}) AS files WHERE ({{where}}
)
