#!/usr/bin/env -S python3 -B
"""pull and push of what changes meanwhile, of patterns, of times, of folders whose group goes on, and of a target
that is a mount of its own."""
import os
import shutil
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed  # noqa: E402
from daemons import Sshd  # noqa: E402
from testing import check, ended, equal, has, main  # noqa: E402

bed = Bed()
bed.host("h", Sshd(bed.authorized))
SIZE = 300000


def dt(*args, status=0):
    return ended(bed.dt("h", *args), status).stdout.rstrip("\n").split(":", 5)[5]


def fresh(name):
    path = bed.join(name)
    shutil.rmtree(path, ignore_errors=True)
    os.mkdir(path)
    return path


def put(path, data=b"", time=None):
    with open(path, "wb") as f:
        f.write(data)
    if time is not None:
        os.utime(path, ns=(time, time))


class Change(threading.Thread):
    """Changes a file as often as it can until it is left."""

    def __init__(self, change):
        super().__init__()
        self.change, self.stop, self.once = change, threading.Event(), threading.Event()

    def run(self):
        n = 0
        while not self.stop.is_set():
            self.change(n)
            self.once.set()
            n += 1
            self.stop.wait(0.01)

    def __enter__(self):
        self.start()
        self.once.wait()

    def __exit__(self, *_):
        self.stop.set()
        self.join()


def append(path):
    def change(n):
        with open(path, "ab") as f:
            f.write(b"%08d\n" % n * 100)
    return change


def test_grows():
    folder = fresh("grows")
    for i in range(3):
        put(folder + "/f%d" % i, b"%d" % i * SIZE)
    with Change(append(folder + "/f1")):
        said = dt("pull", "-r", folder, fresh("to"))
        has(said, "3 created")
        alone = dt("pull", folder + "/f1", fresh("to2"))
    for got in ("to/h/grows/f1", "to2/h/f1"):
        data = bed.read(got)
        with open(folder + "/f1", "rb") as f:
            check(len(data) >= SIZE and f.read(len(data)) == data, got, "is not how it began")
    check(alone in ("created", "created; f1: changed while read"), alone)
    equal(bed.read("to/h/grows/f2"), b"2" * SIZE)


def test_written_over():
    folder = fresh("over")
    put(folder + "/a", b"a")

    def change(n):
        with open(folder + "/f", "wb" if n == 0 else "r+b") as f:
            f.write(b"%08d" % n * (SIZE // 8))

    with Change(change):
        for i in range(3):
            said = dt("pull", "-r", folder, fresh("to"))
            has(said, "2 created")
            equal(len(bed.read("to/h/over/f")), SIZE // 8 * 8)


def test_shrinks():
    """Of a host whose tar finds it shorter than list.sh did."""
    folder, tools = fresh("shrinks"), fresh("bin")
    put(folder + "/a", b"a")
    put(folder + "/z", b"z")
    bed.host("s", Sshd(bed.authorized, options=["SetEnv PATH=%s:/usr/bin:/bin:/usr/sbin:/sbin" % tools]))
    for action, why in ((": > %s/m", "it shrank while it was read"), ("rm -f %s/m", "it went away while it was read"),
                        ("head -c 100 %s/a > %s/m", "it shrank while it was read")):
        put(folder + "/m", b"m" * SIZE)
        put(tools + "/tar", ("#!/bin/sh\ncase $* in *--version*) ;; *) " + action.replace("%s", folder) +
                             ";; esac\nexec /bin/tar \"$@\"\n").encode())
        os.chmod(tools + "/tar", 0o755)
        done = ended(bed.dt("s", "pull", "-r", folder, fresh("to")), 5)
        has(done.stdout, "exit 1: 2 created; m: " + why)
        equal(sorted(os.listdir(bed.join("to/s/shrinks"))), ["a", "z"])


def test_push_grows():
    path = bed.join("growing")
    put(path, b"x" * SIZE)
    with Change(append(path)):
        for i in range(3):
            done = bed.dt("h", "push", path, fresh("there") + "/f")
            if done.returncode == 0:
                with open(path, "rb") as f:
                    data = bed.read("there/f")
                    equal(f.read(len(data)), data)
            else:
                has(done.stdout, "it changed while it was read")
                check(not os.path.exists(bed.join("there/f")), "half of it is there")


def test_patterns():
    folder = fresh("p")
    for name in ("a.log", "b.log", "c d.log", ".hidden.log", "x.txt", "[1].log", "1.log", "$(touch pwned).log", "q'.log"):
        put(folder + "/" + name, name.encode())
    os.makedirs(folder + "/d1/sub")
    put(folder + "/d1/sub/f", b"f")
    has(dt("pull", folder + "/*.log", fresh("to")), "7 created")
    equal(sorted(os.listdir(bed.join("to/h"))),
          sorted(["a.log", "b.log", "c d.log", "[1].log", "1.log", "$(touch pwned).log", "q'.log"]))
    equal(bed.read("to/h/q'.log"), b"q'.log")
    check(not os.path.exists(folder + "/pwned") and not os.path.exists("pwned"), "a name was run")
    # a file of that very name goes first
    dt("pull", folder + "/[1].log", fresh("to"))
    equal(os.listdir(bed.join("to/h")), ["[1].log"])
    dt("pull", folder + "/[ab].log", folder + "/?.log", folder + "/a.log", fresh("to"))
    equal(sorted(os.listdir(bed.join("to/h"))), ["1.log", "a.log", "b.log"])
    dt("pull", "-r", folder + "/d*", fresh("to"))
    equal(bed.read("to/h/d1/sub/f"), b"f")
    equal(dt("pull", folder + "/*.none", fresh("to"), status=5), "exit 1: %s/*.none: nothing there fits" % folder)
    equal(os.listdir(bed.join("to")), [])


TIMES = [-86400 * 365 * 40 * 10 ** 9, -1, -1750000000, 0, 1, 978307200123456789, (1 << 33) * 10 ** 9 + 5]


def stamped(folder):
    os.makedirs(folder)
    for i, t in enumerate(TIMES):
        os.makedirs(folder + "/d%d/e" % i)
        put(folder + "/d%d/e/f" % i, b"f", t)
        for name in ("/d%d/e" % i, "/d%d" % i):
            os.utime(folder + name, ns=(t, t))
    os.utime(folder, ns=(TIMES[1], TIMES[1]))


def times(folder):
    return {os.path.relpath(os.path.join(where, n), folder): os.lstat(os.path.join(where, n)).st_mtime_ns
            for where, folders, files in os.walk(folder) for n in folders + files + ["."]}


def test_times():
    folder = fresh("t") + "/src"
    stamped(folder)
    dt("pull", "-p", "-r", folder, fresh("to"))
    equal(times(bed.join("to/h/src")), times(folder))
    dt("push", "-p", "-r", folder, fresh("there") + "/dst")
    equal(times(bed.join("there/dst")), times(folder))
    equal(dt("push", "-p", "-r", folder, bed.join("there") + "/dst"), "unchanged")
    # what is the same but for its time has that too
    os.utime(folder + "/d3/e/f", ns=(5 * 10**9 + 5,) * 2)
    has(dt("push", "-p", "-r", folder, bed.join("there") + "/dst"), "1 changed")
    equal(times(bed.join("there/dst")), times(folder))
    has(dt("pull", "-p", "-r", folder, bed.join("to")), "1 changed")
    equal(times(bed.join("to/h/src")), times(folder))


def test_groups():
    """A folder that is there keeps what its group has; a new one gets what mkdir(1) would give."""
    there, here = fresh("www"), fresh("site")
    for name in ("css", "new/sub", "css/deep"):
        os.makedirs(here + "/" + name)
    put(here + "/css/a", b"a")
    put(here + "/css/deep/b", b"b")
    put(here + "/new/sub/c", b"c")
    os.mkdir(there + "/css")
    for name in (there, there + "/css"):
        os.chown(name, -1, 12345)
        os.chmod(name, 0o2775)
    dt("push", "-r", here + "/", there + "/")
    for name, mode in (("css", 0o2775), ("new", 0o2755), ("new/sub", 0o2755), ("css/deep", 0o2755), ("css/a", 0o644)):
        st = os.stat(there + "/" + name)
        equal((oct(st.st_mode & 0o7777), st.st_gid), (oct(mode), 12345), name)
    equal(dt("push", "-r", here + "/", there + "/").split(",")[0], "unchanged")


def test_mount():
    """A target that cannot be renamed over is written in place."""
    folder = fresh("m")
    put(folder + "/t", b"old, and longer\n")
    put(bed.join("backing"), b"old, and longer\n")
    put(bed.join("new"), b"new\n")
    if subprocess.run(["mount", "--bind", bed.join("backing"), folder + "/t"], check=False).returncode != 0:
        print("# no mount can be made here")
        return
    try:
        equal(dt("push", bed.join("new"), folder + "/t"), "changed; %s/t: written in place" % folder)
        equal(bed.read("backing"), b"new\n")
        equal(os.listdir(folder), ["t"])
        equal(dt("push", bed.join("new"), folder + "/t"), "unchanged")
    finally:
        subprocess.run(["umount", folder + "/t"], check=True)


def test_mount_that_fails():
    """What cannot be written in place is as it was, and nothing stays beside it."""
    for about, options, words in (("full", "size=64k", "No space left"), ("read-only", "size=64k", "ead-only")):
        folder, small = fresh("m-" + about), fresh("small-" + about)
        put(folder + "/t", b"")
        put(bed.join("new"), os.urandom(200000))
        if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", small], check=False).returncode != 0:
            print("# no mount can be made here")
            return
        try:
            old = os.urandom(40000)
            put(small + "/backing", old, 1000000000123456789)
            os.chmod(small + "/backing", 0o640)
            os.chown(small + "/backing", 4711, 4712)
            subprocess.run(["mount", "--bind", small + "/backing", folder + "/t"], check=True)
            try:
                if about == "read-only":
                    subprocess.run(["mount", "-o", "remount,ro,bind", folder + "/t"], check=True)
                said = dt("push", bed.join("new"), folder + "/t", status=5)
                has(said, words)
                has(said, folder + "/t: it could not be written in place, and is as it was")
                st = os.stat(folder + "/t")
                equal((bed.read("m-%s/t" % about) == old, oct(st.st_mode), st.st_uid, st.st_gid, st.st_mtime_ns),
                      (True, oct(0o100640), 4711, 4712, 1000000000123456789))
                equal(os.listdir(folder), ["t"])
            finally:
                subprocess.run(["umount", folder + "/t"], check=True)
        finally:
            subprocess.run(["umount", small], check=True)


if __name__ == "__main__":
    main(globals())
