SELECT {{values}}
FROM {{relation}} AS source
{{where}}
