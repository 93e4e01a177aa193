#!/usr/bin/env -S python3 -B
"""How far a run is: the live line on a terminal, and what there is of it elsewhere."""
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from daemons import wait_for  # noqa: E402
from fleet import Fleet, name  # noqa: E402
from terminal import Screen, Terminal  # noqa: E402
from testing import check, ended, equal, has, main  # noqa: E402

COUNT = 20
NAMES = [name(n) for n in range(1, COUNT + 1)]
# two of them fail; each takes a quarter of a second, so that with -C 4 the run takes 1.3 s
RULES = "[*]\nstdout = text\\n\nsleep = 250ms\n[sim00007.*]\nstatus = 3\n[sim00011.*]\nstatus = 3\n"
ARGS = ("-C", "4", "all", "ssh", "true")
fleet = Fleet(RULES, count=COUNT)

COUNTS = re.compile(r"(\d+) of 20 done, (\d+) okay, (\d+) failed, (\d+) running")
LINE = re.compile(r"(dt: )?" + COUNTS.pattern +
                  r"(, [0-9.]+/s, [0-9.]+[smh] left)?(; longest: sim\d+\.fleet [0-9.]+[smh](, sim\d+\.fleet [0-9.]+[smh]){0,2})?")
SUMMARY = re.compile(r"dt: 20 hosts: 18 okay, 2 failed in \d+(\.\d)?s")
OUTCOME = re.compile(r"okay::dt:ssh:sim\d+\.fleet:(text)?|fail::dt:ssh:sim\d+\.fleet:exit 3:( text)?")
KEYS = {"event", "hosts", "done", "ok", "failed", "running", "rate", "seconds", "longest"}


def terminal(*args, columns=80, stdout=None, term="xterm"):
    return Terminal(fleet.command(*args), dict(fleet.env, TERM=term), columns, stdout)


@functools.lru_cache()
def seen_run():
    """The run that several look at: (terminal, seconds)."""
    t = terminal(*ARGS, columns=200)
    since = time.monotonic()
    equal(t.end(), 5)
    return t, time.monotonic() - since


def drawn(data):
    """The texts of the live line, as they were drawn."""
    return [t.decode() for t in re.findall(rb"\r([^\r\n\033]+)\033\[K", data)]


def sound(counts, most=4):
    """Counts of progress that go together, in their order."""
    seen = 0
    for done, okay, failed, running in counts:
        equal(done, okay + failed)
        check(seen <= done <= COUNT and failed <= 2, done, failed)
        check(running <= most, "%d are said to run, with -C %d" % (running, most))
        seen = done


def counts(texts):
    return [tuple(map(int, COUNTS.search(t).groups())) for t in texts]


# ---- a terminal ----

def test_live_line():
    t, seconds = seen_run()
    lines = drawn(t.data)
    check(3 <= len(lines) <= seconds * 10 + 2, "%d times in %.1f s" % (len(lines), seconds))
    for line in lines:
        check(LINE.fullmatch(line), line)
    check(any("; longest: " in line for line in lines) and any("/s, " in line for line in lines), lines)
    # what a person sees afterwards: the outcomes, and the run in words
    screen = t.screen.text.split("\n")
    equal(len(screen), COUNT + 1, screen)
    for line in screen[:-1]:
        check(OUTCOME.fullmatch(line), line)
    check(SUMMARY.fullmatch(screen[-1]), screen[-1])
    equal(t.screen.wraps, 0)
    # and while lines are printed: when one ends, nothing else stands there
    for at in [m.end() for m in re.finditer(b"\n", t.data)]:
        screen = Screen(200)
        screen.feed(t.data[:at])
        for line in screen.text.split("\n"):
            check(OUTCOME.fullmatch(line) or SUMMARY.fullmatch(line), line)


def test_live_counts():
    sound(counts(drawn(seen_run()[0].data)))


def test_only_stderr():
    """Standard output is a file: it has the outcomes alone, and the terminal the line alone."""
    with open(fleet.join("out"), "wb+") as out:
        t = terminal(*ARGS, stdout=out.fileno())
        equal(t.end(), 5)
        out.seek(0)
        text = out.read().decode()
    equal(len(text.splitlines()), COUNT)
    for line in text.splitlines():
        check(OUTCOME.fullmatch(line), line)
    check(drawn(t.data), t.data)
    check(SUMMARY.fullmatch(t.screen.text), t.screen.text)


def test_narrow():
    for columns in (20, 40):
        with open(os.devnull, "wb") as out:
            t = terminal(*ARGS, columns=columns, stdout=out.fileno())
            t.end()
        lines = drawn(t.data)
        check(len(lines) >= 3, lines)
        check(max(map(len, lines)) < columns, columns, lines)
        equal({line[:5] for line in lines} - {"%d of " % n for n in range(10)} - {"%d of" % n for n in range(10, 21)}, set())
        before = t.data[:t.data.index(b"dt: 20 hosts")]
        screen = Screen(columns)
        screen.feed(before)
        equal((screen.wraps, screen.text), (0, ""))


def test_never_on_a_terminal():
    t = terminal("--progress=never", *ARGS)
    t.end()
    equal(drawn(t.data), [])
    equal(len(t.screen.text.split("\n")), COUNT)
    # a terminal that knows no escape sequences
    t = terminal("-N", "-C", "10", *ARGS[2:], term="dumb")
    t.end()
    check(b"\033" not in t.data and b"of 20 done" not in t.data, t.data)


def test_stream():
    t = terminal("--stream", *ARGS, columns=200)
    equal(t.end(), 5)
    check(len(drawn(t.data)) >= 3, t.data)
    screen = t.screen.text.split("\n")
    check(SUMMARY.fullmatch(screen[-1]), screen[-1])
    equal(sorted(l for l in screen[:-1] if l.startswith("info")), ["info::dt:ssh:%s:text" % h for h in NAMES])
    equal(len([l for l in screen[:-1] if OUTCOME.fullmatch(l)]), COUNT)
    equal(len(screen), 2 * COUNT + 1)
    # -v speaks on the same terminal
    t = terminal("-v", "--stream", "-C", "7", *ARGS[2:], columns=200)
    t.end()
    check(drawn(t.data), t.data)
    for line in t.screen.text.split("\n"):
        check("of 20 done" not in line, line)


def test_interrupted():
    t = terminal("-C", "20", "all", "ssh", "true # sim: sleep=60s")
    t.read("running")
    t.type("\x03")
    equal(t.end(), 130)
    screen = t.screen.text.split("\n")
    check(re.fullmatch(r"dt: 20 hosts: 20 killed in \d+\.\ds", screen[-1]), screen)
    check("running" not in t.screen.text, screen)


def test_short_run():
    """A run that is over at once shows no line, but its end in words; one host, not even that."""
    t = terminal("all", "ssh", "true # sim: sleep=0ms")
    t.end()
    check(len(drawn(t.data)) <= 2, t.data)
    has(t.screen.text, "dt: 20 hosts: ")
    t = terminal(NAMES[0], "ssh", "true # sim: sleep=0ms")
    equal((t.end(), t.screen.text), (0, "okay::dt:ssh:%s:text" % NAMES[0]))


# ---- no terminal ----

def test_pipe():
    for args in (("-C", "4"), ("--progress=never", "-C", "7")):
        done = ended(fleet.dt(*args, *ARGS[2:]), 5)
        equal(done.stderr, "")
        equal(len(done.stdout.splitlines()), COUNT)


def test_always():
    done = ended(fleet.dt("--progress=always", "-C", "4", "all", "ssh", "true # sim: sleep=450ms"), 5)
    lines = done.stderr.splitlines()
    check(1 <= len(lines[:-1]) <= 10, lines)
    for line in lines[:-1]:
        check(LINE.fullmatch(line), line)
    check(SUMMARY.fullmatch(lines[-1]), lines)
    check("\r" not in done.stderr and "\033" not in done.stderr, done.stderr)
    check(all(OUTCOME.fullmatch(line) for line in done.stdout.splitlines()), done.stdout)
    sound(counts(lines[:-1]))


def test_json():
    done = ended(fleet.dt("--progress=json", "-o", "jsonl", "-C", "4", "all", "ssh", "true # sim: sleep=450ms"), 5)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    check(1 <= len(events) <= 10, events)
    for event in events:
        equal((set(event), event["event"], event["hosts"]), (KEYS, "progress", COUNT))
        check(len(event["longest"]) <= 3, event)
        for host in event["longest"]:
            equal(set(host), {"host", "seconds"})
            check(host["host"] in NAMES, host)
    equal([e["seconds"] for e in events], sorted(e["seconds"] for e in events))
    equal({json.loads(line)["event"] for line in done.stdout.splitlines()}, {"start", "end", "summary"})
    sound([(e["done"], e["ok"], e["failed"], e["running"]) for e in events])
    # on a terminal too these are lines, and no words behind them
    with open(os.devnull, "wb") as out:
        t = terminal("--progress=json", "all", "ssh", "true # sim: sleep=1300ms", columns=1000, stdout=out.fileno())
        t.end()
    equal({json.loads(line)["event"] for line in t.screen.text.split("\n")}, {"progress"})


def test_longest():
    """A host's time is counted from its turn, not from when dt put it into a queue."""
    done = ended(fleet.dt("--progress=json", "-C", "1", "sim0000[1-2].fleet", "ssh", "true # sim: sleep=1100ms"), 0)
    for line in done.stderr.splitlines():
        event = json.loads(line)
        equal(len(event["longest"]), 1, event)
        check(event["longest"][0]["seconds"] <= event["seconds"] - 0.8 * event["done"], event)


def test_usr1():
    runs = [subprocess.Popen(fleet.command("-o", "jsonl", *args, "sim00010.fleet,sim00020.fleet", "ssh", "x # sim: sleep=1s"),
                             env=fleet.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             start_new_session=True) for args in ((), ("--progress=never",))]
    for process in runs:
        # it listens to signals before it says this
        has(process.stdout.readline(), '"start"')
        for _ in range(2):
            process.send_signal(signal.SIGUSR1)
            line = process.stderr.readline()
            check(re.fullmatch(r"dt: 0 of 2 done, 0 okay, 0 failed, 2 running(;.*)?\n", line), line)
    for process in runs:
        out, err = process.communicate(timeout=30)
        equal((process.returncode, err), (0, ""))
        equal(out.count('"status":"ok"'), 2)


def test_full_stderr():
    """Progress that cannot be shown is no fault of the run."""
    with open("/dev/full", "wb") as full:
        process = subprocess.run(fleet.command("--progress=always", *ARGS), env=fleet.env, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=full, check=False, timeout=60)
    equal((process.returncode, len(process.stdout.splitlines())), (5, COUNT))


# ---- tmux ----

def test_tmux():
    if not shutil.which("tmux"):
        print("# no tmux here: the live line was seen on a screen of our own only")
        return
    socket = fleet.join("tmux")
    tmux = ["tmux", "-S", socket, "-f", "/dev/null"]

    def tell(*words):
        return subprocess.run([*tmux, *words], env=fleet.env, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              text=True, timeout=20).stdout

    def shown():
        return tell("capture-pane", "-p", "-t", "run").rstrip("\n")

    script = fleet.write("run.sh", '"$@"; echo "status $?"; read x\n')
    tell("new-session", "-d", "-s", "run", "-x", "100", "-y", "40", "sh", script, *fleet.command(*ARGS))
    try:
        seen = wait_for(lambda: (s := shown()) and COUNTS.search(s.split("\n")[-1]) and s, "the live line in tmux")
        for line in seen.split("\n")[:-1]:
            check(OUTCOME.fullmatch(line), line)
        wait_for(lambda: "status 5" in shown(), "the end in tmux")
        lines = shown().split("\n")
    finally:
        tell("kill-server")
    equal(len(lines), COUNT + 2, lines)
    for line in lines[:-2]:
        check(OUTCOME.fullmatch(line), line)
    check(SUMMARY.fullmatch(lines[-2]), lines)


if __name__ == "__main__":
    main(globals())
