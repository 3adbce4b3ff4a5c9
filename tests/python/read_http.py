#!/usr/bin/env python3
"""Asks a server as a batch job and a dashboard that polls do, and prints what they got as one JSON object.

    read_http.py ADDRESS TOKEN

pandas reads CSV and Parquet from the address of a report; urllib stands for a Grafana panel: it takes `rows` out of JSON,
sends the range as ISO instants or as milliseconds since 1970, asks again with the tag of the answer before, and follows the links of pages.
"""
import gzip
import io
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

import pandas

ADDRESS, TOKEN = sys.argv[1:]
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def address(path, **query):
    return f"{ADDRESS}/api/v1/{path}?{urllib.parse.urlencode(query, doseq=True)}"


def poll(url, **headers):
    """Status, headers and body of an answer, unpacked."""
    request = urllib.request.Request(url, headers={"Accept": "application/json", **BEARER, **headers})
    try:
        with urllib.request.urlopen(request) as answer:
            body = answer.read()
            if answer.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            return answer.status, answer.headers, body
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def batch():
    """The same report as two frames, each as records."""
    frames = {
        "csv": pandas.read_csv(address("reports/steps", journey="login", format="csv"), storage_options=BEARER),
        "parquet": pandas.read_parquet(
            address("reports/steps", journey="login", format="parquet"), storage_options=BEARER
        ),
    }
    return {name: json.loads(frame.to_json(orient="records", double_precision=15)) for name, frame in frames.items()}


def panel():
    """A panel of runs by day, polled twice, plain and packed, in both ways to say the range."""
    iso = address("reports/overview", by="day", **{"from": "2026-03-05T00:00:00.000Z", "to": "2026-03-12T00:00:00.000Z"})
    epoch = address("reports/overview", by="day", **{"from": 1772668800000, "to": 1773273600000})
    polled = {}
    for name, url, packed in [
        ("plain", iso, {}),
        ("packed", iso, {"Accept-Encoding": "gzip"}),
        ("epoch", epoch, {}),
    ]:
        status, headers, body = poll(url, **packed)
        again, _, rest = poll(url, **packed, **{"If-None-Match": headers["ETag"]})
        polled[name] = {"status": status, "rows": json.loads(body)["rows"], "again": again, "bytes_again": len(rest)}
    return polled


def walk():
    """The ids of all runs of a journey, link by link."""
    url, ids = address("invocations", journey="kyc", limit=20, format="csv"), []
    while url:
        _, headers, body = poll(url)
        ids.extend(pandas.read_csv(io.BytesIO(body))["invocation_id"])
        link = headers["Link"]
        url = link and ADDRESS + link[1 : link.index(">")]
    return ids


print(json.dumps({"batch": batch(), "panel": panel(), "walk": walk()}))
