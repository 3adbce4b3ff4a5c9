#!/usr/bin/env python3
"""Wayfare and its peers over the same events, turn by turn in one run.

  benches/compare/compare.py --dir DIR [--events 10000000] [--days 30] [--wayfare BINARY] [--runs 5]
                             [--queries Q1,Q2,...] [--layouts raw,native] [--engines duckdb,polars]
                             [--uncompacted] [--ingest]

Makes what is missing in DIR: a virtual environment with the peers (PyPI), the events (gen.py, seeded, without
repeats), DuckDB's own sorted table, and a store, which it fills day by day so that the lines never lie on the disk all
at once. Then it times each task (peers.py says what they are): the peers as warm processes, Wayfare as a warm
server over HTTP, which answers in Arrow, and as a whole process each time. Prints a Markdown table: medians, peak memory, ratios, and whether
the counts agree. Nobody keeps answers: each one is computed.

--uncompacted asks a store that was never compacted: the first question, which keeps what it folds, is timed alone. --ingest times NDJSON to a store against the peers' conversion
of the same lines to Parquet."""
import argparse, datetime as dt, glob, json, multiprocessing, os, shutil, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = ["duckdb==2.0.0", "chdb==4.4.0", "polars==2.1.0", "datafusion==55.0.0", "pyarrow", "numpy"]
TASKS = "Q1,Q2,Q3,Q4,Q5,Q6,Q7a,Q7b,Q8"
MS_A_DAY = 86_400_000


def say(*words): print(*words, file=sys.stderr, flush=True)


def inside_venv(a):
    """Goes on with the interpreter that has the peers."""
    python = os.path.join(a.dir, "venv", "bin", "python")
    if sys.executable == python: return
    if not os.path.exists(python):
        say("installing the peers"); subprocess.run([sys.executable, "-m", "venv", os.path.join(a.dir, "venv")], check=True)
        subprocess.run([python, "-m", "pip", "-q", "install", *PEERS], check=True)
    os.execv(python, [python, os.path.abspath(__file__), *sys.argv[1:]])


def quote(text): return "'" + text.replace("'", "'\\''") + "'"


def timed(command, **kw):
    """seconds, peak MB and standard error of a whole process"""
    t = time.perf_counter(); p = subprocess.Popen(command, shell=isinstance(command, str), stderr=subprocess.PIPE, text=True, **kw)
    err = p.stderr.read(); _, status, ru = os.wait4(p.pid, 0); p.returncode = status
    if status: sys.exit(f"{command}: {err}")
    return time.perf_counter() - t, ru.ru_maxrss // 1024, err


def data(a):
    if not os.path.exists(os.path.join(a.dir, "spec.json")):
        say("making events")
        subprocess.run([sys.executable, os.path.join(HERE, "gen.py"), "--events", str(a.events), "--days", str(a.days), "--seed", "1",
                        "--dup-rate", "0", "--out", a.dir], check=True)
    if "native" in a.layouts and not os.path.exists(os.path.join(a.dir, "native", "duckdb.db")):
        say("building DuckDB's own table")
        subprocess.run([sys.executable, os.path.join(HERE, "peers.py"), "build", "--data", a.dir, "--what", "duckdb"], check=True)


def lines(source, target):
    """One JSON object a line, null fields left out, as gen.py writes them."""
    import duckdb
    names = [row[0] for row in duckdb.sql(f"DESCRIBE SELECT * FROM read_parquet('{source}')").fetchall() if row[0] != "date"]
    parts = []
    for index, name in enumerate(names):
        comma = "," if index else ""
        if name in ("ts", "received_at"): parts.append(f"'{comma}\"{name}\":' || epoch_ms({name})")
        elif name in ("custom_data", "journey_version", "http_status", "latency_ms"): parts.append(f"coalesce('{comma}\"{name}\":' || {name}, '')")
        else: parts.append(f"coalesce('{comma}\"{name}\":\"' || {name} || '\"', '')")
    duckdb.sql(f"COPY (SELECT '{{' || {' || '.join(parts)} || '}}' FROM read_parquet('{source}')) TO '{target}' "
               "(FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')")


def lines_apart(source, target):
    """The same in a process of its own: a child's peak begins with its parent's."""
    writer = multiprocessing.get_context("spawn").Process(target=lines, args=(source, target)); writer.start(); writer.join()
    if writer.exitcode: sys.exit(f"no lines of {source}")


def store(a):
    """Fills the store that is asked: a compacted one, or one that was never compacted."""
    path = os.path.join(a.dir, "store-uncompacted" if a.uncompacted else "store")
    if os.path.exists(path): return path
    half, piece = path + ".half", os.path.join(a.dir, "piece.ndjson")
    shutil.rmtree(half, ignore_errors=True)
    for day in sorted(glob.glob(os.path.join(a.dir, "events", "date=*"))):
        lines_apart(day + "/*.parquet", piece)
        s, mb, _ = timed([a.wayfare, "ingest", "--quiet", "--store", half, "--mapping", os.path.join(HERE, "gen.toml"), piece])
        say(f"ingest {os.path.basename(day)}: {os.path.getsize(piece) / 1e6:.0f} MB in {s:.1f} s, peak {mb} MB"); os.unlink(piece)
    if not a.uncompacted:
        s, mb, _ = timed([a.wayfare, "compact", "--quiet", "--store", half])
        say(f"compact: {s:.1f} s, peak {mb} MB")
    os.rename(half, path)
    return path


def asked_first(a, path):
    """A copy of a store that was never compacted, after its first question: a question keeps what it folds."""
    copy = path + "-asked"; shutil.rmtree(copy, ignore_errors=True); shutil.copytree(path, copy, copy_function=os.link)
    # what is kept is dates at rest
    newest = max(os.path.getmtime(f) for f in glob.glob(copy + "/events/**/*.parquet", recursive=True)); time.sleep(max(0, newest + 61 - time.time()))
    s, mb, _ = timed([a.wayfare, "overview", "--quiet", "--store", copy, "--threads", str(a.threads), "--format", "json", "--output", os.devnull])
    print(f"never compacted: the first question, an overview, took {s:.1f} s, peak {mb} MB\n", flush=True)
    return copy


# what the peers' queries give, too; Q1 and Q7 have no more columns than theirs that cost anything
COLUMNS = {
    "Q2": ["step", "reached"], "Q8": ["day", "step", "reached"],
    "Q3": ["journey_id", "platform", "country", "step", "reached", "median_from_previous_ms"],
    "Q4": ["journey_id", "step_id", "attempts", "completed", "retries", "abandoned_here", "p50_duration_ms", "p95_duration_ms"],
    "Q5": ["journey_id", "journey_version", "failing_step", "error_code", "last_step", "failures", "share_of_runs"],
    "Q6": ["from", "from_kind", "to", "to_kind", "passages"]}


def ours(sp):
    """The command of every task."""
    j0 = sp["journeys"][0]["journey_id"]
    step = lambda event, name: event if name is None else name
    funnel = " ".join("--step " + quote(step(e, s)) for e, s in sp["journeys"][0]["funnel"])
    # every journey's own steps at once: step n is the n-th step of any of them
    levels = [sorted({step(*j["funnel"][n]) for j in sp["journeys"]}) for n in range(6)]
    lines_of_all = " ".join("--step " + quote(f"Level {n + 1} := " + " | ".join(names)) for n, names in enumerate(levels))
    day = lambda n: (dt.date.fromisoformat(sp["first_day"]) + dt.timedelta(days=n)).isoformat()
    lo, hi = day(sp["sample"]["day"] - 3), day(sp["sample"]["day"] + 3)
    one = f"funnel --journey {j0} --window 1h {funnel}"
    commands = {
        "Q1": "overview", "Q2": one, "Q3": f"funnel --by journey_id,platform,country --window 1h {lines_of_all}", "Q4": "steps",
        "Q5": "failures --by journey_id,journey_version,failing_step,error_code,last_step --limit 50", "Q6": f"paths --journey {j0}",
        "Q7a": f"invocation {sp['sample']['invocation_id']}",
        "Q7b": "sql " + quote(f"SELECT * FROM events WHERE user_id = '{sp['sample']['user_id']}' AND date BETWEEN '{lo}' AND '{hi}' ORDER BY timestamp"),
        "Q8": one + " --by day"}
    return {q: c + (f" --columns {','.join(COLUMNS[q])}" if q in COLUMNS else "") for q, c in commands.items()}


def asked(sp):
    """The same as requests to a server."""
    j0 = sp["journeys"][0]["journey_id"]
    step = lambda event, name: event if name is None else name
    one = {"journey": [j0], "window": "1h", "steps": [step(e, s) for e, s in sp["journeys"][0]["funnel"]]}
    levels = [sorted({step(*j["funnel"][n]) for j in sp["journeys"]}) for n in range(6)]
    all_of = [f"Level {n + 1} := " + " | ".join(names) for n, names in enumerate(levels)]
    report = lambda name, spec, q=None: {"path": f"/api/v1/reports/{name}", "json": {**spec, **({"columns": COLUMNS[q]} if q else {})}}
    day = lambda n: (dt.date.fromisoformat(sp["first_day"]) + dt.timedelta(days=n)).isoformat()
    lo, hi = day(sp["sample"]["day"] - 3), day(sp["sample"]["day"] + 3)
    return {
        "Q1": report("overview", {}), "Q2": report("funnel", one, "Q2"), "Q3": report("funnel", {"by": ["journey_id", "platform", "country"], "window": "1h", "steps": all_of}, "Q3"),
        "Q4": report("steps", {}, "Q4"), "Q5": report("failures", {"by": ["journey_id", "journey_version", "failing_step", "error_code", "last_step"], "limit": 50}, "Q5"),
        "Q6": report("paths", {"journey": [j0]}, "Q6"), "Q7a": {"path": f"/api/v1/invocations/{sp['sample']['invocation_id']}"},
        "Q7b": report("sql", {"query": f"SELECT * FROM events WHERE user_id = '{sp['sample']['user_id']}' AND date BETWEEN '{lo}' AND '{hi}' ORDER BY timestamp"}),
        "Q8": report("funnel", {**one, "by": ["day"]}, "Q8")}


def check(a, path, commands, queries):
    """Counts of ours against DuckDB's over the events; what is not compared says so."""
    import duckdb
    sys.path.insert(0, HERE); import peers
    sp = peers.spec_of(a.dir); ev = f"read_parquet('{a.dir}/events/*/*.parquet', hive_partitioning=true)"
    d = dict(ms=lambda x: f"epoch_ms({x})", any=lambda x: f"any_value({x})", q=lambda x, p: f"quantile_cont({x}, {p})",
             argmax=lambda x, o, c: f"arg_max({x}, {o}) FILTER (WHERE {c})", daterange=lambda lo, hi: f"date BETWEEN DATE '{lo}' AND DATE '{hi}'",
             day=lambda t: f"CAST(epoch_ms({t}) AS DATE)")
    con = duckdb.connect(); con.execute(f"SET threads=2"); Q = peers.sql_queries(d, ev, sp, "dim")
    ask = lambda q: con.execute(Q[q]).fetchall()
    verdict = {}
    for q in queries:
        if q == "Q3": verdict[q] = "not compared"; continue
        out = os.path.join(a.dir, "answer.json")
        # theirs is the last step that was started, ours the last that any event names: counts are compared without it
        timed(f"{a.wayfare} {commands[q].replace(',last_step', '')} --store {quote(path)} --quiet --format json --output {quote(out)}")
        rows = json.load(open(out))["rows"]
        if q == "Q1": x = {r["journey_id"]: (r["started"], r["succeeded"], r["failed"]) for r in rows}; y = {r[0]: tuple(r[1:4]) for r in ask(q)}
        elif q == "Q2": x = [r["reached"] for r in rows]; y = [int(n) for n in ask(q)[0]]
        elif q == "Q4": x = {(r["journey_id"], r["step_id"]): (r["attempts"], r["retries"]) for r in rows}; y = {r[:2]: (int(r[2]), int(r[4])) for r in ask(q)}
        elif q == "Q5":
            x = sorted(r["failures"] for r in rows if r.get("failing_step") is not None)[-40:]
            y = sorted(n for (n,) in con.execute(f"""SELECT count(*) FROM {ev} WHERE event_type = '{peers.FAIL}'
                GROUP BY journey_id, journey_version, step_id, error_code ORDER BY count(*) DESC LIMIT 40""").fetchall())
        elif q == "Q6":
            ends = {"END succeeded": "#ok", "END failed": "#failed"}; x = {}
            for r in rows:
                if r["from_kind"] != "step": continue
                pair = r["from"], ends.get(r["to"], "#abandoned") if r["to_kind"] == "end" else r["to"]
                x[pair] = x.get(pair, 0) + r["passages"]
            y = {r[:2]: int(r[2]) for r in ask(q)}
        elif q in ("Q7a", "Q7b"): x, y = len(rows), len(ask(q))
        else:
            x = {}
            for r in rows: x.setdefault(r["day"], []).append(r["reached"])
            y = {str(r[0]): [int(n) for n in r[1:]] for r in ask(q)}
        verdict[q] = "equal" if x == y else "DIFFERENT"
        if x != y: say(q, "ours", str(x)[:400], "theirs", str(y)[:400])
    return verdict


def compare(a):
    data(a); path = store(a); path = asked_first(a, path) if a.uncompacted else path; sp = json.load(open(os.path.join(a.dir, "spec.json")))
    commands = ours(sp); queries = a.queries.split(",")
    scripts = os.path.join(a.dir, "ours"); os.makedirs(scripts, exist_ok=True)
    for q, command in commands.items():
        with open(os.path.join(scripts, q + ".sh"), "w") as f:
            f.write(f"exec {a.wayfare} {command} --store {quote(path)} --threads {a.threads} --quiet --format json --output /dev/null\n")
    served = os.path.join(scripts, "served.json")
    with open(served, "w") as f:
        json.dump({"command": [a.wayfare, "serve", "--store", path, "--threads", str(a.threads), "--quiet", "--listen", "127.0.0.1:0"], "asked": asked(sp)}, f)
    out = os.path.join(a.dir, f"compare-{int(time.time())}.jsonl")
    subprocess.run([sys.executable, os.path.join(HERE, "peers.py"), "turn", "--data", a.dir, "--engines", a.engines, "--layouts", a.layouts,
                    "--queries", a.queries, "--runs", str(a.runs), "--threads", str(a.threads), "--out", out,
                    "--extra", f"wayfare=sh {scripts}/{{q}}.sh", "--served", f"wayfare served={served}"], check=True, stdout=subprocess.DEVNULL)
    verdict = check(a, path, commands, queries) if a.check else {}
    rows = {}
    for line in open(out):
        r = json.loads(line); rows.setdefault(r["query"], {})[r["engine"] + ("" if r["layout"] == "own" else " " + r["layout"])] = r
    kept, process = "wayfare served", "wayfare"
    names = [n for n in next(iter(rows.values())) if n not in (kept, process)]
    size = sum(os.path.getsize(f) for t in ("events", "invocations") for f in glob.glob(f"{path}/{t}/**/*.parquet", recursive=True))
    print(f"{sp['events']:,} events, {sp['days']} days; store {size / 1e6:,.0f} MB; {a.threads} threads; median of {a.runs}; seconds / peak MB / how many times as long as wayfare served\n")
    print("| task | wayfare served | wayfare, a process each | " + " | ".join(names) + " | counts |"); print("| --- |" + " --- |" * (len(names) + 3))
    for q in queries:
        cell = lambda name: f"**{rows[q][name]['median_s']:.3f}** / {rows[q][name]['peak_mb']}" if "median_s" in rows[q].get(name, {}) else rows[q].get(name, {}).get("error", "failed")
        mine = rows[q].get(kept, {}).get("median_s"); cells = []
        for n in names:
            r = rows[q].get(n, {})
            cells.append("–" if "median_s" not in r or not mine else f"{r['median_s']:.3f} / {r['peak_mb']} / {r['median_s'] / mine:.1f} ×")
        print(f"| {q} | {cell(kept)} | {cell(process)} | " + " | ".join(cells) + f" | {verdict.get(q, 'not compared')} |", flush=True)


def ingest(a):
    data(a); piece = os.path.join(a.dir, "ingest.ndjson")
    if not os.path.exists(piece): lines_apart(a.dir + "/events/*/*.parquet", piece)
    print(f"{os.path.getsize(piece) / 1e6:,.0f} MB of lines, {a.threads} threads\n\n| turn | who | s | peak MB |\n| --- | --- | --- | --- |")
    for turn in range(a.runs):
        for who in ["wayfare", *[e for e in a.engines.split(",") if e != "datafusion"]]:
            dest = os.path.join(a.dir, "ingested"); shutil.rmtree(dest, ignore_errors=True)
            command = ([a.wayfare, "ingest", "--quiet", "--threads", str(a.threads), "--store", dest, "--mapping", os.path.join(HERE, "gen.toml"), piece] if who == "wayfare" else
                       [sys.executable, os.path.join(HERE, "peers.py"), "ingest", "--ndjson", piece, "--dest", dest, "--engine", who, "--threads", str(a.threads)])
            s, mb, _ = timed(command, stdout=subprocess.DEVNULL)
            print(f"| {turn + 1} | {who} | {s:.2f} | {mb} |", flush=True)
            shutil.rmtree(dest, ignore_errors=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--dir", required=True); p.add_argument("--events", type=int, default=10_000_000); p.add_argument("--days", type=int, default=30)
    p.add_argument("--wayfare", default=shutil.which("wayfare") or "wayfare"); p.add_argument("--runs", type=int, default=5); p.add_argument("--threads", type=int, default=2)
    p.add_argument("--queries", default=TASKS); p.add_argument("--layouts", default="raw,native"); p.add_argument("--engines", default="duckdb,polars")
    p.add_argument("--uncompacted", action="store_true"); p.add_argument("--ingest", action="store_true"); p.add_argument("--no-check", dest="check", action="store_false")
    a = p.parse_args(); a.dir = os.path.abspath(a.dir); os.makedirs(a.dir, exist_ok=True); a.wayfare = os.path.abspath(a.wayfare)
    inside_venv(a)
    ingest(a) if a.ingest else compare(a)


if __name__ == "__main__": main()
