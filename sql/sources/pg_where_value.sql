source.{{column}} IS NOT NULL
