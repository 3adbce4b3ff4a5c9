#!/usr/bin/env python3
"""Reads a store with three tools that know nothing of Wayfare and prints what they see as one JSON object.

    read_store.py DIR

deltalake and polars open both tables as Delta; DuckDB reads the Parquet files that the log lists. A run's path is codes
into the list beside it (docs/decisions/0015-paths-as-numbers.md), which is read here by that page alone.
"""
import json
import pathlib
import sys

import deltalake
import duckdb
import polars


def path_of(codes, tokens):
    """The path as text: each code is twice a token's place in the list, and one more where it is tied to the one before."""
    listed, text, at = tokens.split(";"), "", 0
    while at < len(codes):
        first = codes[at]
        if first < 0x80: code, at = first, at + 1
        elif first < 0xC0: code, at = (first & 0x3F) << 8 | codes[at + 1], at + 2
        else: code, at = int.from_bytes(codes[at + 1:at + 5], "big"), at + 5
        text += ("," if code % 2 else ";") * bool(text) + listed[code // 2]
    return text


def facts(by_activity, frame, runs):
    return {
        "by_activity": dict(sorted(by_activity)),
        "events": {"rows": frame[0], "first_us": frame[1], "last_us": frame[2], "ids": frame[3], "characters": frame[4]},
        "invocations": {
            "rows": len(runs), "events": sum(events for events, _, _ in runs),
            "characters": sum(len(path_of(codes, tokens)) for _, codes, tokens in runs),
        },
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
        rows("select count(*), cast(min(timestamp) as bigint), cast(max(timestamp) as bigint), "
             "count(distinct event_id), sum(character_length(additional_params)) from events")[0],
        rows("select events, path, tokens from invocations"),
    )


def with_polars(folder):
    events = polars.scan_delta(str(folder / "events"))
    invocations = polars.scan_delta(str(folder / "invocations"))
    at = polars.col("timestamp").dt.epoch("us")
    by_activity = events.group_by("activity").len().collect().rows()
    ids = polars.col("event_id").n_unique()
    characters = polars.col("additional_params").str.len_chars().sum().cast(polars.Int64).alias("characters")
    frame = events.select(polars.len(), at.min().alias("first"), at.max().alias("last"), ids, characters)
    frame = frame.collect().rows()[0]
    runs = invocations.select("events", "path", "tokens").collect().rows()
    return facts(by_activity, frame, runs)


def with_duckdb(tables):
    db = duckdb.connect()
    db.execute("set timezone = 'UTC'")
    for name, table in tables.items():
        db.execute(f"create view {name} as from read_parquet({table.file_uris()!r}, hive_partitioning = true)")
    rows = lambda query: db.execute(query).fetchall()
    return facts(
        rows("select activity, count(*) from events group by activity"),
        rows("select count(*), epoch_us(min(timestamp)), epoch_us(max(timestamp)), "
             "count(distinct event_id), sum(length(additional_params))::bigint from events")[0],
        rows("select events, path, tokens from invocations"),
    )


def main():
    folder = pathlib.Path(sys.argv[1])
    tables = {name: deltalake.DeltaTable(str(folder / name)) for name in ("events", "invocations")}
    seen = {"deltalake": with_deltalake(tables), "polars": with_polars(folder), "duckdb": with_duckdb(tables)}
    print(json.dumps(seen, indent=1))


if __name__ == "__main__":
    main()
