#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what a client did, by its own log (clientlog.py), with what the tracer saw.

Every client operation must have exactly one S3 row: right operation, bucket, key, status
and sizes, complete, and with a time span that lies inside the client's, as a machine that stops
for a while leaves it. By how much it is shorter than the client's nobody can say: the client's own
code is around it. That it is not too short is for the scripted cases, whose server keeps a clock
(cases.py, libraries.py, golang.py). Rows that no operation explains are errors too. Rows that are
not S3 are not looked at.

    correlate.py CLIENT_LOG TRACE     TRACE is the tracer's --json output, - for stdin

prints a table and `No missing operations`, or one line for each that is missing, extra or
wrong; the exit status is 0 or 1.
"""
import collections
import datetime
import json
import statistics
import sys

import clientlog

POSITION_SLACK_NS = 5_000_000  # wall clock against wall clock: the tracer converts once
DURATION_SLACK_MS = 0.1        # rounding

IDENTITY = ("operation", "bucket", "key", "status")
UPLOADS = ("PutObject", "UploadPart")

Pair = collections.namedtuple("Pair", "done row")


def timestamp_ns(text):
    """The tracer's timestamp, ISO 8601 with any number of digits, as ns since 1970."""
    whole, _, rest = text.rstrip("Z").partition(".")
    seconds = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc)
    return int(seconds.timestamp()) * 10**9 + int((rest + "0" * 9)[:9])


def start_of(row):
    return timestamp_ns(row["timestamp"])


def row_identity(row):
    return row["operation"], row["bucket"], row["key"], row["status_code"]


def identity(done):
    return tuple(done[name] for name in IDENTITY)


def describe(names):
    operation, bucket, key, status = names
    return "%s %s/%s %s" % (operation, bucket, "" if key is None else key, status)


def faults(done, row):
    """What is wrong with this row for this operation, identity included: a list of sentences."""
    found = []

    def same(what, wanted, got):
        if wanted != got:
            found.append("%s is %r, not %r" % (what, got, wanted))

    for name, wanted, got in zip(IDENTITY, identity(done), row_identity(row)):
        same(name, wanted, got)
    same("state", "complete", row["state"])
    same("is_error", (done["status"] or 0) >= 400, row["is_error"])
    for name in ("request_size", "response_size", "request_id", "error_code"):
        if done.get(name) is not None:
            same(name, done[name], row[name])
    if done["size"] is not None:
        side = "request_size" if done["operation"] in UPLOADS else "response_size"
        same("object size in " + side, done["size"], row[side])

    start, latency = start_of(row), row["latency_ms"]
    early = done["start_ns"] - start
    late = start + latency * 1e6 - done["end_ns"]
    client_ms = longest_ms(done)
    if early > POSITION_SLACK_NS:
        found.append("begins %.3f ms before the client did" % (early / 1e6))
    if late > POSITION_SLACK_NS:
        found.append("ends %.3f ms after the client did" % (late / 1e6))
    if latency > client_ms + DURATION_SLACK_MS:
        found.append("latency_ms is %.3f, the client's clock allows %.3f" % (latency, client_ms))
    return found


def matching(group, rows):
    """Pairs as many operations with faultless rows as can be (they overlap in time where a
    client has threads): {index of operation: index of row}. Augmenting paths."""
    fits = [[r for r, row in enumerate(rows) if not faults(done, row)] for done in group]
    owner = {}

    def place(d, tried):
        for r in fits[d]:
            if r not in tried:
                tried.add(r)
                if r not in owner or place(owner[r], tried):
                    owner[r] = d
                    return True
        return False

    for d in range(len(group)):
        place(d, set())
    return {d: r for r, d in owner.items()}


def distance(done, row):
    """How far a row is from an operation that has no faultless one, for the message."""
    wrong = sum(a != b for a, b in zip(identity(done), row_identity(row)))
    return wrong, abs(start_of(row) - done["start_ns"])


def overlaps(done, row):
    start = start_of(row)
    return (start <= done["end_ns"] + POSITION_SLACK_NS
            and start + row["latency_ms"] * 1e6 >= done["start_ns"] - POSITION_SLACK_NS)


def longest_ms(done):
    """The longest that the request can have taken: some clients time it more closely."""
    if done.get("latency_max_ms") is not None:
        return done["latency_max_ms"]
    return (done["end_ns"] - done["start_ns"]) / 1e6


class Report:
    def __init__(self, log, rows):
        self.log = log
        self.rows = [row for row in rows if row["is_s3"]]
        self.pairs = []
        self.problems = [] if log else ["wrong: the client's log is empty"]
        self._pair()

    def _pair(self):
        by_identity = collections.defaultdict(list)
        for row in self.rows:
            by_identity[row_identity(row)].append(row)
        groups = collections.defaultdict(list)
        for done in self.log:
            groups[identity(done)].append(done)

        left, extra = [], []
        for names, group in groups.items():
            rows = by_identity.pop(names, [])
            chosen = matching(group, rows)
            self.pairs += [Pair(group[d], rows[r]) for d, r in chosen.items()]
            left += [done for d, done in enumerate(group) if d not in chosen]
            extra += [row for r, row in enumerate(rows) if r not in chosen.values()]
        extra += [row for rows in by_identity.values() for row in rows]

        for done in sorted(left, key=lambda done: done["start_ns"]):
            near = [row for row in extra if overlaps(done, row)]
            best = min(near, key=lambda row: distance(done, row), default=None)
            if best is None:
                self.problems.append("missing: " + describe(identity(done)))
            else:
                extra.remove(best)
                self.problems.append("wrong: %s: %s" % (describe(identity(done)),
                                                        "; ".join(faults(done, best))))
        self.problems += ["extra: %s (pid %s %s via %s, %s %s)"
                          % (describe(row_identity(row)), row["pid"], row["comm"], row["via"],
                             row["method"], row["path"]) for row in extra]

    def by_operation(self):
        table = collections.defaultdict(list)
        for pair in self.pairs:
            table[pair.done["operation"], pair.done["status"]].append(pair)
        return table

    @staticmethod
    def clocks(pairs):
        """Medians of the client's time and of the row's, in ms."""
        return (statistics.median(longest_ms(p.done) for p in pairs),
                statistics.median(p.row["latency_ms"] for p in pairs))

    def table(self):
        pairs = self.by_operation()
        wanted = collections.Counter((done["operation"], done["status"]) for done in self.log)
        seen = collections.Counter((row["operation"], row["status_code"]) for row in self.rows)
        lines = ["%-24s %6s %8s %6s %12s %12s" % ("OPERATION", "STATUS", "EXPECTED", "SEEN",
                                                  "CLIENT(ms)", "ROW(ms)")]
        for names in sorted(wanted.keys() | seen.keys(), key=str):
            times = "%12.2f %12.2f" % self.clocks(pairs[names]) if names in pairs else ""
            lines.append(("%-24s %6s %8d %6d %s" % (*names, wanted[names], seen[names], times)).rstrip())
        lines.append("%-24s %6s %8d %6d" % ("all", "", len(self.log), len(self.rows)))
        return "\n".join(lines)

    def __str__(self):
        return "\n".join([self.table(), *(self.problems or ["No missing operations"])])

    @property
    def ok(self):
        return not self.problems


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: correlate.py CLIENT_LOG TRACE")
    with (sys.stdin if sys.argv[2] == "-" else open(sys.argv[2])) as f:
        rows = [json.loads(line) for line in f]
    report = Report(clientlog.read(sys.argv[1]), rows)
    print(report)
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
