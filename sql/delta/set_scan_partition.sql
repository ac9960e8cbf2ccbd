SET VARIABLE {{scan}}_{{index}} = CAST($values AS {{type}}[])
