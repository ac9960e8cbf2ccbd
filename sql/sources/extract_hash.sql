-- Of the values that are not NULL, in the order of their names: the name as a JSON string, the number of bytes of the text, a colon, the text as PostgreSQL
-- writes it. Neither the order of the columns nor a new column without values changes it. It is the last eight bytes of the MD5, the lowest first.
md5_number_lower(concat('', {{parts}}))
