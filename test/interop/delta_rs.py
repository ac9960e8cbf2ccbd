"""delta-rs for the interoperability tests: `delta_rs.py FUNCTION < input.json > output.json`, or served by worker.py.

Values travel as plain.py writes them.
"""

import json
import math
import os
import random
import sys
import time
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable, QueryBuilder, write_deltalake
from deltalake.exceptions import CommitFailedError
from urllib.parse import unquote

from plain import plain, rows_of

UTC = timezone.utc
US = pa.timestamp("us", tz="UTC")
NTZ = pa.timestamp("us")


def open_table(given):
    return DeltaTable(given["path"], version=given.get("version"))


def count(given):
    return {"rows": open_table(given).to_pyarrow_table().num_rows}


def read(given):
    """Rows, schema and everything else that a table says about itself."""
    table = open_table(given)
    metadata = table.metadata()
    protocol = table.protocol()
    return {
        "rows": rows_of(table.to_pyarrow_table()),
        "version": table.version(),
        "schema": json.loads(table.schema().to_json()),
        "partition_columns": metadata.partition_columns,
        "configuration": metadata.configuration,
        "description": metadata.description,
        "protocol": [protocol.min_reader_version, protocol.min_writer_version],
        "history": [
            {key: entry.get(key) for key in ("version", "operation", "operationParameters", "engineInfo")}
            for entry in table.history()
        ],
        "files": len(table.file_uris()),
    }


def query(given):
    """Rows of SELECTs through DataFusion, which prunes files by their statistics; the table is `t`."""
    engine = QueryBuilder().register("t", open_table(given))
    return [rows_of(pa.table(engine.execute(sql))) for sql in given["sql"]]


def leaves(field, array, path):
    """Flat columns and struct fields, which are what statistics speak of."""
    if pa.types.is_struct(field.type):
        for i, child in enumerate(field.type):
            yield from leaves(child, pc.struct_field(array, [i]), path + [child.name])
    else:
        yield ".".join(path), array


def stats(given):
    """Compares the statistics of every file with the rows in it. Returns what is wrong, and how much was looked at."""
    table = open_table(given)
    actions = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    wrong, bounds, exact, nulls = [], 0, 0, 0
    for action in actions:
        file = pq.read_table(os.path.join(given["path"], unquote(action["path"])), partitioning=None)
        if action["num_records"] != file.num_rows:
            wrong.append([action["path"], "num_records", action["num_records"], file.num_rows])
        for field in file.schema:
            column = pc.cast(file[field.name], field.type)
            for name, array in leaves(field, column, [field.name]):
                missing = action.get(f"null_count.{name}")
                if missing is not None:
                    nulls += 1
                    if missing != array.null_count:
                        wrong.append([action["path"], f"null_count.{name}", missing, array.null_count])
                low, high = action.get(f"min.{name}"), action.get(f"max.{name}")
                if low is None and high is None:
                    continue
                real = pc.min_max(array).as_py()
                bounds += 1
                exact += low == real["min"] and high == real["max"]
                if low is not None and low > real["min"]:
                    wrong.append([action["path"], f"min.{name}", plain(low), plain(real["min"])])
                # delta-rs hands times out in whole milliseconds, whatever the log says.
                slack = timedelta(milliseconds=1) if isinstance(high, datetime) else None
                if high is not None and (high < real["max"] if slack is None else high + slack <= real["max"]):
                    wrong.append([action["path"], f"max.{name}", plain(high), plain(real["max"])])
    partitions = sorted(
        (
            {key.removeprefix("partition."): plain(value) for key, value in action.items() if key.startswith("partition.")}
            for action in actions
        ),
        key=json.dumps,
    )
    return {"wrong": wrong, "files": len(actions), "bounds": bounds, "exact": exact, "nulls": nulls, "partitions": partitions}


def all_types(first, rows):
    """One column of every type that Delta has; every seventh row is all nulls."""
    at = datetime(2026, 1, 1, 12, 30, 15, 123456)

    def values(make):
        return [None if i % 7 == 6 else make(i) for i in range(first, first + rows)]

    columns = {
        "id": pa.array(range(first, first + rows), pa.int64()),
        "part": pa.array([f"p{i % 3}" for i in range(first, first + rows)]),
        "string": pa.array(values(lambda i: f"größe {i} '\"\\ \U0001f600")),
        "long": pa.array(values(lambda i: 2**63 - 1 - i), pa.int64()),
        "integer": pa.array(values(lambda i: -(2**31) + i), pa.int32()),
        "short": pa.array(values(lambda i: i - 300), pa.int16()),
        "byte": pa.array(values(lambda i: i % 128), pa.int8()),
        "float": pa.array(values(lambda i: i + 0.25), pa.float32()),
        "double": pa.array(values(lambda i: [math.pi * i, math.nan, math.inf][i % 3]), pa.float64()),
        "boolean": pa.array(values(lambda i: i % 2 == 0)),
        "binary": pa.array(values(lambda i: bytes([i % 256, 0, 255])), pa.binary()),
        "date": pa.array(values(lambda i: date(2026, 1, 1) + timedelta(days=i))),
        "timestamp": pa.array(values(lambda i: (at + timedelta(hours=i)).replace(tzinfo=UTC)), US),
        "timestamp_ntz": pa.array(values(lambda i: at - timedelta(days=3650 * (i % 9))), NTZ),
        "decimal": pa.array(values(lambda i: Decimal(i) / 100 - 1), pa.decimal128(10, 2)),
        "big_decimal": pa.array(values(lambda i: Decimal("12345678901234567890123456.7890123456") + i), pa.decimal128(38, 10)),
        "struct": pa.array(
            values(lambda i: {"x": i, "y": None if i % 2 else f"y{i}", "z": {"deep": i * 2}}),
            pa.struct([("x", pa.int64()), ("y", pa.string()), ("z", pa.struct([("deep", pa.int32())]))]),
        ),
        "list": pa.array(values(lambda i: [i, None, i + 1][: i % 4]), pa.list_(pa.int64())),
        "map": pa.array(values(lambda i: [("a", i), ("b", None)]), pa.map_(pa.string(), pa.int64())),
        "structs": pa.array(
            values(lambda i: [{"k": f"k{i}", "v": [i]}] if i % 2 else []),
            pa.list_(pa.struct([("k", pa.string()), ("v", pa.list_(pa.int32()))])),
        ),
    }
    return pa.table(columns)


def make_all_types(given):
    for i in range(given.get("commits", 1)):
        write_deltalake(given["path"], all_types(i * 20, 20), mode="append", partition_by=given.get("partition_by"))
    if given.get("checkpoint"):
        DeltaTable(given["path"]).create_checkpoint()
    return {}


PARTITION_VALUES = {
    "string": (pa.string(), ["plain", "a b", "a/b", "a=b", "100%", "%20", "ü € 😀", "a+b&c#d?e", "'\"\\", "[x]*{y}", "a:b", None]),
    "long": (pa.int64(), [0, -1, 2**63 - 1, None]),
    "integer": (pa.int32(), [0, -(2**31), None]),
    "date": (pa.date32(), [date(1, 1, 1), date(1969, 12, 31), date(2026, 2, 28), None]),
    "boolean": (pa.bool_(), [True, False, None]),
    # Not between -1 and 0: delta-rs writes -0.050 as "0.-50", which it cannot read itself.
    "decimal": (pa.decimal128(12, 3), [Decimal("1.200"), Decimal("-7.000"), Decimal("123456789.001"), None]),
    "double": (pa.float64(), [1.5, -2.0, 1e10, None]),
    "timestamp": (US, [datetime(2026, 1, 1, 1, 2, 3, tzinfo=UTC), datetime(1969, 7, 20, 20, 17, 40, 123456, tzinfo=UTC), None]),
    "timestamp_ntz": (NTZ, [datetime(2026, 1, 1, 1, 2, 3), datetime(2026, 1, 1, 1, 2, 3, 4000), None]),
}


def make_partitioned(given):
    """A table partitioned by a column of one type, a row or two in every partition."""
    kind, values = PARTITION_VALUES[given["type"]]
    table = pa.table({"p": pa.array(values + values, kind), "id": pa.array(range(2 * len(values)), pa.int64())})
    write_deltalake(given["path"], table, partition_by=["p"])
    return {}


def make_history(given):
    """A table that went through everything delta-rs can do to one."""
    path = given["path"]

    def people(ids, **extra):
        ids = list(ids)
        columns = {"id": pa.array(ids, pa.int64()), "team": [f"t{i % 4}" for i in ids], "name": [f"n{i}" for i in ids]}
        return pa.table({**columns, **{name: pa.array([make(i) for i in ids]) for name, make in extra.items()}})

    write_deltalake(path, people(range(40)), partition_by=["team"], configuration={"delta.checkpointInterval": "3"})
    write_deltalake(path, people(range(40, 60)), mode="append")
    DeltaTable(path).delete("id % 10 = 3")
    DeltaTable(path).update(predicate="id = 5", updates={"name": "'updated'"})
    write_deltalake(path, people(range(60, 70), age=lambda i: i), mode="append", schema_mode="merge")
    (
        DeltaTable(path)
        .merge(people([1, 2, 100], age=lambda i: -i), "t.id = s.id", source_alias="s", target_alias="t")
        .when_matched_update_all()
        .when_not_matched_insert_all()
        .execute()
    )
    DeltaTable(path).optimize.compact()
    write_deltalake(path, people([200], age=lambda i: i), mode="append")
    write_deltalake(path, people([4, 8], age=lambda i: 7).take([0, 1]), mode="overwrite", predicate="team = 't0'")
    DeltaTable(path).create_checkpoint()
    if given.get("cleanup"):
        for name in sorted(os.listdir(f"{path}/_delta_log")):
            newest = f"{DeltaTable(path).version():020}.json"
            if name.endswith(".json") and name[0] == "0" and name < newest:
                os.remove(f"{path}/_delta_log/{name}")
    return {}


LEDGER = pa.schema(
    [
        ("manifest_id", pa.string()), ("file_sha", pa.string()), ("source_repo", pa.string()), ("file_path", pa.string()),
        ("ingest_date", pa.date32()), ("pull_ts_utc", US), ("size_bytes", pa.int64()), ("row_count_estimate", pa.int32()),
        ("target_backend", pa.string()), ("dest_path", pa.string()), ("status", pa.string()), ("error_message", pa.string()),
        ("reprocess", pa.bool_()), ("updated_at", US), ("meta", pa.string()),
    ]
)


def make_ledger(given):
    """`metadata.ingestion_manifest` by the published DDL, with rows that another pipeline wrote."""
    DeltaTable.create(given["path"], LEDGER, partition_by=["ingest_date"], configuration={"delta.appendOnly": "false"})
    at = datetime(2026, 1, 5, 6, 7, 8, tzinfo=UTC)
    rows = [
        {
            "manifest_id": sha, "file_sha": sha, "source_repo": "o/r", "file_path": f"{sha}.csv", "ingest_date": at.date(),
            "pull_ts_utc": at, "size_bytes": 10, "row_count_estimate": None, "target_backend": "ADLS", "dest_path": None,
            "status": status, "error_message": error, "reprocess": False, "updated_at": at, "meta": meta,
        }
        for sha, status, error, meta in (
            ("old-good", "INGESTED", None, None),
            ("old-bad", "FAILED", "boom", '{"attempt": 1}'),
            ("old-note", "INGESTED", None, "not json"),
        )
    ]
    write_deltalake(given["path"], pa.Table.from_pylist(rows, LEDGER), mode="append")
    return {}


def retried(work):
    """delta-rs gives an append up when a commit that removes files came first; nothing was committed then."""
    lost = 0
    while True:
        try:
            work()
            return lost
        except CommitFailedError:
            lost += 1


def append_loop(given):
    lost = 0
    for i in range(given["from"], given["from"] + given["times"]):
        batch = pa.table({"id": pa.array([i], pa.int64()), "who": ["delta-rs"], "n": pa.array([0], pa.int64())})
        lost += retried(lambda: write_deltalake(given["path"], batch, mode="append"))
        time.sleep(random.random() * given["pause"])
    return {"lost": lost}


def merge_loop(given):
    lost = 0
    for i in range(given["from"], given["from"] + given["times"]):
        source = pa.table({"id": pa.array([given["key"], i], pa.int64()), "who": ["delta-rs"] * 2, "n": pa.array([1, 1], pa.int64())})

        def merge():
            (
                DeltaTable(given["path"])
                .merge(source, "t.id = s.id", source_alias="s", target_alias="t")
                .when_matched_update({"n": "t.n + 1"})
                .when_not_matched_insert_all()
                .execute()
            )

        lost += retried(merge)
        time.sleep(random.random() * given["pause"])
    return {"lost": lost}


if __name__ == "__main__":
    json.dump(globals()[sys.argv[1]](json.load(sys.stdin)), sys.stdout)
    sys.stdout.flush()
    # Threads of the native libraries sometimes abort an orderly exit.
    os._exit(0)
