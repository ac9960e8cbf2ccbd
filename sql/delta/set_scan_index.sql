SET VARIABLE {{scan}}_index = CAST($indices AS UBIGINT[])
