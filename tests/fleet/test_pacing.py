#!/usr/bin/env -S python3 -B
"""Many hosts behind one address or one jump host that drops logins: none is lost, and nothing is done twice."""
import collections
import os
import socket
import sys
import threading
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


class Slowly:
    """A spoil for a Proxy: a way with a delay, and so many bytes a second for all that it carries."""

    def __init__(self, delay, rate):
        self.delay = delay
        self.rate = rate
        self.lock = threading.Lock()

    def __call__(self, data, direction, offset):
        time.sleep(self.delay)
        with self.lock:
            time.sleep(len(data) / self.rate)
        return data


def test_slow_jump_host():
    """Who waits for others behind a jump host is not late: the timeout counts from one's own turn."""
    count = 60
    for transport in ("libssh2", "auto"):
        bed = Bed()
        gate, target = Sshd(bed.authorized), Sshd(bed.authorized)
        slow = Proxy(gate.port, Slowly(0.02, 60_000))
        bed.host("gate", gate, port=slow.port)
        bed.hosts("t", count, target, "t via=gate")
        since = time.monotonic()
        ends = bed.outcomes("-C", "100", "-T", "6s", "--transport", transport, "tag:t", "ssh", "true", status=0)
        seconds = time.monotonic() - since
        equal(statuses(ends), {"ok": count})
        print("# %d hosts behind a slow jump host: %.1f s" % (count, seconds))
        check(seconds > 6, "too quick to prove it")
        slow.close()
        target.stop()
        gate.stop()


class Penalty:
    """Before a real sshd: to the first connections, or until a time, what OpenSSH 9.8 says to an address with a penalty."""

    def __init__(self, port, seconds):
        self.behind = Proxy(port)
        self.until = time.monotonic() + seconds
        self.refused = 0
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            if time.monotonic() < self.until:
                self.refused += 1
                peer.sendall(b"Not allowed at this time\r\n")
                peer.close()
                continue
            server = socket.create_connection(("127.0.0.1", self.behind.port))
            for source, sink in ((peer, server), (server, peer)):
                threading.Thread(target=self.behind.carry, args=(source, sink, ""), daemon=True).start()

    def close(self):
        self.socket.close()
        self.behind.close()


def test_penalty():
    """A host that penalises this address is waited for, not pressed; and named where it takes too long."""
    bed = Bed()
    sshd = Sshd(bed.authorized, options=["LogLevel VERBOSE"])
    for transport in ("libssh2", "openssh"):
        front = Penalty(sshd.port, 4)
        bed.host("p" + transport, sshd, port=front.port)
        marks = bed.join("marks-" + transport)
        done = ended(bed.dt("-v", "--transport", transport, "p" + transport, "ssh", "echo x >>" + marks), 0)
        has(done.stderr, "lets nobody in from here for a while: another try in ")
        check(1 <= front.refused <= 6, front.refused)
        equal(bed.read(marks), b"x\n")
        front.close()
        front = Penalty(sshd.port, 1000)
        bed.host("n" + transport, sshd, port=front.port)
        since = time.monotonic()
        done = ended(bed.dt("-T", "1s", "--transport", transport, "n" + transport, "ssh", "true"), 4)
        check(time.monotonic() - since < 8, "it goes on for too long")
        has(done.stdout, "(PerSourcePenalties); the host says: Not allowed at this time")
        since = time.monotonic()
        ended(bed.dt("--deadline", "2s", "--transport", transport, "n" + transport, "ssh", "true"), 4)
        check(time.monotonic() - since < 6, "beyond the deadline")
        front.close()
    # a jump host
    front = Penalty(sshd.port, 2)
    bed.host("gate", sshd, port=front.port)
    bed.hosts("t", 5, sshd, "t via=gate")
    equal(statuses(bed.outcomes("-T", "2s", "tag:t", "ssh", "true", status=0)), {"ok": 5})
    check(front.refused <= 6, front.refused)
    front.close()
    sshd.stop()


if __name__ == "__main__":
    main(globals())
