# SPDX-License-Identifier: Apache-2.0
"""Python programs run many times over, a few at a time, without starting Python each time: every
run is a fork of a process that has the program loaded. Nothing else is shared."""
import os
import sys
import tempfile
import traceback


def _forked(function):
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        status = function() or 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _status(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def run(main, argv, env=()):
    """main() in a process of its own, with that sys.argv: its exit status and what it printed.
    Without main, argv is started as a program."""
    with tempfile.TemporaryFile() as out:
        def child():
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
            os.environ.update(env)
            sys.argv = argv
            if main is None:
                os.execv(argv[0], argv)
            return main()

        status = _status(_forked(child))
        out.seek(0)
        return status, out.read().decode(errors="replace")


def spread(function, n, lanes):
    """function(0) to function(n - 1), in that many processes side by side; whether all went well."""
    def lane(first):
        for i in range(first, n, lanes):
            function(i)

    pids = [_forked(lambda first=first: lane(first)) for first in range(lanes)]
    return all([_status(pid) == 0 for pid in pids])
