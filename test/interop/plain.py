"""Values and rows as the interoperability tests compare them.

Whole numbers, decimals, dates and times are text, bytes are hex, maps are lists of {key, value}, NaN and the infinities are words.
`plain` of rows.ts does the same for ours.
"""

import json
import math
from datetime import date, datetime, timezone
from decimal import Decimal


def plain_float(value):
    if math.isnan(value) or math.isinf(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    return str(int(value)) if value.is_integer() else value


def plain_time(value):
    # A timestamp without zone counts as UTC here. The schemas are compared apart.
    text = (value if value.tzinfo is None else value.astimezone(timezone.utc).replace(tzinfo=None)).isoformat()
    return (text.rstrip("0").rstrip(".") if "." in text else text) + "Z"


def plain_millis(value):
    """A commit time, as ISO 8601 in UTC with milliseconds."""
    return (value if value.tzinfo is None else value.astimezone(timezone.utc).replace(tzinfo=None)).isoformat(timespec="milliseconds") + "Z"


def plain(value):
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return plain_float(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return plain_time(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(item, tuple) for item in value):
            return sorted(({"key": plain(k), "value": plain(v)} for k, v in value), key=json.dumps)
        return [plain(item) for item in value]
    raise TypeError(type(value))


def rows_of(table):
    """The rows of an Arrow table, in an order that depends on nothing but the rows."""
    columns = sorted(table.column_names)
    return sorted((plain(row) for row in table.select(columns).to_pylist()), key=json.dumps)
