#!/usr/bin/env -S python3 -B
"""The journal: what runs leave in it, however they end, and what they do without it."""
import ctypes
import fcntl
import glob
import json
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from daemons import wait_for  # noqa: E402
from testing import BUILD, DT, Home, check, ended, equal, has, main  # noqa: E402

HEAVY = int(os.environ.get("DT_TEST_HEAVY", "0") or 0)
home = Home()
home.write("hosts", "[hosts]\nh{1..5} = transport=local\nm{001..500} = many transport=local\n"
           "far = address=127.0.0.1 port=1\n")
os.mkdir(home.join("modules"), 0o755)
home.write("modules/survey.so", open(os.path.join(BUILD, "tests/modules/survey.so"), "rb").read(), 0o755)
home.write("dt.conf", "[modules]\ndir = modules\n")
counter = iter(range(1000000))


class Journal:
    """A journal of its own, and dt that writes it."""

    def __init__(self, state=None):
        self.state = state or home.join("state%d" % next(counter))
        self.path = os.path.join(self.state, "dt/journal.db")
        self.env = {"XDG_STATE_HOME": self.state, "DT_CONF": home.join("dt.conf")}

    def dt(self, *args, status=0, **more):
        env = dict(self.env, **more.pop("env", {}))
        return ended(home.dt("-D", home.join("hosts"), *args, env=env, **more), status)

    def start(self, *args, **more):
        return subprocess.Popen([DT, "-F", "/dev/null", "-D", home.join("hosts"), *args], env=dict(home.env, **self.env),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                cwd=home.path, **more)

    def sql(self, text, *values):
        db = sqlite3.connect(self.path, timeout=30)
        try:
            return db.execute(text, values).fetchall()
        finally:
            db.close()

    def job(self, number):
        """(what the job row says, begun hosts, {host: (status, rc, data)}, what the done row says or None)"""
        rows = self.sql("SELECT kind, host, status, rc, data, output FROM entry WHERE job = ? ORDER BY seq", number)
        job, begun, ends, done = None, set(), {}, None
        for kind, host, status, rc, data, output in rows:
            data = json.loads(data) if data else {}
            if kind == "job":
                job = data
                if output:
                    names = self.sql("SELECT data, packed FROM content WHERE hash = ?", output)[0]
                    job["names"] = names[0].decode().split() if not names[1] else None
            elif kind == "begin":
                begun |= {i for first, last in data for i in range(first, last + 1)}
            elif kind == "end":
                check(host not in ends, "two ends of a host")
                ends[host] = (status, rc, data)
            else:
                data["rc"] = rc
                done = data
        return job, begun, ends, done

    def sound(self):
        equal(self.sql("PRAGMA integrity_check"), [("ok",)])
        first, last, n = self.sql("SELECT min(seq), max(seq), count(*) FROM entry")[0]
        equal(n, last - first + 1)
        equal(self.sql("SELECT head_seq FROM chain"), [(last,)])
        # each content is there, once
        equal(self.sql("SELECT count(*) FROM entry WHERE output IS NOT NULL AND output NOT IN (SELECT hash FROM content)"),
              [(0,)])


def statuses(ends):
    return sorted(status for status, _, _ in ends.values())


def test_what_is_written():
    j = Journal()
    j.dt("-C", "2", "h1,h2,far", "-T", "5", "ssh", "echo $0; exit 3", status=4)
    job, begun, ends, done = j.job(1)
    equal({k: job[k] for k in ("selection", "module", "kind", "hosts", "args", "cwd")},
          {"selection": "h1,h2,far", "module": "ssh", "kind": "action", "hosts": 3,
           "args": ["echo $0; exit 3"], "cwd": home.path})
    equal(job["options"], ["-F", home.join("ssh_config"), "-D", home.join("hosts"), "-C", "2", "-T", "5"])
    equal(job["names"], ["h1", "h2", "far"])
    equal(begun, {0, 1, 2})
    equal([ends[i][:2] for i in range(3)], [("failed", 3), ("failed", 3), ("unreachable", None)])
    equal((ends[2][2]["reason"], ends[2][2]["code"]), ("connection refused", "connect"))
    equal((done["rc"], done["counts"]), (4, {"failed": 2, "unreachable": 1}))
    equal(os.stat(j.path).st_mode & 0o777, 0o600)
    equal(os.stat(os.path.dirname(j.path)).st_mode & 0o777, 0o700)
    # one content for both
    equal(j.sql("SELECT count(DISTINCT output) FROM entry WHERE kind = 'end' AND output IS NOT NULL"), [(1,)])
    j.sound()


def test_what_is_not():
    j = Journal()
    for args, status in ((("-p", "h1", "ssh", "true"), 0), (("nil", "ssh", "true"), 7), (("h1", "none"), 3),
                         (("h1", "ssh"), 3), (("h1", "list"), 0), (("--no-journal", "h1", "ssh", "true"), 0),
                         (("--journal", "no", "h1", "ssh", "true"), 0), (("modules",), 0)):
        j.dt(*args, status=status)
    check(not os.path.exists(j.path))
    has(j.dt("--journal-keep", "1x", "h1", "ssh", "true", status=2).stderr, 'journal-keep: "1x" is neither all nor days')
    has(j.dt("--journal", "maybe", "h1", "ssh", "true", status=2).stderr, "yes, no, required")


def test_inventory():
    j = Journal()
    equal(home.dt("new1,new2", "add", "web", env=j.env).returncode, 0)
    job, begun, ends, done = j.job(1)
    equal((job["module"], job["kind"], job["args"], begun, statuses(ends), done["rc"]),
          ("add", "inventory", ["web"], set(), ["ok", "ok"], 0))


def test_configuration():
    j = Journal()
    conf = home.write("no.conf", "[dt]\njournal = no\n")
    j.dt("h1", "ssh", "true", env={"DT_CONF": conf})
    check(not os.path.exists(j.path))
    conf = home.write("small.conf", "[dt]\njournal_keep = 30d 64k\njournal_output = 100\n")
    for i in range(40):
        j.dt("h1,h2", "ssh", "head -c 20000 /dev/urandom; echo", env={"DT_CONF": conf})
    equal(j.sql("SELECT max(size) FROM content WHERE hash IN (SELECT output FROM entry WHERE kind = 'end')"), [(100,)])
    equal(j.sql("SELECT count(*) FROM entry WHERE kind = 'end' AND json_extract(data, '$.total') = 20001")[0][0] > 0, True)
    check(os.path.getsize(j.path) < 150000, os.path.getsize(j.path))
    j.sound()


def test_stopped():
    """Who has not begun ends as skipped."""
    j = Journal()
    j.dt("--max-fail", "0", "-C", "1", "m001,m002,m003,m004", "ssh", "test $DT_X || exit 1", status=6)
    _, begun, ends, done = j.job(1)
    equal((begun, statuses(ends), done["rc"]), ({0}, ["failed", "skipped", "skipped", "skipped"], 6))
    j.dt("--canary", "1", "m001,m002,m003", "ssh", "exit 1", status=6)
    _, begun, ends, done = j.job(2)
    equal((begun, statuses(ends), done["counts"]), ({0}, ["failed", "skipped", "skipped"], {"failed": 1, "skipped": 2}))
    j.dt("-C", "1", "--batch", "1", "--deadline", "300ms", "h1,h2,h3", "ssh", "sleep 30", status=4)
    _, begun, ends, done = j.job(3)
    equal((begun, statuses(ends)), ({0}, ["skipped", "skipped", "timeout"]))
    j.dt("--batch", "2", "m001,m002,m003,m004,m005", "ssh", "true")
    equal(j.job(4)[1], {0, 1, 2, 3, 4})
    equal(len(j.sql("SELECT 1 FROM entry WHERE kind = 'begin' AND job = 4")), 3)
    j.sound()


def test_interrupted():
    j = Journal()
    p = j.start("-C", "2", "--batch", "2", "h1,h2,h3,h4", "ssh", "touch %s/up-$$; sleep 60" % home.path)
    wait_for(lambda: len(glob.glob(home.join("up-*"))) == 2, "two hosts at work")
    p.send_signal(signal.SIGINT)
    p.communicate(timeout=30)
    _, begun, ends, done = j.job(1)
    equal((p.returncode, begun, statuses(ends)), (130, {0, 1}, ["killed", "killed", "skipped", "skipped"]))
    equal((done["rc"], done["signal"]), (130, 2))
    j.sound()


def test_interrupted_behind_another():
    """Another dt that writes and is stopped: a Ctrl-C does not wait a minute for it."""
    j = Journal()
    p = j.start("h1", "ssh", "touch %s/there; sleep 60" % home.path)
    wait_for(lambda: os.path.exists(home.join("there")), "a host at work")
    with open(os.path.dirname(j.path) + "/journal.lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        began = time.monotonic()
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=50)
    check(time.monotonic() - began < 45, "it waited for %d s" % (time.monotonic() - began))
    equal((p.returncode, out), (130, "fail::dt:ssh:h1:killed: interrupted; ended on the host\n"))
    has(err, "not in the journal: ")
    has(err, "another dt has been writing for 2 s")
    equal(j.job(1)[1:3], ({0}, {}))


def test_broken_pipe():
    """The hosts' ends are known, also where nobody reads of them."""
    j = Journal()
    p = j.start("-C", "1", "--batch", "1", "h1,h2,h3,h4,h5", "ssh", "true")
    p.stdout.close()
    p.wait(timeout=30)
    _, begun, ends, done = j.job(1)
    equal((p.returncode, ends[0][0], statuses(ends), done["rc"]),
          (1, "ok", ["ok", "skipped", "skipped", "skipped", "skipped"], 1))
    # the next one was about to begin
    check(begun <= {0, 1}, begun)
    j.sound()


def test_file_size():
    """ulimit -f is as a full disk: no end of dt by SIGXFSZ; and commands have that signal as ever."""
    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    mark = home.join("limited")
    done = Journal().dt("h1,h2", "ssh", "grep SigIgn /proc/self/status", preexec_fn=limited)
    ignored = re.findall(r"^okay::dt:ssh:h[12]:SigIgn:\\t([0-9a-f]+)$", done.stdout, re.M)
    equal([int(word, 16) & 1 << (signal.SIGXFSZ - 1) for word in ignored], [0, 0], done.stdout)
    has(done.stderr, "dt: warning: not in the journal: ")
    done = Journal().dt("--journal", "required", "h1", "ssh", "touch " + mark, status=1, preexec_fn=limited)
    equal((done.stdout, os.path.exists(mark)), ("", False))
    has(done.stderr, "dt: the journal is required: ")
    with open(home.join("out"), "w") as f:
        done = Journal().dt("--no-journal", "h1", "ssh", "head -c 10000 /dev/zero | tr '\\0' x", status=1, stdout=f,
                            preexec_fn=limited)
    has(done.stderr, "file too large")


def test_processor_time():
    """ulimit -t ends what runs, and every host has its line."""
    j = Journal()
    p = j.start("h1,h2", "ssh", "touch %s/timed-$$; sleep 60" % home.path)
    wait_for(lambda: len(glob.glob(home.join("timed-*"))) == 2, "two hosts at work")
    p.send_signal(signal.SIGXCPU)
    out, err = p.communicate(timeout=30)
    equal((p.returncode, out.count("killed: interrupted")), (128 + signal.SIGXCPU, 2), err)


def test_survey():
    """A survey's hosts have not begun; who is out by it has an end."""
    j = Journal()
    j.dt("h1,h2,far", "survey", "true", "true", status=4)
    job, begun, ends, done = j.job(1)
    equal((job["kind"], begun, statuses(ends)), ("action", {0, 1}, ["ok", "ok", "unreachable"]))
    j.dt("h1,h2", "survey", "exit 9", "true", status=6)
    _, begun, ends, done = j.job(2)
    equal((begun, set(statuses(ends)), len(ends)), (set(), {"failed"}, 2))
    j.dt("h1,h2,h3", "survey", "--refuse", "true", "true", status=6)
    _, begun, ends, done = j.job(3)
    equal((begun, statuses(ends), done["rc"]), (set(), ["skipped"] * 3, 6))


def test_unwritable():
    """By default a warning, once; required: no host is touched."""
    file = home.write("file", "")
    other = Journal()
    os.makedirs(os.path.dirname(other.path))
    with open(other.path, "w") as f:
        f.write("no database, and long enough to be one " * 50)
    newer = Journal()
    newer.dt("h1", "ssh", "true")
    db = sqlite3.connect(newer.path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    for state, word in ((file, "not a directory"), (other.state, "not a database"), (newer.state, "newer dt")):
        j = Journal(state)
        mark = home.join("mark%d" % next(counter))
        done = j.dt("h1,h2", "ssh", "echo x >> %s" % mark)
        equal((done.stdout.count("okay"), done.stderr.count("\n")), (2, 1), done.stderr)
        has(done.stderr, "dt: warning: not in the journal: ")
        has(done.stderr, word)
        os.unlink(mark)
        done = j.dt("--journal", "required", "h1,h2", "ssh", "touch %s" % mark, status=1)
        has(done.stderr, "dt: the journal is required: ")
        equal((done.stdout, os.path.exists(mark)), ("", False))
        if state != file:
            done = ended(home.dt("--journal", "required", "never-added", "add", env=j.env), 1)
            equal(ended(home.dt("never-added", "list", env=j.env), 0).stdout.count("web"), 0)
    env = {"HOME": home.join("no/such/home"), "XDG_STATE_HOME": ""}
    has(newer.dt("h1", "ssh", "true", env=env).stderr, "there is no home")
    check(not os.path.exists(home.join("no")))


def in_small(size, *command, **more):
    """Runs where state/ has so many bytes of its own."""
    small = home.join("small")
    os.makedirs(small, exist_ok=True)
    script = "mount -t tmpfs -o size=%s none %s && { \"$@\"; s=$?; cp -r %s %s-kept; exit $s; }" % (size, small, small, small)
    return subprocess.run(["unshare", "-m" if os.getuid() == 0 else "-rm", "sh", "-c", script, "sh", *command],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120,
                          env=dict(home.env, XDG_STATE_HOME=small), cwd=home.path)


def test_full_disk():
    """In the middle of a run: a warning and all lines; required: the run is cancelled; what is there is sound."""
    dt = [DT, "-F", "/dev/null", "-D", home.join("hosts")]
    text = "head -c 20000 /dev/urandom | od"
    for more, status in (((), 0), (("--journal", "required"), 1)):
        shutil.rmtree(home.join("small-kept"), ignore_errors=True)
        done = in_small("160k", *dt, *more, "-C", "2", "--batch", "2", "m001,m002,m003,m004,m005,m006,m007,m008", "ssh", text)
        equal(done.returncode, status, done.stderr)
        has(done.stderr, "database or disk is full")
        equal(done.stderr.count("\n"), 1, done.stderr)
        j = Journal(home.join("small-kept"))
        j.sound()
        _, begun, ends, over = j.job(1)
        check(len(ends) < 8 and over is None, ends)
        okay = done.stdout.count("okay")
        if status == 0:
            equal(okay, 8)
        else:
            # what was told is in it
            equal((okay, begun >= set(ends)), (len(ends), True))


# ---- killed ----

PR_SET_CHILD_SUBREAPER = 36     # prctl(2)


def orphans_end():
    """Until no process is left whose parents have died; test_killed makes them ours."""
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def killed_run(place):
    """dt on 200 hosts, killed at a place; the journal tells the truth."""
    j = Journal()
    traces = home.join("traces%d" % next(counter))
    os.mkdir(traces)
    env = dict(home.env, **j.env, TRACES=traces)
    dt = [DT, "-F", "/dev/null", "-D", home.join("hosts"), "-C", "20", "sys:m[001-200]", "script-trace"]
    out = home.join("out%d" % next(counter))
    with open(out, "w") as f:
        if isinstance(place, int):
            dt = ["strace", "-o", "/dev/null", "-e", "trace=all", "-e", "inject=all:signal=SIGKILL:when=%d" % place, *dt]
            p = subprocess.Popen(dt, env=env, stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.DEVNULL, cwd=home.path)
        else:
            p = subprocess.Popen(dt, env=env, stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.DEVNULL, cwd=home.path)
            time.sleep(place)
            p.kill()
        p.wait(timeout=60)
    orphans_end()   # what it had begun goes on, and leaves its trace
    printed = [line for line in home.read(os.path.basename(out)).decode().split("\n")[:-1]]
    if not os.path.exists(j.path) or not j.sql("SELECT 1 FROM sqlite_master WHERE name = 'entry'") or \
            not j.sql("SELECT 1 FROM entry"):
        equal((printed, os.listdir(traces)), ([], []))
        shutil.rmtree(j.state, ignore_errors=True)
        return False
    j.sound()
    job, begun, ends, done = j.job(1)
    names = ["m%03d" % (i + 1) for i in range(200)]
    for line in printed:
        host = line.split(":")[4]
        i = names.index(host)
        check(i in ends and (ends[i][0] == "ok") == line.startswith("okay"), "printed, and not in the journal:", line)
    lost = [n for n in os.listdir(traces) if names.index(n) not in begun]
    check(not lost, "had begun, and not in the journal:", lost)
    check(set(ends) <= begun | {i for i in ends if ends[i][0] == "skipped"})
    # another dt goes on with it
    j.dt("h1", "ssh", "true")
    j.sound()
    equal(j.job(2)[3]["rc"], 0)
    shutil.rmtree(traces)
    shutil.rmtree(j.state)
    os.unlink(out)
    return len(ends) < 200


def test_killed():
    home.write("modules/script-trace", "#!/bin/sh\n# dt: summary = leave a trace\n# dt: where = local\n# dt: kind = action\n"
               ": > \"$TRACES/$DT_HOST\"\n", 0o755)
    equal(ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0)
    j = Journal()
    began = time.monotonic()
    env = {"TRACES": home.join("first")}
    os.mkdir(home.join("first"))
    j.dt("-C", "20", "sys:m[001-200]", "script-trace", env=env)
    took = time.monotonic() - began
    equal(len(os.listdir(home.join("first"))), 200)
    places = [random.uniform(0.01, took) for _ in range(HEAVY or 12)]
    middle = 0
    for place in places:
        middle += killed_run(place)
    if shutil.which("strace") and not os.environ.get("DT_SANITIZE"):	# no leak is looked for below it
        count = subprocess.run(["strace", "-c", "-o", home.join("count"), DT, "-F", "/dev/null", "-D", home.join("hosts"), "-C", "20",
                                "sys:m[001-200]", "script-trace"], env=dict(home.env, **dict(j.env, **env)), cwd=home.path,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
        total = int(re.search(r"^100[.,]00 +\S+ +\S* *(\d+) .*total$", home.read("count").decode(), re.M).group(1))
        for _ in range(HEAVY or 8):
            middle += killed_run(random.randint(1, total))
        equal(count.returncode, 0)
    check(middle > 0, "no run was killed in its middle")


# ---- many at once ----

def test_many_at_once():
    j = Journal()
    dts, hosts = (20, 500) if HEAVY else (8, 60)
    running = [j.start("-C", "5", "sys:m[001-%03d]" % hosts, "ssh", "echo %d" % i) for i in range(dts)]
    for p in running:
        out, err = p.communicate(timeout=600)
        equal((p.returncode, err, out.count("okay")), (0, "", hosts))
    j.sound()
    equal(j.sql("SELECT count(*), count(DISTINCT job) FROM entry WHERE kind = 'end'"), [(dts * hosts, dts)])
    equal(j.sql("SELECT count(*) FROM entry WHERE kind = 'done'"), [(dts,)])
    for i in range(1, dts + 1):
        _, begun, ends, done = j.job(i)
        equal((len(begun), len(ends), done["counts"]), (hosts, hosts, {"ok": hosts}))


if __name__ == "__main__":
    main(globals())
