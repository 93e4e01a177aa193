#!/usr/bin/env -S python3 -B
"""Every fault of the simulated fleet, on many hosts each: never okay where nothing was done, no hang, no leak."""
import os
import resource
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import HEAVY  # noqa: E402
from fleet import Fleet, name  # noqa: E402
from testing import BUILD, check, equal, main  # noqa: E402

HOSTS = min(25 * HEAVY, 250)
ROUNDS = 25 * HEAVY // HOSTS  # 25 hosts for each; 1,000 with DT_TEST_HEAVY=40
FILES = 400

# What dt may say of each.
FAULTS = {
    "refuse": "unreachable", "silent": "timeout", "garbage-banner": "unreachable timeout",
    "endless-banner": "unreachable timeout", "close-banner": "unreachable", "close-kex": "unreachable",
    "close-newkeys": "unreachable", "wrong-hostkey": "hostkey", "close-auth": "auth unreachable",
    "login-refused": "auth", "close-open": "unreachable lost", "channel-refused": "unreachable", "close-exec": "lost",
    "exec-refused": "unreachable failed", "silent-exec": "timeout", "close-output": "lost", "endless-output": "timeout",
    "slow-output": "timeout", "reset": "lost", "eof-reset": "lost", "status-reset": "lost", "no-status": "lost",
    "no-eof": "lost", "signal": "killed",
}


def limited():
    """As a leak of a descriptor a host would not be."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))


def run_fault(fault, statuses, transport, count):
    fleet = Fleet("[*]\nfault = %s\nstdout = half\\n\n" % fault, count=count)
    since = time.monotonic()
    limit = "1s" if "timeout" in statuses else "20s"  # a machine under load must not make one of the others
    ends = fleet.outcomes("--transport", transport, "-C", "100", "-T", limit, "--command-timeout", limit, "all", "ssh",
                          "true", preexec_fn=limited)
    took = time.monotonic() - since
    equal(len(ends), count, fault)
    for host, end in ends.items():
        check(end["status"] in statuses.split(), fault, host, end)
        check(end["rc"] != 0, fault, end)
        # waiting for a turn is not the host's time; one second to connect, one for the command, one to end it
        check(end["seconds"] < (8 if limit == "1s" else 20), fault, end)
    fleet.end()
    return took


def test_each():
    for fault, statuses in FAULTS.items():
        for _ in range(ROUNDS):
            run_fault(fault, statuses, "libssh2", HOSTS)


def test_through_ssh():
    """ssh(1) does not tell a signal."""
    for fault in "close-banner", "close-auth", "exec-refused", "close-output", "eof-reset", "no-status", "signal":
        run_fault(fault, FAULTS[fault] + " unreachable lost", "openssh", 3 * HEAVY)


def test_deadline():
    """A run with all of them at once ends with its deadline."""
    fleet = Fleet("".join("[%s]\nfault = %s\n" % (name(n), f) for n, f in enumerate(FAULTS, 1)), count=len(FAULTS))
    since = time.monotonic()
    ends = fleet.outcomes("-T", "60s", "--deadline", "2s", "all", "ssh", "true")
    took = time.monotonic() - since
    equal(len(ends), len(FAULTS))
    check(all(e["status"] != "ok" for e in ends.values()), ends)
    print("# --deadline 2s, all faults at once: %.1f s" % took)
    check(took < (3 if "build-" not in BUILD else 12), took)
    fleet.end()


if __name__ == "__main__":
    main(globals())
