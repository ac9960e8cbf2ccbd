regexp_full_match({{value}}, '\s*\d{1,4}[-/]\d{1,2}[-/]\d{1,2}\s*')
AND TRY_CAST({{value}} AS DATE) BETWEEN DATE '0001-01-01' AND DATE '9999-12-31'
