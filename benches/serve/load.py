#!/usr/bin/env python3
"""How a running `wayfare serve` stands load: python3 benches/serve/load.py URL PID TOKEN OTHER_TOKEN [CASE...]

PID is the server's, for its memory and processor time. TOKEN may do everything; OTHER_TOKEN is that of the slow clients,
who would use up the share of whoever has the same one. Prints a line for each case:

slow       1,000 clients that trickle heads and bodies or stay silent, beside one that asks for /livez and a report
reports    64 clients that ask for reports without a pause
cancelled  how long the server computes on after the client of an endless query is gone
bombs      a body of some MB that unpacks to 1.5 GB
"""

import asyncio
import gzip
import sys
import time

SLOW_CLIENTS = 1000
HEALTHY_REQUESTS = 300
ASKING_CLIENTS = 64
ASKING_S = 20
CANCELLED_ROUNDS = 10
IDLE_MS = 20

REPORTS = ["overview?by=journey_id", "overview?by=day", "steps?journey=login", "failures", "funnel?journey=login", "durations"]
ENDLESS = (
    "SELECT max(character_length(a.user_id || b.user_id || c.user_id)) AS n "
    "FROM events a, events b, events c"
)


TOKEN, OTHER_TOKEN = sys.argv[3:5]


def head(method, path, host, body=b"", more=""):
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n{more}{length}\r\n".encode() + body


async def answer(reader):
    """Status and length of an answer's body."""
    status = int((await reader.readline()).split()[1])
    length, chunked = 0, False
    while (line := (await reader.readline()).strip().lower()) != b"":
        name, _, value = line.partition(b": ")
        length = int(value) if name == b"content-length" else length
        chunked = chunked or (name, value) == (b"transfer-encoding", b"chunked")
    if not chunked:
        return status, len(await reader.readexactly(length))
    total = 0
    while (size := int(await reader.readline(), 16)) > 0:
        total += len(await reader.readexactly(size + 2)) - 2
    await reader.readline()
    return status, total


async def ask(reader, writer, request):
    """Milliseconds and status of one request."""
    begun = time.perf_counter()
    writer.write(request)
    status, _ = await answer(reader)
    return (time.perf_counter() - begun) * 1000, status


def told(times):
    times = sorted(times)
    at = lambda share: times[min(len(times) - 1, int(share * len(times)))]
    return f"p50 {at(0.5):.1f} ms, p99 {at(0.99):.1f} ms, longest {times[-1]:.1f} ms"


def memory_mib(pid):
    with open(f"/proc/{pid}/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    return int(fields["VmHWM"].split()[0]) // 1024


def processor_ticks(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


async def slow_client(host, port, number, stop):
    """One that never gets on; connected again when it is let go."""
    starts = [
        b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Trickle: ",
        f"POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {OTHER_TOKEN}\r\nContent-Length: 100000\r\n\r\n".encode(),
        b"",
    ]
    while not stop.is_set():
        try:
            reader, writer = await asyncio.open_connection(host, port)
            start = starts[number % 3]
            writer.write(start)
            while not stop.is_set() and not reader.at_eof():
                await asyncio.sleep(1)
                if start:
                    writer.write(b"a")
                    await writer.drain()
            writer.close()
        except OSError:
            await asyncio.sleep(0.2)


async def slow(host, port, name, pid):
    stop = asyncio.Event()
    clients = [asyncio.create_task(slow_client(host, port, number, stop)) for number in range(SLOW_CLIENTS)]
    await asyncio.sleep(3)
    for path in ["/livez", "/api/v1/reports/journeys"]:
        reader, writer = await asyncio.open_connection(host, port)
        times = []
        for _ in range(HEALTHY_REQUESTS):
            took, status = await ask(reader, writer, head("GET", path, name))
            assert status == 200, status
            times.append(took)
            await asyncio.sleep(0.02)
        writer.close()
        print(f"slow       {SLOW_CLIENTS} slow clients, {path}: {told(times)}; peak {memory_mib(pid)} MiB")
    stop.set()
    await asyncio.gather(*clients)


async def reports(host, port, name, pid):
    end = time.perf_counter() + ASKING_S
    times, refused = [], 0

    async def client(number):
        nonlocal refused
        reader, writer = await asyncio.open_connection(host, port)
        while time.perf_counter() < end:
            path = "/api/v1/reports/" + REPORTS[number % len(REPORTS)]
            took, status = await ask(reader, writer, head("GET", path, name))
            number += 1
            if status == 200:
                times.append(took)
            else:
                refused += 1
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(client(number) for number in range(ASKING_CLIENTS)))
    rate = len(times) / (time.perf_counter() - begun)
    print(f"reports    {ASKING_CLIENTS} clients: {rate:.1f} a second, {told(times)}, {refused} not answered; peak {memory_mib(pid)} MiB")


async def cancelled(host, port, name, pid):
    times = []
    for _ in range(CANCELLED_ROUNDS):
        _, writer = await asyncio.open_connection(host, port)
        writer.write(head("POST", "/api/v1/sql", name, ENDLESS.encode(), "Content-Type: application/sql\r\n"))
        before = processor_ticks(pid)
        await asyncio.sleep(1.5)
        assert processor_ticks(pid) - before > 50, "the query does not compute"
        writer.transport.abort()
        gone = last_at = time.perf_counter()
        ticks = processor_ticks(pid)
        # idle: no tick for a quarter of a second
        while time.perf_counter() - last_at < 0.25:
            await asyncio.sleep(IDLE_MS / 1000)
            if (now := processor_ticks(pid)) != ticks:
                ticks, last_at = now, time.perf_counter()
        times.append((last_at - gone) * 1000)
    print(f"cancelled  idle after: {told(times)} (looked at every {IDLE_MS} ms)")


async def bombs(host, port, name, pid):
    body = gzip.compress((b"{\"activity\":\"" + b"a" * 100_000 + b"\"}\n") * 15_000, 9)
    reader, writer = await asyncio.open_connection(host, port)
    took, status = await ask(reader, writer, head("POST", "/api/v1/events", name, body, "Content-Type: application/x-ndjson\r\n"))
    print(f"bombs      {len(body):,} bytes that unpack to 1,500,225,000: {status} after {took:.0f} ms; peak {memory_mib(pid)} MiB")


async def main():
    name = sys.argv[1].removeprefix("http://").rstrip("/")
    host, port = name.rsplit(":", 1)
    pid = int(sys.argv[2])
    cases = [slow, reports, cancelled, bombs]
    for case in cases:
        if len(sys.argv) < 6 or case.__name__ in sys.argv[5:]:
            await case(host, int(port), name, pid)


asyncio.run(main())
