#!/usr/bin/env -S python3 -B
"""A thread carries many hosts."""
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from daemons import wait_for  # noqa: E402
from fleet import STATISTICS, Fleet, name  # noqa: E402
from testing import DT, check, equal, main  # noqa: E402

COUNT = 300


def threads(process):
    with open("/proc/%d/status" % process.pid, encoding="ascii") as f:
        return int(next(line.split()[1] for line in f if line.startswith("Threads:")))


def commands(fleet):
    fleet.process.send_signal(signal.SIGUSR1)
    return int(STATISTICS.match(fleet.process.stderr.readline()).group(4))


def start(fleet, *words):
    return subprocess.Popen([DT, "-F", "/dev/null", "-D", fleet.join("hosts.ini"), "-I", fleet.key, "--known-hosts",
                             fleet.join("known_hosts"), "-C", str(COUNT), "all", *words], env=fleet.env,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)


def test_few():
    """All at work at a time, and ended together by a signal."""
    fleet = Fleet(count=COUNT)
    process = start(fleet, "ssh", "sim: sleep=60s")
    wait_for(lambda: commands(fleet) == COUNT, "all commands", 60)
    # those that carry, the main one, the one that waits for signals; a sanitizer may have its own
    check(threads(process) <= max(os.cpu_count() or 1, 2) + 4, threads(process))
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    equal(process.returncode, 130)
    equal(out.count(":killed: "), COUNT, out[-300:])
    fleet.end()


def test_local():
    """A command here waits in its fiber too."""
    fleet = Fleet(count=COUNT)
    process = start(fleet, "local", "sleep 1; echo $DT_HOST")
    out, _ = process.communicate(timeout=60)
    equal(process.returncode, 0, out[-300:])
    equal(sorted(line.rsplit(":", 1)[1] for line in out.splitlines()), [name(n + 1) for n in range(COUNT)])
    fleet.end()


if __name__ == "__main__":
    main(globals())
