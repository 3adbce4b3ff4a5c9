#!/usr/bin/env python3
"""How long it takes to decode just the columns that a task needs of a compacted store: no engine can answer sooner.

  benches/compare/roofline.py --dir DIR [--runs 5] [--threads 2]

Reads DIR/store (compare.py fills it): the files of `invocations` that its log names, for a task of one journey only the row groups
that may hold it. Prints a Markdown table: packed MB, and the median seconds of the quicker one of two readers, pyarrow
(texts as dictionary codes) and DuckDB (a count of each column)."""
import argparse, glob, json, os, statistics, time
from concurrent.futures import ThreadPoolExecutor

PATH = ["path", "tokens"]
STATE = ["terminal", "last_at"]
NEEDED = {
    "Q1": ["journey_id", "started_at", "ended_at", "error_code", "error_category", *STATE], "Q2": ["journey_id", "offsets", *PATH],
    "Q3": ["journey_id", "platform", "country", "offsets", *PATH], "Q4": ["journey_id", "last_step", "offsets", *PATH, *STATE],
    "Q5": ["journey_id", "journey_version", "failing_step", "error_code", "last_step", *STATE], "Q6": ["journey_id", *PATH, *STATE],
    "Q8": ["journey_id", "first_at", "offsets", *PATH]}
OF_ONE_JOURNEY = {"Q2", "Q6", "Q8"}


def files_of(table):
    """The data files of a Delta table whose log has no checkpoint yet."""
    files = {}
    for entry in sorted(glob.glob(table + "/_delta_log/*.json")):
        for line in open(entry):
            action = json.loads(line)
            if "add" in action: files[action["add"]["path"]] = True
            if "remove" in action: files.pop(action["remove"]["path"], None)
    return [os.path.join(table, path) for path in files]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--dir", required=True); p.add_argument("--runs", type=int, default=5); p.add_argument("--threads", type=int, default=2)
    a = p.parse_args()
    import duckdb, pyarrow.parquet as pq
    con = duckdb.connect(); con.execute(f"SET threads={a.threads}")
    journey = json.load(open(os.path.join(a.dir, "spec.json")))["journeys"][0]["journey_id"]
    files = files_of(os.path.join(a.dir, "store", "invocations"))
    texts = [f.name for f in pq.ParquetFile(files[0]).schema_arrow if str(f.type) == "string"]

    def median(run):
        times = []
        for _ in range(a.runs + 1):
            t = time.perf_counter(); run(); times.append(time.perf_counter() - t)
        return statistics.median(times[1:])

    print("| task | packed MB | decoding, s | by |\n| --- | --- | --- | --- |")
    for task, columns in NEEDED.items():
        work, packed = [], 0
        for file in files:
            meta, groups = pq.ParquetFile(file).metadata, []
            for group in range(meta.num_row_groups):
                chunks = {meta.row_group(group).column(c).path_in_schema: meta.row_group(group).column(c) for c in range(meta.num_columns)}
                found = chunks["journey_id"].statistics
                if task in OF_ONE_JOURNEY and not found.min <= journey <= found.max: continue
                groups.append(group); packed += sum(chunks[c].total_compressed_size for c in columns)
            if groups: work.append((file, groups))

        def decode(item):
            file = pq.ParquetFile(item[0], read_dictionary=[c for c in columns if c in texts])
            for _ in file.iter_batches(batch_size=65536, row_groups=item[1], columns=columns, use_threads=False): pass

        def by_pyarrow():
            with ThreadPoolExecutor(a.threads) as pool: list(pool.map(decode, work))

        where = f" WHERE journey_id = '{journey}'" if task in OF_ONE_JOURNEY else ""
        query = f"SELECT {', '.join(f'count({c})' for c in columns)} FROM read_parquet({files}){where}"
        seconds, reader = min((median(by_pyarrow), "pyarrow"), (median(lambda: con.execute(query).fetchall()), "DuckDB"))
        print(f"| {task} | {packed / 1e6:.0f} | {seconds:.3f} | {reader} |", flush=True)


if __name__ == "__main__": main()
