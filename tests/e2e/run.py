#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the end-to-end tests whose names contain one of the arguments, or all.

Ends with "N passed, N failed"; the exit status is 0 only if some ran and none failed."""
import importlib
import os
import pathlib
import signal
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import harness  # noqa: E402

MODULES = ("cases", "program", "libraries", "golang", "discovery", "addresses", "tlsonly",
           "connection", "names", "sessions", "doctor", "clients", "targets", "calls", "throttled", "why",
           "jobs", "summary", "support", "http2", "preemption", "matrix", "confidential")

# Not in a run without arguments: they are long, and `make e2e-matrix` asks for them by name.
ON_REQUEST = ("golang.tracers_come_and_go_for_a_minute", "discovery.a_thousand_curls")


class TimedOut(BaseException):
    pass


def on_alarm(signum, frame):
    raise TimedOut()


def load(failed):
    for module in MODULES:
        if not (HERE / f"{module}.py").exists():
            print(f"# {module}.py is not there", flush=True)
            continue
        try:
            importlib.import_module(module)
        except Exception as error:
            traceback.print_exc()
            failed.append(report(f"FAIL {module}: cannot be imported: {error}"))


def report(line):
    print(line.replace("\n", " | "), flush=True)
    return line


def reason_of(error):
    if isinstance(error, TimedOut):
        return "timed out"
    if isinstance(error, harness.Failure):
        return str(error)
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({os.path.basename(where.filename)}:{where.lineno})"


def run_one(test):
    """The reason of its failure, or None; and how long it took. A test may return its
    own duration, when it had been running before it was asked."""
    start = time.monotonic()
    own = reason = None
    try:
        signal.alarm(test.timeout)
        own = test.function()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        reason = reason_of(error)
    finally:
        signal.alarm(0)
    return reason, own if isinstance(own, float) else time.monotonic() - start


def main(patterns):
    signal.signal(signal.SIGALRM, on_alarm)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers are ended in any case
    passed, failed = 0, []
    load(failed)
    chosen = [t for t in harness.TESTS
              if (any(p in t.name for p in patterns) if patterns
                  else not t.name.startswith(ON_REQUEST))]
    if patterns == ["--list"]:
        print("\n".join(t.name for t in harness.TESTS))
        return 0
    if os.geteuid() != 0:
        failed.append(report("FAIL run: these tests need root"))
        chosen = []
    try:
        for hook in harness.BEFORE if chosen else ():
            hook({t.name for t in chosen})
        for test in chosen:
            reason, seconds = run_one(test)
            if reason is None:
                passed += 1
                report(f"ok {test.name} ({seconds:.1f} s)")
            else:
                failed.append(report(f"FAIL {test.name}: {reason}"))
    except KeyboardInterrupt:
        failed.append(report("FAIL run: interrupted"))
    finally:
        for hook in harness.AFTER:
            hook()
        harness.remove_scratch()
    print(f"{passed} passed, {len(failed)} failed", flush=True)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
