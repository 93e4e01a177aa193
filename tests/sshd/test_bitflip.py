#!/usr/bin/env -S python3 -B
"""One wrong bit in what one host sends: that host has its line, the others are okay, and dt ends normally."""
import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import HEAVY, Bed  # noqa: E402
from daemons import BitFlip, Proxy, Sshd  # noqa: E402
from testing import check, equal, main  # noqa: E402

ROUNDS = 25 * HEAVY
WORDS = {"ok", "failed", "unreachable", "auth", "hostkey", "timeout", "lost", "killed"}


def bed_of(healthy):
    bed = Bed()
    server = Sshd(bed.authorized)
    bed.hosts("good", healthy, server)
    proxy = Proxy(server.port)
    bed.host("bad", server, port=proxy.port)
    return bed, proxy


class Counter:
    total = 0

    def __call__(self, data, direction, offset):
        if direction == "down":
            self.total = offset + len(data)
        return data


def run(healthy, rounds):
    bed, proxy = bed_of(healthy)
    proxy.spoil = counter = Counter()
    equal(bed.outcomes("bad", "ssh", "echo right", status=0)["bad"]["stdout"], "right\n")
    check(counter.total > 1000, counter.total)
    seen = {}
    for _ in range(rounds):
        proxy.spoil = flip = BitFlip(random.randrange(counter.total))
        done = bed.dt("-T", "5s", "--command-timeout", "10s", "-o", "jsonl", "all", "ssh", "echo right")
        about = "bit %d of byte %d: %s %s" % (flip.bit, flip.at, done.stdout, done.stderr)
        check(done.returncode in (0, 4, 5), done.returncode, about)
        ends = [json.loads(l) for l in done.stdout.splitlines() if '"event":"end"' in l]
        equal(len(ends), healthy + 1, about)
        ends = {e["host"]: e for e in ends}
        bad = ends.pop("bad")
        check(bad["status"] in WORDS, about)
        # With one wrong bit nothing wrong is believed.
        check(bad["status"] != "ok" or bad["stdout"] == "right\n", about)
        equal(done.returncode == 0, bad["status"] == "ok", about)
        for end in ends.values():
            equal((end["status"], end["stdout"]), ("ok", "right\n"), about)
        seen[bad["status"]] = seen.get(bad["status"], 0) + 1
    print("# %d rounds beside %d hosts: %s" % (rounds, healthy, seen))


def test_bit_flips():
    run(19 if HEAVY > 1 else 3, ROUNDS)


if __name__ == "__main__":
    main(globals())
