#!/usr/bin/env python3
"""Shows how much memory an ingest takes as its input grows: the peak must not grow with it.

    tests/faults/ingest_memory.py --binary target/release/wayfare 1000000 50000000

generates so many events, packs them, pipes them into `wayfare ingest -` and prints one line each: events, seconds
(until all is packed and stored), processor seconds and peak of the resident memory of the ingest. With --limit-mib it
fails when a peak is above. Needs room for a packed copy of the input and for the store in the folder of temporary files (about
0.06 GB a million events), TMPDIR says where.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def measure(binary, events, threads):
    """Seconds, processor seconds and peak resident KiB of one ingest."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        source = subprocess.Popen([binary, "generate", "--events", str(events), "--quiet"], stdout=subprocess.PIPE)
        pack = [shutil.which("zstd") or "gzip", "-1"]
        packed = subprocess.Popen(pack, stdin=source.stdout, stdout=subprocess.PIPE)
        command = [binary, "ingest", "-", "--quiet", "--store", store, "--threads", str(threads)]
        started = time.monotonic()
        ingest = subprocess.Popen(command, stdin=packed.stdout)
        source.stdout.close()
        packed.stdout.close()
        _, status, usage = os.wait4(ingest.pid, 0)
        seconds = time.monotonic() - started
        if status != 0 or packed.wait() != 0 or source.wait() != 0:
            sys.exit(f"error: the ingest of {events} events failed")
        counted = subprocess.run(
            [binary, "sql", "--store", store, "--format", "csv", "SELECT count(*) FROM events"],
            check=True, capture_output=True, text=True,
        ).stdout.split()[-1]
        if int(counted) != events:
            sys.exit(f"error: {events} events sent, {counted} stored")
        return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def main():
    parser = argparse.ArgumentParser(description="Shows the memory of ingests of different sizes.")
    parser.add_argument("--binary", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit-mib", type=int)
    parser.add_argument("events", type=int, nargs="+")
    arguments = parser.parse_args()
    for events in arguments.events:
        seconds, busy, peak_kib = measure(arguments.binary, events, arguments.threads)
        print(f"{events:>12,} events  {seconds:8.1f} s  {busy:8.1f} s of processor  {peak_kib / 1024:8.0f} MiB at most", flush=True)
        if arguments.limit_mib and peak_kib > arguments.limit_mib * 1024:
            sys.exit(f"error: more than {arguments.limit_mib} MiB")


if __name__ == "__main__":
    main()
