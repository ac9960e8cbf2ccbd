-- One row per action, each kind in its own column (PROTOCOL.md, "Checkpoint Schema"); parsed_stats is no part of a checkpoint.
CREATE OR REPLACE TEMP TABLE {{table}} (
  txn STRUCT(appId VARCHAR, version BIGINT, lastUpdated BIGINT),
  "add" STRUCT(path VARCHAR, partitionValues MAP(VARCHAR, VARCHAR), size BIGINT, modificationTime BIGINT,
    dataChange BOOLEAN, stats VARCHAR, tags MAP(VARCHAR, VARCHAR),
    deletionVector STRUCT(storageType VARCHAR, pathOrInlineDv VARCHAR, "offset" INTEGER, sizeInBytes INTEGER,
      cardinality BIGINT, maxRowIndex BIGINT),
    baseRowId BIGINT, defaultRowCommitVersion BIGINT, clusteringProvider VARCHAR),
  remove STRUCT(path VARCHAR, deletionTimestamp BIGINT, dataChange BOOLEAN, extendedFileMetadata BOOLEAN,
    partitionValues MAP(VARCHAR, VARCHAR), size BIGINT,
    deletionVector STRUCT(storageType VARCHAR, pathOrInlineDv VARCHAR, "offset" INTEGER, sizeInBytes INTEGER,
      cardinality BIGINT, maxRowIndex BIGINT),
    baseRowId BIGINT, defaultRowCommitVersion BIGINT),
  metaData STRUCT(id VARCHAR, name VARCHAR, description VARCHAR,
    format STRUCT(provider VARCHAR, options MAP(VARCHAR, VARCHAR)), schemaString VARCHAR, partitionColumns VARCHAR[],
    configuration MAP(VARCHAR, VARCHAR), createdTime BIGINT),
  protocol STRUCT(minReaderVersion INTEGER, minWriterVersion INTEGER, readerFeatures VARCHAR[],
    writerFeatures VARCHAR[]),
  domainMetadata STRUCT(domain VARCHAR, configuration VARCHAR, removed BOOLEAN),
  parsed_stats VARCHAR
)
