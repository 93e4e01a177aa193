#!/usr/bin/env -S python3 -B
"""push to OpenSSH, dropbear and a host of nothing but busybox: what arrives is what was sent, and no more is
sent than differs."""
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from places import (BOTH, SANITIZED, WHERE, alike, arrived, bed, busybox, empty, look, places, push, says,  # noqa: E402
                              source, there)
from bed import HEAVY, Bed  # noqa: E402
from daemons import Proxy  # noqa: E402
from testing import check, ended, equal, has, main  # noqa: E402

BIG = (256 if HEAVY > 1 and not SANITIZED else 8) << 20
FILES = 10000 if HEAVY > 1 and not SANITIZED else 1000


def test_sizes():
    for transport in ("libssh2", "openssh"):
        empty()
        for size in (0, 1, 511, 512, 513, 100001) if transport == "libssh2" else (0, 1, 1024):
            path = source("f%d" % size, os.urandom(size))
            options = ["--transport", transport, "push", path]
            says("created", *options, dest="f%d" % size)
            says("unchanged", *options, dest="f%d" % size)
            says("unchanged", *options, "--check", dest="")
            if size:
                source("f%d" % size, os.urandom(size))
                says("changed", *options, dest="")
        arrived()


def test_big():
    for transport in ("libssh2", "openssh"):
        empty()
        path = source("big", os.urandom(BIG))
        began = time.monotonic()
        says("created", "--transport", transport, "push", path)
        print("# %s: %d MiB to %d hosts in %.1f s" % (transport, BIG >> 20, len(places), time.monotonic() - began))
        arrived()
        says("unchanged", "--transport", transport, "push", path)
        says("unchanged", "--transport", transport, "push", "--check", path)
        # one byte of it, and neither size nor time
        st = os.stat(path)
        with open(path, "r+b") as f:
            f.seek(BIG // 2)
            byte = f.read(1)
            f.seek(BIG // 2)
            f.write(bytes([byte[0] ^ 1]))
        os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))
        says("unchanged", "push", "--quick", path)
        says("changed", "--transport", transport, "push", path)
        arrived()


def test_tree():
    empty()
    n = 0
    for folder in range(FILES // 100):
        for name in range(100):
            source("d%d/%s/f%d" % (folder % 10, folder, name), b"%d %d\n" % (folder, name) * (name % 50))
            n += 1
    n = len(look(bed.join("from")))
    for transport in BOTH:
        for p in places:
            shutil.rmtree(p.join("tree"), ignore_errors=True)
        options = ["--transport", transport, "push", "-r", bed.join("from")]
        began = time.monotonic()
        says("%d created" % (n + 1), *options, dest="tree")
        first = time.monotonic() - began
        arrived("tree")
        began = time.monotonic()
        says("unchanged", *options, dest="tree")
        print("# %s: %d files to %d hosts in %.1f s, again in %.1f s" %
              (transport, FILES, len(places), first, time.monotonic() - began))
        says("unchanged", *options, "--check", dest="tree")
        source("d3/3/f7", os.urandom(20))
        source("d4/4/new %s" % transport, os.urandom(20))
        says("1 created, 1 changed, %d unchanged" % n, *options, dest="tree")
        arrived("tree")
        n += 1


NAMES = [b" ", b"a b", b" lead", b"trail ", b"it's", b"''", b'"q"', b"new\nline", b"end\n", b"\n", b"\nE", b"a\n\nb",
         b"back\\slash", b"\\", b"end\\", b"\\n", b"-rf", b"--", b"-", b"-n", b"--help", b"~", b"*", b"?", b"[x]", b"$HOME",
         b"`id`", b"$(id)", b"${x}", b";", b"&", b"|", b"<", b"#x", b"!x", b"..x", b"...", b".hidden", b"{host}", b"{{",
         b"\xc3\xa4\xe2\x82\xac", "\u202e\U0001f600".encode(), b"\xff\xfe", b"\xc3", b"tab\t", b"\x01\x1b[31m\x7f", b"\r",
         b"t", b"do", b"E", b"L", b"=", b"whole=1", b"P 81a4 0 0 1 1 1 root", b"stdin", b"a:b", b"x" * 99,
         b"y" * 100, b"z" * 101, b"x" * 255, b"\xc3\xa4" * 127, b"' ; touch stray ; '", b".dt-1-x", b"@LongLink"]


def make_strange(top):
    top = os.fsencode(top)
    for i, name in enumerate(NAMES):
        for path in (os.path.join(top, b"files", name), os.path.join(top, b"folders", name, name)):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(b"%d" % i * (i + 1))
        os.makedirs(os.path.join(top, b"links"), exist_ok=True)
        os.symlink(name, os.path.join(top, b"links", name))
    deep = os.path.join(top, b"deep")
    for length in (19, 33, 60, 99, 100, 101, 200, 255, 255, 255, 255):
        deep = os.path.join(deep, b"d" * length)
        os.makedirs(deep)
        for name in (b"f", b"g" * 100):
            with open(os.path.join(deep, name), "wb") as f:
                f.write(name)


def test_strange_names():
    empty()
    make_strange(bed.join("from"))
    n = len(look(bed.join("from")))
    for transport in BOTH:
        for p in places:
            shutil.rmtree(p.folder)
            os.mkdir(p.folder)
            os.chown(p.folder, p.uid, p.uid)
        options = ["--transport", transport, "push", "-r", bed.join("from") + "/"]
        says("%d created" % n, *options)
        arrived()
        says("unchanged", *options)
        says("unchanged", *options, "--check")
        says("unchanged", *options, "--delete")
    for top in (b"files", b"folders"):
        for name in NAMES:
            with open(os.path.join(os.fsencode(bed.join("from")), top, name, *[name] if top == b"folders" else []), "ab") as f:
                f.write(b"more")
    says("%d changed, %d unchanged" % (2 * len(NAMES), n - 2 * len(NAMES)), *options)
    arrived()
    # what is deleted may be called as it likes
    shutil.rmtree(bed.join("from/files"))
    os.mkdir(bed.join("from/files"))
    shutil.rmtree(bed.join("from/folders"))
    shutil.rmtree(bed.join("from/deep"))
    says("%d deleted, %d unchanged" % (len(NAMES) + 2, len(look(bed.join("from")))), *options, "--delete")
    arrived()


def test_strange_single():
    """A name on the command line, as SOURCE and in DEST."""
    for transport in BOTH:
        empty()
        for name in (b"a b", b"it's", b'"q"', b"back\\slash", b"-rf", b"*", b"$HOME", b"`id`", b"\xc3\xa4", b"\xff", b"x" * 255,
                     b"{{x}")[:None if transport == "libssh2" else 4]:
            path = os.path.join(os.fsencode(bed.join("from")), name.replace(b"{{", b"{"))
            with open(path, "wb") as f:
                f.write(name)
            if name == b"{{x}":
                path = path.replace(b"{x}", b"{{x}")
            done = ended(bed.dt("--transport", transport, "all", "push", os.fsdecode(path), os.path.join(WHERE, "{host}", "")), 0)
            equal(done.stdout.count(":created"), len(places), done.stdout)
            done = ended(bed.dt("--transport", transport, "all", "push", os.fsdecode(path),
                                os.path.join(WHERE, "{host}", os.fsdecode(name))), 0)
            equal(done.stdout.count(":unchanged"), len(places), done.stdout)
        arrived()
    empty()
    path = os.fsencode(bed.join("from/new\nline"))
    with open(path, "wb") as f:
        f.write(b"x")
    says("created", os.fsdecode(path))
    says("unchanged", os.fsdecode(path))
    arrived()


def test_kinds_and_modes():
    empty()
    for name, mode in (("0644", 0o644), ("0600", 0o600), ("0400", 0o400), ("0444", 0o444), ("0755", 0o755), ("4755", 0o4755),
                       ("2755", 0o2755), ("6711", 0o6711), ("1644", 0o1644), ("0666", 0o666), ("0777", 0o777)):
        source("files/" + name, name.encode(), mode, 1234567890)
        os.makedirs(bed.join("from/folders", name))
    source("old", b"old", mtime=1)
    source("empty", b"", 0o640)
    for name, mode in (("0500", 0o500), ("0700", 0o700), ("0755", 0o755), ("0711", 0o711), ("2755", 0o2755), ("1777", 0o1777)):
        source("modes/%s/f" % name, b"x", 0o400)
        os.makedirs(bed.join("from/modes/%s/empty" % name))
        os.chmod(bed.join("from/modes", name), mode)
    os.makedirs(bed.join("from/links"))
    for name, text in (("dangling", "no such"), ("absolute", "/nowhere/at all"), ("folder", "../modes/0755"), ("up", ".."),
                       ("here", "."), ("file", "../old"), ("self", "self"), ("long", "l" * 101), ("longer", "m/" * 1000),
                       ("end", "x\n"), ("blank", " "), ("strange", "it's \"\\ \xe4")):
        os.symlink(text, bed.join("from/links", name))
    n = len(look(bed.join("from")))
    for transport in BOTH:
        for p in places:
            shutil.rmtree(p.folder)
            os.mkdir(p.folder)
            os.chown(p.folder, p.uid, p.uid)
        options = ["--transport", transport, "push", "-r", bed.join("from") + "/"]
        says("%d created" % n, *options)
        arrived()
        says("unchanged", *options)
        says("unchanged", *options, "--check")
    # a link of another text, a mode of a file, one of a folder, another kind
    os.remove(bed.join("from/links/dangling"))
    os.symlink("elsewhere", bed.join("from/links/dangling"))
    os.chmod(bed.join("from/files/4755"), 0o755)
    os.chmod(bed.join("from/files/0644"), 0o4711)
    os.chmod(bed.join("from/modes/0711"), 0o2750)
    os.remove(bed.join("from/links/file"))
    source("links/file", b"no link", mtime=99)
    os.remove(bed.join("from/old"))
    os.symlink("files", bed.join("from/old"))
    found = push("-r", "--check", bed.join("from") + "/")
    for message in found.values():
        equal(sorted(message.split("\\n")), sorted(
            ["would be 6 changed, %d unchanged" % (n - 6), "~ links/dangling", "= files/4755", "= files/0644", "= modes/0711/",
             "~ links/file", "~ old"]))
    says("6 changed, %d unchanged" % (n - 6), "-r", bed.join("from") + "/")
    arrived()
    says("unchanged", "-r", bed.join("from") + "/")


def test_into_closed_folder():
    """A folder that may be read and not written: root writes, another is told why not."""
    empty()
    source("d/f", b"one")
    os.chmod(bed.join("from/d"), 0o500)
    says("2 created", "-r", bed.join("from") + "/")
    source("d/f", b"two")
    done = bed.dt("all", "push", "-r", bed.join("from") + "/", WHERE + "/{host}/")
    for p in places:
        with open(p.join("d/f"), "rb") as f:
            equal(f.read(), b"one" if p.uid else b"two", p.name)
        if p.uid:
            has(done.stdout, "fail::dt:push:%s:exit 1: " % p.name)
            has(done.stdout.lower(), "permission denied")
        equal(os.listdir(p.join("d")), ["f"])
        equal(os.listdir(p.folder), ["d"])


class Counter:
    """A spoil for Proxy that counts, and spoils nothing."""

    def __init__(self):
        self.up = 0

    def __call__(self, data, direction, offset):
        if direction == "up":
            self.up += len(data)
        return data


def counted(p):
    """A host of its own for a place, behind a proxy that counts."""
    counter = Counter()
    proxy = Proxy(p.server.port, counter)
    user = next(l for l in bed.lines if l.startswith(p.name + " =")).split("=", 1)[1].split(" address")[0]
    bed.lines = [l for l in bed.lines if not l.startswith("x-" + p.name)]
    bed.host("x-" + p.name, p.server, user, port=proxy.port)
    return counter


def test_second_sends_nothing():
    """What is there is not sent again; of a tree, only what differs is."""
    empty()
    big = source("big", os.urandom(2000000))
    source("sub/small", os.urandom(100000))
    lines = list(bed.lines)
    try:
        for p in places:
            dest = os.path.join(WHERE, p.name, "")
            counter = counted(p)

            def send(*args):
                counter.up = 0
                return ended(bed.dt("x-" + p.name, "push", *args, dest), 0).stdout.split(":", 5)[5].rstrip("\n"), counter.up
            options = ["-r", bed.join("from") + "/"]
            said, up = send(*options)
            check(said == "3 created" and 2100000 < up < 2300000, p.name, said, up)
            for more in ([], ["--check"], ["--quick"]):
                said, up = send(*more, *options)
                check(said == "unchanged" and up < 20000, p.name, said, up)
            source("sub/small", os.urandom(100000))
            said, up = send(*options)
            check(said == "1 changed, 2 unchanged" and 100000 < up < 150000, p.name, said, up)
            # mode, owner: no content
            os.chmod(big, 0o600)
            said, up = send(*options)
            check(said == "1 changed, 2 unchanged" and up < 30000, p.name, said, up)
            os.chmod(big, 0o644)
    finally:
        bed.lines = lines
        bed.write("hosts.ini", "\n".join(lines) + "\n")


def test_compress():
    """Where the host has zstd, and where it pays."""
    empty()
    text = source("text", b"".join(b"line %d of a text that is much like the others\n" % i for i in range(60000)))
    noise = source("noise", os.urandom(1000000))
    lines = list(bed.lines)
    try:
        for p in places:
            counter = counted(p)
            dest = os.path.join(WHERE, p.name, "")
            has_zstd = shutil.which("zstd") and p.server is not busybox
            plain, random = (os.path.getsize(text), 3500000), (1000000, 1100000)
            for path, how, (least, most) in ((text, "auto", (10000, 1000000) if has_zstd else plain), (text, "never", plain),
                                             (noise, "auto", random), (noise, "never", random)):
                for transport in BOTH if path == text and how == "auto" else ("libssh2",):
                    counter.up = 0
                    ended(bed.dt("--transport", transport, "x-" + p.name, "push", "--compress", how, path, dest), 0)
                    check(least <= counter.up <= most, p.name, path, how, transport, counter.up)
                    with open(path, "rb") as a, open(p.join(os.path.basename(path)), "rb") as b:
                        check(a.read() == b.read(), p.name, path, how)
                    os.remove(p.join(os.path.basename(path)))
        if not shutil.which("zstd"):
            print("# zstd is not here: nothing was compressed")
    finally:
        bed.lines = lines
        bed.write("hosts.ini", "\n".join(lines) + "\n")
    equal(bed.dt("all", "push", "--compress", "always", text, WHERE + "/{host}/").returncode, 3)


def test_limit_rate():
    """Of all hosts together."""
    empty()
    size, rate = 500000, 1000000
    path = source("f", os.urandom(size))
    for transport in BOTH:
        began = time.monotonic()
        says("created", "--transport", transport, "push", "--limit-rate", str(rate), path)
        seconds = time.monotonic() - began
        # what is under way at the end has not been waited for
        least = len(places) * (size - 128 * 1024) / rate
        check(least <= seconds < 3 * len(places) * size / rate + 10, transport, seconds, least)
        print("# %s: %d times %d bytes at %d a second: %.2f s" % (transport, len(places), size, rate, seconds))
        arrived()
        for p in places:
            os.remove(p.join("f"))


def test_side_by_side():
    """Pushes to one folder at a time do not take each other's files for stale ones."""
    empty()
    places_here = [p for p in places if p.name == "sshd"]
    n = 6
    for i in range(n):
        source("f%d" % i, os.urandom(1000000))
    for p in places_here:
        running = [subprocess.Popen(bed.command(p.name, "push", "--limit-rate", "2M", bed.join("from/f%d" % i), p.folder + "/"), env=bed.env,
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                   for i in range(n)]
        for process in running:
            out, err = process.communicate(timeout=60)
            equal((process.returncode, out.decode()), (0, "okay::dt:push:%s:created\n" % p.name), err)
        alike(look(p.folder), look(bed.join("from")), p.name)


def test_many_hosts():
    """One source, read once, to many hosts at a time, and to each its own folder."""
    empty()
    p = places[0]
    own = Bed()
    p.server.authorize(bed.authorized + own.authorized)
    own.hosts("h", 20, p.server)
    path = source("f", os.urandom(1000000))
    for i in range(1, 21):
        os.mkdir(p.join("h%d" % i))
    for transport in BOTH:
        done = ended(own.dt("--transport", transport, "all", "push", path, p.folder + "/{host}/" + transport), 0)
        equal(sorted(done.stdout.splitlines()), sorted("okay::dt:push:h%d:created" % i for i in range(1, 21)))
    for i in range(1, 21):
        for transport in BOTH:
            with open(path, "rb") as a, open(p.join("h%d" % i, transport), "rb") as b:
                check(a.read() == b.read(), i)


def test_stale_folders():
    """What a dead connection left goes with the next push; what lives, what is another's and what only looks like it stays."""
    empty()
    path = source("f", b"1")
    node = os.uname().nodename
    dead = subprocess.Popen(["true"])
    dead.wait()
    with subprocess.Popen(["sleep", "300"]) as alive:
        try:
            names = {"stale": ".dt-%d-0123456789abcdef-%s" % (dead.pid, node), "alive": ".dt-%d-0123456789abcdef-%s" % (alive.pid, node),
                     "elsewhere": ".dt-%d-0123456789abcdef-other" % dead.pid, "mine": ".dt-config"}
            for p in places:
                for name in names.values():
                    os.makedirs(p.join(name, "t"))
                    for part in ("", "t"):
                        os.chown(p.join(name, part), p.uid, p.uid)
                os.symlink(".", p.join(".dt-%d-0-%s" % (dead.pid, node)))
            says("would be created\\n+ f", "--check", path)
            for p in places:
                check(os.path.isdir(p.join(names["stale"])), "--check removed something")
            says("created", path)
            for p in places:
                check(not os.path.exists(p.join(names["stale"])), p.name)
                for name in ("elsewhere", "mine"):
                    check(os.path.isdir(p.join(names[name])), p.name, name)
                check(os.path.islink(p.join(".dt-%d-0-%s" % (dead.pid, node))), p.name)
                # without /proc a host cannot tell
                if p.server is not busybox:
                    check(os.path.isdir(p.join(names["alive"])), p.name)
                old = time.time() - 2 * 86400 - 60
                os.utime(p.join(names["elsewhere"]), (old, old))
            source("f", b"2")
            says("changed", path)
            for p in places:
                check(not os.path.exists(p.join(names["elsewhere"])), p.name)
        finally:
            alive.kill()


if __name__ == "__main__":
    try:
        main(globals())
    finally:
        empty()
