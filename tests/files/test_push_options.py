#!/usr/bin/env -S python3 -B
"""What push may be told: where to, what not, whose, and what becomes of what is there."""
import hashlib
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from places import (BOTH, PASSWORD, ROOT, WHERE, accounts, alike, arrived, bed, busybox, empty, look,  # noqa: E402
                              owner, places, push, says, source, there)
from bed import Bed  # noqa: E402
from daemons import Sshd  # noqa: E402
from testing import check, ended, equal, has, main  # noqa: E402


def test_dest():
    empty()
    a, b = source("a", b"a"), source("b", b"b")
    source("d/x", b"x")
    for transport in BOTH:
        says("created", "--transport", transport, "push", a, dest="copy")
        says("created", "--transport", transport, "push", a, dest="")
        says("unchanged", "--transport", transport, "push", a, dest=".")
        says("1 created, 1 unchanged", "--transport", transport, "push", a, b)
        says("2 created", "--transport", transport, "push", "-r", bed.join("from/d"), dest="")
        says("2 created", "--transport", transport, "push", "-r", bed.join("from/d"), dest="e")
        says("unchanged", "--transport", transport, "push", "-r", bed.join("from/d"), dest="e")
        says("created", "--transport", transport, "push", "-r", bed.join("from/d/"), dest="")
        for p in places:
            alike({k: v[0] for k, v in look(p.folder).items()},
                  {b"copy": "file", b"a": "file", b"b": "file", b"d": "folder", b"d/x": "file", b"e": "folder",
                   b"e/x": "file", b"x": "file"}, p.name)
        # a folder where a file shall be, and the other way round
        found = push("--transport", transport, "push", a, dest="d", status=5)
        for p in places:
            check(found[p.name].startswith("exit ") and "/%s/d: a folder there" % p.name in found[p.name], found)
        found = push("push", "-r", bed.join("from/d"), dest="a", status=5)
        for message in found.values():
            has(message, "/a: not a folder there")
        found = push("push", a, b, dest="copy", status=5)
        for message in found.values():
            has(message, "/copy: not a folder there")
        found = push("push", a, dest="none/a", status=5)
        for message in found.values():
            has(message, "/none: no such folder there (--mkdir makes it)")
        for p in places:
            equal(sorted(os.listdir(p.folder)), ["a", "b", "copy", "d", "e", "x"])
        for p in places:
            for name in ("a", "b", "copy", "x", "d/x", "e/x"):
                os.remove(p.join(name))
            os.rmdir(p.join("d"))
            os.rmdir(p.join("e"))


def test_home():
    """Relative to the login's home."""
    if not accounts or not busybox:
        print("# no host here has a home of its own")
        return
    path = source("a", b"home")
    for host, home in (("dropbear", accounts.home), ("busybox", busybox.root + "/root")):
        for dest, name in (("rel", "rel"), ("~/tilde", "tilde"), ("./dot", "dot"), ("~", "a"), (".", "a"), ("~/", "a"),
                           ("{name}", host)):
            done = ended(bed.dt(host, "push", path, dest), 0)
            equal(done.stdout, "okay::dt:push:%s:%s\n" % (host, "unchanged" if dest in (".", "~/") else "created"), dest)
            with open(os.path.join(home, name), "rb") as f:
                equal(f.read(), b"home")
        for name in ("rel", "tilde", "dot", "a", host):
            os.remove(os.path.join(home, name))
        equal([n for n in os.listdir(home) if n.startswith(".dt-")], [])


def test_check():
    """It says what would be, and nothing is."""
    empty()
    path = source("a b", b"1")
    for transport in BOTH:
        says("would be created\\n+ a b", "--transport", transport, "push", "--check", path)
        says("would be created\\n+ name", "--transport", transport, "push", "--check", path, dest="name")
    for p in places:
        equal(os.listdir(p.folder), [])
    says("created", path)
    says("unchanged", "--check", path)
    source("a b", b"2")
    says("would be changed\\n~ a b", "--check", path)
    before = look(places[0].folder)
    source("a b", b"1")
    os.chmod(path, 0o600)
    says("would be changed\\n= a b", "--check", path)
    source("sub/new", b"")
    for p in places:
        for name in ("extra", "more/of it"):
            os.makedirs(p.join(os.path.dirname(name)), exist_ok=True)
            with open(p.join(name), "w"):
                pass
    says("would be 2 created, 1 changed, 2 deleted\\n= a b\\n+ sub/\\n+ sub/new\\n- extra\\n- more", "-r", "--check", "--delete",
         bed.join("from") + "/")
    alike({k: v for k, v in look(places[0].folder).items() if k == b"a b"}, before, "after --check")


def test_delete_and_exclude():
    empty()
    for name in ("a", "a.log", "sub/b", "sub/b.log", "sub/cache/c", "keep/x", "build/o"):
        source(name, name.encode())
    options = ["-r", "--exclude", "*.log", "--exclude", "cache/", "--exclude", "/build", bed.join("from") + "/"]
    says("5 created", *options)
    for p in places:
        alike({k: 0 for k in look(p.folder)}, {k: 0 for k in (b"a", b"sub", b"sub/b", b"keep", b"keep/x")}, p.name)
    # What is excluded is not deleted either, nor a folder that holds it; nor is anything beside DEST.
    there("old")
    there("old.log")
    there("gone/deep/er")
    there("holds/some.log")
    there("holds/other")
    there("sub/cache/there")
    there("build/there")
    there("sub/stray")
    there("sub/build")
    for p in places:
        os.symlink("/", p.join("root"))
        os.symlink("keep", p.join("to keep"))
    says("7 deleted, 5 unchanged", *options[:1], "--delete", *options[1:])
    kept = (b"a", b"sub", b"sub/b", b"keep", b"keep/x", b"old.log", b"holds", b"holds/some.log", b"sub/cache",
            b"sub/cache/there", b"build", b"build/there")
    for p in places:
        alike({k: 0 for k in look(p.folder)}, {k: 0 for k in kept}, p.name)
    says("unchanged", *options[:1], "--delete", *options[1:])
    # Of a folder that goes by its name, only that is cleared.
    there("sub/stray")
    there("beside")
    says("1 deleted, 5 unchanged", "-r", "--delete", "--exclude", "*.log", "--exclude", "cache", bed.join("from/sub"),
         bed.join("from/keep"), bed.join("from/a"))
    for p in places:
        check(os.path.exists(p.join("beside")), p.name)
    # with a name of its own
    there("sub/stray")
    says("1 deleted, 2 unchanged", "-r", "--delete", "--exclude", "*.log", "--exclude", "cache", bed.join("from/sub"), dest="sub")
    for p in places:
        check(os.path.exists(p.join("beside")) and os.path.exists(p.join("sub/cache/there")), p.name)
    equal(bed.dt("all", "push", "--delete", bed.join("from/a"), WHERE + "/{host}/").returncode, 3)


def test_backup():
    empty()
    path = source("f", b"1")
    says("created", "--backup", path)
    for p in places:
        equal(os.listdir(p.folder), ["f"])
    source("f", b"2", 0o600)
    says("changed", "--backup", path)
    source("f", b"3", 0o600)
    says("changed", "--backup=.old", path)
    says("unchanged", "--backup=.old", path)
    source("d/x y", b"1")
    os.symlink("1", bed.join("from/d/link"))
    says("3 created", "-r", "--backup=.old", bed.join("from/d"))
    source("d/x y", b"2")
    os.remove(bed.join("from/d/link"))
    os.symlink("2", bed.join("from/d/link"))
    says("2 changed, 1 unchanged", "-r", "--backup=.old", bed.join("from/d"))
    for p in places:
        found = {k: (v[1], v[3]) for k, v in look(p.folder).items()}
        sums = [hashlib.sha256(b"%d" % i).digest() for i in range(4)]
        alike(found, {b"f": (0o600, sums[3]), b"f~": (0o644, sums[1]), b"f.old": (0o600, sums[2]), b"d": (0o755, b""),
                      b"d/x y": (0o644, sums[2]), b"d/x y.old": (0o644, sums[1]), b"d/link": (0, b"2"),
                      b"d/link.old": (0, b"1")}, p.name)
    # What is deleted is kept so, too, and not deleted by the next.
    there("e/gone", b"gone")
    os.makedirs(bed.join("from/e"))
    says("1 deleted, 1 unchanged", "-r", "--delete", "--backup=.old", "--exclude", "*.old", bed.join("from/e"))
    says("unchanged", "-r", "--delete", "--backup=.old", "--exclude", "*.old", bed.join("from/e"))
    for p in places:
        equal(os.listdir(p.join("e")), ["gone.old"])


def test_mode_owner_group():
    empty()
    for name in ("a", "d/b", "d/e/c"):
        source(name, name.encode(), 0o640)
    os.symlink("b", bed.join("from/d/l"))
    says("created", "--mode", "0444", bed.join("from/a"))
    says("unchanged", "--mode", "444", bed.join("from/a"))
    says("changed", "--mode", "4751", bed.join("from/a"))
    for p in places:
        equal(oct(os.stat(p.join("a")).st_mode & 0o7777), "0o4751")
    says("5 created", "-r", "--mode", "0640", bed.join("from/d"))
    says("unchanged", "-r", "--mode", "0640", bed.join("from/d"))
    for p in places:
        equal(oct(os.stat(p.join("d/b")).st_mode & 0o7777), "0o640")
        check(os.stat(p.join("d")).st_mode & 0o100, "a folder that cannot be entered")
    if not ROOT:
        print("# not root: no owners")
        return
    for p in places:
        if p.uid:
            continue
        for transport in BOTH:
            options = ["--transport", transport, "push", "-r", "--owner", "4711", "--group", "4712"]
            os.remove(p.join("a"))
            shutil.rmtree(p.join("d"))
            sources = [bed.join("from/a"), bed.join("from/d")]
            says("6 created", *options, *sources, host=p.name)
            says("unchanged", *options, *sources, host=p.name)
            for name in ("a", "d", "d/b", "d/e", "d/e/c", "d/l"):
                equal(owner(p.join(name)), (4711, 4712), p.name + name)
            equal(oct(os.stat(p.join("d/b")).st_mode & 0o7777), "0o640")
            # by name
            options[-3], options[-1] = "root", "root"
            says("6 changed", *options, *sources, host=p.name)
            says("unchanged", *options, *sources, host=p.name)
            for name in ("a", "d", "d/b", "d/l"):
                equal(owner(p.join(name)), (0, 0), name)
        # setuid stays under a new owner, new and there
        path = source("s", b"x", 0o4755)
        says("created", "--owner", "4711", path, host=p.name)
        equal(oct(os.stat(p.join("s")).st_mode & 0o7777), "0o4755")
        says("changed", "--owner", "4713", path, host=p.name)
        equal((oct(os.stat(p.join("s")).st_mode & 0o7777), owner(p.join("s"))[0]), ("0o4755", 4713))
        found = push("--owner", "no_such_user", path, dest="other", host=p.name, status=5)
        has(found[p.name], "no_such_user")
        check(not os.path.exists(p.join("other")), "half done")
        equal([n for n in os.listdir(p.folder) if n.startswith(".dt-")], [])
    # Who is not root may not give files away.
    for p in places:
        if p.uid:
            found = push("--owner", "0", bed.join("from/a"), dest="given", host=p.name, status=5)
            has(found[p.name].lower(), "not permitted")
            equal([n for n in os.listdir(p.folder) if n.startswith((".dt-", "given"))], [])


def test_owner_alone():
    """--owner leaves the group as it is, and --group the owner: of files with new content and of others, of folders and links."""
    empty()
    paths = [source("a", b"a"), bed.join("from/d")]
    source("d/b", b"b")
    os.symlink("b", bed.join("from/d/l"))
    for p in places:
        if p.uid or not ROOT:
            continue
        for content in (b"a", b"other"):
            for option, wanted in (("--owner", (4713, 4712)), ("--group", (4711, 4713))):
                source("a", b"a")
                push("-r", "--owner", "4711", "--group", "4712", *paths, host=p.name)
                source("a", content)
                found = push("-r", option, "4713", *paths, host=p.name)
                equal(found, {p.name: "4 changed"}, content)
                for name in ("a", "d", "d/b", "d/l"):
                    equal(owner(p.join(name)), wanted, "%s, %s, %r: " % (option, name, content))


def test_owner_kept():
    """root's push leaves a file to whom it belongs."""
    empty()
    path = source("f", b"1")
    for name in ("d/x", "d/y"):
        source(name, b"1")
    for transport in BOTH:
        for p in places:
            if p.uid or not ROOT:
                continue
            says("created", "--transport", transport, "push", path, host=p.name)
            says("3 created", "--transport", transport, "push", "-r", bed.join("from/d"), host=p.name)
            os.chown(p.join("f"), 4711, 4712)
            os.chown(p.join("d/x"), 4713, 4714)
            source("f", b"2", 0o4755)
            source("d/x", b"2")
            source("d/y", b"2")
            says("changed", "--transport", transport, "push", path, host=p.name)
            equal((owner(p.join("f")), oct(os.stat(p.join("f")).st_mode & 0o7777)), ((4711, 4712), "0o4755"), p.name)
            says("2 changed, 1 unchanged", "--transport", transport, "push", "-r", bed.join("from/d"), host=p.name)
            equal((owner(p.join("d/x")), owner(p.join("d/y"))), ((4713, 4714), (0, 0)), p.name)
            # a mode alone, too
            os.chmod(path, 0o600)
            says("changed", "--transport", transport, "push", path, host=p.name)
            equal((owner(p.join("f")), oct(os.stat(p.join("f")).st_mode & 0o7777)), ((4711, 4712), "0o600"), p.name)
            source("f", b"1")
            source("d/x", b"1")
            source("d/y", b"1")
            os.remove(p.join("f"))
            shutil.rmtree(p.join("d"))


def test_mkdir():
    empty()
    path = source("f", b"1")
    for transport in BOTH:
        says("created", "--transport", transport, "push", "--mkdir", path, dest="a b/c/d/f")
        says("unchanged", "--transport", transport, "push", "--mkdir", path, dest="a b/c/d/f")
        says("created", "--transport", transport, "push", "--mkdir", path, dest="e/f/")
        says("would be created\\n+ f", "--transport", transport, "push", "--mkdir", "--check", path, dest="no/no/f")
        for p in places:
            alike({k: v[0] for k, v in look(p.folder).items()},
                  {b"a b": "folder", b"a b/c": "folder", b"a b/c/d": "folder", b"a b/c/d/f": "file", b"e": "folder",
                   b"e/f": "folder", b"e/f/f": "file"}, p.name)
            shutil.rmtree(p.join("a b"))
            shutil.rmtree(p.join("e"))
    # What was made for a push that fails is taken away again.
    there("was/there")
    for p in places:
        found = push("--mkdir", "--owner", "no_such_user", path, dest="was/made/for it/f", host=p.name, status=5)
        has(found[p.name], "no_such_user")
        alike({k: v[0] for k, v in look(p.folder).items()}, {b"was": "folder", b"was/there": "file"}, p.name)
    found = push("--mkdir", path, dest="was/there/x/f", status=5)
    for p in places:
        check(found[p.name].startswith("exit "), found)
        alike({k: v[0] for k, v in look(p.folder).items()}, {b"was": "folder", b"was/there": "file"}, p.name)
    equal(bed.dt("all", "push", "--mkdir", path, WHERE + "/{host}/../x/").returncode, 3)


def test_quick():
    empty()
    path = source("f", b"one", mtime=1000000000)
    source("sub/f", b"one", mtime=1000000000)
    says("3 created", "-r", bed.join("from") + "/")
    source("f", b"two", mtime=1000000000)
    says("unchanged", "--quick", path)
    source("f", b"two", mtime=1000000001)
    says("changed", "--quick", path)
    source("f", b"three", mtime=1000000001)
    says("changed", "--quick", path)
    os.chmod(path, 0o600)
    says("changed", "--quick", path)
    says("unchanged", "--quick", path)
    arrived()
    source("sub/f", b"two", mtime=1000000000)
    says("unchanged", "-r", "--quick", bed.join("from") + "/")
    says("1 changed, 2 unchanged", "-r", bed.join("from") + "/")
    arrived()


def test_placeholders():
    """A file of its own for every host."""
    empty()
    own = Bed()
    for i, p in enumerate(places):
        own.host("%s.example.org" % p.name, p.server, "%s rack=r%d role-x%d web" % (bed.lines[i + 1].split("=", 1)[1].split(" address")[0]
                                                                                  if p.uid or busybox and p.server is busybox else "",
                                                                                  i, i))
        source(p.name + ".conf", p.name.encode())
        source("r%d/x" % i, b"rack %d" % i)
        source("role-x%d" % i, b"role %d" % i)
        source("%s.example.org" % p.name, b"host")
    for p in places:
        with open(p.server.path("authorized_keys") if p.name == "sshd" else
                  os.path.join(accounts.home if p.name == "dropbear" else busybox.root + "/root", ".ssh/authorized_keys"), "a") as f:
            f.write(own.authorized[0] + "\n")

    def send(text, dest):
        return ended(own.dt("all", "push", bed.join("from", text), WHERE + dest), 0)

    equal(send("{name}.conf", "/{name}/conf").stdout.count(":created"), len(places))
    equal(send("{name}.conf", "/{name}/conf").stdout.count(":unchanged"), len(places))
    send("{rack}/x", "/{name}/rack-{rack}")
    send("{tag:role-*}", "/{name}/{{role}")
    send("{host}", "/{name}/")
    for i, p in enumerate(places):
        found = {}
        for name in os.listdir(p.folder):
            with open(p.join(name), "rb") as f:
                found[name] = f.read()
        equal(found, {"conf": p.name.encode(), "rack-r%d" % i: b"rack %d" % i, "{role}": b"role %d" % i,
                      p.name + ".example.org": b"host"}, p.name)
    # one that is not set, for a host: nobody gets anything
    for text, word in (("{nothing}", "nothing"), ("{tag:none*}", "none")):
        done = own.dt("all", "push", bed.join("from", text), WHERE + "/{name}/")
        equal((done.returncode, done.stdout), (3, ""), text)
        has(done.stderr, word)
        done = own.dt("all", "push", bed.join("from/r0/x"), WHERE + "/{name}/" + text)
        equal((done.returncode, done.stdout), (3, ""), text)
        has(done.stderr, word)


def test_links_there():
    """A link where a file shall be is replaced, what it points to stays; one where a folder shall be is not followed."""
    empty()
    path = source("f", b"new")
    source("d/x", b"new")
    source("d/sub/y", b"new")
    there("outside/f", b"old")
    there("outside/x", b"old")
    for transport in BOTH:
        for target, dest in (("outside/f", "f"), ("outside", "f"), ("nowhere", "f")):
            for p in places:
                os.symlink(target, p.join("f"))
            says("changed", "--transport", transport, "push", path, dest=dest)
            for p in places:
                check(not os.path.islink(p.join("f")), p.name, target)
                with open(p.join("f"), "rb") as f:
                    equal(f.read(), b"new", p.name)
                os.remove(p.join("f"))
                equal(sorted(os.listdir(p.join("outside"))), ["f", "x"], p.name)
        # a link of the tree over a link there
        os.symlink("elsewhere", bed.join("from/d/l"))
        says("5 created", "--transport", transport, "push", "-r", bed.join("from/d"))
        for p in places:
            os.remove(p.join("d/l"))
            os.symlink("../outside", p.join("d/l"))
        says("1 changed, 4 unchanged", "--transport", transport, "push", "-r", bed.join("from/d"))
        for p in places:
            equal(os.readlink(p.join("d/l")), "elsewhere")
            equal(sorted(os.listdir(p.join("outside"))), ["f", "x"], p.name)
            shutil.rmtree(p.join("d/sub"))
            os.symlink("../outside", p.join("d/sub"))
        os.remove(bed.join("from/d/l"))
        found = push("--transport", transport, "push", "-r", "--delete", bed.join("from/d"), status=5)
        for p in places:
            has(found[p.name], "/d/sub: not a folder there")
            equal(sorted(os.listdir(p.join("outside"))), ["f", "x"], p.name)
            shutil.rmtree(p.join("d"))
            os.symlink("outside", p.join("d"))
        found = push("--transport", transport, "push", "-r", "--delete", bed.join("from/d"), status=5)
        for p in places:
            has(found[p.name], "/d: not a folder there")
            equal(sorted(os.listdir(p.join("outside"))), ["f", "x"], p.name)
            os.remove(p.join("d"))
    for p in places:
        for name in ("outside/f", "outside/x"):
            with open(p.join(name), "rb") as f:
                equal(f.read(), b"old")


def test_sudo():
    """The password comes first, and the files after it."""
    if not accounts or not shutil.which("sudo"):
        print("# no sudo, or no mount namespace can be made here")
        return
    empty()
    own = Bed()
    accounts.authorize(own.authorized + bed.authorized)
    dropbear = next(p for p in places if p.name == "dropbear")
    own.host("sudo1", Sshd(own.authorized, wrap=accounts.wrap), "user=" + accounts.USER)
    own.host("sudo2", dropbear.server, "user=" + accounts.USER)
    for name in ("f", "d/x y", "d/it's"):
        source(name, os.urandom(300000), 0o600)
    os.chmod(dropbear.folder, 0o700)
    os.chown(dropbear.folder, 0, 0)
    try:
        for transport in BOTH:
            for host in ("sudo1", "sudo2"):
                dest = dropbear.folder + "/"
                args = ["--transport", transport, host, "push", "-r", bed.join("from") + "/", dest]
                done = own.dt(*args)
                equal(done.returncode, 5)
                has(done.stdout.lower(), "permission denied")
                equal(os.listdir(dropbear.folder), [])
                args[4:4] = ["--sudo"]
                for message in ("4 created", "unchanged"):
                    done = ended(own.dt("-K", *args, stdin=PASSWORD + "\n"), 0)
                    equal(done.stdout, "okay::dt:push:%s:%s\n" % (host, message))
                    alike(look(dropbear.folder), look(bed.join("from")), host)
                equal(owner(dropbear.join("f")), (0, 0))
                # sudo takes its time to say no
                if transport == "libssh2" and host == "sudo1":
                    done = own.dt("-K", *args, stdin="wrong\n")
                    check(done.returncode in (4, 5) and "auth: " in done.stdout, done.stdout)
                    done = own.dt(*args)
                    check(done.returncode in (4, 5) and "password" in done.stdout, done.stdout)
                for name in ("f", "d/x y", "d/it's"):
                    os.remove(dropbear.join(name))
                os.rmdir(dropbear.join("d"))
    finally:
        os.chmod(dropbear.folder, 0o755)
        os.chown(dropbear.folder, dropbear.uid, dropbear.uid)


if __name__ == "__main__":
    try:
        main(globals())
    finally:
        empty()
