#!/usr/bin/env -S python3 -B
"""--keep: what becomes of commands whose dt, network or host has died, and that dt reconcile tells no more than is known."""
import glob
import json
import os
import signal
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed  # noqa: E402
from daemons import Sshd, children, wait_for  # noqa: E402
from testing import check, ended, equal, has, main  # noqa: E402

HOSTS = 20
# exits with 0 on the hosts up to 15, with 3 on the others; ends where the test has died.  SSH_CONNECTION is: client
# port server port
COMMAND = "set -- $SSH_CONNECTION; echo begun; echo why >&2; echo $3 >> %s.up; " \
          "while test -d %s && ! test -e %s; do sleep 0.05; done; echo ended; test ${3##*.} -le 16 || exit 3"


class Kept(Bed):
    """A bed whose hosts are one server, with a home of its own."""

    def __init__(self):
        super().__init__()
        self.server = Sshd(self.authorized)
        self.env["XDG_STATE_HOME"] = self.join("state")
        self.go = self.join("go")
        self.command_line = COMMAND % (self.go, self.path, self.go)

    def kept(self, name=""):
        return sorted(glob.glob(self.server.path("home/.cache/dt/dt-*" + name)))

    def start(self, *args):
        return subprocess.Popen(self.command(*args), env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, cwd=self.path, start_new_session=True)

    def begin(self, *args, hosts=1):
        """A run whose commands have all begun."""
        up = "go.up"
        self.write(up, "")
        process = self.start(*args)
        wait_for(lambda: self.read(up).count(b"\n") == hosts or process.poll() is not None, "all commands", 60)
        equal(process.poll(), None)
        return process

    def kill(self, process):
        process.send_signal(signal.SIGKILL)
        out, _ = process.communicate(timeout=30)
        equal(out, "")

    def let_end(self, hosts=1):
        self.write("go", "")
        wait_for(lambda: len(self.kept(".end")) == hosts, "the end of all commands", 60)

    def later(self, *args, status=0):
        """dt, with nothing of the options that the run had."""
        return ended(Bed.__mro__[1].dt(self, *args), status)

    def states(self, job="1"):
        return [e["status"] for e in map(json.loads, self.later("show", job, "-o", "jsonl").stdout.splitlines()) if e["event"] == "end"]

    def sound(self):
        has(self.later("jobs", "verify").stdout, ": 0 faults")


def test_killed():
    """dt is killed in the middle of a run of 20 hosts, which comes to its end without it."""
    bed = Kept()
    bed.hosts("h", HOSTS, bed.server)
    bed.kill(bed.begin("--keep", "all", "ssh", bed.command_line, hosts=HOSTS))
    equal(bed.states(), ["unknown"] * HOSTS)
    done = bed.later("reconcile", "last", status=4)
    equal((done.stdout, done.stderr.count(": it still runs there, as process ")), ("", HOSTS))
    equal(bed.states(), ["unknown"] * HOSTS)
    bed.let_end(HOSTS)
    done = bed.later("reconcile", "1", status=5)
    equal(sorted(done.stdout.splitlines()),
          sorted("%s::dt:ssh:h%d:%sbegun\\nended\\nwhy" % (("okay", i, "") if i <= 15 else ("fail", i, "exit 3: ")) for i in range(1, HOSTS + 1)))
    equal(done.stderr, "")
    equal(bed.states(), ["ok"] * 15 + ["failed"] * 5)
    equal(bed.kept(), [])
    has(bed.later("reconcile", "1", status=7).stderr, "job 1 has no host of unknown end")
    equal(bed.later("-D", bed.join("hosts.ini"), "-o", "fold", "job:1:rc=3", "list").stdout, "h[16-20]\n")
    end = json.loads(bed.later("show", "1", "h16", "-o", "jsonl").stdout.splitlines()[2])
    equal((end["stdout"], end["stderr"], end["address"], end["transport"]), ("begun\nended\n", "why\n", "127.1.0.17", "libssh2"))
    bed.sound()


def test_as_without():
    """A run that nothing happens to ends as one without --keep, and leaves nothing there."""
    bed = Kept()
    bed.hosts("h", 3, bed.server)
    for transport in ("libssh2", "openssh"):
        for status in (0, 85, 170, 255) if transport == "openssh" else (0, 1, 85):
            plain, kept = (bed.outcomes("--transport", transport, *more, "h1,h2,h3", "ssh", "echo a; echo b >&2; exit %d" % status)
                           for more in ((), ("--keep",)))
            for ends in (plain, kept):
                for e in ends.values():
                    e.update(began=0, seconds=0)
            equal(kept, plain)
    end = bed.outcomes("--keep", "--max-output", "5", "h1", "ssh", "echo 123456789")["h1"]
    equal((end["stdout"], end["truncated"], end["status"]), ("12345", True, "ok"))
    done = bed.dt("--keep", "--command-timeout", "1s", "h1,h2", "ssh", "sleep 60; sleep 60")
    equal(sorted(done.stdout.splitlines()),
          ["fail::dt:ssh:h%d:timeout: the command did not end in time; ended on the host" % i for i in (1, 2)])
    equal(bed.kept(), [])


def test_interrupted():
    bed = Kept()
    bed.hosts("h", 2, bed.server)
    process = bed.begin("--keep", "all", "ssh", bed.command_line, hosts=2)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    equal((process.returncode, out.count("killed: interrupted; ended on the host\n")), (130, 2), out)
    equal(bed.kept(), [])


def test_openssh():
    bed = Kept()
    bed.hosts("h", 3, bed.server)
    bed.kill(bed.begin("--keep", "--transport", "openssh", "h2", "ssh", bed.command_line))
    bed.let_end()
    equal(bed.later("reconcile", "1").stdout, "okay::dt:ssh:h2:begun\\nended\\nwhy\n")
    equal((bed.states(), bed.kept()), (["ok"], []))


def named(pid, name):
    try:
        with open("/proc/%d/comm" % pid) as f:
            return f.read().strip() == name
    except FileNotFoundError:
        return False


def test_network():
    """dt lives, and its connection does not."""
    bed = Kept()
    bed.hosts("h", 1, bed.server)
    process = bed.begin("--keep", "h1", "ssh", bed.command_line)
    for pid in children(bed.server.process.pid):
        if named(pid, "sshd"):
            os.kill(pid, signal.SIGKILL)
    out, _ = process.communicate(timeout=60)
    has(out, "fail::dt:ssh:h1:lost: ")
    equal((process.returncode, bed.states()), (4, ["lost"]))
    bed.let_end()
    bed.server.stop()
    has(bed.later("reconcile", "1", status=4).stderr, "h1: cannot be asked: ")
    equal(bed.states(), ["lost"])
    bed.server.start()
    equal(bed.later("reconcile", "1").stdout, "okay::dt:ssh:h1:begun\\nended\\nwhy\n")
    equal((bed.states(), bed.kept()), (["ok"], []))
    bed.sound()


def end_group(bed):
    """The command there is killed, with all that belongs to it."""
    with open(bed.kept(".pid")[0]) as f:
        pid = int(f.read().split()[0])
    os.killpg(os.getpgid(pid), signal.SIGKILL)
    wait_for(lambda: gone(pid), "its end")


def gone(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(") ", 1)[1][0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def rewrite(bed, change):
    """Other words in what tells the process; gives what stood there."""
    path = bed.kept(".pid")[0]
    with open(path) as f:
        text = f.read()
    with open(path, "w") as f:
        f.write(" ".join(change(*text.split())) + "\n")
    return text


def test_no_false_okay():
    """What is not known is never okay: the command was killed, the host has booted, the files are gone or make no sense."""
    bed = Kept()
    bed.hosts("h", 1, bed.server)

    def run(job):
        bed.kill(bed.begin("--keep", "h1", "ssh", bed.command_line))
        equal(bed.states(job), ["unknown"])

    run("1")
    end_group(bed)
    done = bed.later("reconcile", "1", status=4)
    equal(done.stdout, "fail::dt:ssh:h1:lost: the command has ended and left no exit status: it was killed, or the host has booted\n")
    equal((bed.states("1"), bed.kept()), (["lost"], []))
    equal(bed.later("reconcile", "1", status=4).stdout, "")

    # as if it was before the last boot; and as if another process had its number
    for job, change in (("2", lambda pid, start, boot: (pid, start, "00000000-0000-0000-0000-000000000000")),
                        ("3", lambda pid, start, boot: (pid, str(int(start) - 1), boot))):
        run(job)
        path, text = bed.kept(".pid")[0], rewrite(bed, change)
        has(bed.later("reconcile", job, status=4).stdout, "left no exit status")
        with open(path, "w") as f:
            f.write(text)
        end_group(bed)
        os.unlink(path)
        for path in bed.kept():
            os.unlink(path)

    run("4")
    end_group(bed)
    for path in bed.kept():
        os.unlink(path)
    has(bed.later("reconcile", "4", status=4).stderr, "h1: nothing of it is there")
    equal(bed.states("4"), ["unknown"])

    run("5")
    end_group(bed)
    for end in (b"", b"\n", b"0 0 0 0\n", b"x\n", b"-1\n", b"999\n", b"0\n"):
        path = bed.kept(".pid")[0][:-4]
        if end == b"0\n":
            os.unlink(path + ".out")
        with open(path + ".end", "wb") as f:
            f.write(end)
        done = bed.later("reconcile", "5", status=4)
        has(done.stderr, "h1: cannot be asked: " if end == b"0\n" else "h1: an answer that makes no sense")
        equal(done.stdout, "")
        equal(bed.states("5"), ["unknown"])
    bed.sound()


def test_refused_folder():
    """A folder that is another's, or a link to one, is not written to; nothing begins."""
    bed = Kept()
    bed.hosts("h", 1, bed.server)
    os.makedirs(bed.server.path("home/.cache"), exist_ok=True)
    os.mkdir(bed.join("elsewhere"), 0o700)
    os.symlink(bed.join("elsewhere"), bed.server.path("home/.cache/dt"))
    with open(os.path.join(bed.server.dir, "sshd_config")) as f:
        check("XDG_RUNTIME_DIR" not in f.read())
    server = Sshd(bed.authorized, options=["SetEnv HOME=%s XDG_RUNTIME_DIR=/nonexistent" % bed.server.path("home")])
    bed.host("x1", server)
    equal(bed.dt("--keep", "x1", "ssh", "touch " + bed.go).stdout,
          "fail::dt:ssh:x1:exit 126: --keep: no folder for it in the home or runtime folder\n")
    equal((os.listdir(bed.join("elsewhere")), os.path.exists(bed.go)), ([], False))


def test_reconciled_by_many():
    """Two at once: each end is recorded, and the journal stays whole."""
    bed = Kept()
    bed.hosts("h", 5, bed.server)
    bed.kill(bed.begin("--keep", "all", "ssh", bed.command_line, hosts=5))
    bed.let_end(5)
    both = [bed.start("reconcile", "1") for _ in range(2)]
    for process in both:
        out, err = process.communicate(timeout=60)
        check(process.returncode in (0, 4, 7) and "okay" in out + err + "okay", process.returncode, out, err)
    equal(bed.states(), ["ok"] * 5)
    db = sqlite3.connect(bed.join("state/dt/journal.db"))
    equal(db.execute("SELECT count(DISTINCT status), min(status) FROM entry WHERE kind = 'end'").fetchone(), (1, "ok"))
    db.close()
    bed.sound()


if __name__ == "__main__":
    main(globals())
