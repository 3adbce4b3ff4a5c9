#!/usr/bin/env python3
"""Reads a store with three tools that know nothing of Wayfare and prints what they see as one JSON object.

    read_store.py DIR

deltalake and polars open both tables as Delta; DuckDB reads the Parquet files that the log lists.
"""
import json
import pathlib
import sys

import deltalake
import duckdb
import polars



def facts(by_activity, frame, runs):
    return {
        "by_activity": dict(sorted(by_activity)),
        "events": {"rows": frame[0], "first_us": frame[1], "last_us": frame[2]},
        "invocations": {"rows": runs[0], "events": runs[1], "characters": runs[2]},
    }


def with_deltalake(tables):
    """SQL over the tables as the Delta library of Python opens them."""
    builder = deltalake.QueryBuilder()
    for name, table in tables.items():
        builder.register(name, table)

    def rows(query):
        table = builder.execute(query).read_all()
        columns = [table.column(name).to_pylist() for name in table.column_names]
        return list(zip(*columns))

    return facts(
        rows("select activity, count(*) as events from events group by activity"),
        rows("select count(*), cast(min(timestamp) as bigint), cast(max(timestamp) as bigint) from events")[0],
        rows("select count(*), sum(events), sum(character_length(path)) from invocations")[0],
    )


def with_polars(folder):
    events = polars.scan_delta(str(folder / "events"))
    invocations = polars.scan_delta(str(folder / "invocations"))
    at = polars.col("timestamp").dt.epoch("us")
    by_activity = events.group_by("activity").len().collect().rows()
    frame = events.select(polars.len(), at.min().alias("first"), at.max().alias("last")).collect().rows()[0]
    characters = polars.col("path").str.len_chars().sum().cast(polars.Int64)
    runs = invocations.select(polars.len(), polars.col("events").sum(), characters).collect().rows()[0]
    return facts(by_activity, frame, runs)


def with_duckdb(tables):
    db = duckdb.connect()
    db.execute("set timezone = 'UTC'")
    for name, table in tables.items():
        db.execute(f"create view {name} as from read_parquet({table.file_uris()!r}, hive_partitioning = true)")
    rows = lambda query: db.execute(query).fetchall()
    return facts(
        rows("select activity, count(*) from events group by activity"),
        rows("select count(*), epoch_us(min(timestamp)), epoch_us(max(timestamp)) from events")[0],
        rows("select count(*), sum(events)::bigint, sum(length(path))::bigint from invocations")[0],
    )


def main():
    folder = pathlib.Path(sys.argv[1])
    tables = {name: deltalake.DeltaTable(str(folder / name)) for name in ("events", "invocations")}
    seen = {"deltalake": with_deltalake(tables), "polars": with_polars(folder), "duckdb": with_duckdb(tables)}
    print(json.dumps(seen, indent=1))


if __name__ == "__main__":
    main()
