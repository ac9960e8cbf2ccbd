TRY_CAST({{value}} AS {{type}}) BETWEEN CAST('0001-01-01' AS {{type}}) AND CAST('9999-12-31 23:59:59.999999' AS {{type}})
