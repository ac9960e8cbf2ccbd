PREPARE lakeledger_query AS
{{query}}
