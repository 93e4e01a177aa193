#!/usr/bin/env -S python3 -B
"""pull from OpenSSH, dropbear and a host of nothing but busybox: what is there arrives, whole, in the host's own
folder; what fails leaves what was here."""
import hashlib
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import HEAVY, Bed  # noqa: E402
from daemons import Proxy, Sshd, wait_for  # noqa: E402
from places import BOTH, PASSWORD, SANITIZED, WHERE, accounts, alike, bed, busybox, clear, look, places  # noqa: E402
from testing import LIMIT, check, ended, equal, has, main  # noqa: E402

BIG = (256 if HEAVY > 1 and not SANITIZED else 8) << 20
FILES = 10000 if HEAVY > 1 and not SANITIZED else 1000
KILLS = 30 * HEAVY if not SANITIZED else 20
TO = bed.join("to")
sshd = places[0].server
NAMES_OF_PLACES = [p.name for p in places]


def empty():
    """Nothing is left there, nor here."""
    for folder in [TO] + [p.folder for p in places]:
        clear(folder)


def put(name, data=b"", mode=0o644, mtime=None):
    """The same file on every host."""
    for p in places:
        p.put(name, data, mode, mtime)


def run(args, sources, dest, host, umask=None):
    paths = [os.path.join(WHERE, "{host}", s) if not s.startswith("=") else s[1:] for s in sources]
    return bed.dt(*(args[:args.index("pull")] if "pull" in args else ()), host, "pull",
                  *(args[args.index("pull") + 1:] if "pull" in args else args), *paths, dest or TO,
                  preexec_fn=None if umask is None else lambda: os.umask(umask))


def pull(*args, sources=("",), dest=None, host="all", status=0, umask=None):
    """Messages of the hosts by name.  A source is below the host's own folder there, or as it stands behind "="."""
    done = ended(run(args, sources, dest, host, umask), status)
    lines = [line.split(":", 5) for line in done.stdout.splitlines()]
    equal(sorted(line[4] for line in lines), sorted(NAMES_OF_PLACES if host == "all" else [host]), "one line a host")
    equal({line[0] for line in lines}, {"okay"} if status == 0 else {"fail"}, done.stdout[:500])
    return {line[4]: line[5] for line in lines}


def says(message, *args, **kw):
    for name, got in pull(*args, **kw).items():
        equal(got, message, "%s of %s" % (" ".join(args), name))


def escaped(path):
    """As dt writes a name here."""
    return re.sub(rb"[\0-\x1f\x7f]", lambda m: b"\\x%02x" % m.group()[0], path)


def arrived(below="", there="", preserve=False, umask=0o022):
    """What every host has there is here, in its own folder, and nothing else."""
    for p in places:
        wanted = {}
        for path, (kind, mode, seconds, data) in look(p.join(there)).items():
            if kind == "link":
                mode = 0
            elif preserve:
                mode = (mode & 0o777 & ~umask) | (0o700 if kind == "folder" else 0)
            else:
                mode = (0o700 if kind == "folder" else 0o600) & ~umask
            wanted[escaped(path)] = (kind, mode, seconds if preserve else 0, data)
        got = look(os.path.join(TO, p.name, below))
        alike({k: v if preserve else (v[0], v[1], 0, v[3]) for k, v in got.items()}, wanted, p.name)


def nothing(folder=None):
    """Nothing came, and nothing temporary stayed."""
    for where, folders, files in os.walk(folder or TO):
        check(not files and not [f for f in folders if f.startswith(".dt-")], where, folders, files)


def no_stage(folder=None):
    for where, folders, _ in os.walk(folder or TO):
        left = [f for f in folders if f.startswith(".dt-")]
        check(not left, where, "has", left)


def test_sizes():
    for transport in ("libssh2", "openssh"):
        empty()
        for size in (0, 1, 511, 512, 513, 100001) if transport == "libssh2" else (0, 1, 1024):
            name = "f%d" % size
            data = os.urandom(size)
            put(name, data)
            says("created", "--transport", transport, "pull", sources=[name])
            says("unchanged", "--transport", transport, "pull", sources=[name])
            says("unchanged", "--transport", transport, "pull", "--check", sources=[name])
            if size:
                put(name, data[:-1] + bytes([data[-1] ^ 1]))
                says("changed", "--transport", transport, "pull", sources=[name])
        arrived()
        no_stage()


def test_big():
    for transport in ("libssh2", "openssh"):
        empty()
        data = os.urandom(BIG)
        put("big", data)
        began = time.monotonic()
        says("created", "--transport", transport, "pull", sources=["big"])
        print("# %s: %d MiB of %d hosts in %.1f s" % (transport, BIG >> 20, len(places), time.monotonic() - began))
        arrived()
        says("unchanged", "--transport", transport, "pull", sources=["big"])
        # one byte of it
        put("big", data[:BIG // 2] + bytes([data[BIG // 2] ^ 1]) + data[BIG // 2 + 1:])
        says("changed", "--transport", transport, "pull", sources=["big"])
        arrived()
        put("big", b"z" * BIG)
        says("changed", "--transport", transport, "pull", sources=["big"])
        arrived()


def test_tree():
    empty()
    for p in places:
        for i in range(FILES):
            p.put("tree/d%d/%d/f%d" % (i // 100 % 10, i // 100, i % 100), b"%d\n" % i * (i % 50), (0o644, 0o600, 0o755)[i % 3], 1700000000 + i)
    n = len(look(places[0].join("tree")))
    for transport, options in (("libssh2", ["-r"]), ("openssh", ["-r", "-p"])):
        clear(TO)
        args = ["--transport", transport, "pull", *options]
        began = time.monotonic()
        says("%d created" % n, *args, sources=["tree/"])
        first = time.monotonic() - began
        arrived(there="tree", preserve="-p" in options)
        began = time.monotonic()
        says("unchanged", *args, sources=["tree/"])
        print("# %s: %d files of %d hosts in %.1f s, again in %.1f s" % (transport, FILES, len(places), first, time.monotonic() - began))
        says("unchanged", *args, "--check", sources=["tree/"])
        put("tree/d3/3/f7", os.urandom(20))
        put("tree/d4/4/new %s" % transport, os.urandom(20))
        says("1 created, 1 changed, %d unchanged" % (n - 1), *args, sources=["tree/"])
        arrived(there="tree", preserve="-p" in options)
        n += 1
    no_stage()


NAMES = [b" ", b"a b", b" lead", b"trail ", b"it's", b"''", b'"q"', b"new\nline", b"end\n", b"\n", b"\nE", b"a\n\nb", b"back\\slash", b"\\",
         b"end\\", b"-rf", b"--", b"-", b"-n", b"--help", b"~", b"*", b"?", b"[x]", b"$HOME", b"`id`", b"$(id)", b"${x}", b";", b"&",
         b"|", b"<", b"#x", b"!x", b"..x", b"...", b".hidden", b"{host}", b"{{", b"\xc3\xa4\xe2\x82\xac", "\u202e\U0001f600".encode(),
         b"\xff\xfe", b"\xc3", b"tab\t", b"\x01\x1b[31m\x7f", b"\r", b"E", b"X", b"S tree", b"P 81a4 0 0 .", b"stdin", b"a:b", b"x" * 99,
         b"y" * 100, b"z" * 101, b"x" * 255, b"\xc3\xa4" * 127, b"' ; touch stray ; '", b"@LongLink", b"\n" * 63]


def test_strange_names():
    for transport in BOTH:
        empty()
        for i, name in enumerate(NAMES):
            put(b"files/" + name, b"%d" % i * (i + 1))
            put(b"folders/" + name + b"/" + name, b"%d" % i)
        deep = b"deep"
        for length in (19, 33, 60, 99, 100, 101, 200, 255, 255, 255, 255):
            deep += b"/" + b"d" * length
            put(deep + b"/f", b"f")
            put(deep + b"/" + b"g" * 100, b"g")
        n = len(look(places[0].folder))
        args = ["--transport", transport, "pull", "-r"]
        says("%d created" % n, *args)
        arrived()
        says("unchanged", *args)
        says("unchanged", *args, "--check")
        for name in NAMES:
            put(b"folders/" + name + b"/" + name, b"other")
        says("%d changed, %d unchanged" % (len(NAMES), n - len(NAMES)), *args)
        arrived()
        no_stage()


def test_names_with_escapes():
    """GNU tar takes a backslash in its arguments for the beginning of an escape."""
    for transport in BOTH:
        empty()
        names = [b"\\n", b"\\t", b"\\101", b"a\\\\b", b"\\0", b"x\\?"]
        for name in names:
            put(b"t/" + name, name)
        says("%d created" % len(names), "--transport", transport, "pull", "-r", sources=["t"])
        arrived()


def test_strange_sources():
    """Such names on the command line."""
    for transport in BOTH:
        empty()
        names = [b"a b", b"it's", b'"q"', b"back\\slash", b"-rf", b"*", b"$HOME", b"`id`", b"\xc3\xa4", b"\xff", b"x" * 255, b"-", b"--", b"~"]
        for name in names:
            put(b"files/" + name, name)
            put(b"folders/" + name + b"/f", name)
        sources = [os.fsdecode(b"files/" + n) for n in names]
        says("%d created" % len(names), "--transport", transport, "pull", sources=sources)
        says("unchanged", "--transport", transport, "pull", sources=sources)
        arrived(there="files")
        clear(TO)
        sources = [os.fsdecode(b"folders/" + n) for n in names]
        says("%d created" % len(names), "--transport", transport, "pull", "-r", sources=sources)
        arrived(there="folders")
        # a control byte in the name of a source is no name for a folder here
        put(b"new\nline", b"x")
        done = run(["--transport", transport, "pull"], ["new\nline"], None, "all")
        if done.returncode == 0:
            for p in places:
                check(os.path.exists(os.path.join(TO, p.name, "new\\x0aline")), os.listdir(os.path.join(TO, p.name)))


def test_relative_sources():
    """Below the login's home."""
    empty()
    for p in places:
        if not p.home:
            continue
        for name, data in (("rel", b"rel"), ("-", b"dash"), ("dir/f", b"in a folder"), ("-d/f", b"dashed"), ("~/f", b"tilde")):
            os.makedirs(os.path.join(p.home, os.path.dirname(name)), exist_ok=True)
            with open(os.path.join(p.home, name), "wb") as f:
                f.write(data)
    try:
        for p in places:
            if not p.home:
                continue
            for transport in BOTH:
                clear(TO)
                args = ["--transport", transport, "pull", "-r"]
                says("3 created", *args, sources=["=rel", "=dir", "=./-"], host=p.name)
                pull(*args, "--", sources=["=-d"], host=p.name)
                alike({k: v[3] for k, v in look(os.path.join(TO, p.name)).items() if v[0] == "file"},
                      {k: hashlib.sha256(v).digest() for k, v in ((b"rel", b"rel"), (b"dir/f", b"in a folder"), (b"-", b"dash"), (b"-d/f", b"dashed"))},
                      p.name)
    finally:
        for p in places:
            for name in ("rel", "-", "dir", "-d", "~"):
                path = os.path.join(p.home or "", name)
                if os.path.isdir(path):
                    shutil.rmtree(path)
                elif os.path.exists(path):
                    os.remove(path)


def test_folder_called_dash():
    """cd(1) takes - for the folder before; we mean what is so called."""
    empty()
    p = next((p for p in places if p.home), None)
    if not p:
        print("# no host here has a home of its own")
        return
    os.makedirs(os.path.join(p.home, "-"))
    try:
        with open(os.path.join(p.home, "-/f"), "w") as f:
            f.write("dash")
        pull("-r", "--", sources=["=-"], host=p.name)
        equal(list(look(os.path.join(TO, p.name))), [b"-", b"-/f"])
    finally:
        shutil.rmtree(os.path.join(p.home, "-"))


def test_modes():
    empty()
    for mode in (0o644, 0o600, 0o400, 0o444, 0o755, 0o711, 0o666, 0o777, 0o4755, 0o2755, 0o6711):
        put("t/f%o" % mode, b"%o" % mode, mode, 1234567890)
    for mode in (0o700, 0o755, 0o711, 0o777, 0o2755, 0o1777):
        put("t/d%o/f" % mode, b"x", 0o640, 1)
        for p in places:
            os.chown(p.join("t/d%o" % mode), p.uid, p.uid)
            os.chmod(p.join("t/d%o" % mode), mode)
    n = len(look(places[0].join("t")))
    for transport in BOTH:
        for umask in (0o022, 0o077, 0, 0o027):
            for options in (["-r"], ["-r", "-p"]):
                clear(TO)
                says("%d created" % n, "--transport", transport, "pull", *options, sources=["t/"], umask=umask)
                for p in places:
                    equal(oct(os.stat(os.path.join(TO, p.name)).st_mode & 0o077 & umask), "0o0", p.name)
                arrived(there="t", preserve="-p" in options, umask=umask)
                says("unchanged", "--transport", transport, "pull", *options, sources=["t/"], umask=umask)
    # a mode alone, a time alone
    clear(TO)
    says("%d created" % n, "-r", "-p", sources=["t/"])
    for p in places:
        os.chmod(p.join("t/f600"), 0o700)
    says("unchanged", "-r", sources=["t/"])
    says("1 changed, %d unchanged" % (n - 1), "-r", "-p", sources=["t/"])
    arrived(there="t", preserve=True)


def test_times():
    """-p: times as they are there."""
    empty()
    put("f", b"x", mtime=1000000000)
    says("created", "-p", sources=["f"])
    put("f", b"y", mtime=1111111111)
    says("changed", "-p", sources=["f"])
    arrived(preserve=True)


def test_times_before_1970():
    empty()
    put("old", b"x", mtime=-86400)
    says("created", "-p", sources=["old"])
    arrived(preserve=True)


def test_modes_of_folders():
    """-p: of a folder too that is here already."""
    empty()
    put("t/f", b"x")
    says("created", "-r", "-p", sources=["t"])
    put("t/d/f", b"x")
    for p in places:
        os.chmod(p.join("t"), 0o755)
        os.chmod(p.join("t/d"), 0o755)
    pull("-r", "-p", sources=["t"])
    for p in places:
        equal(oct(stat.S_IMODE(os.stat(os.path.join(TO, p.name, "t")).st_mode)), "0o755", p.name)
        os.chmod(p.join("t/d"), 0o705)
    pull("-r", "-p", sources=["t"])
    arrived(preserve=True)


def test_hard_links():
    for transport in BOTH:
        empty()
        put("t/a", b"shared" * 1000)
        put("t/z/other", b"x")
        for p in places:
            os.link(p.join("t/a"), p.join("t/b"))
            os.link(p.join("t/a"), p.join("t/z/c"))
        args = ["--transport", transport, "pull", "-r"]
        says("5 created", *args, sources=["t"])
        arrived()
        for p in places:
            equal(os.stat(os.path.join(TO, p.name, "t/a")).st_nlink, 1)
            os.remove(os.path.join(TO, p.name, "t/a"))
        # the first name of it is new here, the others are not; and the other way round
        says("1 created, 4 unchanged", *args, sources=["t"])
        for p in places:
            os.remove(os.path.join(TO, p.name, "t/b"))
            os.remove(os.path.join(TO, p.name, "t/z/c"))
        says("2 created, 3 unchanged", *args, sources=["t"])
        arrived()


OUTSIDE = {"absolute": "/etc/passwd", "up": "../..", "far": "../../../x", "over": "../t2", "down and up": "d/../../x", "root": "/", "dots": "./../../x"}
INSIDE = {"file": "f", "folder": "d", "dangling": "nothing", "here": ".", "deep": "d/f", "long": "l" * 200, "dotted": "./d/./f", "across": "d/../f"}


def test_links():
    for transport in BOTH:
        empty()
        put("t/f", b"f")
        put("t/d/f", b"df")
        for p in places:
            for name, text in INSIDE.items():
                os.symlink(text, p.join("t", name))
            os.symlink("../f", p.join("t/d/up"))
            for name, text in OUTSIDE.items():
                os.symlink(text, p.join("t", name))
        n = 3 + len(INSIDE) + 1
        args = ["--transport", transport, "pull", "-r"]
        left = "; %d left out (links that lead out of the tree, devices)" % len(OUTSIDE)
        says("%d created%s" % (n, left), *args, sources=["t"])
        says("unchanged" + left, *args, sources=["t"])
        for p in places:
            got = {k: (v[0], v[3]) for k, v in look(os.path.join(TO, p.name, "t")).items()}
            wanted = {k: (v[0], v[3]) for k, v in look(p.join("t")).items() if os.fsdecode(k) not in OUTSIDE}
            alike(got, wanted, p.name)
        # a named source is what its link leads to; a link to a folder is that folder
        for p in places:
            os.symlink("t/f", p.join("named"))
            os.symlink("t/d", p.join("named folder"))
        says("created", "--transport", transport, "pull", sources=["named"])
        pull(*args, sources=["named folder"])
        for p in places:
            check(not os.path.islink(os.path.join(TO, p.name, "named")), "a link")
            with open(os.path.join(TO, p.name, "named"), "rb") as f:
                equal(f.read(), b"f")
            # "up" leads out of this tree
            equal(os.listdir(os.path.join(TO, p.name, "named folder")), ["f"])


def test_links_change():
    """Texts of links, and links that are led out of the tree."""
    empty()
    put("t/a", b"a")
    put("t/b", b"b")
    for p in places:
        os.symlink("a", p.join("t/l"))
    says("3 created", "-r", sources=["t"])
    says("unchanged", "-r", sources=["t"])
    for p in places:
        os.remove(p.join("t/l"))
        os.symlink("b", p.join("t/l"))
    says("1 changed, 2 unchanged", "-r", sources=["t"])
    for p in places:
        os.remove(p.join("t/l"))
        os.symlink("/etc", p.join("t/l"))
    # ours stays; and the count is one
    for message in pull("-r", sources=["t"]).values():
        check(message.startswith("unchanged; 1 left out"), message)
    for p in places:
        equal(os.readlink(os.path.join(TO, p.name, "t/l")), "b")
        os.remove(p.join("t/l"))
    put("t/l", b"now a file")
    says("1 changed, 2 unchanged", "-r", sources=["t"])
    arrived()


def test_check_of_links():
    """--check knows that a link is as it was, and which ones would be left out."""
    empty()
    put("t/a", b"a")
    for p in places:
        os.symlink("a", p.join("t/l"))
    says("2 created", "-r", sources=["t"])
    says("unchanged", "-r", "--check", sources=["t"])


def test_links_out_by_links():
    """Two links that each stay inside, and together lead out: what comes leads nowhere outside."""
    empty()
    put("t/f", b"f")
    for p in places:
        os.symlink(".", p.join("t/l1"))
        os.symlink("l1/l1/../../x", p.join("t/l2"))
    pull("-r", sources=["t"])
    for p in places:
        top = os.path.realpath(os.path.join(TO, p.name, "t"))
        for path, what in look(top).items():
            if what[0] == "link":
                leads = os.path.realpath(os.path.join(top, os.fsdecode(path)))
                check(leads == top or leads.startswith(top + "/"), path, "->", what[3], "leads to", leads)


def test_left_out():
    """Named pipes, sockets and devices: counted, and never read."""
    import socket
    empty()
    put("t/f", b"f")
    count = 2
    for p in places:
        os.mkfifo(p.join("t/fifo"))
        with socket.socket(socket.AF_UNIX) as s:
            here = os.getcwd()
            os.chdir(p.join("t"))
            s.bind("socket")
            os.chdir(here)
        if busybox:
            os.mknod(p.join("t/null"), 0o666 | stat.S_IFCHR, os.makedev(1, 3))
            os.mknod(p.join("t/block"), 0o600 | stat.S_IFBLK, os.makedev(7, 99))
    count += 2 * bool(busybox)
    for transport in BOTH:
        clear(TO)
        left = "; %d left out (links that lead out of the tree, devices)" % count
        says("1 created" + left, "--transport", transport, "pull", "-r", sources=["t"])
        for p in places:
            equal(os.listdir(os.path.join(TO, p.name, "t")), ["f"])
    for message in pull(sources=["t/fifo"], status=5).values():
        has(message, "/t/fifo: neither a file nor a folder there")


def test_sources():
    empty()
    put("a", b"a")
    put("b", b"b")
    put("d/x", b"x")
    put("d/sub/y", b"y")
    put("e/x2", b"x2")
    for p in places:
        os.makedirs(p.join("hollow"))
    for transport in BOTH:
        clear(TO)
        args = ["--transport", transport, "pull"]
        says("2 created", *args, sources=["a", "b"])
        pull(*args, "-r", sources=["d/", "e", "hollow"])
        for p in places:
            alike({k: v[0] for k, v in look(os.path.join(TO, p.name)).items()},
                  {b"a": "file", b"b": "file", b"x": "file", b"sub": "folder", b"sub/y": "file", b"e": "folder", b"e/x2": "file", b"hollow": "folder"},
                  p.name)
        says("unchanged", *args, "-r", sources=["a", "b", "d/", "e", "hollow"])
        # one of them changes, and one is new
        put("d/sub/y", os.urandom(9))
        put("e/new", b"")
        found = pull(*args, "-r", sources=["a", "b", "d/", "e", "hollow"])
        for message in found.values():
            check(message.startswith("1 created, 1 changed, "), message)
        for p in places:
            os.remove(p.join("e/new"))
    # two things of one name: of two folders' content, and of two sources
    put("e/x", b"x again")
    for message in pull("-r", sources=["d/", "e/"], status=5).values():
        has(message, "two things")
    done = run(["-r"], ["d", "sub/d"], None, "all")
    equal(done.returncode, 3)
    has(done.stderr, "two sources have this name")


def test_faults():
    empty()
    put("a", b"a")
    put("d/x", b"x")
    for p in places:
        os.symlink("none", p.join("dangling"))
    for transport in BOTH:
        args = ["--transport", transport, "pull"]
        for sources, words in ((["missing"], "/missing: not there"), (["a", "missing"], "/missing: not there"), (["missing", "a"], "/missing: not there"),
                               (["d"], "/d: a folder there (-r takes folders)"), (["d/"], "/d/: a folder there (-r takes folders)"),
                               (["dangling"], "/dangling: a link to nothing there"), (["a/x"], "/a/x: not there"), (["a/"], "not there")):
            for message in pull(*args, sources=sources, status=5).values():
                check(message.startswith("exit 1: "), message)
                has(message, words)
            nothing()
    for sources, dest in (([], None), (["a"], ""), ([""], "x"), (["=/"], "x"), (["=.."], "x"), (["=d/.."], "x"), (["=."], "x"), (["=./"], "x")):
        done = bed.dt("all", "pull", *[s[1:] if s.startswith("=") else s for s in sources], *([dest] if dest is not None else [TO]))
        if sources in (["=/"], ["=./"]):
            continue  # what is in it: a folder without -r, or fine
        equal(done.returncode, 3, sources)
        equal(done.stdout, "", sources)
    nothing()


def test_unreadable():
    """The rest comes; and that is no success."""
    p = next((p for p in places if p.uid), None)
    if not p:
        print("# no login that may not read everything")
        return
    for transport in BOTH:
        empty()
        p.put("t/a", b"a")
        p.put("t/closed", b"secret", 0o600, mine=False)
        p.put("t/dir/x", b"x")
        p.put("t/z", b"z")
        os.chmod(p.join("t/dir"), 0o700)
        args = ["--transport", transport, "pull", "-r"]
        message = pull(*args, sources=["t"], host=p.name, status=5)[p.name]
        has(message.lower(), "permission denied")
        got = {k: v[0] for k, v in look(os.path.join(TO, p.name, "t")).items()}
        check(got.get(b"a") == "file" and got.get(b"z") == "file" and b"closed" not in got and b"dir/x" not in got, got)
        message = pull("--transport", transport, "pull", sources=["t/closed"], host=p.name, status=5)[p.name]
        has(message.lower(), "permission denied")
        os.chmod(p.join("t"), 0o700)
        message = pull(*args, sources=["t"], host=p.name, status=5)[p.name]
        has(message, "permission denied")
        os.chmod(p.join("t"), 0o755)
        no_stage()


def test_sudo():
    if not accounts or not shutil.which("sudo"):
        print("# no sudo, or no mount namespace can be made here")
        return
    empty()
    own = Bed()
    accounts.authorize(own.authorized + bed.authorized)
    own.host("sudo", Sshd(own.authorized, wrap=accounts.wrap), "user=" + accounts.USER)
    p = next(p for p in places if p.uid)
    p.put("t/secret", b"secret" * 100000, 0o600, mine=False)
    for transport in BOTH:
        clear(TO)
        args = ["--transport", transport, "sudo", "pull", "-r", p.join("t"), TO]
        equal(own.dt(*args).returncode, 5)
        for message in ("1 created", "unchanged"):
            done = ended(own.dt("-K", *args[:4], "--sudo", *args[4:], stdin=PASSWORD + "\n"), 0)
            has(("okay::dt:pull:sudo:1 created\n", "okay::dt:pull:sudo:created\n", "okay::dt:pull:sudo:unchanged\n"), done.stdout)
            has(done.stdout, message.replace("1 ", ""))
        with open(os.path.join(TO, "sudo/t/secret"), "rb") as f:
            equal(f.read(), b"secret" * 100000)


def test_max_size():
    empty()
    put("t/a", os.urandom(30000))
    put("t/b", os.urandom(30000))
    for message in pull("-r", "--max-size", "59999", sources=["t"], status=5).values():
        check(message.startswith("exit 1: "), message)
        has(message, "60000 bytes to fetch, more than --max-size")
    nothing()
    says("2 created", "-r", "--max-size", "60000", sources=["t"])
    # what is here already does not count
    put("t/c", os.urandom(30000))
    says("1 created, 2 unchanged", "-r", "--max-size", "30000", sources=["t"])
    put("t/c", os.urandom(30001))
    pull("-r", "--max-size", "30000", sources=["t"], status=5)
    says("1 changed, 2 unchanged", "-r", "--max-size", "0", sources=["t"])
    arrived()


def test_exclude():
    empty()
    for name in ("a", "a.log", "sub/b", "sub/b.log", "sub/cache/c", "keep/x", "build/o", "keep/build/o"):
        put("t/" + name, name.encode())
    for transport in BOTH:
        clear(TO)
        options = ["--transport", transport, "pull", "-r", "--exclude", "*.log", "--exclude", "cache/", "--exclude", "/build"]
        pull(*options, sources=["t/"])
        for p in places:
            alike({k: 0 for k in look(os.path.join(TO, p.name))},
                  {k: 0 for k in (b"a", b"sub", b"sub/b", b"keep", b"keep/x", b"keep/build", b"keep/build/o")}, p.name)
        says("unchanged", *options, sources=["t/"])
        says("unchanged", *options, "--check", sources=["t/"])


def test_check():
    empty()
    put("a b", b"1")
    put("d/x", b"x")
    for transport in BOTH:
        says("would be created\\n+ a b", "--transport", transport, "pull", "--check", sources=["a b"])
        equal(os.listdir(TO), [])
        done = run(["--transport", transport, "pull", "--check"], ["a b"], bed.join("never/made"), "all")
        equal((done.returncode, os.path.exists(bed.join("never"))), (0, False))
    says("created", sources=["a b"])
    says("unchanged", "--check", sources=["a b"])
    before = [look(os.path.join(TO, p.name)) for p in places]
    put("a b", b"2")
    # as dt-files(7) says: ~ other content
    says("would be changed\\n~ a b", "--check", sources=["a b"])
    for p, was in zip(places, before):
        alike(look(os.path.join(TO, p.name)), was, "after --check")


def test_limit_rate():
    empty()
    put("f", os.urandom(300000))
    for transport in BOTH:
        clear(TO)
        began = time.monotonic()
        says("created", "--transport", transport, "pull", "--limit-rate", "%d" % (200000 * len(places)), sources=["f"])
        took = time.monotonic() - began
        arrived()
        check(took > 0.8, "no limit: %.1f s" % took)
        check(took < 15, "%.1f s" % took)


def test_compress():
    empty()
    put("f", b"the same again\n" * 200000)
    put("g", os.urandom(100000))
    for transport in BOTH:
        for how in ("auto", "never"):
            clear(TO)
            says("2 created", "--transport", transport, "pull", "--compress", how, sources=["f", "g"])
            arrived()


def test_placeholders():
    empty()
    put("f", b"f")
    for dest, folder in (("{host}/got", "%s/got"), ("{name}", "%s"), ("x-{host}", "x-%s"), ("a/b/c/{host}", "a/b/c/%s")):
        clear(TO)
        says("created", sources=["f"], dest=os.path.join(TO, dest))
        says("unchanged", sources=["f"], dest=os.path.join(TO, dest, ""))
        wanted = set()
        for p in places:
            with open(os.path.join(TO, folder % p.name, "f"), "rb") as f:
                equal(f.read(), b"f")
            wanted.add(os.path.join(folder % p.name, "f"))
        equal({os.fsdecode(k) for k, v in look(TO).items() if v[0] == "file"}, wanted)
    done = run([], ["f"], os.path.join(TO, "{nothing}"), "all")
    equal((done.returncode, done.stdout), (3, ""))


def test_brace():
    """"{{" in DEST is a brace and stands for no host: each has a folder of its own still."""
    empty()
    for p in places:
        p.put("f", p.name.encode())
    pull(sources=["f"], dest=os.path.join(TO, "a{{b"))
    for p in places:
        with open(os.path.join(TO, "a{b", p.name, "f"), "rb") as f:
            equal(f.read(), p.name.encode())


def test_many_hosts():
    """Each host's files are its own, all at once."""
    empty()
    own = Bed()
    sshd.authorize(bed.authorized + own.authorized)
    own.hosts("h", 20, sshd)
    data = {}
    for i in range(1, 21):
        data["h%d" % i] = os.urandom(100000)
        places[0].put("h%d/f" % i, data["h%d" % i])
    for transport in BOTH:
        clear(TO)
        done = ended(own.dt("--transport", transport, "all", "pull", places[0].join("{host}/f"), TO), 0)
        equal(sorted(done.stdout.splitlines()), sorted("okay::dt:pull:%s:created" % h for h in data))
        for host, content in data.items():
            with open(os.path.join(TO, host, "f"), "rb") as f:
                check(f.read() == content, host)
        equal(sorted(os.listdir(TO)), sorted(data))


def test_planted_links():
    """Links here that lead elsewhere: refused or replaced, never followed."""
    empty()
    put("t/d/f", b"new")
    outside = bed.join("outside")
    for transport in BOTH:
        for planted, sources in (("%s", ["t"]), ("%s/t", ["t"]), ("%s/t/d", ["t"]), ("%s/t/d/f", ["t"]), ("%s/f", ["t/d/f"])):
            for text in (outside, "../outside", "/nowhere/at/all"):
                clear(TO)
                shutil.rmtree(outside, ignore_errors=True)
                os.makedirs(os.path.join(outside, "d"))
                for name in ("f", "d/f"):
                    with open(os.path.join(outside, name), "w") as f:
                        f.write("old")
                before = look(outside)
                for p in places:
                    path = os.path.join(TO, planted % p.name)
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    os.symlink(text + ("/f" if planted.endswith("/f") else ""), path)
                done = run(["--transport", transport, "pull", "-r"], sources, None, "all")
                alike(look(outside), before, planted)
                replaced = planted.endswith("/f")
                equal(done.returncode != 0, not replaced, (planted, done.stdout))
                for p in places:
                    path = os.path.join(TO, planted % p.name)
                    check(os.path.islink(path) != replaced, planted, done.stdout)
                    if not replaced:
                        has(done.stdout, "fail::dt:pull:%s:local: " % p.name)
                no_stage()
    shutil.rmtree(outside)


def test_planted_in_the_middle():
    """The host's folder is a link, and DEST goes on below it."""
    empty()
    put("t/f", b"new")
    outside = bed.join("outside")
    os.makedirs(outside)
    for p in places:
        os.symlink(outside, os.path.join(TO, p.name))
    before = look(outside)
    run(["-r"], ["t"], os.path.join(TO, "{host}/sub"), "all")
    try:
        alike(look(outside), before, "{host}/sub")
    finally:
        shutil.rmtree(outside)


def test_in_the_way():
    """A folder where a file comes, and the other way round: said, and nothing is done."""
    empty()
    put("t/a", b"new")
    put("t/f", b"new")
    put("t/z", b"new")
    for transport in BOTH:
        for name, make in (("t/f", os.makedirs), ("t", lambda path: open(path, "w").close()), ("t/f", os.mkfifo)):
            clear(TO)
            for p in places:
                path = os.path.join(TO, p.name, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                make(path)
            before = look(TO)
            for message in pull("--transport", transport, "pull", "-r", sources=["t"], status=5).values():
                check(message.startswith("local: "), message)
                has(message, name)
            alike(look(TO), before, name)


def start(*args):
    # what a killed dt leaves of ssh(1) goes with us
    return subprocess.Popen(bed.command(*args), env=dict(bed.env, XDG_RUNTIME_DIR=bed.path), cwd=bed.path,
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            start_new_session=True)


def test_killed():
    """dt is killed at some moment: what is here is old or new, and the next pull takes away what was left."""
    empty()
    rng = random.Random()
    names = ["f%d" % i for i in range(20)]
    versions = [{n: os.urandom(200000) for n in names} for _ in range(2)]
    for n in names:
        put("t/" + n, versions[0][n])
    ended(run(["-r"], ["t"], None, "all"), 0)
    began = time.monotonic()
    for n in names:
        put("t/" + n, versions[1][n])
    ended(run(["-r"], ["t"], None, "all"), 0)
    whole = (time.monotonic() - began) * 1.2
    left = 0
    for turn in range(KILLS):
        now = versions[turn % 2]
        for n in names:
            put("t/" + n, now[n])
        process = start("--transport", ("libssh2", "openssh")[turn % 4 == 3], "all", "pull", "-r", os.path.join(WHERE, "{host}/t"), TO)
        try:
            process.wait(rng.uniform(0, whole))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
        for p in places:
            for n in names:
                with open(os.path.join(TO, p.name, "t", n), "rb") as f:
                    data = f.read()
                check(data in (versions[0][n], versions[1][n]), turn, p.name, n, "is neither old nor new: %d bytes" % len(data))
            left += any(n.startswith(".dt-") for n in os.listdir(os.path.join(TO, p.name)))
        if turn % 5 == 4 or turn == KILLS - 1:
            ended(run(["-r"], ["t"], None, "all"), 0)
            arrived()
            no_stage()
    print("# %d kills, %d times a temporary folder was left for the next pull" % (KILLS, left))
    check(left, "no kill came in time to show anything")


def test_interrupted():
    """Ctrl-C: nothing temporary stays at all."""
    empty()
    put("f", b"old")
    says("created", sources=["f"])
    put("f", os.urandom(3000000))
    for transport in BOTH:
        process = start("--transport", transport, "all", "pull", "--limit-rate", "100000", os.path.join(WHERE, "{host}/f"), TO)
        try:
            wait_for(lambda: any(n.startswith(".dt-") for p in places for n in os.listdir(os.path.join(TO, p.name))), "a transfer to begin")
            process.send_signal(signal.SIGINT)
            equal(process.wait(LIMIT), 130)
        finally:
            process.kill()
            process.wait()
        for p in places:
            equal(os.listdir(os.path.join(TO, p.name)), ["f"])
            with open(os.path.join(TO, p.name, "f"), "rb") as f:
                equal(f.read(), b"old")


def test_connection_lost():
    """The way to the host breaks after so many bytes."""
    empty()
    p = places[0]
    p.put("t/a", b"old a")
    p.put("t/b", b"old b")
    pull("-r", sources=["t"], host="sshd")
    before = look(TO)
    for name in "ab":
        p.put("t/" + name, os.urandom(300000))
    own = Bed()
    sshd.authorize(bed.authorized + own.authorized)
    for transport in BOTH:
        for limit in (20000, 100000, 400000, 500000):
            proxy = Proxy(sshd.port, lambda data, direction, offset, limit=limit: None if direction == "down" and offset > limit else data)
            own.lines = ["[hosts]"]
            own.write("known_hosts", "")
            own.host("sshd", sshd, port=proxy.port)
            done = own.dt("--transport", transport, "sshd", "pull", "-r", p.join("t"), TO)
            equal(done.returncode, 4, done.stdout)
            has(done.stdout, "fail::dt:pull:sshd:lost: ")
            alike(look(TO), before, "%s cut at %d" % (transport, limit))
            proxy.close()


class Faulty:
    """A host whose tar(1) is a script of ours, before the real one."""

    def __init__(self):
        self.bed = Bed()
        self.bin = self.bed.join("bin")
        os.mkdir(self.bin)
        self.server = Sshd(self.bed.authorized, options=["SetEnv PATH=%s:/usr/bin:/bin" % self.bin])
        self.bed.host("faulty", self.server)

    def tool(self, name, text):
        self.bed.write("bin/" + name, "#!/bin/sh\n%s\n" % text, 0o755)

    def pull(self, *args):
        return self.bed.dt("faulty", "pull", *args, places[0].join("t"), TO)


def test_broken_tar():
    """tar(1) there dies: that is said, and nothing comes, and a file that is still there never "went away"."""
    empty()
    p = places[0]
    faulty = Faulty()
    for name in "abc":
        p.put("t/" + name, os.urandom(20000))
    before = look(TO)
    a, t = p.join("t/a"), shutil.which("tar")
    for about, text, words in (
            ("cut in the last file", "%s \"$@\" | head -c 60000" % t, "did not arrive"),
            ("cut in the last byte", "%s \"$@\" | head -c %d" % (t, 3 * 512 + 2 * 20480 + 19999), "did not arrive"),
            ("cut between files", "%s \"$@\" | head -c 20992" % t, "did not arrive"),
            ("nothing", "exit 3", "did not arrive"),
            ("killed", "kill -9 $$", "did not arrive"),
            ("one left out", "for i do shift; [ \"$i\" = ./b ] || set -- \"$@\" \"$i\"; done; exec %s \"$@\"" % t, "b: it did not arrive")):
        p.put("t/a", os.urandom(20000))
        faulty.tool("tar", text)
        done = faulty.pull("-r", "--compress=never")
        equal(done.returncode, 5, about + ": " + done.stdout)
        has(done.stdout, words)
        check("local: " not in done.stdout and "went away" not in done.stdout, about, done.stdout)
        alike({k: v for k, v in look(TO).items() if v[0] == "file"}, before, about)
        no_stage()
    # a file goes or changes while it is on its way: that is said, and all else comes
    for about, text, status, words, comes in (
            ("gone", "rm -f %s; exec %s \"$@\"" % (a, t), 5, "2 created; a: it went away while it was read\n", False),
            ("shorter", "echo x > %s; exec %s \"$@\"" % (a, t), 5, "2 created; a: it shrank while it was read\n", False),
            ("other", "head -c 20000 /dev/zero > %s; exec %s \"$@\"" % (a, t), 0, "3 created; a: changed while read\n", True)):
        p.put("t/a", os.urandom(20000))
        clear(TO)
        faulty.tool("tar", text)
        done = ended(faulty.pull("-r", "--compress=never"), status)
        has(done.stdout, ":" + words if status == 0 else ":exit 1: " + words)
        # of what is there now: "other" comes as it is by then
        want = {n: v[-1] for n, v in look(p.join("t")).items() if n != b"a" or comes}
        equal({os.path.basename(n): v[-1] for n, v in look(TO).items() if v[0] == "file"}, want, about)
        no_stage()
    clear(TO)
    # it complains, and all is there
    p.put("t/a", os.urandom(20000))
    faulty.tool("tar", "echo what a day >&2; %s \"$@\"; exit 2" % t)
    ended(faulty.pull("-r"), 0)


def test_missing_tools():
    """A host that lacks what is needed says so."""
    empty()
    faulty = Faulty()
    places[0].put("t/a", b"a")
    for tool in ("stat", "find", "tar"):
        faulty.tool(tool, "echo %s: not found >&2; exit 127" % tool)
        done = faulty.pull("-r")
        equal(done.returncode, 5, tool + ": " + done.stdout)
        has(done.stdout, "%s: not found" % tool)
        nothing()
        os.remove(os.path.join(faulty.bin, tool))
    ended(faulty.pull("-r"), 0)
    # without openssl there is sha256sum
    clear(TO)
    faulty.tool("openssl", "exit 127")
    ended(faulty.pull("-r"), 0)


def test_file_without_answer():
    """A file that the host says it has, and then nothing of it: not one that needs not come."""
    empty()
    faulty = Faulty()
    places[0].put("t/a", b"a")
    faulty.tool("stat", "exit 1")
    done = faulty.bed.dt("faulty", "pull", places[0].join("t/a"), TO)
    check(done.returncode != 0, "okay, and nothing came:", done.stdout)


def test_disk_full():
    """A full disk here: said as ours, the old files stay, nothing half."""
    if not accounts:
        print("# no mount namespace can be made here: no small disk")
        return
    empty()
    put("t/a", b"old a")
    put("t/b", b"old b")
    disk = bed.join("disk")
    os.makedirs(disk, exist_ok=True)
    # the disk is there as long as this shell, and only for what runs below it
    script = ("mount -t tmpfs -o size=1m dt-test %s && mkdir %s/to && \"$@\" >&2 ; echo first $?; cp -r %s/to %s; read go; "
              "\"$@\"; echo status $?; rm -rf %s/to2; cp -r %s/to %s/to2" % (disk, disk, disk, bed.join("kept"), bed.path, disk, bed.path))
    for transport in BOTH:
        for name in ("kept", "to2"):
            shutil.rmtree(bed.join(name), ignore_errors=True)
        put("t/a", b"old a")
        put("t/b", b"old b")
        command = bed.command("--transport", transport, "all", "pull", "-r", os.path.join(WHERE, "{host}/t"), disk + "/to")
        with subprocess.Popen(["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh", *command], env=bed.env, cwd=bed.path,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                equal(process.stdout.readline(), "first 0\n")
                put("t/a", b"new a")
                put("t/b", os.urandom(2 << 20))
                out, err = process.communicate("go\n", timeout=LIMIT)
            finally:
                process.kill()
        check("Sanitizer" not in err, err)
        lines = out.splitlines()
        # not every one of them must be too much, for one that fails makes room; the first is
        fails = [l for l in lines if l.startswith("fail::dt:pull:")]
        equal(len(fails), len(places), out)
        for line in fails:
            has(line, ":local: ")
            has(line.lower(), "no space left")
        # the host was reached, and what it was reached for failed
        equal(lines[-1], "status 5")
        for p in places:
            found = {k: v[3] for k, v in look(bed.join("to2", p.name)).items()}
            alike(found, {b"t": b"", b"t/a": hashlib.sha256(b"old a").digest(), b"t/b": hashlib.sha256(b"old b").digest()}, p.name)
    for name in ("kept", "to2", "disk"):
        shutil.rmtree(bed.join(name), ignore_errors=True)


def test_readonly():
    """A DEST that cannot be made or written to."""
    empty()
    put("f", b"f")
    bed.write("file", "")
    for dest in ("/proc/nowhere", bed.join("file"), bed.join("file/x")):
        done = run([], ["f"], dest, "all")
        check(done.returncode in (4, 5), done.returncode, done.stdout)
        for p in places:
            has(done.stdout, "fail::dt:pull:%s:local: " % p.name)
    os.remove(bed.join("file"))


def test_names_of_ours():
    """Folders there that are called like our temporary ones are files of that host, no more and no less."""
    empty()
    dead = subprocess.Popen(["true"])
    dead.wait()
    name = ".dt-%d-0123456789abcdef" % dead.pid
    put("t/%s/0" % name, b"x")
    put("t/f", b"f")
    says("3 created", "-r", sources=["t/"])
    says("unchanged", "-r", sources=["t/"])
    arrived(there="t")


if __name__ == "__main__":
    try:
        main(globals())
    finally:
        empty()
