-- What a checkpoint holds, as it stands on disk.
SELECT count("add"."path") AS adds, count(remove.path) AS removes, count(txn.appId) AS txns,
  count(domainMetadata.domain) AS domains, count(metaData.schemaString) AS metadatas,
  count(protocol.minReaderVersion) AS protocols, coalesce(sum("add".size), 0)::VARCHAR AS bytes
FROM read_parquet($file)
