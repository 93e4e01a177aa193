#!/usr/bin/env -S python3 -B
"""Earlier runs: listed, shown, run again, compared, followed, stopped, and as selectors."""
import atexit
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from testing import DT, Home, check, ended, equal, has, main  # noqa: E402

HEAVY = int(os.environ.get("DT_TEST_HEAVY", "0") or 0)
MANY = 1000 if HEAVY else 100
home = Home()
home.write("hosts", "[hosts]\nh{1..5} = web transport=local\nm{0001..%04d} = many transport=local\n"
           "far = address=127.0.0.1 port=1\n" % MANY)
counter = iter(range(1000000))
NASTY = "evil\x1b[2J\n\u202ex"


class Past:
    """A journal of its own."""

    def __init__(self):
        self.env = {"XDG_STATE_HOME": home.join("state%d" % next(counter))}
        self.path = os.path.join(self.env["XDG_STATE_HOME"], "dt/journal.db")

    def dt(self, *args, status=0, **more):
        done = ended(home.dt("-D", home.join("hosts"), *args, env=dict(self.env, **more.pop("env", {})), **more), status)
        check(not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", done.stdout + done.stderr), "a control character")
        return done

    def start(self, *args):
        return watched([DT, "-F", "/dev/null", "-D", home.join("hosts"), *args], env=dict(home.env, **self.env),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                cwd=home.path, start_new_session=True)

    def failed(self):
        """How many hosts of the first job have failed so far."""
        if not os.path.exists(self.path):
            return 0
        db = sqlite3.connect(self.path, timeout=30)
        try:
            return db.execute("SELECT count(*) FROM entry WHERE job = 1 AND status = 'failed'").fetchone()[0]
        except sqlite3.OperationalError:    # its tables are not made yet
            return 0
        finally:
            db.close()

    def jobs(self, *args):
        return [json.loads(line) for line in self.dt("jobs", "-o", "jsonl", *args).stdout.splitlines()]

    def names(self, selection, status=0):
        return self.dt("-o", "fold", selection, "list", status=status).stdout.strip()

    def edit(self, text, *values):
        db = sqlite3.connect(self.path)
        db.execute(text, values)
        db.commit()
        db.close()


def watched(*args, **more):
    """A process that does not outlive the test, whatever becomes of that."""
    process = subprocess.Popen(*args, **more)
    atexit.register(lambda: process.poll() is None and process.terminate())
    return process


def wait_for(what):
    for _ in range(2000):
        got = what()
        if got:
            return got
        time.sleep(0.01)
    return check(False, "it never came")


def ends(done):
    return {e["host"]: e for e in map(json.loads, done.stdout.splitlines()) if e["event"] == "end"}


def numbered(p, script, *hosts, status):
    """Each host runs a line of its own, by the order in which a folder is made."""
    folder = home.join("n%d" % next(counter))
    os.mkdir(folder)
    return p.dt("-C", "1", ",".join(hosts), "ssh", "n=1; while ! mkdir %s/$n 2>/dev/null; do n=$((n+1)); done; case $n in %s esac"
                % (folder, script), status=status)


def planned(p, *args):
    """The hosts that a run would take."""
    return sorted(set(re.findall(r"^info::dt:ssh:(\w+):", p.dt("-p", *args).stdout, re.M)))


def test_list():
    p = Past()
    for words in (("jobs",), ("show",), ("rerun", "1"), ("diff", "1", "2"), ("follow",), ("stop", "1"), ("reconcile", "1"),
                  ("job:last", "ssh", "true")):
        has(p.dt(*words, status=2).stderr, "there is no journal of runs yet")
    p.dt("h1,h2", "ssh", "true")
    p.dt("h1,far", "ssh", "echo", NASTY, status=4)
    p.dt("h3", "local", "exit 1", status=5)
    lines = p.dt("jobs").stdout.splitlines()
    equal(lines[0].split(), ["JOB", "BEGAN", "USER", "STATE", "OKAY", "FAILED", "OPEN", "COMMAND"])
    equal([line.split()[0] for line in lines[1:]], ["3", "2", "1"])
    has(lines[2], "ended     0       2     0  h1,far ssh echo $'evil\\x1b[2J\\n\\xe2\\x80\\xaex'")
    equal(subprocess.run(["bash", "-c", "printf %s " + lines[2].split(" ssh echo ")[1]], stdout=subprocess.PIPE,
                         check=True).stdout.decode(), NASTY)
    has(lines[3], "h1,h2 ssh true")
    jobs = p.jobs()
    equal([(j["job"], j["state"], j["exit"], j["module"], j["hosts"]) for j in jobs],
          [(3, "ended", 5, "local", 1), (2, "ended", 4, "ssh", 2), (1, "ended", 0, "ssh", 2)])
    equal((jobs[1]["args"], jobs[1]["counts"]["ok"], jobs[1]["counts"]["unreachable"]), (["echo", NASTY], 0, 1))
    check(abs(jobs[0]["at"] - time.time()) < 100)


def test_filters():
    p = Past()
    p.dt("h1,h2", "ssh", "true")
    p.dt("far", "ssh", "true", status=4)
    p.dt("h3", "local", "exit 1", status=5)
    p.edit("UPDATE entry SET at = at - 86400000 * 3 WHERE job = 1")

    def numbers(*args):
        return [j["job"] for j in p.jobs(*args)]

    equal(numbers("--module", "ssh"), [2, 1])
    equal(numbers("--host", "h3"), [3])
    equal(numbers("--host", "h"), [])
    equal(numbers("--status", "unreachable"), [2])
    equal(numbers("--status=failed"), [3])
    equal(numbers("--status", "ok", "--limit", "5"), [1])
    equal(numbers("--limit", "1"), [3])
    equal(numbers("--since", "2d"), [3, 2])
    equal(numbers("--since", "4d", "--until", "36h"), [1])
    equal(numbers("--until", "now"), [3, 2, 1])
    equal(numbers("--since", "2999-01-01"), [])
    day = time.strftime("%Y-%m-%d", time.localtime(time.time() - 3 * 86400))
    equal(numbers("--since", day, "--until", day + "T23:59:59"), [1])
    equal(numbers("--since", day + " 00:00"), [3, 2, 1])
    equal(numbers("--by", "nobody-at-all"), [])
    equal(numbers("--by", p.jobs()[0]["user"]), [3, 2, 1])
    for args, part in ((("--since", "2026-02-30"), "is no time"), (("--since", "5"), "is no time"), (("--until", ""), "is no time"),
                       (("--limit", "x"), "--limit"), (("--status", "bad"), "unreachable, auth"), (("--limit",), "needs a value"),
                       (("--sinse", "2d"), "did you mean --since?"), (("3",), "dt jobs verify"), (("--anchor", "x"), "verify")):
        has(p.dt("jobs", *args, status=2).stderr, part)
    for _ in range(21):
        p.dt("h1", "ssh", "true")
    done = p.dt("jobs")
    equal((len(done.stdout.splitlines()), done.stderr), (21, "dt: older ones are left out: --limit N shows more, 0 all\n"))
    equal(len(p.jobs("--limit", "0")), 24)


def test_large_journal():
    """Of many runs those are read that are shown: the others could as well be unreadable."""
    p = Past()
    p.dt("h1,h2", "ssh", "test $DT_HOST = h1 || exit 3", status=5)
    p.edit("WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO entry SELECT 1000 * i + seq, i,"
           " kind, at + i, host, status, rc, signal, began, ended, data, output, runs, hash FROM n, entry WHERE job = 1")
    counts = [(j["job"], j["exit"], j["counts"]["ok"], j["counts"]["failed"], j["open"]) for j in p.jobs()]
    equal(counts, [(n, 5, 0, 2, 0) for n in range(3000, 2980, -1)])
    p.edit("UPDATE entry SET data = 'no JSON' WHERE job < 2900 OR (job < 3000 AND kind IN ('begin', 'end'))")
    equal([(j["job"], j["exit"], j["counts"]["ok"], j["counts"]["failed"], j["open"]) for j in p.jobs()], counts)
    equal(len(p.dt("jobs").stdout.splitlines()), 21)
    equal(set(ends(p.dt("show", "last", "-o", "jsonl"))), {"h1", "h2"})
    equal(p.names("job:last:fail"), "h[1-2]")
    has(p.dt("jobs", "--limit", "0", status=2).stderr, "JSON")
    has(p.dt("show", "2999", status=2).stderr, "JSON")


def test_show():
    p = Past()
    numbered(p, "1) echo one;; 2) echo two >&2; exit 3;; 3) kill -9 $$;;", "h1", "h2", "h3", status=5)
    done = p.dt("show", "1")
    equal(sorted(done.stdout.splitlines()), ["fail::dt:ssh:h2:exit 3: two", "fail::dt:ssh:h3:killed: signal KILL", "okay::dt:ssh:h1:one"])
    for part in ("job 1: h1,h2,h3 ssh ", "options: -F ", "in " + home.path, "with exit status 5; 3 hosts, 1 ok, 1 failed, 1 killed"):
        has(done.stderr, part)
    equal(p.dt("show", "last", "h2").stdout, "fail::dt:ssh:h2:exit 3: two\n")
    equal(p.dt("show").stdout, done.stdout)
    events = [json.loads(line) for line in p.dt("show", "-o", "jsonl").stdout.splitlines()]
    equal([e["event"] for e in events], ["job", "start", "end", "end", "end", "summary"])
    equal((events[3]["host"], events[3]["rc"], events[3]["stderr"], events[0]["exit"]), ("h2", 3, "two\n", 5))
    check(0 < events[-1]["seconds"] < 60 and 0 <= events[2]["began"] < 60)
    has(p.dt("show", "-o", "gather").stdout, "---------------\nh2: exit 3\n---------------\n-- stderr\ntwo\n")
    for args, part in ((("2",), "no job 2 in the journal"), (("x",), '"x" is no job'), (("last-1",), "last-1: the journal has no such run"),
                       (("1", "h4"), "job 1 has no host h4"), (("1", "h1", "x"), '"x" is too much'), (("0",), "is no job"),
                       (("99999999999999999999",), "is no job")):
        has(p.dt("show", *args, status=2).stderr, part)


def test_newer_journal():
    p = Past()
    p.dt("h1", "ssh", "true")
    p.edit("PRAGMA user_version = 99")
    for words in (("jobs",), ("show",), ("rerun", "1"), ("diff", "1", "1"), ("follow", "1"), ("stop", "1"), ("reconcile", "1"),
                  ("job:1", "ssh", "true"), ("jobs", "verify")):
        has(p.dt(*words, status=2).stderr, "newer dt")
    with open(p.path, "wb") as f:
        f.write(b"no database at all" * 100)
    for words in (("jobs",), ("show",), ("rerun", "1"), ("job:1", "ssh", "true")):
        has(p.dt(*words, status=2).stderr, "not a database")


def test_selectors():
    p = Past()
    numbered(p, "1) echo Debian 12;; 2) echo Debian 11; exit 3;; 3) printf '\\377x\\nlast'; exit 4;;", "h1", "h2", "h3", "far", status=4)
    equal(p.names("job:last"), "h[1-3],far")
    equal(p.names("job:1:okay"), "h1")
    equal(p.names("job:1:fail"), "h[2-3],far")
    equal(p.names("job:1:failed"), "h[2-3]")
    equal(p.names("job:1:unreachable"), "far")
    equal(p.names("job:1:rc=3"), "h2")
    equal(p.names("job:1:out~^Debian"), "h[1-2]")
    equal(p.names("job:1:out~\"Debian 1[0-1]$\""), "h2")
    equal(p.names("job:1:out~^last"), "h3")
    equal(p.names("job:last:fail and tag:web"), "h[2-3]")
    equal(p.names("job:last:fail:tag:web"), "h[2-3]")
    equal(p.names("tag:web and not job:last"), "h[4-5]")
    equal(p.names("tag:web:job:1:rc=3"), "h2")
    for word in ("unknown", "skipped", "auth", "hostkey", "timeout", "lost", "killed"):
        p.names("job:1:" + word, 7)
    has(p.dt("job:2", "ssh", "true", status=2).stderr, "no job 2 in the journal\n  job:2\n  ^\n")
    # the run that it is used in comes later
    equal(p.dt("job:last:rc=3", "ssh", "echo again").stdout, "okay::dt:ssh:h2:again\n")
    equal(p.names("job:last"), "h2")
    equal(p.names("job:last-1:rc=4"), "h3")
    has(p.dt("why", "h2", "job:1:fail:tag:web").stdout, "job:1:fail")
    # this machine stays this machine, whose name is another way elsewhere
    p.dt("local:", "ssh", "exit 9", status=5)
    equal(p.dt("job:last", "ssh", "echo here").stdout, "okay::dt:ssh:localhost:here\n")


def test_rerun():
    p = Past()
    flag = home.write("flag%d" % next(counter), "")
    command = "test ! -e %s || exit 9; echo well" % flag
    p.dt("-C", "1", "--max-output", "2", "h1,h2,far", "ssh", command, status=4)
    os.unlink(flag)
    p.dt("h3", "ssh", "true")
    done = p.dt("rerun", "1", status=4)
    equal([line[:18] for line in sorted(done.stdout.splitlines())], ["fail::dt:ssh:far:c", "okay::dt:ssh:h1:we", "okay::dt:ssh:h2:we"])
    job = p.jobs()[0]
    equal((job["job"], job["selection"], job["args"]), (3, "job:1:fail and not job:1:unknown", [command]))
    has(" ".join(job["options"]), "-C 1 --max-output 2")
    # now one host has failed
    done = p.dt("rerun", "last", "--failed", status=4)
    equal(done.stdout, "fail::dt:ssh:far:connect: connection refused\n")
    equal(sorted(ends(p.dt("rerun", "1", "--all", "-o", "jsonl", status=4))), ["far", "h1", "h2"])
    # what is given anew stands for what was given then
    equal(p.dt("--max-output", "1M", "rerun", "1", "-o", "pdsh", status=4).stdout, "h1: well\nh2: well\n")
    options = p.jobs()[0]["options"]
    equal((options.count("--max-output"), options[-2:]), (1, ["-o", "pdsh"]))
    has(p.dt("rerun", "2", status=7).stderr, "job 2 has no host that failed")
    has(p.dt("rerun", "1", "--unknown", status=7).stderr, "job 1 has no host of unknown end")
    for args, part in ((("77",), "no job 77"), ((), "dt rerun JOB"), (("x",), "is no job"), (("1", "--fialed"), "did you mean --failed?")):
        has(p.dt("rerun", *args, status=2).stderr, part)
    equal(planned(p, "rerun", "1"), ["far", "h1", "h2"])


def test_rerun_elsewhere():
    """Names of files mean what they meant in the folder of that run."""
    p = Past()
    os.makedirs(home.join("there"), exist_ok=True)
    home.write("there/mine", "[hosts]\nx1 = transport=local\n")
    done = subprocess.run([DT, "-F", "/dev/null", "-D", "mine", "x1", "ssh", "exit 1"], env=dict(home.env, **p.env),
                          cwd=home.join("there"), stdout=subprocess.PIPE, check=False)
    equal(done.returncode, 5)
    done = subprocess.run([DT, "rerun", "1"], env=dict(home.env, **p.env), cwd="/", stdout=subprocess.PIPE, text=True, check=False)
    equal((done.returncode, done.stdout), (5, "fail::dt:ssh:x1:exit 1: \n"))


def test_rerun_inventory():
    p = Past()
    equal(home.dt("new1", "add", "web", env=p.env).returncode, 0)
    has(p.dt("rerun", "1", status=2).stderr, "job 1 was about the inventory")
    has(p.dt("show", "last", status=2).stderr, "no such run")
    equal(p.dt("show", "1").stdout, "okay::dt:add:new1:added\n")


def test_died():
    """dt was killed: hosts that had begun are unknown, the others never began."""
    p = Past()
    flag = home.join("up%d" % next(counter))
    process = p.start("--batch", "3", "h1,h2,h3,h4,h5", "ssh", "mkdir %s.first 2>/dev/null && exit 5; echo x >> %s; exec sleep 5" % (flag, flag))
    wait_for(lambda: p.failed() == 1)
    equal((p.jobs()[0]["state"], p.jobs()[0]["open"]), ("running", 4))
    has(p.dt("rerun", "1", status=2).stderr, "job 1 still runs")
    wait_for(lambda: len(home.read(os.path.basename(flag), b"")) == 4)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    job = p.jobs()[0]
    shown = ends(p.dt("show", "-o", "jsonl"))
    unknown = sorted(h for h in shown if shown[h]["status"] == "unknown")
    skipped = sorted(h for h in shown if shown[h]["status"] == "skipped")
    equal((len(unknown), skipped), (2, ["h4", "h5"]))
    equal((job["state"], job["counts"]["failed"], job["counts"]["unknown"], job["counts"]["skipped"], job["open"]),
          ("died", 1, 2, 2, 0))
    equal(planned(p, "job:1:unknown", "ssh", "true"), unknown)
    equal(planned(p, "job:1:skipped", "ssh", "true"), skipped)
    has(p.dt("show", "1", skipped[0]).stdout, "skipped: it has no beginning here: dt died, or could not write")
    has(p.dt("show", "1", unknown[0]).stdout, "lost: it may have begun, and has no end here: dt died, or could not write")
    equal([j["job"] for j in p.jobs("--status", "unknown")], [1])
    has(p.dt("rerun", "1", "-p").stderr, "2 hosts of unknown end left out")
    equal(planned(p, "rerun", "1"), sorted(set(shown) - set(unknown)))
    equal(planned(p, "rerun", "1", "--unknown"), unknown)
    equal(planned(p, "rerun", "1", "--unknown", "--failed"), sorted(shown))
    has(p.dt("stop", "1", status=2).stderr, "its dt has died already")
    has(p.dt("reconcile", "1", status=2).stderr, "job 1 ran without --keep")
    done = p.dt("follow", "1", status=4)
    equal(len(done.stdout.splitlines()), 5)
    has(done.stderr, "its dt has died")


def test_diff():
    """One of many hosts has changed."""
    p = Past()
    log = home.join("log%d" % next(counter))
    p.dt("tag:many", "ssh", "echo Debian 12.7; echo fine >&2")
    one = "mkdir %s 2>/dev/null && echo Debian 12.8 || echo Debian 12.7; echo fine >&2" % log
    p.dt("tag:many", "ssh", one)
    p.dt("tag:many", "ssh", "echo Debian 12.7; echo fine >&2")
    began = time.monotonic()
    equal(p.dt("diff", "1", "3").stdout, "")
    done = p.dt("diff", "1", "2", status=5)
    print("# two comparisons of %d hosts: %.2f s" % (MANY, time.monotonic() - began))
    changed = p.names("job:2:out~\"12\\.8\"")
    equal(done.stdout, "---------------\n%s\n---------------\n--- job 1\n+++ job 2\n@@ -1,3 +1,3 @@\n-Debian 12.7\n+Debian 12.8\n"
                       " -- stderr\n fine\n" % changed)
    equal(p.dt("diff", "last-2", "last-1", "--mask").stdout, "")
    p.dt("m[0001-0003],h1", "ssh", "exit 3", status=5)
    done = p.dt("diff", "1", "4", status=5)
    equal(done.stdout, "---------------\nm[0001-0003] (3)\n---------------\n--- job 1\n+++ job 4: exit 3\n@@ -1,3 +0,0 @@\n-Debian 12.7\n"
                       "--- stderr\n-fine\n---------------\nm[0004-%04d] (%d)\n---------------\nonly in job 1\n"
                       "---------------\nh1\n---------------\nonly in job 4\n" % (MANY, MANY - 3))
    p.dt("h1", "ssh", "printf 'a\\033[2Jb\\377'")
    has(p.dt("diff", "4", "last", status=5).stdout, "+a\\x1b[2Jb\\xff\n")
    # what came on the other stream is another answer, even where it reads the same
    p.dt("h1", "ssh", "echo a; echo b >&2")
    p.dt("h1", "ssh", "echo a; echo '-- stderr'; echo b")
    p.dt("diff", "last-1", "last", status=5)
    for args, part in ((("1",), "dt diff JOB1 JOB2"), (("1", "2", "3"), "too much"), (("1", "77"), "no job 77"),
                       (("1", "2", "-o", "jsonl"), "no -o jsonl")):
        has(p.dt("diff", *args, status=2).stderr, part)


def test_follow():
    p = Past()
    go = home.join("go%d" % next(counter))
    process = p.start("-C", "2", "h1,h2,h3", "ssh", "mkdir %s 2>/dev/null && exit 3; while test -d %s && ! test -e %s.on; do sleep 0.05; done; echo on" % (go, go, go))
    wait_for(lambda: p.failed() == 1)
    follower = p.start("follow")
    first = follower.stdout.readline()
    check(re.match(r"fail::dt:ssh:h\d:exit 3: $", first), first)
    equal((process.poll(), follower.poll()), (None, None))
    home.write(os.path.basename(go) + ".on", "")
    out, err = follower.communicate(timeout=30)
    ours, _ = process.communicate(timeout=30)
    equal((follower.returncode, process.returncode, err), (5, 5, ""))
    equal(first + out, ours)
    equal(p.dt("follow", "1", status=5).stdout, ours)
    has(p.dt("follow", "77", status=2).stderr, "no job 77")


def test_stop():
    p = Past()
    up = "up%d" % next(counter)
    process = p.start("h1,h2", "ssh", "echo x >> %s; exec sleep 60" % home.join(up))
    wait_for(lambda: home.read(up, b"") == b"x\nx\n")
    done = p.dt("stop", "last")
    has(done.stderr, "job 1 has ended: 0 of 2 hosts okay, exit status ")
    out, _ = process.communicate(timeout=30)
    equal((process.returncode, out.count(":killed: interrupted")), (130, 2), out)
    has(p.dt("stop", "1", status=2).stderr, "job 1 has ended already")
    has(p.dt("stop", status=2).stderr, "dt stop JOB")
    # one that a shell has started in the background ignores SIGINT
    process = subprocess.Popen(["sh", "-c", '"$@" & wait $!', "sh", DT, "-F", "/dev/null", "-D", home.join("hosts"), "h1", "ssh",
                                "echo x >> %s; exec sleep 60" % home.join(up)], env=dict(home.env, **p.env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    wait_for(lambda: home.read(up, b"") == b"x\nx\nx\n")
    has(p.dt("stop", "2").stderr, "job 2 has ended")
    process.communicate(timeout=30)
    # of another boot, or another machine
    sleeper = subprocess.Popen(["sleep", "60"])
    p.edit("DELETE FROM entry WHERE kind = 'done'")
    p.edit("UPDATE entry SET data = json_set(data, '$.pid', ?) WHERE kind = 'job'", sleeper.pid)
    has(p.dt("stop", "1", status=2).stderr, "its dt has died already")
    p.edit("UPDATE entry SET data = json_set(data, '$.boot', 'x', '$.machine', 'moon') WHERE kind = 'job'")
    has(p.dt("stop", "1", status=2).stderr, "job 1 runs on moon or in another container")
    equal(sleeper.poll(), None)
    sleeper.kill()
    sleeper.wait()


def test_verify():
    p = Past()
    anchor = home.join("anchor%d" % next(counter))
    p.dt("h1,h2", "ssh", "echo a")
    p.dt("jobs", "anchor", anchor)
    p.dt("h1,h2", "ssh", "echo b")
    has(p.dt("jobs", "verify").stdout, " entries, ")
    has(p.dt("jobs", "verify", "--anchor", anchor).stdout, "1 anchors: 0 faults")
    p.edit("UPDATE entry SET rc = 1 WHERE kind = 'end' AND job = 1 AND host = 1")
    done = p.dt("jobs", "verify", status=5)
    has(done.stderr, "was changed")
    has(done.stdout, "1 fault")
    has(p.dt("jobs", "verify", "--anchor", home.join("none"), status=2).stderr, home.join("none"))


def test_keep_is_refused():
    p = Past()
    for args, part in ((("--keep", "h1", "sudo", "true"), "--keep is for the module ssh"),
                       (("--keep", "-i", "h1", "ssh", "true"), "not with -i or --tty"),
                       (("--keep", "--no-journal", "h1", "ssh", "true"), "--keep needs the journal")):
        has(p.dt(*args, status=2).stderr, part)
    equal(p.dt("--keep", "h1", "ssh", "--stdin", "cat", stdin="x", status=2).stderr,
          "dt: --keep is for commands that get no input: not with --stdin\n")
    state = home.write("state-file%d" % next(counter), "")
    has(p.dt("--keep", "h1", "ssh", "true", status=1, env={"XDG_STATE_HOME": state}).stderr, "--keep needs the journal")


if __name__ == "__main__":
    main(globals())
