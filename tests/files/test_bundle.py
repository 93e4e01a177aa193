#!/usr/bin/env -S python3 -B
"""bundle: sets of files with the steps around them, which leave a host as it was when one fails."""
import atexit
import glob
import os
import re
import shutil
import stat
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import HEAVY, Bed  # noqa: E402
from daemons import Accounts, Busybox, Dropbear, Sshd, wait_for  # noqa: E402
from testing import Fault, check, ended, equal, has, main  # noqa: E402

BOTH = ("libssh2", "openssh") if HEAVY > 1 else ("libssh2",)  # both in the tests of sizes in any case
ROOT = os.geteuid() == 0
PASSWORD = "sesame 'open' \"$1\" \\n"
ME = "t%d" % os.getpid()  # in the name of every bundle: what root keeps for an undo lies in one place for all
KEPT = "/var/lib/dt/undo"
WAS_THERE = [f for f in (KEPT, "/var/lib/dt") if os.path.isdir(f)]
STEPS = ("needed", "authentic", "before", "after_success", "after_failure", "after_before_failure", "after_denial",
         "after_rollback")

os.umask(0o022)
bed = Bed()
os.chmod(bed.path, 0o755)
for word in ("SSH_CONNECTION", "SSH_CLIENT"):
    bed.env.pop(word, None)  # by which a step knows where it is
INI = bed.join("b/bundles.ini")
LOG = bed.join("log")
WHERE = bed.join("there")
server = Sshd(bed.authorized)
bed.hosts("h", 3, server, "rack=r7")
# As sshd's child a step has SSH_CONNECTION, as dt's it has not.  It tells what the target holds just then.
STEP = bed.write("step", """#!/bin/sh
if [ "$SSH_CONNECTION" ]; then where=there; else where=here; fi
echo "$1 $where $(cat "$3" 2>/dev/null)" >> %s
echo "$1 says so"
exit $2
""" % LOG, 0o755)


def forget():
    """Leaves nothing in root's place for undos."""
    for folder in glob.glob(KEPT + "/*" + ME + "*"):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in (KEPT, "/var/lib/dt"):
        if folder not in WAS_THERE:
            try:
                os.rmdir(folder)
            except OSError:
                pass


atexit.register(forget)


def undos(name, home=None):
    """What is kept for undos of a bundle, oldest first."""
    place = KEPT if ROOT and not home else os.path.join(home or server.path("home"), ".local/state/dt/undo")
    return sorted(os.listdir(os.path.join(place, name))) if os.path.isdir(os.path.join(place, name)) else []


def times(name):
    """When these were made."""
    return [content(os.path.join(KEPT if ROOT else server.path("home/.local/state/dt/undo"), name, n, "by")).decode().split()[1]
            for n in undos(name)]


def ini(text):
    return bed.write("b/bundles.ini", text.replace("@", ME))


def bundle(*args, host="h1", status=0, file=INI, env=None, options=(), stdin=None):
    """The line of one host, or the lines of several, sorted."""
    done = ended(bed.dt(*options, host, "bundle", *(["--file", file] if file else []), *args, env=env, stdin=stdin), status)
    lines = sorted(done.stdout.splitlines())
    return lines[0] if len(lines) == 1 else lines


def okay(message, host="h1"):
    return "okay::dt:bundle:%s:%s" % (host, message)


def fail(message, host="h1"):
    return "fail::dt:bundle:%s:%s" % (host, message)


def put(path, data=b"", mode=0o644, mtime=1000000000, owner=None):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.islink(path):
        os.remove(path)
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, mode)
    if owner and ROOT:
        os.chown(path, *owner)
        os.chmod(path, mode)
    os.utime(path, (mtime, mtime))
    return path


def look(folder):
    """All below a folder, byte for byte: {path: (kind, mode, owner, group, mtime of files, content)}."""
    top, found = os.fsencode(folder), {}
    for where, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(where, name)
            st = os.lstat(path)
            about = (stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid)
            if stat.S_ISLNK(st.st_mode):
                value = ("link", *about, 0, os.readlink(path))
            elif stat.S_ISDIR(st.st_mode):
                value = ("folder", *about, 0, b"")
            else:
                with open(path, "rb") as f:
                    value = ("file", *about, st.st_mtime_ns, f.read())
            found[os.path.relpath(path, top)] = value
    return found


def alike(got, wanted, about=""):
    for path in sorted({**got, **wanted}):
        if got.get(path) != wanted.get(path):
            check(False, about, repr(path), "is", got.get(path), "not", wanted.get(path))


def content(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return None


def log():
    """The steps that ran since the last call."""
    lines = (content(LOG) or b"").decode().splitlines()
    bed.write("log", "", 0o666)
    return lines


def fresh(*names):
    """Empty folders of the hosts."""
    for name in ("h1", "h2", "h3", *names):
        shutil.rmtree(os.path.join(WHERE, name), ignore_errors=True)
        os.makedirs(os.path.join(WHERE, name))
    shutil.rmtree(bed.join("b"), ignore_errors=True)
    shutil.rmtree(server.path("home/.local"), ignore_errors=True)
    forget()
    log()


ODD = "it's \"$x\" \\ `y`\n; z"


def old_tree(top):
    """What a host has: to be replaced, deleted, given another mode, and left alone."""
    put(top + "/f", b"old", 0o640, 1000000001.25, (4711, 4712))
    put(top + "/" + ODD, b"odd", 0o4751, 1000000002, (4713, 4714))
    put(top + "/gone", b"gone", 0o604, 1000000003, (4715, 4716))
    put(top + "/gone too/" + ODD, b"x" * 100000, 0o400, 1000000004)
    put(top + "/same", b"same", 0o600, 1000000005)
    put(top + "/sub/g", b"old g", 0o600, 1000000006)
    put(top + "/sub/gone", b"", 0o000, 1000000007)
    os.symlink("old text", top + "/link")
    os.symlink("gone text", top + "/sub/gone link")
    os.chmod(top + "/sub", 0o750)
    os.chmod(top + "/gone too", 0o1711)
    if ROOT:
        os.chown(top + "/sub", 4717, 4718)
    return look(top)


def new_tree(top, size=3):
    """The source of the same."""
    put(top + "/f", b"new", 0o755)
    put(top + "/" + ODD, b"new odd", 0o644)
    put(top + "/same", b"same", 0o600)
    put(top + "/sub/g", b"new g", 0o644)
    put(top + "/big", os.urandom(size), 0o600)
    put(top + "/made/deep/" + ODD, b"made")
    if not os.path.islink(top + "/link"):
        os.symlink("new text", top + "/link")
    os.chmod(top + "/sub", 0o755)


def is_new(top):
    """The content of the source is there, and nothing else."""
    source = {k: (v[0], v[5]) for k, v in look(bed.join("b/tree")).items()}
    alike({k: (v[0], v[5]) for k, v in look(top).items()}, source, "after a good apply")


def section(where, fails=(), name=None, watch=None, **keys):
    """A bundle of the tree, all steps of which write to the log; those in fails end with that status."""
    keys = {"source": "tree/", "target": WHERE + "/{name}/", "recursive": "yes", "delete": "yes", **keys}
    watch = watch or WHERE + "/h1/f"
    for i, step in enumerate(STEPS):
        keys.setdefault(step, "%s: %s %s %d %s" % (where, STEP, step, dict(fails).get(step, 0), watch))
    return "[%s]\n" % (name or "x.@") + "".join("%s = %s\n" % (k, v) for k, v in keys.items() if v is not None)


# ---- the steps, one after the other failing ----

def mounted(*commands):
    """A host in a mount namespace of its own, and how this machine sees its files; None where none can be made."""
    if not Accounts.possible():
        return None
    line = "".join(c + " && " for c in commands)
    there = Sshd(bed.authorized, wrap=["unshare", "-m", "--propagation", "private", "sh", "-c", line + "exec \"$@\"", "sh"])
    return there, "/proc/%d/root" % there.process.pid


class Row:
    """What fails, which steps run then (with what the target holds), the line (".*": the host's words), the exit status."""

    def __init__(self, what, steps, line, fails=(), status=5, **keys):
        self.what, self.steps, self.line, self.fails, self.status, self.keys = what, steps, line, fails, status, keys


TO_BEFORE = "needed=old authentic=old before=old"
X = "x." + ME
ROWS = [
    Row("needed", "needed=old", okay(X + ": not needed"), {"needed": 3}, status=0),
    Row("authentic", "needed=old authentic=old after_denial=old",
        fail("exit 4: %s: authentic failed: authentic says so" % X), {"authentic": 4}),
    Row("authentic, after_denial", "needed=old authentic=old after_denial=old",
        fail("exit 4: %s: authentic failed: authentic says so; and so did after_denial" % X),
        {"authentic": 4, "after_denial": 9}),
    Row("before", TO_BEFORE + " after_before_failure=old",
        fail("exit 5: %s: before failed: before says so" % X), {"before": 5}),
    Row("before, after_before_failure", TO_BEFORE + " after_before_failure=old",
        fail("exit 5: %s: before failed: before says so; and so did after_before_failure" % X),
        {"before": 5, "after_before_failure": 9}),
    Row("transfer: no such owner", TO_BEFORE + " after_failure=old",
        fail("exit 1: .*no_such_user.*; %s: transfer failed" % X), owner="no_such_user"),
    Row("transfer, after_failure", TO_BEFORE + " after_failure=old",
        fail("exit 1: .*no_such_user.*; %s: transfer failed; and so did after_failure" % X),
        {"after_failure": 9}, owner="no_such_user"),
    Row("transfer: no such folder", "needed=old authentic=old after_failure=old",
        fail("exit 1: .*%s/none: no such folder there.*; %s: transfer failed" % (WHERE, X)),
        target=WHERE + "/none/"),
    Row("transfer: a file where the folder shall be", "needed=old authentic=old after_failure=old",
        fail("exit 1: .*%s/h1/f: not a folder there.*; %s: transfer failed" % (WHERE, X)), target=WHERE + "/h1/f/"),
    Row("after_success", TO_BEFORE + " after_success=new after_rollback=old after_failure=old",
        fail("exit 6: 4 created, 5 changed, 4 deleted, 1 unchanged; %s: rolled back; %s: after_success failed: "
             "after_success says so" % (X, X)), {"after_success": 6}),
    Row("after_success, after_failure", TO_BEFORE + " after_success=new after_rollback=old after_failure=old",
        fail("exit 6: 4 created, 5 changed, 4 deleted, 1 unchanged; %s: rolled back; %s: after_success failed: "
             "after_success says so; and so did after_failure" % (X, X)), {"after_success": 6, "after_failure": 9}),
    Row("after_success, after_rollback", TO_BEFORE + " after_success=new after_rollback=old after_failure=old",
        fail("exit 6: 4 created, 5 changed, 4 deleted, 1 unchanged; %s: rolled back; %s: after_rollback failed: "
             "after_rollback says so; %s: after_success failed: after_success says so" % (X, X, X)),
        {"after_success": 6, "after_rollback": 9}),
]


def one_row(row, where, host="h1", top=None, before=None):
    """Applies it, and looks at what came of it; the line."""
    top = top or WHERE + "/h1"
    before = before or look(top)
    ini(section(where, row.fails, **row.keys))
    log()
    line = bundle("x." + ME, "apply", status=row.status, host=host)
    equal(" ".join("=".join(l.split(" ")[::2]) for l in log()), row.steps, "%s, %s" % (row.what, where))
    alike(look(top), before, "%s, %s: the host:" % (row.what, where))
    equal([n for n in os.listdir(top) if n.startswith(".dt-")], [], "temporary folders")
    equal(undos("x." + ME), [], "undos")
    return line


def same_line(line, row, where):
    if ".*" not in row.line:
        equal(line, row.line, "%s, %s" % (row.what, where))
    pattern = ".*".join(re.escape(part) for part in row.line.split(".*"))
    check(re.fullmatch(pattern, line), row.what, where, repr(line), "is not", repr(row.line))


def test_each_step_fails():
    fresh()
    table, faults = [], []
    before = None
    for row in ROWS:
        for where in ("here", "there"):
            if not before:
                fresh()
                before = old_tree(WHERE + "/h1")
                new_tree(bed.join("b/tree"))
            try:
                line = one_row(row, where, before=before)
                same_line(line, row, where)
            except Fault as fault:  # the other rows count, too
                faults.append("%s, %s: %s" % (row.what, where, fault))
                line = "BUG"
                before = None
        table.append((row.what, row.steps, line))
    tell(table)
    check(not faults, "\n".join(faults))


def test_each_step_fails_elsewhere():
    """Transfers that the host itself fails: no room, no right to write, and one that fails halfway."""
    if not Accounts.possible():
        print("# no mount namespace can be made here")
        return
    small, ro, pinned, kept = (bed.join("ns/" + n) for n in ("small", "ro", "pinned", "kept"))
    for folder in (small, ro, pinned, kept):
        os.makedirs(folder)
    table, faults = [], []
    cases = [
        ("no space left", "h-small", small, ["mount -t tmpfs -o size=1m tmpfs " + small], "", 3000000),
        ("read-only", "h-ro", ro, ["mount --bind %s %s" % (ro, ro), "mount -o remount,ro,bind %s" % ro], "[Rr]ead-only", 3),
        # f is put in its place, then sub/g cannot be
        ("a file cannot be replaced", "h-pinned", pinned, ["mount --bind %s/sub/g %s/sub/g" % (pinned, pinned),
                                                                   "mount -o remount,ro,bind %s/sub/g" % pinned], "[Rr]ead-only", 3),
        # everything is in its place, then one cannot be deleted
        ("a file cannot be deleted", "h-stuck", pinned, ["mount --bind %s/gone %s/gone" % (pinned, pinned)], "busy", 3),
        ("no room for the undo", "h-kept", kept, ["mount -t tmpfs -o size=32k tmpfs /var/lib"], "No space left", 3),
    ]
    for what, host, folder, commands, words, size in cases:
        for where in ("here", "there"):
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
            shutil.rmtree(bed.join("b"), ignore_errors=True)
            new_tree(bed.join("b/tree"), size)
            before = old_tree(folder)
            own, root = mounted(*commands)
            bed.host(host + where, own, address="127.0.0.9")
            top = root + folder
            if folder == small:
                before = old_tree(top)
            row = Row("transfer: " + what, "needed=old authentic=old before=old after_failure=old",
                      fail("exit 1: .*; %s: transfer failed" % X, host + where), target=folder + "/", watch=None)
            # a step here sees another file system than one there
            row.keys["watch"] = top + "/f" if where == "here" else folder + "/f"
            if folder == small and where == "here":
                row.keys["watch"] = top + "/f"
            try:
                line = one_row(row, where, host + where, top, before)
                same_line(line, row, where)
                check(re.search(words, line), line)
                equal(os.path.isdir(root + KEPT + "/x." + ME) and os.listdir(root + KEPT + "/x." + ME) or [], [], "undos there")
            except Fault as fault:
                faults.append("%s, %s: %s" % (row.what, where, fault))
                line = "BUG"
            own.stop()
        table.append((row.what, row.steps, line.replace(host + where, "h1")))
    tell(table)
    check(not faults, "\n".join(faults))


def tell(table):
    if HEAVY < 2:
        return
    for what, steps, line in table:
        print("| %s | as before | %s | `%s` |" % (what, steps, line.replace(bed.path, "/tmp").replace(ME, "1")))


def test_what_cannot_be_undone():
    """The line does not say that it was, and it can be undone later."""
    if not Accounts.possible():
        print("# no mount namespace can be made here")
        return
    fresh()
    own, root = mounted("true")
    bed.host("h-late", own, address="127.0.0.9")
    before = old_tree(WHERE + "/h1")
    new_tree(bed.join("b/tree"))
    f = WHERE + "/h1/f"
    ini(section("there", target=WHERE + "/h1/", after_success="there: mount --bind %s %s; mount -o remount,ro,bind %s; exit 7" % (f, f, f)))
    line = bundle("x." + ME, "apply", host="h-late", status=5)
    check(line.startswith(fail("exit 7: ", "h-late")) and "rolled back" not in line and "ead-only" in line, line)
    has(line, "x.%s: after_success failed" % ME)
    equal(len(undos("x." + ME)), 1, "undos")
    ended(bed.dt("h-late", "ssh", "umount " + f), 0)
    equal(bundle("x." + ME, "rollback", host="h-late"), okay("x.%s: rolled back" % ME, "h-late"))
    alike(look(WHERE + "/h1"), before)
    own.stop()


def test_connection_lost():
    """What is in place stays then, and rollback takes it back."""
    fresh()
    before = old_tree(WHERE + "/h1")
    new_tree(bed.join("b/tree"))
    # the sshd above the step, whatever shells are between them
    cut = bed.write("cut", "#!/bin/sh\np=$$\nwhile [ $p -gt 1 ] && ! grep -q sshd /proc/$p/comm; do "
                    "p=$(cut -d ' ' -f 4 /proc/$p/stat); done\n[ $p -gt 1 ] && kill -9 $p\n", 0o755)
    ini(section("here", after_success="there: " + cut))
    line = bundle("x." + ME, "apply", status=4)
    check(line.startswith("fail::dt:bundle:h1:lost: "), line)
    check("rolled back" not in line, line)
    is_new(WHERE + "/h1")
    bundle("x." + ME, "rollback")
    alike(look(WHERE + "/h1"), before)


def test_killed_steps():
    """A step that a signal ends has failed."""
    fresh()
    put(WHERE + "/h1/f", b"old")
    put(bed.join("b/f"), b"new")
    before = look(WHERE + "/h1")
    for where in ("here", "there"):
        for step in ("authentic", "before", "after_success"):
            ini("[x.@]\nsource = f\ntarget = %s/{name}/f\n%s = %s: kill -9 $$\n" % (WHERE, step, where))
            line = bundle("x." + ME, "apply", status=5)
            check(line.startswith("fail::") and line.endswith("x.%s: %s failed" % (ME, step)), line)
            alike(look(WHERE + "/h1"), before, step)


def test_long_words():
    """A step that says too much is cut, and its bytes are escaped."""
    fresh()
    put(bed.join("b/f"), b"new")
    ini("[x.@]\nsource = f\ntarget = %s/{name}/f\nbefore = head -c 3000000 /dev/zero | tr '\\0' y; exit 3\n" % WHERE)
    line = bundle("x." + ME, "apply", status=5)
    check(line.startswith(fail("exit 3: x.%s: before failed: yyyy" % ME)) and len(line) < 3000, line[:200])
    ini("[x.@]\nsource = f\ntarget = %s/{name}/f\nbefore = here: printf 'a\\033[1mb\\n\\n'; exit 3\n" % WHERE)
    equal(bundle("x." + ME, "apply", status=5), fail("exit 3: x.%s: before failed: a\\x1b[1mb" % ME))


# ---- what is applied ----

def test_apply_and_unchanged():
    """The second time neither before nor after_success runs, and nothing is kept."""
    for where in ("here", "there"):
        for transport in BOTH:
            fresh()
            old_tree(WHERE + "/h1")
            new_tree(bed.join("b/tree"))
            ini(section(where))
            options = ["--transport", transport]
            equal(bundle("x." + ME, "apply", options=options), okay("4 created, 5 changed, 4 deleted, 1 unchanged"))
            equal(log(), ["needed %s old" % where, "authentic %s old" % where, "before %s old" % where,
                          "after_success %s new" % where])
            is_new(WHERE + "/h1")
            after = look(WHERE + "/h1")
            equal(len(undos("x." + ME)), 1)
            equal(bundle("x." + ME, "apply", options=options), okay("unchanged"))
            equal(log(), ["needed %s new" % where, "authentic %s new" % where])
            alike(look(WHERE + "/h1"), after)
            equal(len(undos("x." + ME)), 1)
            forget()


def test_check():
    """It looks, asks needed and authentic, and changes nothing; it is what is done without a word."""
    fresh()
    before = old_tree(WHERE + "/h1")
    new_tree(bed.join("b/tree"))
    folder = os.stat(WHERE + "/h1").st_mtime_ns
    ini(section("there"))
    line = bundle("x." + ME)
    check(line.startswith(okay("would be 4 created, 5 changed, 4 deleted, 1 unchanged\\n")), line)
    for part in ("\\n+ big", "\\n~ f", "\\n- gone\\n", "\\n+ made/deep/", "\\n= sub/", "\\n~ sub/g", "\\n- sub/gone"):
        has(line, part)
    equal(bundle("x." + ME, "check"), line)
    equal([l.split()[0] for l in log()], ["needed", "authentic"] * 2)
    alike(look(WHERE + "/h1"), before)
    equal(os.stat(WHERE + "/h1").st_mtime_ns, folder, "the folder was written to")
    equal(undos("x." + ME), [])
    ini(section("there", {"needed": 1}))
    equal(bundle("x." + ME), okay("x.%s: not needed" % ME))
    ini(section("there", {"authentic": 2}))
    line = bundle("x." + ME, status=5)
    has(line, "exit 2: x.%s: authentic failed: authentic says so" % ME)
    ini(section("there", target=WHERE + "/none/"))
    has(bundle("x." + ME, status=5), "/none: no such folder there")
    alike(look(WHERE + "/h1"), before)


# ---- parts ----

def parts_of(b="", a="", c=""):
    """all: the parts a, b and c, a file each; with more keys."""
    text = "[all.@]\nparts = a.@ b.@\n  c.@\n"
    for name, more in (("a", a), ("b", b), ("c", c)):
        put(bed.join("b", name), b"new " + name.encode())
        text += "[%s.@]\nsource = %s\ntarget = %s/{name}/%s\n%s" % (name, name, WHERE, name, more)
    ini(text)


def had(name, value=b"old", folder=WHERE + "/h1"):
    equal(content(os.path.join(folder, name)), value, name)


def test_parts_in_order():
    fresh()
    step = "before = %s before 0 %%s\nafter_success = %s after 0 %%s\n" % (STEP, STEP)
    keys = {n: step.replace("%s", WHERE + "/h1/" + n) for n in "abc"}
    parts_of(**keys)
    put(WHERE + "/h1/a", b"old a", mtime=1)
    put(WHERE + "/h1/b", b"new b")
    line = bundle("all." + ME, "apply")
    equal(line, okay("a.@: changed; b.@: unchanged; c.@: created".replace("@", ME)))
    equal(log(), ["before there old a", "after there new a", "before there ", "after there new c"])
    line = bundle("all." + ME)
    equal(line, okay("a.@: unchanged; b.@: unchanged; c.@: unchanged".replace("@", ME)))


def test_later_part_fails():
    """The earlier ones are taken back, whatever it is that failed."""
    ways = {
        "authentic": ("authentic = exit 3\n", "exit 3: "),
        "before": ("before = exit 3\n", "exit 3: "),
        "transfer": ("owner = no_such_user\n", "exit 1: "),
        "after_success": ("after_success = exit 3\n", "exit 3: "),
    }
    for step, (keys, exit_) in ways.items():
        fresh()
        parts_of(c=keys)
        put(WHERE + "/h1/a", b"old", 0o604, 12345.5, (4711, 4712))
        before = look(WHERE + "/h1")
        line = bundle("all." + ME, "apply", status=5)
        check(line.startswith(fail(exit_)) and line.endswith("; c.%s: %s failed" % (ME, step)), line)
        has(line, "b.@: rolled back; a.@: rolled back".replace("@", ME))
        alike(look(WHERE + "/h1"), before, step)
        for name in "abc":
            equal(undos(name + "." + ME), [], name)
    # a part that is not needed is none that failed
    fresh()
    parts_of(b="needed = exit 1\n")
    equal(bundle("all." + ME, "apply"), okay("a.@: created; b.@: not needed; c.@: created".replace("@", ME)))


def test_later_part_cannot_be_looked_at():
    """With a before, what would change is looked for first; that fails, too, as a transfer."""
    for keys in ("", "before = true\n"):
        fresh()
        parts_of(c=keys)
        ini(content(INI).decode().replace(WHERE + "/{name}/c", WHERE + "/none/c"))
        put(WHERE + "/h1/a", b"old")
        before = look(WHERE + "/h1")
        line = bundle("all." + ME, "apply", status=5)
        has(line, "/none: no such folder there")
        alike(look(WHERE + "/h1"), before, repr(keys))
        check(line.endswith("c.%s: transfer failed" % ME), repr(keys), line)


def test_parts_below_parts():
    """Nested ones, each once, and the parts of one are not those of its suffix."""
    fresh()
    parts_of()
    text = content(INI).decode().replace(ME, "@")
    ini(text + "[more.@]\nparts = c.@ all.@ a.@\n[some.all.@]\nsource = a\ntarget = %s/{name}/some\n" % WHERE)
    equal(bundle("more." + ME, "apply"), okay("c.@: created; a.@: created; b.@: created".replace("@", ME)))
    equal(bundle("some.all." + ME, "apply"), okay("created"))


# ---- rollback and history ----

def next_second():
    """What is kept tells its second."""
    now = int(time.time())
    wait_for(lambda: int(time.time()) > now, "the next second")


def test_rollback():
    for transport in BOTH:
        fresh()
        before = old_tree(WHERE + "/h1")
        new_tree(bed.join("b/tree"))
        ini(section("there"))
        bundle("x." + ME, "apply")
        # what became of the files since, and that the source has gone, does not matter
        put(WHERE + "/h1/f", b"someone's")
        put(WHERE + "/h1/made/more", b"someone's")
        shutil.rmtree(bed.join("b/tree"))
        log()
        equal(bundle("x." + ME, "rollback", options=["--transport", transport]), okay("x.%s: rolled back" % ME))
        equal(log(), ["after_rollback there old"], "steps of a rollback")
        alike(look(WHERE + "/h1"), before)
        equal(undos("x." + ME), [])
        line = bundle("x." + ME, "rollback", status=5)
        equal(line.rstrip("\\n"), fail("exit 1: x.%s: there is nothing to undo" % ME))


def steps_back(fails=()):
    """Parts that log their after_rollback; those in fails end with that status."""
    parts_of(**{n: "after_rollback = %s %s %d %s/h1/%s\n" % (STEP, n, dict(fails).get(n, 0), WHERE, n) for n in "abc"})


def test_after_rollback():
    """Of each part that was taken back, right behind it and before the next; it has to end well."""
    fresh()
    steps_back()
    for name in "abc":
        put(WHERE + "/h1/" + name, b"old")
    before = look(WHERE + "/h1")
    bundle("all." + ME, "apply")
    equal(log(), [], "steps of an apply")
    equal(bundle("all." + ME, "rollback"), okay("c.@: rolled back; b.@: rolled back; a.@: rolled back".replace("@", ME)))
    equal(log(), ["c there old", "b there old", "a there old"])
    alike(look(WHERE + "/h1"), before)
    # one that fails ends it, and what is before it can be taken back later
    steps_back({"b": 3})
    bundle("all." + ME, "apply")
    equal(bundle("all." + ME, "rollback", status=5),
          fail("exit 3: c.@: rolled back; b.@: rolled back; b.@: after_rollback failed: b says so".replace("@", ME)))
    equal(log(), ["c there old", "b there old"])
    had("b")
    had("a", b"new a")
    equal(bundle("all." + ME, "rollback"), okay("a.%s: rolled back" % ME))
    equal(log(), ["a there old"])
    alike(look(WHERE + "/h1"), before)


def test_after_rollback_where_a_later_part_fails():
    """As by rollback, but that one that fails keeps none from being taken back; what was not changed has none."""
    fresh()
    steps_back({"b": 3})
    ini(content(INI).decode().replace(ME, "@") + "before = exit 7\n")
    put(WHERE + "/h1/a", b"old")
    put(WHERE + "/h1/b", b"old")
    before = look(WHERE + "/h1")
    equal(bundle("all." + ME, "apply", status=5),
          fail("exit 7: a.@: changed; b.@: changed; b.@: rolled back; b.@: after_rollback failed: b says so; "
               "a.@: rolled back; c.@: before failed".replace("@", ME)))
    equal(log(), ["b there old", "a there old"])
    alike(look(WHERE + "/h1"), before)
    put(WHERE + "/h1/b", b"new b")
    bundle("all." + ME, "apply", status=5)
    equal(log(), ["a there old"])


def test_rollback_of_one_file():
    """One of its own name, there before or not; and a link."""
    fresh()
    put(bed.join("b/f"), b"new")
    ini("[x.@]\nsource = f\ntarget = %s/{name}/g\nmode = 0600\n[y.@]\nsource = f\ntarget = %s/{name}/made/deep/g\nmkdir = yes\n" %
        (WHERE, WHERE))
    equal(bundle("x." + ME, "apply"), okay("created"))
    bundle("x." + ME, "rollback")
    equal(look(WHERE + "/h1"), {})
    os.symlink("nowhere", WHERE + "/h1/g")
    before = look(WHERE + "/h1")
    equal(bundle("x." + ME, "apply"), okay("changed"))
    had("g", b"new")
    bundle("x." + ME, "rollback")
    alike(look(WHERE + "/h1"), before)
    # a mode alone
    os.remove(WHERE + "/h1/g")
    put(WHERE + "/h1/g", b"new", 0o751, 77.5, (4711, 4712))
    before = look(WHERE + "/h1")
    equal(bundle("x." + ME, "apply"), okay("changed"))
    bundle("x." + ME, "rollback")
    alike(look(WHERE + "/h1"), before)


def test_rollback_of_made_folders():
    """Those that mkdir = yes made go, too; one that was there stays."""
    for action in ("apply", "rollback"):
        fresh()
        put(bed.join("b/f"), b"new")
        put(WHERE + "/h1/was/there", b"")
        before = look(WHERE + "/h1")
        ini("[x.@]\nsource = f\ntarget = %s/{name}/was/made/deep/g\nmkdir = yes\n%s" %
            (WHERE, "after_success = false\n" if action == "apply" else ""))
        bundle("x." + ME, "apply", status=5 if action == "apply" else 0)
        if action == "rollback":
            bundle("x." + ME, "rollback")
        check(not os.path.exists(WHERE + "/h1/was/made/deep/g"), "what was created is there")
        alike(look(WHERE + "/h1"), before, action)


def test_set_group_id_of_folders():
    """A folder that is there keeps that bit and its group's right to write; all else is as the source has it."""
    faults = []
    for new, old, then in (
            (0o2755, 0o755, 0o2755), (0o755, 0o2755, 0o2755), (0o2755, 0o2750, 0o2755), (0o750, 0o2755, 0o2750),
            (0o755, 0o775, 0o775), (0o755, 0o2775, 0o2775), (0o700, 0o2775, 0o2720), (0o775, 0o755, 0o775),
            (0o755, 0o1777, 0o775), (0o1755, 0o755, 0o1755), (0o755, 0o4755, 0o755), (0o755, 0o757, 0o755)):
        fresh()
        put(bed.join("b/tree/sub/f"), b"f")
        put(WHERE + "/h1/sub/f", b"f")
        os.chmod(bed.join("b/tree/sub"), new)
        os.chmod(WHERE + "/h1/sub", old)
        before = look(WHERE + "/h1")
        ini("[x.@]\nsource = tree/\ntarget = %s/{name}/\nrecursive = yes\n" % WHERE)
        try:
            equal(bundle("x." + ME, "apply"), okay("unchanged" if then == old else "1 changed, 1 unchanged"))
            equal(oct(stat.S_IMODE(os.stat(WHERE + "/h1/sub").st_mode)), oct(then))
            equal(bundle("x." + ME, "apply"), okay("unchanged"))
            if then == old:
                equal(bundle("x." + ME, "rollback", status=5), fail("exit 1: x.%s: there is nothing to undo" % ME))
            else:
                bundle("x." + ME, "rollback")
            alike(look(WHERE + "/h1"), before)
        except Fault as fault:
            faults.append("%o over %o: %s" % (new, old, fault))
    check(not faults, "\n".join(faults))


def several(count, wait, host="h1"):
    """That many applies, and what the host was before each."""
    fresh()
    ini("[x.@]\nsource = tree/\ntarget = %s/h1/\nrecursive = yes\ndelete = yes\n" % WHERE)
    states = [look(WHERE + "/h1")]
    for i in range(count):
        wait()
        shutil.rmtree(bed.join("b/tree"), ignore_errors=True)
        put(bed.join("b/tree/f"), b"%d" % i, 0o600 + i)
        put(bed.join("b/tree/only %d" % i), b"")
        bundle("x." + ME, "apply", host=host)
        states.append(look(WHERE + "/h1"))
    return states


def test_several_rollbacks():
    """The newest first; the last five can be taken back."""
    states = several(7, next_second)
    kept = undos("x." + ME)
    equal(len(kept), 5)
    history = bundle("x." + ME, "history")
    lines = history.split(":", 5)[5].removeprefix("x.%s: " % ME).split("\\n")
    equal(len(lines), 5, history)
    for line in lines:
        check(re.fullmatch(r"\d{8}T\d{6}Z \S+ 127\.0\.0\.1 %s/h1" % WHERE, line), line)
    equal({l.split(" ")[0] for l in lines}, set(times("x." + ME)))
    for i in range(6, 1, -1):
        bundle("x." + ME, "rollback")
        alike(look(WHERE + "/h1"), states[i], i)
        equal(len(undos("x." + ME)), i - 2)
    bundle("x." + ME, "rollback", status=5)
    alike(look(WHERE + "/h1"), states[2])
    equal(bundle("x." + ME, "history"), okay("x.%s: nothing to undo" % ME))


def test_history_begins_with_the_newest():
    several(2, next_second)
    lines = bundle("x." + ME, "history").split(":", 5)[5].removeprefix("x.%s: " % ME).split("\\n")
    equal([l.split(" ")[0] for l in lines], times("x." + ME)[::-1])


def test_applies_of_one_second():
    """The last one is taken back first, also where the clock there says the same second for all of them."""
    bed.write("bin/count", "0")
    bed.write("bin/date", "#!/bin/sh\nn=$(($(cat %s/count) + 1))\necho $n > %s/count\n"
              "exec /bin/date -d @1700000000.$(printf %%09d $n) \"$@\"\n" % ((bed.join("bin"),) * 2), 0o755)
    own = Sshd(bed.authorized, options=["SetEnv HOME=%s PATH=%s:/usr/bin:/bin" % (server.path("home"), bed.join("bin"))])
    bed.host("clock", own, address="127.0.0.30")
    for _ in range(2):
        states = several(5, lambda: None, "clock")
        for i in range(4, -1, -1):
            bundle("x." + ME, "rollback", host="clock")
            alike(look(WHERE + "/h1"), states[i], i)
    own.stop()


def test_takes_back_its_own():
    """An apply that fails undoes what it did, and not what someone else has done under its name since."""
    fresh()
    put(bed.join("b/f"), b"new")
    text = "[x.%s]\nsource = f\ntarget = %s/h1/%%s\n" % (ME, WHERE)
    other = bed.write("b/other.ini", text % "theirs")
    command = " ".join(bed.command("h2", "bundle", "--file", other, "x." + ME, "apply"))
    between = bed.write("between", "#!/bin/sh\n# in another second, so that it is the newest\ns=$(date +%%s)\n"
                        "while [ $(date +%%s) = $s ]; do :; done\n%s\nexit 7\n" % command, 0o755)
    ini(text % "ours" + "after_success = here: %s\n" % between)
    line = bundle("x." + ME, "apply", status=5)
    has(line, "x.%s: after_success failed" % ME)
    had("theirs", b"new")
    had("ours", None)


def test_history_of_parts():
    fresh()
    parts_of()
    bundle("all." + ME, "apply")
    lines = bundle("all." + ME, "history").split(":", 5)[5].split("\\n")
    equal([l.split(": ")[0] for l in lines], ["%s.%s" % (n, ME) for n in "abc"])
    equal(bundle("all." + ME, "rollback"), okay("c.@: rolled back; b.@: rolled back; a.@: rolled back".replace("@", ME)))
    equal(look(WHERE + "/h1"), {})


def test_rollback_where_some_parts_changed():
    """rollback takes back the last apply, whichever parts it changed."""
    fresh()
    parts_of()
    put(WHERE + "/h1/c", b"new c")
    bundle("all." + ME, "apply")
    line = bundle("all." + ME, "rollback")
    check(line.startswith("okay::"), line)
    equal(sorted(os.listdir(WHERE + "/h1")), ["c"])


def test_rollback_of_the_last_apply_only():
    fresh()
    parts_of()
    bundle("all." + ME, "apply")
    next_second()
    put(bed.join("b/b"), b"newer b")
    equal(bundle("all." + ME, "apply"), okay("a.@: unchanged; b.@: changed; c.@: unchanged".replace("@", ME)))
    bundle("all." + ME, "rollback")
    for name in "abc":
        had(name, b"new " + name.encode())


# ---- the INI file ----

def made(name="h1/f"):
    st = os.stat(os.path.join(WHERE, name))
    return content(os.path.join(WHERE, name)), oct(stat.S_IMODE(st.st_mode))


def test_inheritance():
    """The longest suffix that says it, and an empty value says that there is none."""
    text = """
[defaults]
source = d
mode = 0601
[@]
mode = 0602
target = %s/{name}/f
[aliases.@]
source = a
before = echo aliases >> %s
[mail.aliases.@]
mode = 0604
source = m
[none.mail.aliases.@]
mode =
before =
[plain.@]
needed =
[liases.@]
source = wrong
[alone]
target = %s/{name}/f
""" % (WHERE, LOG, WHERE)
    cases = {
        "mail.aliases.@": (b"m", "0o604", ["aliases"]),
        "none.mail.aliases.@": (b"m", "0o640", []),
        "aliases.@": (b"a", "0o602", ["aliases"]),
        "plain.@": (b"d", "0o602", []),
        "@": (b"d", "0o602", []),
    }
    for name, (text_of, mode, steps) in cases.items():
        fresh()
        ini(text)
        for file in "dam":
            put(bed.join("b", file), file.encode(), 0o640)
        bundle(name.replace("@", ME), "apply")
        equal((*made(), log()), (text_of, mode, steps), name)
    equal(bundle("alone"), okay("would be created\\n+ f") if not os.path.exists(WHERE + "/h1/f") else
          okay("would be changed\\n= f"))


def test_empty_section():
    """A bundle may say nothing itself."""
    fresh()
    put(bed.join("b/f"), b"new")
    ini("[aliases.@]\nsource = f\ntarget = %s/{name}/f\n[mail.aliases.@]\n[more.@]\nparts = mail.aliases.@\n" % WHERE)
    equal(bundle("mail.aliases." + ME, "apply"), okay("created"))
    equal(bundle("more." + ME), okay("unchanged"))


def test_files_of_bundles():
    """Of a section that two files have, the first counts, as a whole; sources are below the folder of their file."""
    fresh()
    conf = bed.join("config/dt/bundles")
    put(conf + "/src/f", b"of the first")
    put(conf + "/d", b"of defaults")
    bed.write("config/dt/bundles/1.conf", "[f.%s]\nsource = src/f\ntarget = %s/{name}/f\n" % (ME, WHERE))
    bed.write("config/dt/bundles/2.conf", "[f.%s]\nsource = src/none\nmode = 0600\n[defaults]\nsource = d\n"
              "[g.%s]\ntarget = %s/{name}/g\n" % (ME, ME, WHERE))
    bed.write("config/dt/bundles/3.other", "[nonsense\n")
    try:
        equal(bundle("f." + ME, "apply", file=None), okay("created"))
        equal(made(), (b"of the first", "0o644"))
        equal(bundle("g." + ME, "apply", file=None), okay("created"))
        equal(made("h1/g"), (b"of defaults", "0o644"))
        # those in HOME, where nothing else is said
        shutil.copytree(bed.join("config"), bed.join(".config"))
        put(bed.join(".config/dt/bundles/src/f"), b"of home")
        equal(bundle("f." + ME, "apply", file=None, env={"XDG_CONFIG_HOME": ""}), okay("changed"))
        equal(made(), (b"of home", "0o644"))
        # a file that is named is the only one
        put(bed.join("b/f"), b"named")
        ini("[x.@]\nsource = f\ntarget = %s/{name}/f\n" % WHERE)
        done = bed.dt("h1", "bundle", "--file", INI, "g." + ME)
        equal((done.returncode, done.stdout), (3, ""))
        for name in ("b/bundles.ini", "./b/bundles.ini", "b/../b/bundles.ini", INI):
            fresh_f = put(bed.join("b/f"), name.encode())
            equal(bundle("x." + ME, "apply", file=name), okay("changed"), fresh_f)
            had("f", name.encode())
        put(bed.join("f"), b"beside")
        shutil.copy(INI, bed.join("bundles.ini"))
        equal(bundle("x." + ME, "apply", file="bundles.ini"), okay("changed"))
        had("f", b"beside")
    finally:
        for folder in ("config/dt", ".config"):
            shutil.rmtree(bed.join(folder), ignore_errors=True)


def test_several_sources():
    """Some with a path of their own, and what is excluded."""
    fresh()
    for name in ("a", "d/x", "d/x.bak", "d/skip/y"):
        put(bed.join("b", name), name.encode())
    put(bed.join("elsewhere/z"), b"z")
    ini("[x.@]\nsource = a d %s/elsewhere/z\ntarget = %s/{name}/\nrecursive = yes\nexclude = *.bak skip/\n" % (bed.path, WHERE))
    equal(bundle("x." + ME, "apply"), okay("4 created"))
    equal(sorted(k.decode() for k in look(WHERE + "/h1")), ["a", "d", "d/x", "z"])


def test_placeholders():
    fresh()
    for i in (1, 2, 3):
        put(bed.join("b/h%d/r7.conf" % i), b"%d" % i)
    ini("[x.@]\nsource = {name}/{rack}.conf\ntarget = %s/{name}/of-{rack}\n" % WHERE)
    lines = bundle("x." + ME, "apply", host="h1,h2,h3")
    equal(lines, [okay("created", "h%d" % i) for i in (1, 2, 3)])
    for i in (1, 2, 3):
        equal(content(WHERE + "/h%d/of-r7" % i), b"%d" % i)
    # one that is not there, or not set, for one host: nobody gets anything
    os.remove(bed.join("b/h2/r7.conf"))
    put(bed.join("b/h1/r7.conf"), b"other")
    done = bed.dt("h1,h2", "bundle", "--file", INI, "x." + ME, "apply")
    equal((done.returncode, done.stdout), (3, ""))
    has(done.stderr, "h2/r7.conf")
    equal(content(WHERE + "/h1/of-r7"), b"1")
    ini("[x.@]\nsource = {nothing}\ntarget = %s/{name}/f\n" % WHERE)
    done = bed.dt("h1", "bundle", "--file", INI, "x." + ME, "apply")
    equal((done.returncode, done.stdout), (3, ""))
    has(done.stderr, "nothing")


# ---- hosts ----

def test_several_hosts():
    """One that fails is as it was, the others have what they should."""
    if ROOT and not Accounts.possible():
        print("# no mount namespace can be made here: these hosts would be one, with one place for undos")
        return
    fresh()
    put(bed.join("b/f"), b"new")
    others, befores = [], {}
    for i in (1, 2, 3):
        put(WHERE + "/h%d/f" % i, b"old", 0o600 + i, 1000 + i)
        befores[i] = look(WHERE + "/h%d" % i)
        others.append(mounted("mount -t tmpfs tmpfs /var/lib")[0] if ROOT else Sshd(bed.authorized))
        bed.host("own%d" % i, others[-1], "n=h%d" % i, address="127.0.1.%d" % i)
    ini("[x.@]\nsource = f\ntarget = %s/{n}/f\nafter_success = here: [ $DT_HOST != own2 ] || { echo no; exit 8; }\n"
        % WHERE)
    lines = bundle("x." + ME, "apply", host="own1,own2,own3", status=5)
    equal(lines, [fail("exit 8: changed; x.@: rolled back; x.@: after_success failed: no".replace("@", ME), "own2"),
                  okay("changed", "own1"), okay("changed", "own3")])
    alike(look(WHERE + "/h2"), befores[2])
    had("f", b"new")
    had("f", b"new", WHERE + "/h3")
    for other in others:
        other.stop()


def test_other_hosts():
    """A dropbear whose user is not root, and a host of nothing but busybox."""
    places = []
    accounts = Accounts(PASSWORD) if Accounts.possible() else None
    if accounts:
        accounts.authorize(bed.authorized)
        os.makedirs(accounts.home + "/etc")
        bed.host("drop", Dropbear(wrap=accounts.wrap), "user=" + accounts.USER, address="127.0.0.7")
        places.append(("drop", accounts.home + "/etc", accounts.home + "/etc", accounts.home + "/.local/state/dt/undo/"))
    if Busybox.possible():
        box = Busybox(bed.authorized)
        os.makedirs(box.root + "/srv")
        bed.host("box", box, "user=root", address="127.0.0.8")
        places.append(("box", "/srv", box.root + "/srv", box.root + KEPT + "/"))
    for host, target, top, kept in places:
        for transport in BOTH:
            options = ["--transport", transport]
            fresh()
            shutil.rmtree(top)
            before = old_tree(top)
            if host == "drop":
                for path in [top] + [os.path.join(os.fsencode(top), p) for p in before]:
                    os.chown(path, accounts.UID, accounts.UID, follow_symlinks=False)
                os.chmod(top + "/" + ODD, 0o4751)
                os.chmod(top + "/sub/gone", 0o600)  # what its owner cannot read cannot be kept
            else:
                os.utime(top + "/f", (1000000001, 1000000001))  # busybox keeps whole seconds
            before = look(top)
            new_tree(bed.join("b/tree"))
            for fails, status in (({"after_success": 6}, 5), ({"before": 6}, 5), ({}, 0)):
                ini(section("there", fails, target=target + "/", **{s: "exit %d" % dict(fails).get(s, 0) for s in STEPS}))
                line = bundle("x." + ME, "apply", host=host, status=status, options=options)
                if status:
                    has(line, next(iter(fails)) + " failed")
                    alike(look(top), before, host)
            is_new(top)
            equal(len(os.listdir(kept + "x." + ME)), 1)
            equal(stat.S_IMODE(os.stat(kept + "x." + ME).st_mode) & 0o077, 0, "others may look at what is kept")
            has(bundle("x." + ME, "history", host=host, options=options), target)
            bundle("x." + ME, "rollback", host=host, options=options)
            alike(look(top), before, host)
            equal(os.listdir(kept + "x." + ME), [])


def test_sudo():
    """Steps there and files as root, the password given once."""
    if not Accounts.possible() or not shutil.which("sudo"):
        print("# no sudo, or no mount namespace can be made here")
        return
    accounts = Accounts(PASSWORD)
    accounts.authorize(bed.authorized)
    bed.host("sudo1", Sshd(bed.authorized, wrap=accounts.wrap), "user=" + accounts.USER, address="127.0.0.5")
    bed.host("sudo2", Dropbear(wrap=accounts.wrap), "user=" + accounts.USER, address="127.0.0.6")
    for host in ("sudo1", "sudo2"):
        for transport in BOTH:
            fresh()
            forget()
            top = WHERE + "/h1"
            old_tree(top)
            os.chmod(top, 0o700)
            before = look(top)
            new_tree(bed.join("b/tree"))
            run = dict(host=host, options=["-K", "--transport", transport], stdin=PASSWORD + "\n")
            more = dict(sudo="yes", target=top + "/", needed="[ $(id -u) = 0 ]",
                        authentic="here: [ $DT_HOST = %s ]" % host, before="there: [ $(id -u) = 0 ]",
                        after_rollback="[ $(id -u) = 0 ]")
            ini(section("there", **more))
            equal(bundle("x." + ME, "apply", **run), okay("4 created, 5 changed, 4 deleted, 1 unchanged", host))
            is_new(top)
            has(bundle("x." + ME, "history", **run), "Z %s " % accounts.USER)
            equal(bundle("x." + ME, "rollback", **run), okay("x.%s: rolled back" % ME, host))
            alike(look(top), before)
            ini(section("there", {"after_success": 6}, **more))
            has(bundle("x." + ME, "apply", status=5, **run), "rolled back")
            alike(look(top), before)
            equal(undos("x." + ME), [])
    # without the password nothing happens
    for keys in ({s: None for s in STEPS}, dict({s: None for s in STEPS}, before="true")):
        ini(section("there", **{**more, **keys}))
        done = bed.dt("sudo1", "bundle", "--file", INI, "x." + ME, "apply")
        check(done.returncode in (4, 5) and "password" in done.stdout, done.stdout)
        alike(look(WHERE + "/h1"), before)


def sudo_host(name, keys=""):
    """A bundle of one file for a host where root takes a password; False where there is no sudo."""
    if not Accounts.possible() or not shutil.which("sudo"):
        print("# no sudo, or no mount namespace can be made here")
        return False
    accounts = Accounts(PASSWORD)
    bed.host(name, Sshd(bed.authorized, wrap=accounts.wrap), "user=" + accounts.USER, address="127.0.0.5")
    fresh()
    put(bed.join("b/f"), b"new")
    ini("[x.@]\nsource = f\ntarget = %s/h1/f\nsudo = yes\n%s" % (WHERE, keys))
    return accounts


def test_needed_that_could_not_run():
    """A host that sudo did not let ask is not one that needs nothing."""
    accounts = sudo_host("sudo4", "needed = true\n")
    if not accounts:
        return
    equal(bundle("x." + ME, host="sudo4", options=["-K"], stdin=PASSWORD + "\n"), okay("would be created\\n+ f", "sudo4"))
    for action in ("check", "apply"):
        done = bed.dt("sudo4", "bundle", "--file", INI, "x." + ME, action)
        check(done.returncode in (4, 5) and done.stdout.startswith("fail::") and "password" in done.stdout, done.stdout)


def test_sudo_history():
    """It says from where someone came, also through sudo."""
    accounts = sudo_host("sudo3")
    if not accounts:
        return
    run = dict(host="sudo3", options=["-K"], stdin=PASSWORD + "\n")
    bundle("x." + ME, "apply", **run)
    has(bundle("x." + ME, "history", **run), "Z %s 127.0.0.1 %s/h1" % (accounts.USER, WHERE))


# ---- bad input ----

GOOD = "source = f\ntarget = %s/h1/f\n" % WHERE
BAD_LINES = [  # text, the line that is wrong, words about it
    ("[x.@]\n" + GOOD + "sauce = 1\n", 4, "sauce"),
    ("[other.@]\nAfter_success = true\n[x.@]\n" + GOOD, 2, "After_success"),
    ("source = f\n[x.@]\n" + GOOD, 1, "source"),
    ("[x.@]\n" + GOOD + "[y.@]\nsource = f\n[x.@]\nmode = 0600\n", 6, "x."),
    ("[x.@]\n" + GOOD + "nonsense\n", 4, ""),
    ("[x.@\n" + GOOD, 1, ""),
    ("[../x]\nmode = 1\n[x.@]\n" + GOOD, 1, "../x"),
    ("[.x]\nmode = 1\n[x.@]\n" + GOOD, 1, ".x"),
    ("[]\nmode = 1\n[x.@]\n" + GOOD, 1, ""),
    ("[x y]\nmode = 1\n[x.@]\n" + GOOD, 1, "x y"),
    ("[x.@]\n" + GOOD + "before = " + "x" * 200 + "\n", 4, "bytes"),
    ("[x.@]\n" + GOOD + "before = a\0b\n", 4, ""),
]
BAD_VALUES = [
    ("[x.@]\n" + GOOD + "mode = 0999\n", 4, "0999"),
    ("[x.@]\n" + GOOD + "mode = rw\n", 4, "rw"),
    ("[x.@]\n" + GOOD + "mode = 17777\n", 4, "17777"),
    ("[x.@]\n" + GOOD + "mode = -1\n", 4, "-1"),
    ("[x.@]\n" + GOOD + "sudo = maybe\n", 4, "maybe"),
    ("[x.@]\n" + GOOD + "mkdir = 1\n", 4, "1"),
    ("[x.@]\n" + GOOD + "delete = YES\n", 4, "YES"),
    ("[x.@]\n" + GOOD + "recursive = true\n", 4, "true"),
    ("[x.@]\n" + GOOD + "before = here:\n", 4, "before"),
    ("[x.@]\nparts = y.@\n[y.@]\nparts = x.@\n", None, "part of itself"),
    ("[x.@]\nparts = x.@\n", 2, "part of itself"),
    ("[x.@]\nparts = y.@ z.@\n[y.@]\n" + GOOD, 2, "z."),
]
BAD_WHOLES = [
    ("[x.@]\nsource = f\n", "no target"),
    ("[x.@]\ntarget = %s/h1/f\n" % WHERE, "no source"),
    ("[x.@]\nsource =\ntarget = %s/h1/f\n[@]\nsource = f\n" % WHERE, "no source"),
    ("[other.@]\n" + GOOD, "x."),
    ("", "x."),
    ("[x.@]\nsource = none\ntarget = %s/h1/f\n" % WHERE, "b/none"),
    ("[x.@]\nsource = .\ntarget = %s/h1/f\n" % WHERE, "b/"),
    ("[x.@]\nsource = f d/f\ntarget = %s/h1/\n" % WHERE, "two sources"),
    ("[x.@]\nsource = f\ntarget = %s/h1/../x/f\nmkdir = yes\n" % WHERE, ".."),
]


def refused(text, name="x.@", action="apply", what=""):
    """Nothing on stdout, no host touched; what stderr says."""
    fresh()
    put(bed.join("b/f"), b"new")
    put(bed.join("b/d/f"), b"new")
    bed.write("b/bundles.ini", text.replace("@", ME).encode())
    done = bed.dt("h1", "bundle", "--file", INI, name.replace("@", ME), action)
    about = what or repr(text.replace(WHERE, ""))
    check("Sanitizer" not in done.stderr, done.stderr)
    equal((done.returncode, done.stdout), (3, ""), about)
    equal(look(WHERE + "/h1"), {}, about)
    check(len(done.stderr.splitlines()) == 1, about, done.stderr)
    return done.stderr


def each_refused(cases, lines):
    faults = []
    for text, line, words in cases:
        for action in ("apply", "check"):
            try:
                err = refused(text, action=action)
                has(err, words.replace("@", ME))
                if lines and line:
                    has(err, "%s:%d: " % (INI, line))
            except Fault as fault:
                faults.append(str(fault))
    check(not faults, "\n".join(dict.fromkeys(faults)))


def test_bad_lines():
    each_refused(BAD_LINES, True)


def test_bad_values():
    each_refused(BAD_VALUES, False)


def test_bad_values_tell_their_line():
    each_refused([case for case in BAD_VALUES if case[1]], True)


def test_bad_wholes():
    each_refused([(text, None, words) for text, words in BAD_WHOLES], False)


def test_no_parts():
    """A bundle of nothing is none that was applied."""
    each_refused([("[x.@]\nparts =\n", 2, "x.")], False)


def test_delete_without_recursive():
    """As push refuses it."""
    each_refused([("[x.@]\n" + GOOD + "delete = yes\n", 4, "delete")], False)


def test_key_twice():
    """Of two values of a key neither can be meant alone."""
    each_refused([("[x.@]\n" + GOOD + "mode = 0600\nmode = 0644\n", 5, "mode")], True)


def test_section_twice_without_keys():
    each_refused([("[x.@]\n[x.@]\n" + GOOD, 2, "x.")], True)


def test_bad_names():
    for name in ("../x", "..", ".", "/x", "a/b", "x y", "", "x" * 100, "x\n", "-x;y", "$(id)"):
        done = bed.dt("h1", "bundle", "--file", ini("[x.@]\n" + GOOD), "--", name, "rollback")
        check(done.returncode in (2, 3) and not done.stdout, repr(name), done.returncode, done.stdout)
    done = bed.dt("h1", "bundle", "--file", INI, "x." + ME, "remove")
    equal((done.returncode, done.stdout), (3, ""))
    for name in ("none.ini", bed.path):
        done = bed.dt("h1", "bundle", "--file", name, "x." + ME, "apply")
        equal((done.returncode, done.stdout), (3, ""))
        has(done.stderr, name)
    # a name of letters that no folder is made of elsewhere
    check(not glob.glob(KEPT + "/../x*"), "a trace")


if __name__ == "__main__":
    if HEAVY > 1:
        print("| what fails | files after | steps that ran (target then) | line |\n|---|---|---|---|")
    main(globals())
