"""Spark with Delta Lake for the interoperability tests, served by worker.py."""

import glob
import json
import os
import sys
import time

# Before the JVM starts: without it, timestamps come out in the zone of the machine.
os.environ["TZ"] = "UTC"
time.tzset()

import pyspark
from delta.tables import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from plain import plain_millis, rows_of

JARS = os.path.join(os.path.dirname(os.path.dirname(sys.executable)), "jars", "*.jar")

THREADS = 2

SETTINGS = {
    "spark.jars": ",".join(sorted(glob.glob(JARS))),
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    # The same predicate with "quoted names" for all engines.
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
    "spark.databricks.delta.retentionDurationCheck.enabled": "false",
    "spark.databricks.delta.allowArbitraryProperties.enabled": "true",
    "spark.driver.memory": "1g",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    # The fast compiler only: nothing here runs long enough to earn the thorough one.
    "spark.driver.extraJavaOptions": "-Duser.timezone=UTC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m -XX:+UseSerialGC",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # Small tables: what costs is the number of tasks and the compiler, not the rows.
    "spark.default.parallelism": "1",
    # VACUUM and RESTORE list with ten thousand tasks otherwise.
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "1",
    "spark.sql.shuffle.partitions": "1",
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.databricks.delta.merge.materializeSource": "none",
    "spark.databricks.delta.vacuum.parallelDelete.enabled": "false",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.warehouse.dir": os.path.join(os.environ.get("TMPDIR", "/tmp"), "lakeledger-no-warehouse"),
}


def start():
    builder = SparkSession.builder.master(f"local[{THREADS}]").appName("interop")
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    return session


spark = start()
NONE = spark._jvm.scala.Option.empty()


def versions(_given=None):
    delta = next(name for name in (os.path.basename(path) for path in glob.glob(JARS)) if name.startswith("delta-storage-"))
    return f"Spark {pyspark.__version__} with Delta Lake {delta.removeprefix('delta-storage-').removesuffix('.jar')}"


def name_of(path):
    return f"delta.`{path}`"


def delta_log(path):
    log = spark._jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, path)
    log.update(False, NONE, NONE)
    return log


def sql_type(schema_json):
    return [(field, field.dataType.simpleString()) for field in StructType.fromJson(schema_json).fields]


def create(path, step):
    builder = DeltaTable.create(spark).location(path).addColumns(StructType.fromJson(step["schema"]))
    if step.get("partitionBy"):
        builder = builder.partitionedBy(*step["partitionBy"])
    for key, value in step.get("properties", {}).items():
        builder = builder.property(key, value)
    builder.execute()


def writer(step, mode):
    frame = spark.read.parquet(step["file"]).write.format("delta").mode(mode)
    options = {
        "mergeSchema": step.get("mergeSchema"),
        "overwriteSchema": step.get("overwriteSchema"),
        "replaceWhere": step.get("where"),
        "txnAppId": step.get("txn", {}).get("appId"),
        "txnVersion": step.get("txn", {}).get("version"),
    }
    for key, value in options.items():
        if value is not None:
            frame = frame.option(key, str(value).lower() if isinstance(value, bool) else str(value))
    return frame


def quoted(assignments):
    """Expressions by column: Spark would take a column's name for an expression too."""
    return {f"`{name}`": expression for name, expression in assignments.items()}


def merge(path, step):
    source = spark.read.parquet(step["file"]).alias("source")
    building = DeltaTable.forPath(spark, path).alias("target").merge(source, step["on"])
    for clause in step.get("matched", []):
        if clause.get("delete"):
            building = building.whenMatchedDelete(clause.get("and"))
        elif clause["set"] == "*":
            building = building.whenMatchedUpdateAll(clause.get("and"))
        else:
            building = building.whenMatchedUpdate(clause.get("and"), quoted(clause["set"]))
    for clause in step.get("notMatched", []):
        if clause["set"] == "*":
            building = building.whenNotMatchedInsertAll(clause.get("and"))
        else:
            building = building.whenNotMatchedInsert(clause.get("and"), quoted(clause["set"]))
    for clause in step.get("notMatchedBySource", []):
        if clause.get("delete"):
            building = building.whenNotMatchedBySourceDelete(clause.get("and"))
        else:
            building = building.whenNotMatchedBySourceUpdate(clause.get("and"), quoted(clause["set"]))
    building.execute()


def run_step(path, step):
    table = name_of(path)
    match step["do"]:
        case "create":
            create(path, step)
        case "append":
            writer(step, "append").save(path)
        case "overwrite":
            writer(step, "overwrite").save(path)
        case "delete":
            DeltaTable.forPath(spark, path).delete(step.get("where"))
        case "update":
            DeltaTable.forPath(spark, path).update(step.get("where"), quoted(step["set"]))
        case "merge":
            merge(path, step)
        case "addColumns":
            columns = ", ".join(f"`{field.name}` {text}" for field, text in sql_type(step["schema"]))
            spark.sql(f"ALTER TABLE {table} ADD COLUMNS ({columns})")
        case "rename":
            spark.sql(f"ALTER TABLE {table} RENAME COLUMN {step['column']} TO {step['to']}")
        case "drop":
            spark.sql(f"ALTER TABLE {table} DROP COLUMN {step['column']}")
        case "widen":
            [(_, text)] = sql_type(step["schema"])
            spark.sql(f"ALTER TABLE {table} ALTER COLUMN {step['column']} TYPE {text}")
        case "constraint":
            spark.sql(f"ALTER TABLE {table} ADD CONSTRAINT {step['name']} CHECK ({step['check']})")
        case "properties":
            pairs = ", ".join(f"'{key}' = '{value}'" for key, value in step["set"].items())
            spark.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ({pairs})")
        case "optimize":
            spark.sql(f"OPTIMIZE {table}")
        case "vacuum":
            DeltaTable.forPath(spark, path).vacuum(0)
        case "restore":
            DeltaTable.forPath(spark, path).restoreToVersion(step["version"])
        case "checkpoint":
            log = delta_log(path)
            log.checkpoint(log.unsafeVolatileSnapshot(), NONE)
        case "sql":
            spark.sql(step["text"].replace("{table}", table))
        case other:
            raise ValueError(other)


def run(given):
    """Takes one step."""
    run_step(given["path"], given["step"])


def shown(frame):
    """Variant values travel as their JSON text: Arrow has no such type."""
    from pyspark.sql.functions import col, to_json
    from pyspark.sql.types import VariantType

    columns = [
        to_json(col(f"`{field.name}`")).alias(field.name) if isinstance(field.dataType, VariantType) else col(f"`{field.name}`")
        for field in frame.schema.fields
    ]
    return frame.select(columns)


def arrow(frame):
    return rows_of(frame.toArrow())


def read(given):
    """The rows of some versions, and with `facts` what the table says about itself."""
    path = given["path"]
    rows = {}
    for version in given["versions"]:
        rows[str(version)] = arrow(shown(spark.read.format("delta").option("versionAsOf", version).load(path)))
    return {"rows": rows, **(facts(path) if given["facts"] else {})}


def facts(path):
    snapshot = delta_log(path).unsafeVolatileSnapshot()
    as_java = spark._jvm.scala.jdk.javaapi.CollectionConverters.asJava
    history = spark.sql(f"DESCRIBE HISTORY {name_of(path)}").select("version", "operation", "timestamp").collect()
    return {
        "schema": json.loads(snapshot.schema().json()),
        "partitionColumns": list(as_java(snapshot.metadata().partitionColumns())),
        "properties": dict(as_java(snapshot.metadata().configuration())),
        "history": [[entry["version"], entry["operation"], plain_millis(entry["timestamp"])] for entry in history],
    }


def changes(given):
    """The change data feed from one version on, without the commit times."""
    frame = spark.read.format("delta").option("readChangeFeed", "true").option("startingVersion", given["from"])
    return arrow(shown(frame.load(given["path"]).drop("_commit_timestamp")))


def append_loop(given):
    """Appends one row at a time, while others write to the table too."""
    for i in range(given["from"], given["from"] + given["times"]):
        spark.createDataFrame([(i, "Spark", 0)], "id long, who string, n long").write.format("delta").mode("append").save(given["path"])
    return {}
