"""delta-rs for the table shapes of the interoperability tests, served by worker.py."""

import json
from datetime import datetime, timezone
from importlib.metadata import version as package_version

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, QueryBuilder, Schema, Transaction, write_deltalake

from plain import plain_millis, rows_of


THREADS = 1


class Cannot(Exception):
    """delta-rs has no function for the step."""


def versions(_given=None):
    return f"delta-rs {package_version('deltalake')}"


def create(path, step):
    schema = Schema.from_json(json.dumps(step["schema"]))
    DeltaTable.create(path, schema, partition_by=step.get("partitionBy"), configuration=step.get("properties"))


def write(path, step, mode):
    schema_mode = "merge" if step.get("mergeSchema") else "overwrite" if step.get("overwriteSchema") else None
    txn = step.get("txn")
    properties = CommitProperties(app_transactions=[Transaction(txn["appId"], txn["version"])]) if txn else None
    write_deltalake(
        path, pq.read_table(step["file"]), mode=mode, schema_mode=schema_mode, predicate=step.get("where"), commit_properties=properties
    )


def merge(path, step):
    source = pq.read_table(step["file"])
    building = DeltaTable(path).merge(source, step["on"], source_alias="source", target_alias="target")
    for clause in step.get("matched", []):
        if clause.get("delete"):
            building = building.when_matched_delete(clause.get("and"))
        elif clause["set"] == "*":
            building = building.when_matched_update_all(clause.get("and"))
        else:
            building = building.when_matched_update(clause["set"], clause.get("and"))
    for clause in step.get("notMatched", []):
        if clause["set"] == "*":
            building = building.when_not_matched_insert_all(clause.get("and"))
        else:
            building = building.when_not_matched_insert(clause["set"], clause.get("and"))
    for clause in step.get("notMatchedBySource", []):
        if clause.get("delete"):
            building = building.when_not_matched_by_source_delete(clause.get("and"))
        else:
            building = building.when_not_matched_by_source_update(clause["set"], clause.get("and"))
    building.execute()


def run_step(path, step):
    match step["do"]:
        case "create":
            create(path, step)
        case "append":
            write(path, step, "append")
        case "overwrite":
            write(path, step, "overwrite")
        case "delete":
            DeltaTable(path).delete(step.get("where"))
        case "update":
            DeltaTable(path).update(predicate=step.get("where"), updates=step["set"])
        case "merge":
            merge(path, step)
        case "addColumns":
            DeltaTable(path).alter.add_columns(Schema.from_json(json.dumps(step["schema"])).fields)
        case "constraint":
            DeltaTable(path).alter.add_constraint({step["name"]: step["check"]})
        case "properties":
            DeltaTable(path).alter.set_table_properties(step["set"], raise_if_not_exists=False)
        case "optimize":
            DeltaTable(path).optimize.compact()
        case "vacuum":
            DeltaTable(path).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False, full=True)
        case "restore":
            DeltaTable(path).restore(step["version"])
        case "checkpoint":
            DeltaTable(path).create_checkpoint()
        case other:
            raise Cannot(f"delta-rs has no function to {other}")


def run(given):
    """Takes one step."""
    run_step(given["path"], given["step"])


def read(given):
    """The rows of some versions, and with `facts` what the table says about itself."""
    rows = {}
    for version in given["versions"]:
        engine = QueryBuilder().register("t", DeltaTable(given["path"], version=version))
        rows[str(version)] = rows_of(pa.table(engine.execute("SELECT * FROM t").read_all()))
    return {"rows": rows, **(facts(given["path"]) if given["facts"] else {})}


def facts(path):
    table = DeltaTable(path)
    metadata = table.metadata()
    return {
        "schema": json.loads(table.schema().to_json()),
        "partitionColumns": metadata.partition_columns,
        "properties": metadata.configuration,
        "history": [
            [entry["version"], entry["operation"], plain_millis(datetime.fromtimestamp(entry["timestamp"] / 1000, timezone.utc))]
            for entry in table.history()
        ],
    }


def changes(given):
    """The change data feed from one version on, without the commit times."""
    table = pa.table(DeltaTable(given["path"]).load_cdf(starting_version=given["from"]).read_all())
    return rows_of(table.drop_columns(["_commit_timestamp"]))
