-- One row per line of JSON actions (PROTOCOL.md, "Checkpoint Schema").
INSERT INTO {{table}}
SELECT unnest(from_json(line, '{
  "txn": {"appId": "VARCHAR", "version": "BIGINT", "lastUpdated": "BIGINT"},
  "add": {"path": "VARCHAR", "partitionValues": "MAP(VARCHAR, VARCHAR)", "size": "BIGINT", "modificationTime": "BIGINT",
    "dataChange": "BOOLEAN", "stats": "VARCHAR", "tags": "MAP(VARCHAR, VARCHAR)",
    "deletionVector": {"storageType": "VARCHAR", "pathOrInlineDv": "VARCHAR", "offset": "INTEGER",
      "sizeInBytes": "INTEGER", "cardinality": "BIGINT", "maxRowIndex": "BIGINT"},
    "baseRowId": "BIGINT", "defaultRowCommitVersion": "BIGINT", "clusteringProvider": "VARCHAR"},
  "remove": {"path": "VARCHAR", "deletionTimestamp": "BIGINT", "dataChange": "BOOLEAN",
    "extendedFileMetadata": "BOOLEAN", "partitionValues": "MAP(VARCHAR, VARCHAR)", "size": "BIGINT",
    "deletionVector": {"storageType": "VARCHAR", "pathOrInlineDv": "VARCHAR", "offset": "INTEGER",
      "sizeInBytes": "INTEGER", "cardinality": "BIGINT", "maxRowIndex": "BIGINT"},
    "baseRowId": "BIGINT", "defaultRowCommitVersion": "BIGINT"},
  "metaData": {"id": "VARCHAR", "name": "VARCHAR", "description": "VARCHAR",
    "format": {"provider": "VARCHAR", "options": "MAP(VARCHAR, VARCHAR)"}, "schemaString": "VARCHAR",
    "partitionColumns": ["VARCHAR"], "configuration": "MAP(VARCHAR, VARCHAR)", "createdTime": "BIGINT"},
  "protocol": {"minReaderVersion": "INTEGER", "minWriterVersion": "INTEGER",
    "readerFeatures": ["VARCHAR"], "writerFeatures": ["VARCHAR"]},
  "domainMetadata": {"domain": "VARCHAR", "configuration": "VARCHAR", "removed": "BOOLEAN"},
  "parsed_stats": "VARCHAR"
}'))
FROM (SELECT unnest(string_split($lines, chr(10))) AS line)
