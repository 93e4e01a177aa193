#!/usr/bin/env -S python3 -B
"""push that is killed, cut off, or finds no room or no permission: the old file or the new one, whole, and nothing left."""
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import HEAVY, Bed  # noqa: E402
from daemons import Accounts, Busybox, Dropbear, Sshd, children, wait_for  # noqa: E402
from testing import Listener, check, ended, equal, has, main  # noqa: E402

ROUNDS = 1000 if HEAVY >= 40 else 20 * HEAVY
SEED = int(os.environ.get("DT_TEST_SEED", "0"), 0) or random.SystemRandom().getrandbits(60)
BOTH = ("libssh2", "openssh") if HEAVY > 1 else ("libssh2",)  # both in the tests of sizes in any case
FILES = 12  # of the tree
BIG, HUGE = 1500000, 4500000  # the sum of a huge one is taken while it comes

os.umask(0o022)
bed = Bed()
os.chmod(bed.path, 0o755)


class Host:
    """A server, and a folder on it: there as dt is told of it, here as this machine sees it."""

    def __init__(self, name, server, there, here, user=""):
        self.name, self.server, self.there, self.here = name, server, there, here
        bed.host(name, server, "user=" + user if user else "")

    def join(self, *names):
        return os.path.join(self.here, *names)

    def left(self):
        """Temporary folders, at any depth."""
        return [f for _, folders, files in os.walk(self.here) for f in folders + files if f.startswith(".dt-")]


class Rooms:
    """A server's own file systems: args are those of mount(8); they go when the server goes."""

    def __init__(self, *mounts):
        line = "".join("mount %s && " % m for m in mounts)
        self.wrap = ["unshare", "-m", "--propagation", "private", "sh", "-c", line + "exec \"$@\"", "sh"]


def seen(server, path):
    """A path of a server in a mount namespace of its own."""
    return "/proc/%d/root%s" % (server.process.pid, path)


def folder(name):
    path = bed.join(name)
    os.makedirs(path)
    return path


def servers():
    found = [Host("sshd", Sshd(bed.authorized), folder("sshd"), bed.join("sshd"))]
    if Busybox.possible():
        box = Busybox(bed.authorized)
        os.mkdir(box.root + "/target")
        found.append(Host("busybox", box, "/target", box.root + "/target", "root"))
    else:
        print("# not root, or no device files can be made here: no busybox")
    return found


hosts = servers()


def data(path):
    with open(path, "rb") as f:
        return f.read()


def names(top):
    """All below a folder but temporary folders: {path: hash of a file, or text of a link}."""
    found = {}
    for where, folders, files in os.walk(top):
        folders[:] = [f for f in folders if not f.startswith(".dt-")]
        for name in files + [f for f in folders if os.path.islink(os.path.join(where, f))]:
            path = os.path.join(where, name)
            found[os.path.relpath(path, top)] = \
                "-> " + os.readlink(path) if os.path.islink(path) else hashlib.sha256(data(path)).hexdigest()
    return found


class Versions:
    """A source that is another one each time: a huge file, a large one, small ones in folders, a link."""

    def __init__(self):
        self.number = 0
        self.random = random.Random(SEED)
        os.makedirs(bed.join("from/tree"), exist_ok=True)

    def next(self):
        self.number += 1
        self.write("huge", self.random.randbytes(HUGE))
        self.write("big", self.random.randbytes(BIG))
        for i in range(FILES):
            # a third of them stay as they are
            if i % 3 or self.number == 1:
                self.write("tree/d%d/f%d" % (i % 4, i), b"%d %d\n" % (self.number, i) * 100)
        shutil.rmtree(bed.join("from/tree/new"), ignore_errors=True)
        self.write("tree/new/%d" % self.number, b"new")
        link = bed.join("from/tree/link")
        if os.path.islink(link):
            os.remove(link)
        os.symlink("version %d" % self.number, link)

    @staticmethod
    def write(name, content):
        bed.write("from/" + name, content)


def alive(pid):
    """A zombie is not, though nobody has asked for its end yet."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def settled(host, pids=()):
    """All that served a connection is gone."""
    wait_for(lambda: not any(map(alive, [*children(host.server.process.pid), *pids])), "the end of a session on " + host.name)


def start(host, *args, transport="libssh2"):
    return subprocess.Popen(bed.command("-o", "jsonl", "--transport", transport, host.name, "push", "-r", *args,
                                        bed.join("from") + "/", host.there + "/"), env=bed.env, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def outcome(process):
    out, err = process.communicate(timeout=60)
    check(b"Sanitizer" not in err and b"runtime error" not in err, err.decode(errors="replace"))
    ends = [json.loads(l) for l in out.splitlines() if b'"event":"end"' in l]
    return process.returncode, ends[0] if len(ends) == 1 else None, err


def whole(host, old, what):
    """Each file is what it was, or what it shall be; one that is new may not be there yet, and nothing else is."""
    new, got = names(bed.join("from")), names(host.here)
    for path in {**old, **new, **got}:
        check(got.get(path) in (old.get(path), new.get(path)), what, path,
              "is neither old nor new" if path in got else "is not there", host.left())
    return got, new


def complete(host, what):
    ended(bed.dt(host.name, "push", "-r", "--delete", bed.join("from") + "/", host.there + "/"), 0)
    equal(names(host.here), names(bed.join("from")), what)
    equal(host.left(), [], what + ": left after one more push")


def rounds(break_it, seconds_of):
    """ROUNDS pushes, each broken at a random moment."""
    print("# DT_TEST_SEED=%d" % SEED)
    versions = Versions()
    chance = random.Random(SEED + 1)
    took = {}
    tally = {"old": 0, "new": 0, "mixed": 0, "temporary folder left": 0}
    for host in hosts:
        for transport in ("libssh2", "openssh"):
            versions.next()
            complete(host, "at first")
            versions.next()
            began = time.monotonic()
            equal(outcome(start(host, transport=transport))[0], 0)
            took[host.name, transport] = time.monotonic() - began
    for k in range(ROUNDS):
        host, transport = hosts[k % len(hosts)], ("libssh2", "openssh")[k // len(hosts) % 5 == 4]
        if k < len(hosts):
            complete(host, "at first")
        what = "round %d, %s, %s" % (k, host.name, transport)
        old = names(host.here)
        versions.next()
        process = start(host, transport=transport)
        try:
            time.sleep(chance.uniform(0, took[host.name, transport] * seconds_of))
            pids = break_it(process, host, chance)
            status, end, err = outcome(process)
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        settled(host, pids)
        got, new = whole(host, old, what)
        arrived = all(got.get(path) == new[path] for path in new)
        tally["new" if arrived else "old" if got == old else "mixed"] += 1
        tally["temporary folder left"] += bool(host.left())
        if status == 0:
            check(end and end["status"] == "ok", what, end, err)
            check(arrived, what, "is okay, and not there")
        elif status > 0:
            check(end and status in (4, 5), what, status, end, err)
            check(end["status"] != "ok", what, end)
        complete(host, what)
    print("# %d rounds: %s" % (ROUNDS, ", ".join("%d %s" % (n, word) for word, n in tally.items())))
    return tally


def test_dt_killed():
    def break_it(process, host, chance):
        pids = children(host.server.process.pid)
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        return pids + children(host.server.process.pid)
    rounds(break_it, 1.1)


def stop(pid, sig):
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass


def test_session_killed():
    """The process that serves the connection alone, all below it with it, or any one of them."""
    def break_it(process, host, chance):
        how = chance.choice(("session", "all", "one"))
        session = children(host.server.process.pid)[:1]
        for pid in session:
            stop(pid, signal.SIGSTOP)  # it starts nothing that is not seen
        below = [p for s in session for p in children(s)]
        if how == "one" and below:
            stop(chance.choice(below), signal.SIGKILL)
            for pid in session:
                stop(pid, signal.SIGCONT)
        else:
            for pid in session + (below if how == "all" else []):
                stop(pid, signal.SIGKILL)
        return session + below
    rounds(break_it, 1.1)


def nothing_left(host, what):
    """At once, or as soon as what was told to end has cleaned up."""
    settled(host)
    try:
        wait_for(lambda: not host.left(), "", 5)
    except RuntimeError:
        check(False, what, host.name, "left", host.left())


def test_interrupt():
    """Ctrl-C as soon as there is a temporary folder, and a time that is over."""
    versions = Versions()
    for host in hosts:
        for transport in BOTH:
            versions.next()
            complete(host, "at first")
            old = names(host.here)
            versions.next()
            for _ in range(5):
                process = start(host, "--limit-rate", "500k", transport=transport)
                end_of = time.monotonic() + 30
                while not host.left() and time.monotonic() < end_of:
                    pass
                os.killpg(process.pid, signal.SIGINT)
                status, end, err = outcome(process)
                check(status == 130 and end["status"] == "killed", status, end, err)
                nothing_left(host, transport)
                equal(names(host.here) == old, True, "interrupted, " + host.name)
            end = bed.outcomes("--transport", transport, "--command-timeout", "1s", host.name, "push", "-r", "--limit-rate",
                               "500k", bed.join("from") + "/", host.there + "/", status=4)[host.name]
            equal(end["status"], "timeout", end)
            nothing_left(host, transport)
            equal(names(host.here) == old, True, host.name)
            complete(host, transport)


def sparse(path, size):
    with open(path, "wb") as f:
        f.truncate(size)
    return path


def rooms_possible():
    if Accounts.possible():
        return True
    print("# no mount namespace can be made here")
    return False


def small_hosts(name, mount):
    """Hosts with a file system of their own at the folder of this name."""
    path = folder(name)
    server = Sshd(bed.authorized, wrap=Rooms("%s %s" % (mount, path)).wrap)
    found = [Host(name + "-sshd", server, path, seen(server, path))]
    if Busybox.possible():
        box = Busybox(bed.authorized, start=False)
        os.mkdir(box.root + "/target")
        box.wrap = Rooms("%s %s/target" % (mount, box.root)).wrap
        box.start()
        found.append(Host(name + "-busybox", box, "/target", seen(box, "/target"), "root"))
    return found


def fails(host, word, *args, transport="libssh2"):
    """Exit 5, and a line that says so; nothing is left, and what was there is there."""
    before = names(host.here)
    done = ended(bed.dt("--transport", transport, host.name, "push", *args), 5)
    settled(host)
    check(done.stdout.startswith("fail::dt:push:%s:" % host.name) and done.stdout.count("\n") == 1, done.stdout)
    has(done.stdout.lower(), word.lower())
    equal(host.left(), [], host.name)
    check(names(host.here) == before, host.name, "what was there is not what it was", done.stdout)
    return done


def test_disk_full():
    if not rooms_possible():
        return
    one, two = bed.write("one", os.urandom(1000000)), bed.write("two", os.urandom(1500000))
    many = folder("many")
    for i in range(60):
        bed.write("many/d%d/f%d" % (i % 3, i), b"x")
    huge = sparse(bed.join("huge"), 10 << 30 if HEAVY > 1 else 1 << 30)
    for host in small_hosts("full", "-t tmpfs -o size=2m,nr_inodes=50 tmpfs"):
        for transport in BOTH:
            ended(bed.dt("--transport", transport, host.name, "push", one, host.there + "/f"), 0)
            fails(host, "no space left", two, host.there + "/f", transport=transport)
            fails(host, "no space left", "--mkdir", two, host.there + "/made/for/f", transport=transport)
            equal(os.listdir(host.here), ["f"])
            fails(host, "no space left", "-r", many, host.there + "/", transport=transport)
            equal(os.listdir(host.here), ["f"])
            began = time.monotonic()
            fails(host, "no space left", huge, host.there + "/f", transport=transport)
            print("# %s, %s: a sparse file to a disk of 2 MiB: %.1f s" % (host.name, transport, time.monotonic() - began))
            done = ended(bed.dt("--transport", transport, host.name, "push", one, host.there + "/f"), 0)
            has(done.stdout, ":unchanged")
            os.remove(host.join("f"))
    os.remove(huge)


def test_disk_fills_up():
    """While a huge file comes, for which there was room at first."""
    if not rooms_possible():
        return
    path = bed.write("one", os.urandom(HUGE))
    for host in small_hosts("filling", "-t tmpfs -o size=8m tmpfs"):
        for transport in BOTH:
            with open(host.join("f"), "wb") as f:
                f.write(b"old")
            process = subprocess.Popen(bed.command("--transport", transport, host.name, "push", "--limit-rate", "4M", path,
                                                   host.there + "/f"), env=bed.env, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            wait_for(host.left, "a temporary folder")
            try:
                with open(host.join("other"), "wb", buffering=0) as f:
                    while True:
                        f.write(bytes(65536))
            except OSError:
                pass
            out, err = process.communicate(timeout=60)
            equal(process.returncode, 5, err)
            has(out.decode().lower(), "no space left")
            settled(host)
            equal((sorted(os.listdir(host.here)), data(host.join("f"))), (["f", "other"], b"old"))
            os.remove(host.join("other"))


def test_read_only():
    if not rooms_possible():
        return
    path = bed.write("one", b"1")
    target = folder("closed")
    server = Sshd(bed.authorized, wrap=Rooms("--bind %s %s" % (target, target), "-o remount,ro,bind " + target).wrap)
    host = Host("ro", server, target, target)
    os.symlink("f", bed.join("closed/link"))
    bed.write("closed/f", b"old")
    bed.write("closed/same", b"1")
    for transport in BOTH:
        fails(host, "read-only file system", path, target + "/f", transport=transport)
        fails(host, "read-only file system", path, target + "/new", transport=transport)
        fails(host, "read-only file system", "--mkdir", path, target + "/new/f", transport=transport)
        equal(ended(bed.dt("ro", "push", path, target + "/same"), 0).stdout, "okay::dt:push:ro:unchanged\n")


def test_other_file_system():
    """A tree there that has another file system mounted in it."""
    if not rooms_possible():
        return
    for name in ("a", "sub/b", "sub/deep/c", "z/d"):
        bed.write("across/" + name, b"1")
    bed.write("across/l", b"")
    target = folder("mounted")
    os.makedirs(target + "/sub")
    server = Sshd(bed.authorized, wrap=Rooms("-t tmpfs -o size=1m tmpfs %s/sub" % target).wrap)
    host = Host("two", server, target, seen(server, target))
    options = ["-r", bed.join("across") + "/", target + "/"]
    for transport in BOTH:
        for wanted in ("7 created, 1 unchanged", "unchanged"):
            done = ended(bed.dt("--transport", transport, "two", "push", "--mode", "0644", *options), 0)
            # the mode of what was mounted is another at first
            has((wanted + " 7 created, 1 changed"), done.stdout.split(":")[-1].rstrip("\n"))
        bed.write("across/sub/b", b"2")
        bed.write("across/a", b"2")
        has(ended(bed.dt("--transport", transport, "two", "push", *options), 0).stdout, "2 changed, 6 unchanged")
        check(names(host.here) == names(bed.join("across")), names(host.here))
        with open(host.join("sub/stray"), "w"):
            pass
        has(ended(bed.dt("--transport", transport, "two", "push", "--delete", *options), 0).stdout, "1 deleted, 8 unchanged")
        check(names(host.here) == names(bed.join("across")), names(host.here))
        equal(host.left(), [])
        for name in ("a", "sub/b", "sub/deep/c", "z/d", "l"):
            os.remove(host.join(name))
        os.rmdir(host.join("sub/deep"))
        os.rmdir(host.join("z"))
        for name in ("a", "sub/b"):
            bed.write("across/" + name, b"1")


def test_no_permission():
    if not rooms_possible():
        return
    accounts = Accounts("x")
    accounts.authorize(bed.authorized)
    server = Dropbear(wrap=accounts.wrap)
    target = folder("roots")
    host = Host("user", server, target, target, accounts.USER)
    bed.write("roots/f", b"old")
    path = bed.write("one", b"1")
    bed.write("roots/same", b"1")
    for transport in BOTH:
        fails(host, "permission denied", path, target + "/f", transport=transport)
        fails(host, "permission denied", "--mkdir", path, target + "/new/f", transport=transport)
        fails(host, "permission denied", "-r", "--delete", folder("empty-" + transport) + "/", target + "/", transport=transport)
        has(ended(bed.dt("user", "push", path, target + "/same"), 0).stdout, ":unchanged")
        os.chmod(target, 0o700)
        fails(host, target + ": permission denied there", path, target + "/f", transport=transport)
        os.chmod(target, 0o755)
        # A folder of the user, with what only root may read in it: replaced, as mv(1) would.
        os.chmod(bed.join("roots/f"), 0o600)
        os.chown(target, accounts.UID, accounts.UID)
        has(ended(bed.dt("--transport", transport, "user", "push", path, target + "/f"), 0).stdout, ":changed")
        equal((data(target + "/f"), os.stat(target + "/f").st_uid), (b"1", accounts.UID))
        os.chown(target, 0, 0)
        bed.write("roots/f", b"old")
        os.chown(target + "/f", 0, 0)


class Changing:
    """A file to which something happens again and again."""

    def __init__(self, path, change):
        self.path, self.change, self.going = path, change, True
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while self.going:
            self.change(self.path)
            time.sleep(0.002)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.going = False
        self.thread.join()


def append(path):
    with open(path, "ab") as f:
        f.write(b"more")


def shorten(path):
    os.truncate(path, max(os.path.getsize(path) - 5, 0))


def replace(path):
    with open(path + ".new", "wb") as f:
        f.write(os.urandom(1000) * 3000)
    os.rename(path + ".new", path)


def test_file_that_changes():
    """While it is read: the old file stays, and the line says why."""
    for host in hosts:
        path, target = bed.join("changing"), host.join("f")
        with open(target, "wb") as f:
            f.write(b"old")
        for transport, change in zip(BOTH * 2, (append, shorten, replace)):
            with open(path, "wb") as f:
                f.write(os.urandom(3000000))
            with Changing(path, change):
                done = ended(bed.dt("--transport", transport, host.name, "push", "--limit-rate", "5M", path, host.there + "/f"), 5)
            settled(host)
            has(done.stdout, "it changed while it was read")
            equal(data(target), b"old")
            equal(host.left(), [])
        os.remove(target)


def test_one_of_many_is_gone():
    """A file of a tree that goes while others are read."""
    for host in hosts:
        top = folder("going-" + host.name)
        for i in range(4):
            bed.write("going-%s/f%d" % (host.name, i), os.urandom(1000000))
        process = subprocess.Popen(bed.command(host.name, "push", "-r", "--limit-rate", "2M", top, host.there + "/"), env=bed.env,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_for(host.left, "a temporary folder")
        os.remove(os.path.join(top, "f3"))
        out, err = process.communicate(timeout=60)
        equal(process.returncode, 5, err)
        has(out.decode(), top + "/f3: ")
        settled(host)
        equal(host.left(), [])
        check(not os.path.exists(host.join(os.path.basename(top))), "half of it is there")


def test_refused():
    """Bad sources and arguments: exit 3, nothing on stdout, and no host is touched."""
    listener = Listener()
    own = Bed()
    own.host("h", hosts[0].server, port=listener.port)
    a = own.write("a", b"a")
    own.write("d/a", b"a")
    own.write("d/sub/x", b"x")
    os.mkfifo(own.join("fifo"))
    own.write("with/f", b"")
    os.mkfifo(own.join("with/fifo"))
    os.symlink("nowhere", own.join("dangling"))
    os.symlink("loop", own.join("loop"))
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(own.join("socket"))
    cases = [
        ([own.join("none"), "/x/"], "none"), ([own.join("none/x"), "/x/"], "none/x"), ([a + "/x", "/x/"], "a/x"),
        ([own.join("d"), "/x/"], "a folder (-r takes folders)"), ([a, own.join("d"), "/x/"], "-r"),
        ([own.join("fifo"), "/x/"], "neither a file nor a folder"), (["/dev/null", "/x/"], "neither a file nor a folder"),
        ([own.join("socket"), "/x/"], "neither a file nor a folder"), (["-r", own.join("with"), "/x/"], "with/fifo"),
        ([own.join("dangling"), "/x/"], "dangling"), ([own.join("loop"), "/x/"], "loop"),
        ([a, own.join("d/a"), "/x/"], "two sources have this name"), ([a, a, "/x/"], "two sources have this name"),
        (["-r", own.join("d/"), a, "/x/"], "two sources have this name"),
        (["-r", "/", "/x"], ""), (["-r", own.join("d/.."), "/x/"], ""), (["", "/x/"], "empty name"), ([a, ""], "empty name"),
        ([a, "/x/new\nline"], "newline"), ([a], "SOURCE"), ([], ""), (["--delete", a, "/x/"], "-r"),
        (["--mkdir", a, "/x/../y"], ".."), (["--no-such", a, "/x/"], "no-such"), ([a, "/x/{none}"], "none"),
        ([a, "/x/{"], ""), ([own.join("{none}"), "/x/"], "none"), ([own.join("{host}"), "/x/"], "/h"),
    ]
    cases += [(["--mode", m, a, "/x/"], "mode") for m in ("", "8", "0999", "u+x", "077777", "-1", "0x1ff", "10000", " 644")]
    cases += [(["--owner", o, a, "/x/"], "owner") for o in ("", "a:b", "-R", "a b", "a\nb")]
    cases += [(["--group", o, a, "/x/"], "group") for o in ("", "a:b", "-R")]
    cases += [(["--backup=" + b, a, "/x/"], "backup") for b in ("", "/x", "a/b")]
    cases += [(["--limit-rate", r, a, "/x/"], "rate") for r in ("", "x", "-5", "1Q")]
    cases += [(["--compress", c, a, "/x/"], "compress") for c in ("", "always")]
    bad = []
    for args, word in cases[1:2] + cases:
        if args == ["-r", "/", "/x"]:
            continue  # all of this machine: not for a test
        done = own.dt("h", "push", *args)
        if (done.returncode, done.stdout) != (3, "") or word not in done.stderr or done.stderr.count("\n") != 1:
            bad.append("push %s: exit %d, %r, %r" % (" ".join(map(repr, args)), done.returncode, done.stdout, done.stderr[:300]))
    check(not bad, "\n  ".join(["not refused as it should be:"] + bad))
    equal(listener.calls, 0)


def test_unreadable():
    """A source that may not be read."""
    if os.geteuid() != 0 or not rooms_possible():
        print("# not root: what it may not read is not tested")
        return
    own = Bed()
    listener = Listener()
    own.host("h", hosts[0].server, port=listener.port)
    own.write("d/f", b"", 0o600)
    os.makedirs(own.join("e/closed"), 0o700)
    for path, _, files in os.walk(own.path):
        os.chmod(path, 0o755)
    os.chmod(own.join("e/closed"), 0o700)
    os.chmod(own.key, 0o644)

    def drop():
        os.setgroups([])
        os.setgid(64125)
        os.setuid(64125)
    for args in ([own.join("d/f"), "/x/"], ["-r", own.join("d"), "/x/"], ["-r", own.join("e"), "/x/"]):
        done = own.dt("-u", "nobody", "h", "push", *args, preexec_fn=drop)
        equal((done.returncode, done.stdout), (3, ""), done.stderr)
        has(done.stderr.lower(), "permission denied")
    equal(listener.calls, 0)


if __name__ == "__main__":
    main(globals())
