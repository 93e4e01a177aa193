#!/usr/bin/env -S python3 -B
"""How a run goes over its hosts: canaries, batches, failures, rates, groups; proved by when each host began and ended."""
import collections
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed  # noqa: E402
from daemons import Sshd, wait_for  # noqa: E402
from fleet import Fleet, name  # noqa: E402
from terminal import Terminal  # noqa: E402
from testing import Listener, check, ended, equal, has, main  # noqa: E402

COUNT = 20
NAMES = [name(n) for n in range(1, COUNT + 1)]
# "bad" fails on hosts 1, 2 and 12 at once, and takes a while elsewhere; "late" takes it, and fails; "second" does not
# end on hosts 6 to 10
RULES = """
[*]
command = bad*
sleep = 600ms
[*]
command = late*
sleep = 600ms
status = 1
""" + "".join("[%s]\ncommand = bad*\nsleep = 0ms\nstatus = 1\n" % name(n) for n in (1, 2, 12))
RULES += "".join("[%s]\ncommand = second*\nsleep = 60s\n" % name(n) for n in range(6, 11))
fleet = Fleet(RULES, count=COUNT)


class Untouched(Bed):
    """The same names, at a port where nobody may knock."""

    def __init__(self):
        super().__init__()
        self.listener = Listener()
        self.port = self.listener.port
        hosts(self, lambda n: "rack=a web", to="hosts.ini")

    def check(self):
        # who had come before this one would have been counted before it
        socket.create_connection(("127.0.0.1", self.port)).close()
        wait_for(lambda: self.listener.calls, "the listener")
        equal(self.listener.calls, 1, "connections")
        self.listener.socket.close()


class Times:
    """When hosts began and ended, in milliseconds of the run."""

    def __init__(self, ends):
        self.ends = ends
        self.begun = {h: e for h, e in ends.items() if e["status"] != "skipped"}

    def began(self, host):
        return round(self.ends[host]["began"] * 1000)

    def ended(self, host):
        return self.began(host) + round(self.ends[host]["seconds"] * 1000)

    def peak(self, hosts=None):
        """How many of them ran at the same time."""
        spans = [(self.began(h), self.ended(h)) for h in self.begun if hosts is None or h in hosts]
        # who ends in a millisecond gives way to who begins in it; what took none of it is beside nobody
        steps = sorted([(a, 1) for a, b in spans if b > a] + [(b, -1) for a, b in spans if b > a])
        most = running = 0
        for _, step in steps:
            running += step
            most = max(most, running)
        return most

    def after(self, later, earlier, pause=0):
        """No one of later began before all of earlier had ended, and the pause was over."""
        first, last = min(map(self.began, later)), max(map(self.ended, earlier))
        check(first >= last + pause, "one began at %d ms, before %d + %d" % (first, last, pause))

    def statuses(self):
        return collections.Counter(e["status"] for e in self.ends.values())


def run(*args, status=0, selection="all"):
    """Times of a run; the words behind "--" are the command."""
    at = args.index("--")
    return Times(fleet.outcomes(*args[:at], selection, "ssh", *args[at + 1:], status=status))


def hosts(bed, attributes, to="hosts.ini", more=""):
    """The fleet's names with attributes(n)."""
    bed.write(to, "[hosts]\n" + more + "".join("%s = %s address=127.64.0.%d port=%d\n" % (h, attributes(n), n, bed.port)
                                              for n, h in enumerate(NAMES, 1)))


@contextlib.contextmanager
def attributes(given, more=""):
    """The fleet, with given(n) as the attributes of host n."""
    kept = fleet.read("hosts.ini")
    hosts(fleet, given, more=more)
    try:
        yield
    finally:
        fleet.write("hosts.ini", kept)


def batches(times, size, pause=0):
    for at in range(size, COUNT, size):
        times.after(NAMES[at:at + size], NAMES[at - size:at], pause)


# ---- canaries ----

def test_canary_okay():
    for canary, n in (("3", 3), ("10%", 2), ("1", 1)):
        times = run("--canary", canary, "--", "true # sim: sleep=100ms")
        equal(times.statuses(), {"ok": COUNT})
        times.after(NAMES[n:], NAMES[:n])
        check(times.peak(NAMES[:n]) == n and times.peak() > n, "canaries run together, then the rest together")
    times = run("--canary", "2", "--pause", "400ms", "--", "true")
    times.after(NAMES[2:], NAMES[:2], 400)


def test_canary_fails():
    # host 1 fails at once, 3 and 4 take their time, and end
    times = run("--canary", "4", "--", "bad", status=6)
    equal([times.ends[h]["status"] for h in NAMES[:4]], ["failed", "failed", "ok", "ok"])
    check(times.ended(NAMES[3]) >= times.began(NAMES[3]) + 600, "a canary that ran was cut short")
    equal({times.ends[h]["status"] for h in NAMES[4:]}, {"skipped"})
    for h in NAMES[4:]:
        equal((times.ends[h]["reason"], times.ends[h]["rc"]), ("skipped: a canary failed", None))
    # one that is not reached is a canary that failed
    done = fleet.dt("--canary", "1", "--port", "1", "all", "ssh", "true")
    ended(done, 6)
    equal(done.stdout.count(":skipped: a canary failed"), COUNT - 1)
    # a failure behind the canaries stops nothing
    times = run("--canary", "1", "--", "bad", status=5, selection="sim0001[0-9].fleet")
    equal(times.statuses(), {"ok": 9, "failed": 1})


# ---- batches ----

def test_batches():
    for batch, n in (("6", 6), ("25%", 5), ("5%", 1)):
        times = run("--batch", batch, "--", "true # sim: sleep=%s" % ("10ms" if n == 1 else "100ms"))
        equal(times.statuses(), {"ok": COUNT})
        batches(times, n)
        equal(times.peak(), n)
    # 15% of 20 is 3; a failure is no end of the batches
    times = run("--batch", "15%", "--pause", "150ms", "--", "bad # sim: sleep=0ms", status=5)
    equal(times.statuses(), {"ok": COUNT - 3, "failed": 3})
    batches(times, 3, 150)
    # all are one batch
    check(run("--batch", "1000000", "--pause", "60s", "--", "true # sim: sleep=300ms").peak() > 10, "one batch of all")


def test_batches_with_others():
    # canaries are a stage of their own; -C holds within a batch
    times = run("--canary", "2", "--batch", "9", "--pause", "200ms", "-C", "4", "--", "true # sim: sleep=50ms")
    times.after(NAMES[2:11], NAMES[:2], 200)
    times.after(NAMES[11:], NAMES[2:11], 200)
    equal(times.peak(NAMES[2:]), 4)
    # failures of all batches count together: 1, 2 and 12 fail
    times = run("--batch", "10", "--max-fail", "2", "-C", "1", "--", "bad # sim: sleep=0ms", status=6)
    equal(times.statuses(), {"ok": 9, "failed": 3, "skipped": 8})
    has(times.ends[NAMES[19]]["reason"], "skipped: 3 hosts failed, and --max-fail is 2")


# ---- failures ----

def test_max_fail():
    for limit, failed, skipped in (("0", 1, 19), ("1", 2, 18), ("10%", 3, 8), ("2", 3, 8)):
        times = run("-C", "1", "--max-fail", limit, "--", "bad # sim: sleep=0ms", status=6)
        equal(times.statuses(), collections.Counter(failed=failed, skipped=skipped, ok=COUNT - failed - skipped), limit)
        equal([h for h in NAMES if times.ends[h]["status"] == "skipped"], NAMES[COUNT - skipped:])
    equal(run("-C", "1", "--max-fail", "3", "--", "bad # sim: sleep=0ms", status=5).statuses(), {"ok": 17, "failed": 3})
    # what runs when the second one fails comes to its end
    times = run("-C", "4", "--max-fail", "1", "--", "bad", status=6)
    equal(times.statuses()["failed"], 2)
    check(times.statuses()["skipped"] >= COUNT - 6, times.statuses())
    for h in NAMES[2:4]:
        equal(times.ends[h]["status"], "ok")
        check(times.ended(h) - times.began(h) >= 600, "cut short", times.ends[h])
    done = ended(fleet.dt("-C", "1", "--max-fail", "0", "all", "ssh", "bad"), 6)
    for h in NAMES[1:]:
        has(done.stdout, "fail::dt:ssh:%s:skipped: 1 host failed, and --max-fail is 0\n" % h)


def test_max_fail_too_late():
    """When all have begun there is nothing to stop."""
    equal(run("--max-fail", "0", "--", "late # sim: sleep=1s", status=5).statuses(), {"failed": COUNT})
    times = run("-C", "1", "--max-fail", "0", "--", "true", status=4, selection="sim0000[1-3].fleet,nosuch.invalid")
    equal(times.statuses()["ok"], 3)


# ---- rate and delay ----

def windows(begans, n, tolerance=150):
    """Never more than n in any second; a thread that woke late may have squeezed a gap."""
    begans = sorted(begans)
    for a, b in zip(begans, begans[n:]):
        check(b - a >= 1000 - tolerance, "%d began within %d ms" % (n + 1, b - a))


def test_rate():
    times = run("--rate", "10", "--", "true")
    begans = [times.began(h) for h in NAMES]
    equal(times.statuses(), {"ok": COUNT})
    equal(begans, sorted(begans))
    windows(begans, 10)
    check(begans[-1] - begans[0] >= (COUNT - 1) * 100 - 150, begans)
    # each has its own moment, they do not come in a heap
    check(sum(b - a >= 50 for a, b in zip(begans, begans[1:])) >= (COUNT - 1) * 2 // 3, begans)


def test_rate_with_batches():
    times = run("--rate", "20", "--batch", "10", "--", "true # sim: sleep=100ms")
    batches(times, 10)
    windows([times.began(h) for h in NAMES], 20)
    check(times.began(NAMES[9]) - times.began(NAMES[0]) >= 300, "the rate holds within a batch")


def test_random_delay():
    times = run("--random-delay", "600ms", "--", "true")
    begans = [times.began(h) for h in NAMES]
    equal(begans, sorted(begans))
    # 20 moments within a tenth of the time: not in the life of this world
    check(begans[-1] - begans[0] > 60, begans)
    check(begans[-1] < 600 + 3000, begans)
    check(len({b // 20 for b in begans}) > 5, begans)
    other = run("--random-delay", "600ms", "--", "true")
    check([other.began(h) for h in NAMES] != begans, "the same moments twice")
    times = run("--random-delay", "300ms", "--batch", "10", "--", "true")
    batches(times, 10)
    for batch in (NAMES[:10], NAMES[10:]):
        check(times.began(batch[-1]) - times.began(batch[0]) > 30, [times.began(h) for h in batch])


# ---- groups ----

def test_max_per():
    racks = {"a": NAMES[0::2], "b": NAMES[1::2]}
    with attributes(lambda n: "rack=" + "ab"[(n - 1) % 2]):
        for spec, most in (("rack=2", 2), ("rack=30%", 3), ("rack=1%", 1), ("rack=100%", 10),
                           ("rack=9223372036854775807", 10)):
            times = run("--max-per", spec, "--", "true # sim: sleep=%dms" % (10 if most == 1 else 80))
            equal(times.statuses(), {"ok": COUNT})
            equal([times.peak(members) for members in racks.values()], [most, most], spec)
    # who is in no group is held back by none
    with attributes(lambda n: "rack=a" if n <= 5 else ""):
        times = run("--max-per", "rack=1", "--", "true # sim: sleep=200ms")
    equal(times.peak(NAMES[:5]), 1)
    check(times.peak(NAMES[5:]) > 10, times.peak(NAMES[5:]))
    check(max(map(times.began, NAMES[5:])) < times.began(NAMES[4]), "a group held back others")


def test_max_per_tag():
    with attributes(lambda n: "web" if n % 2 else "db"):
        times = run("--max-per", "tag:web=2", "--", "true # sim: sleep=150ms")
        equal(times.peak(NAMES[0::2]), 2)
        check(times.peak(NAMES[1::2]) > 5, times.peak(NAMES[1::2]))
        times = run("--max-per", "tag=3", "--", "true # sim: sleep=150ms")
        equal([times.peak(NAMES[k::2]) for k in (0, 1)], [3, 3])


def test_max_per_together():
    """Two limits, and batches: each of them holds."""
    with attributes(lambda n: "%s rack=%s" % ("web" if n <= 10 else "db", "ab"[n % 2])):
        times = run("--max-per", "rack=3", "--max-per", "tag:web=2", "--", "true # sim: sleep=60ms")
        check(max(times.peak(NAMES[k::2]) for k in (0, 1)) <= 3)
        equal(times.peak(NAMES[:10]), 2)
        times = run("--max-per", "rack=2", "--batch", "10", "--", "true # sim: sleep=60ms")
        batches(times, 10)
        equal([times.peak(NAMES[k::2]) for k in (0, 1)], [2, 2])
        times = run("--max-per", "rack=2", "--rate", "20", "--max-fail", "0", "--", "true # sim: sleep=150ms")
        windows([times.began(h) for h in NAMES], 20)
        check(max(times.peak(NAMES[k::2]) for k in (0, 1)) <= 2)


def test_max_per_via():
    gate = Sshd(fleet.authorized)
    fleet.write("known_hosts", fleet.read("known_hosts").decode() + gate.known_hosts("127.0.0.1"))
    with attributes(lambda n: "via=gate" if n <= 9 else "", "gate = address=127.0.0.1 port=%d\n" % gate.port):
        times = run("--max-per", "via=3", "--", "true # sim: sleep=200ms", selection="exp:sim")
    gate.stop()
    equal(times.statuses(), {"ok": COUNT})
    equal(times.peak(NAMES[:9]), 3)
    check(times.peak(NAMES[9:]) > 5, times.peak(NAMES[9:]))


# ---- confirmation ----

def at_terminal(bed, *args, typed=None, dtconf=None, columns=200):
    """A terminal where dt ran; typed is what its question gets, None: there is to be no question."""
    if dtconf is not None:
        bed.write("config/dt/dt.conf", dtconf)
    t = Terminal(bed.command(*args), dict(bed.env, TERM="xterm"), columns)
    if typed is not None:
        t.read("number: ")
        t.type(typed)
    t.end()
    if dtconf is not None:
        os.unlink(bed.join("config/dt/dt.conf"))
    return t


def test_confirm():
    over = "[dt]\nconfirm_over = %d\n"
    for typed, args, dtconf in (("20\n", ("--confirm",), None), ("20 \n", ("--confirm",), over % 1000),
                                ("20\n", (), over % 19), (None, (), over % 20), (None, (), over % 0),
                                (None, ("--yes", "--confirm"), over % 5), (None, ("-p",), over % 5),
                                (None, ("--confirm-over", "20"), over % 5), ("20\n", (), "[dt]\nconfirm-over = 1\n")):
        t = at_terminal(fleet, *args, "all", "ssh", "true", typed=typed, dtconf=dtconf)
        text = t.screen.text
        equal(t.status, 0, text)
        equal(text.count("okay::"), 0 if "-p" in args else COUNT, text)
        equal("ssh on 20 hosts.  To go on, type their number: " in text.split("okay::")[0], typed is not None, text)
    ended(fleet.dt("--confirm", "--yes", NAMES[0], "ssh", "true"), 0)


def test_not_confirmed():
    bed = Untouched()
    for typed in ("19\n", "\n", "y\n", "yes\n", "200\n", "020\n", "20x\n", "2 0\n", "\x04", "2" * 100 + "\n"):
        t = at_terminal(bed, "--confirm", "all", "ssh", "true", typed=typed)
        equal(t.status, 2, (typed, t.data))
        has(t.screen.text, "not confirmed; no host was contacted")
        check("::" not in t.screen.text, t.data)
    t = at_terminal(bed, "--confirm", "all", "ssh", "true", typed="\x03")
    check(t.status in (-signal.SIGINT, 130), t.status)
    # no terminal: what comes on standard input is no answer
    for args in (("--confirm",), ("--confirm-over", "19")):
        done = bed.dt(*args, "all", "ssh", "true", stdin="20\n")
        equal((done.returncode, done.stdout), (2, ""))
        has(done.stderr, "no terminal")
        equal(done.stderr.count("\n"), 1, done.stderr)
    bed.check()


def test_confirm_takes_its_time():
    """The run begins with the answer: what it is given, and how long it took, does not count the question."""
    t = Terminal(fleet.command("--confirm", "--deadline", "2s", "-o", "jsonl", "all", "ssh", "true"),
                 dict(fleet.env, TERM="xterm"), columns=10000)
    t.read("number: ")
    time.sleep(2.2)
    t.type("20\n")
    equal(t.end(), 0, t.data[-300:])
    begans = [json.loads(line)["began"] for line in t.screen.text.splitlines() if '"event":"end"' in line]
    equal(len(begans), COUNT)
    check(min(begans) < 2, begans)


# ---- -p ----

def plan(bed, *args):
    done = ended(bed.dt("-p", "-o", "jsonl", *args, "all", "ssh", "echo", "a b"), 0)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    equal([e["event"] for e in events], ["plan"] * COUNT + ["plan-summary"])
    equal([e["host"] for e in events[:-1]], NAMES)
    return events[:-1], events[-1]


def test_pretend():
    bed = Untouched()
    done = ended(bed.dt("-p", "--canary", "2", "--batch", "8", "-C", "5", "all", "ssh", "echo", "a b"), 0)
    lines = done.stdout.splitlines()
    equal(len(lines), COUNT + 1)
    words = ["canary"] * 2 + ["batch %d of 3" % (1 + n // 8) for n in range(18)]
    for h, line, word in zip(NAMES, lines, words):
        check(line.startswith("info::dt:ssh:%s:would run: ssh echo 'a b' (" % h), line)
        check(line.endswith(", %s)" % word), line, word)
        has(line, "port %d" % bed.port)
    for word in ("20 hosts", "5 at a time", "2 canaries first", "3 batches of 8"):
        has(lines[-1], word)
    check("batch" not in ended(bed.dt("-p", "all", "ssh", "true"), 0).stdout, "batches where there are none")
    text = ended(bed.dt("-p", "-J", "g1,g2", "-u", "someone", "all", "ssh", "true"), 0).stdout
    for word in ("(someone@127.64.0.1 port", "via g2 via g1", "jump host g1 for 20", "jump host g2 for 20"):
        has(text, word)
    # what a run would refuse, its plan refuses
    for args in (("--max-per", "nosuch=1"), ("--pause", "1s"), ("--canary", "20")):
        equal(bed.dt("-p", *args, "all", "ssh", "true").returncode, 2)
    bed.check()


def test_pretend_jsonl():
    bed = Untouched()
    events, summary = plan(bed, "--canary", "2", "--batch", "8", "-C", "5")
    equal([e["stage"] for e in events], [0] * 2 + [1 + n // 8 for n in range(18)])
    equal([e["canary"] for e in events], [True] * 2 + [False] * 18)
    equal(summary, {"event": "plan-summary", "hosts": 20, "at_a_time": 5, "canaries": 2, "stages": 4, "through_ssh": 0,
                    "jump_hosts": []})
    event = events[19]
    equal({k: event[k] for k in ("module", "args", "address", "port", "via", "transport", "because")},
          {"module": "ssh", "args": ["echo", "a b"], "address": "127.64.0.20", "port": bed.port, "via": [],
           "transport": "libssh2", "because": None})
    events, summary = plan(bed, "--batch", "50%")
    equal([e["stage"] for e in events], [1] * 10 + [2] * 10)
    equal((summary["stages"], summary["at_a_time"]), (2, COUNT))
    equal({e["stage"] for e in plan(bed)[0]}, {1})
    # jump hosts and their load, transports, login names
    events, summary = plan(bed, "-J", "g1,g2", "-u", "someone", "--transport", "openssh")
    equal({(tuple(e["via"]), e["user"], e["transport"]) for e in events}, {(("g2", "g1"), "someone", "openssh")})
    equal(sorted((g["host"], g["hosts"]) for g in summary["jump_hosts"]), [("g1", COUNT), ("g2", COUNT)])
    equal(summary["through_ssh"], COUNT)
    bed.check()


def test_plan_is_what_happens():
    options = ("--canary", "3", "--batch", "40%")
    stages = collections.defaultdict(list)
    for event in plan(fleet, *options)[0]:
        stages[event["stage"]].append(event["host"])
    equal([len(stages[s]) for s in sorted(stages)], [3, 8, 8, 1])
    times = run(*options, "--", "true # sim: sleep=50ms")
    for stage in list(stages)[1:]:
        times.after(stages[stage], stages[stage - 1])


# ---- bad input ----

BAD_COUNTS = ("0", "-1", "0%", "101%", "-5%", "%", "%%", "5%%", "%5", "5 %", "x", "5x", "1.5", "", " 5", "5 ", "+5", "0x5",
              "99999999999999999999", "9" * 40, "9" * 40 + "%", "nan", "1e3")


def refused(bed, option, value, *more):
    done = bed.dt(option, value, *more, "all", "ssh", "true")
    equal((done.returncode, done.stdout), (2, ""), (option, value, done.stderr))
    check(done.stderr.count("\n") == 1 and option in done.stderr, option, value, done.stderr)
    return done.stderr


def test_bad_values():
    bed = Untouched()
    for option in ("--canary", "--batch", "--max-fail"):
        for value in BAD_COUNTS:
            if option != "--max-fail" or value not in ("0", "0%"):
                has(refused(bed, option, value), '"%s"' % value)
    for value in ("0", "-1", "x", "1.5", "5%", "", "1000001", "9" * 30):
        has(refused(bed, "--rate", value), '"%s"' % value)
    for option in ("--pause", "--random-delay"):
        for value in ("0", "-1s", "x", "", "5x", "9" * 30, "0ms"):
            has(refused(bed, option, value, "--batch", "5"), '"%s"' % value)
    for value in ("20", "21", "100%", "96%", "9223372036854775807"):
        has(refused(bed, "--canary", value), "all 20 hosts would be canaries")
    for value in ("-1", "x", "5%", "", "9" * 30):
        refused(bed, "--confirm-over", value)
    has(refused(bed, "--pause", "1s"), "--batch")
    refused(bed, "--progress", "sometimes")
    bed.check()


def test_bad_groups():
    bed = Untouched()
    for count in BAD_COUNTS:
        has(refused(bed, "--max-per", "rack=" + count), '"rack=%s"' % count)
    for value in ("", "=", "=3", "rack", "rack=", "rack3", "3", "%", "rack%=", "rack=3=x", "x" * 300 + "=3", "via", "tag:web"):
        refused(bed, "--max-per", value)
    # none of these hosts has them
    for key in ("nosuch", "rak", "via", "tag:nosuch", "tag:", "tag:rack", "rack%", "%", "rack=3", "RACK", " rack", "tagged",
                "address\n"):
        text = refused(bed, "--max-per", key + "=3")
        has(text, "none of the selected hosts has")
    refused(bed, "--max-per", "rack=3", "--max-per", "nosuch=3")
    bed.check()


def test_bad_configuration():
    """The same in dt.conf: file and line."""
    bed = Untouched()
    for line in ("max-fail = x", "rate = 0", "max-per = rack", "max-per = rack=0", "confirm_over = x", "progress = sometimes", "canary = 5"):
        bed.write("config/dt/dt.conf", "[dt]\n" + line + "\n")
        done = bed.dt("all", "ssh", "true")
        equal((done.returncode, done.stdout), (2, ""), line)
        has(done.stderr, "dt.conf:2")
    bed.check()


# ---- ends ----

def start(*args):
    return subprocess.Popen(fleet.command("-o", "jsonl", *args), env=fleet.env, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def interrupted(process, event, count):
    """Ctrl-C after so many events of a kind; the outcomes of all hosts."""
    events = []
    while sum(e["event"] == event for e in events) < count:
        line = process.stdout.readline()
        check(line, "it ended", process.stderr)
        events.append(json.loads(line))
    since = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    equal((process.returncode, err), (130, ""))
    check(time.monotonic() - since < 20, "it went on")
    ends = [e for e in events + [json.loads(line) for line in out.splitlines()] if e["event"] == "end"]
    equal(sorted(e["host"] for e in ends), NAMES)
    return collections.Counter(e["status"] for e in ends)


def test_interrupt():
    # in a pause
    process = start("--batch", "5", "--pause", "60s", "all", "ssh", "true")
    equal(interrupted(process, "end", 5), {"ok": 5, "skipped": 15})
    # in the second batch
    process = start("--batch", "5", "--stream", "all", "ssh", "second # sim: stdout=x\\n")
    equal(interrupted(process, "line", 10), {"ok": 5, "killed": 5, "skipped": 10})
    # among canaries, which have failed then
    process = start("--canary", "3", "--stream", "all", "ssh", "true # sim: stdout=x\\n sleep=60s")
    equal(interrupted(process, "line", 3), {"killed": 3, "skipped": 17})
    # while the rate, the groups or a delay hold hosts back
    for args in (("--rate", "1"), ("--max-per", "tag:sim=1"), ("--random-delay", "1000h"), ("--max-fail", "0", "-C", "1")):
        process = start(*args, "all", "ssh", "true # sim: sleep=60s")
        check(interrupted(process, "start", 1)["skipped"] >= 15, args)


def test_deadline():
    since = time.monotonic()
    times = run("--batch", "5", "--pause", "60s", "--deadline", "2s", "--", "true", status=4)
    check(time.monotonic() - since < 20, "it waited for the pause")
    equal(times.statuses(), {"ok": 5, "skipped": 15})
    equal({times.ends[h]["reason"] for h in NAMES[5:]}, {"skipped: the deadline of the run passed before it began"})


def test_pause_is_idle():
    """Waiting takes no processor: a pause is no busy loop."""
    def used(*args):
        before = os.times()
        run(*args, "--rate", "1000", "--", "true")
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    without = used("--batch", "10")
    check(used("--batch", "10", "--pause", "1s") < without + 0.5, "it was busy")


if __name__ == "__main__":
    main(globals())
