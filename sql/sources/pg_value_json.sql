pg_catalog.to_json(source.{{column}})
