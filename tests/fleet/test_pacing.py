#!/usr/bin/env -S python3 -B
"""Many hosts behind one address or one jump host that drops logins: none is lost, and nothing is done twice."""
import collections
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed, HEAVY  # noqa: E402
from daemons import Proxy, Sshd  # noqa: E402
from fleet import Fleet, name  # noqa: E402
from testing import check, ended, equal, has, main  # noqa: E402

COUNT = 300
DROPS = ["MaxStartups 10:30:100"]


def statuses(ends):
    return collections.Counter(e["status"] for e in ends.values())


def one_address(rules, count=COUNT):
    """A fleet of which many names have one address."""
    fleet = Fleet(rules, count=1)
    fleet.write("hosts.ini", "[hosts]\n" + "".join("a%d = address=127.64.0.1 port=%d\n" % (i, fleet.port) for i in range(count)))
    return fleet


def test_one_address():
    for rule, count in (("max_startups = 10", COUNT), ("drop = 30%", COUNT), ("max_startups = 2\nrtt = 5ms", 30),
                        ("drop = 30%\nmax_startups = 5", 30)):
        fleet = one_address("[*]\n%s\n" % rule, count)
        since = time.monotonic()
        done = ended(fleet.dt("-C", "100", "all", "ssh", "true"), 0)
        seconds = time.monotonic() - since
        equal((done.stdout.count("okay::"), done.stderr), (count, ""))
        counted = fleet.end()
        print("# %d names of one address, %s: %.1f s, %d dropped" % (count, rule.replace("\n", ", "), seconds, counted["dropped"]))
        # each has logged in and run its command once
        equal((counted["logins"], counted["execs"], counted["accepted"] - counted["dropped"]), (count, count, count), rule)
        check(counted["dropped"] > 0 or rule == "max_startups = 10", rule, counted)


def test_at_its_own_pace():
    """A host that takes its time for logins, and lets in few at once: who waits for a turn is not late."""
    fleet = one_address("[*]\nmax_startups = 10\nrtt = 50ms\n", count=80)
    # 10 at a time, each some round trips: all of them take longer than the timeout, none takes half of it
    since = time.monotonic()
    ends = fleet.outcomes("-C", "100", "-T", "1500ms", "all", "ssh", "true", status=0)
    equal(statuses(ends), {"ok": 80})
    check(time.monotonic() - since > 1.5, "too quick to prove it")
    fleet.end()


def test_transport_openssh():
    fleet = one_address("[*]\nmax_startups = 4\nrtt = 10ms\n", count=20)
    ends = fleet.outcomes("--transport", "openssh", "all", "ssh", "true", status=0)
    equal(statuses(ends), {"ok": 20})
    counted = fleet.end()
    equal(counted["execs"], 20)


def test_always_drops():
    """It ends, soon, and says why; and it is no burden to others."""
    fleet = Fleet("[sim00001.*]\ndrop = 100%\n[sim00002.*]\nfault = refuse\n[sim00003.*]\nfault = close-kex\n", count=20)
    since = time.monotonic()
    ends = fleet.outcomes("-T", "5s", "all", "ssh", "true", status=4)
    check(time.monotonic() - since < 5, "longer than the timeout")
    equal(statuses(ends), {"ok": 17, "unreachable": 3})
    for n in (1, 2, 3):
        end = ends[name(n)]
        has(end["reason"], "connect: ")
        check("reset" in end["reason"] or "closed" in end["reason"], end["reason"])
        check(end["seconds"] < 5, end)
    # beside one that is always full, all other names of its address end too
    fleet.write("hosts.ini", "[hosts]\n" + "".join("a%d = address=127.64.0.1 port=%d\n" % (i, fleet.port) for i in range(50)))
    since = time.monotonic()
    equal(statuses(fleet.outcomes("-T", "5s", "all", "ssh", "true", status=4)), {"unreachable": 50})
    print("# 50 names of an address that always drops ended after %.1f s" % (time.monotonic() - since))
    check(time.monotonic() - since < 30, "they wait for each other")
    equal(fleet.end()["execs"], 17)


def test_nobody_listens():
    """A port where nobody listens is said at once, for all names."""
    bed = Bed()
    bed.write("hosts.ini", "[hosts]\n" + "".join("a%d = address=127.0.0.1 port=1\n" % i for i in range(50)))
    since = time.monotonic()
    equal(statuses(bed.outcomes("all", "ssh", "true", status=4)), {"unreachable": 50})
    check(time.monotonic() - since < 2, "it was tried again")


def test_never_twice():
    """Whatever happens from the command on happens once, and in a host that drops logins too."""
    faults = ["close-output", "reset", "eof-reset", "status-reset", "no-status", "no-eof", "signal"]
    for drop in ("", "drop = 30%\n"):
        fleet = Fleet("".join("[%s]\nfault = %s\n%s" % (name(n), faults[n % len(faults)], drop) for n in range(1, 41)),
                      count=40)
        ends = fleet.outcomes("all", "ssh", "true")
        reached = [e for e in ends.values() if e["status"] != "unreachable"]
        check(set(statuses(ends)) <= {"lost", "killed", "unreachable"}, statuses(ends))
        check(len(reached) >= 30 if drop else len(reached) == 40, statuses(ends))
        counted = fleet.end()
        equal((counted["logins"], counted["execs"]), (len(reached), len(reached)))
    # the server has the command, and closes without an answer: it may have begun
    fleet = one_address("[*]\nfault = close-exec\n", count=20)
    equal(statuses(fleet.outcomes("all", "ssh", "true", status=4)), {"lost": 20})
    equal(fleet.end()["logins"], 20)
    # at one address, where others are let in all the time
    fleet = one_address("[*]\nfault = reset\ndrop = 20%\n", count=100)
    ends = fleet.outcomes("all", "ssh", "true", status=4)
    equal(statuses(ends), {"lost": 100})
    equal(fleet.end()["execs"], 100)


def test_in_words():
    fleet = one_address("[*]\nmax_startups = 2\nrtt = 5ms\n", count=20)
    loud = ended(fleet.dt("-v", "-C", "40", "all", "ssh", "true"), 0)
    has(loud.stderr, "dropped the login: at most ")
    for line in loud.stderr.splitlines():
        check(line.startswith("dt: a"), line)
        if "dropped" in line:
            has(line, ": 127.64.0.1 port %d dropped the login: at most " % fleet.port)
            has(line, " at a time there now; another try in ")
    fleet.end()


def test_deadline_between_tries():
    """The deadline ends a wait for the next try."""
    fleet = one_address("[*]\nmax_startups = 1\nrtt = 300ms\n", count=60)
    since = time.monotonic()
    ends = fleet.outcomes("-C", "60", "--deadline", "1s", "all", "ssh", "true", status=4)
    check(time.monotonic() - since < 10, "it went on")
    check(set(statuses(ends)) <= {"ok", "timeout", "skipped", "unreachable"}, statuses(ends))
    equal(len(ends), 60)
    fleet.end()


# ---- OpenSSH's own MaxStartups ----

def report(what, count, since, ends):
    print("# %s: %d hosts in %.1f s, %s" % (what, count, time.monotonic() - since, dict(statuses(ends))))
    bad = [e for e in ends.values() if e["status"] != "ok"]
    check(not bad, what, statuses(ends), bad[:3])
    equal(len(ends), count)


def test_max_startups():
    for options, count in ((DROPS, 100 * HEAVY), (["MaxStartups 3:50:6"], 30)):
        bed = Bed()
        server = Sshd(bed.authorized, options=options)
        bed.host("n[1-%d]" % count, server)
        since = time.monotonic()
        ends = bed.outcomes("-C", "100", "all", "ssh", "true")
        dropped = server.log().count("drop connection")
        report("one sshd with %s, which dropped %d" % (options[0], dropped), count, since, ends)
        check(dropped or options == DROPS, server.log()[-2000:])
        server.stop()


def test_max_startups_of_a_jump_host():
    """The jump host drops logins, and so do the hosts behind it, which are one sshd."""
    count = 100 * HEAVY
    bed = Bed()
    gate, target = Sshd(bed.authorized, options=DROPS), Sshd(bed.authorized)
    bed.host("gate", gate)
    bed.hosts("t", count, target, "t via=gate")
    since = time.monotonic()
    ends = bed.outcomes("-C", "100", "tag:t", "ssh", "true")
    report("a jump host with MaxStartups 10:30:100", count, since, ends)
    target.stop()
    full = Sshd(bed.authorized, options=DROPS)
    bed.host("n[1-%d]" % (50 * HEAVY), full, "n via=gate")
    since = time.monotonic()
    ends = bed.outcomes("-C", "100", "tag:n", "ssh", "true")
    report("behind it one sshd with MaxStartups 10:30:100", 50 * HEAVY, since, ends)
    full.stop()
    gate.stop()


class DropFirst:
    """A spoil for a Proxy: it cuts the first connections."""

    def __init__(self, count):
        self.left = count

    def __call__(self, data, direction, offset):
        if direction == "down" and offset == 0 and self.left > 0:
            self.left -= 1
            return None
        return data


def test_jump_host_drops_the_first():
    """Also the login that all hosts behind a jump host wait for is tried again."""
    for drops in (1, 2):
        bed = Bed()
        gate, target = Sshd(bed.authorized), Sshd(bed.authorized)
        spoil = DropFirst(drops)
        proxy = Proxy(gate.port, spoil)
        bed.host("gate", gate, port=proxy.port)
        bed.hosts("t", 20, target, "t via=gate")
        ends = bed.outcomes("tag:t", "ssh", "true")
        equal(spoil.left, 0)
        check(set(statuses(ends)) == {"ok"}, statuses(ends), ends["t1"])
        for server in (proxy, gate, target):
            getattr(server, "stop", proxy.close)()


if __name__ == "__main__":
    main(globals())
