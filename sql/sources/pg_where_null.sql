source.{{column}} IS NULL
