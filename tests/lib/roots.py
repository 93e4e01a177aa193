"""For the tests of user: three chroots with accounts of their own, two with shadow(5)'s tools, one of busybox alone."""
import hashlib
import os
import shutil
import stat
import sys

from bed import HEAVY, Bed
from daemons import Busybox, keygen, public, run
from testing import check, ended, equal, has

# What a Debian root has, besides what busybox gives it.
TOOLS = ("useradd", "usermod", "userdel", "groupadd", "groupdel", "chpasswd", "getent", "setpriv", "su", "dash", "ls", "cat",
         "sed", "grep", "mv", "cp", "chmod", "chown", "mkdir", "rmdir", "rm", "find", "id", "head", "tail", "tr", "wc", "timeout",
         "sync", "env")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HASH = "$6$saltsaltsalt$" + "aB./" * 21 + "xy"
OTHER_HASH = "$y$j9T$abcdefghijklmnop$" + "z" * 43
os.umask(0o022)
bed = Bed()
os.chmod(bed.path, 0o755)


class Host(Busybox):
    """A chroot with accounts of its own."""

    def __init__(self, name, shadow):
        super().__init__(bed.authorized, start=False)
        self.name, self.shadow = name, shadow
        if shadow:
            self.bring_shadow()
        self.clear()
        self.start()
        bed.host(name, self, "user=root")

    def bring_shadow(self):
        for tool in TOOLS:
            path = shutil.which(tool, path=PATH)
            applet = os.path.join(self.root, "bin", tool)
            if os.path.islink(applet):
                os.remove(applet)
            self.bring(path)
            for line in run("ldd", path).splitlines():
                for word in line.split():
                    if word.startswith("/"):
                        self.bring(word)
        os.remove(os.path.join(self.root, "bin/sh"))
        os.symlink(shutil.which("dash", path=PATH), os.path.join(self.root, "bin/sh"))

    def join(self, *names):
        return os.path.join(self.root, *names)

    def clear(self, passwd="", group="", shadow=""):
        """Accounts as on a new host, and these; and nothing in any home."""
        for name in os.listdir(self.join("etc")):
            if not name.startswith(("host_", "pid")):
                path = self.join("etc", name)
                shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
        for name in os.listdir(self.join("home")):
            path = self.join("home", name)
            os.remove(path) if os.path.islink(path) else shutil.rmtree(path)
        self.put("etc/passwd", "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:d:/usr/sbin:/bin/false\n"
                               "nobody:x:65534:65534::/nonexistent:/bin/false\n" + passwd)
        self.put("etc/group", "root:x:0:\ndaemon:x:1:\nadm:x:4:\nnogroup:x:65534:\n" + group)
        self.put("etc/shadow", "root:*:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n" + shadow,
                 0o640)
        if self.shadow:
            self.put("etc/gshadow", "root:*::\ndaemon:*::\nadm:*::\nnogroup:*::\n" +
                     "".join("%s:!::%s\n" % (l.split(":")[0], l.split(":")[3]) for l in group.splitlines()), 0o640)
            self.put("etc/login.defs", "UID_MIN 1000\nUID_MAX 60000\nGID_MIN 1000\nUSERGROUPS_ENAB yes\n"
                                       "SYS_UID_MIN 100\nENCRYPT_METHOD SHA512\n")
            self.put("etc/default/useradd", "SHELL=/bin/sh\n")
        self.put("etc/skel/.profile", "# profile\n")

    def line(self, name, of="passwd"):
        with open(self.join("etc", of)) as f:
            return next((l.rstrip("\n") for l in f if l.startswith(name + ":")), None)

    def field(self, name, i, of="passwd"):
        line = self.line(name, of)
        return line and line.split(":")[i]

    def members(self, group):
        return sorted(filter(None, self.field(group, 3, "group").split(",")))

    def keys(self, name):
        path = self.join("home", name, ".ssh/authorized_keys")
        try:
            with open(path) as f:
                return f.read()
        except FileNotFoundError:
            return None

    def write_keys(self, name, uid, text, mode=0o600):
        self.put("home/%s/.ssh/authorized_keys" % name, text, mode)
        for part in ("", ".ssh", ".ssh/authorized_keys"):
            os.lchown(self.join("home", name, part), uid, uid)
        os.chmod(self.join("home", name, ".ssh"), 0o700)

    def tree(self):
        """All that can change: {path: what it is}."""
        found = {}
        for top in ("etc", "home", "root", "tmp"):
            for where, folders, files in os.walk(self.join(top)):
                for name in folders + files:
                    path = os.path.join(where, name)
                    st = os.lstat(path)
                    text = os.readlink(path) if stat.S_ISLNK(st.st_mode) else ""
                    if stat.S_ISREG(st.st_mode):
                        with open(path, "rb") as f:
                            text = hashlib.sha256(f.read()).hexdigest()
                    mtime = st.st_mtime_ns if stat.S_ISREG(st.st_mode) else 0
                    found[path] = (st.st_mode, st.st_uid, st.st_gid, mtime, text)
        return found


if not Busybox.possible() or not all(shutil.which(t, path=PATH) for t in TOOLS):
    print("# not root, or no device files can be made here: no roots with accounts of their own")
    print("1 passed, 0 failed")
    sys.exit(0)
a, b, c = hosts = [Host("deb1", True), Host("deb2", True), Host("box", False)]
keys = [keygen(bed.join("k%d" % i), comment="key %d of 'alice' $(x)" % i) for i in range(3)]


def key_line(i):
    with open(keys[i] + ".pub") as f:
        return f.read()


def clear(**kw):
    for h in hosts:
        h.clear(**kw)


def user(*args, host="all", status=0, **kw):
    """The message of each host, without OKAY or FAIL's prefix."""
    done = ended(bed.dt(host, "user", *args, **kw), status)
    check(HASH not in done.stdout + done.stderr, "a secret is shown")
    return {l.split(":", 5)[4]: l.split(":", 5)[5] for l in done.stdout.splitlines()}


def says(text, *args, host="all", **kw):
    found = user(*args, host=host, **kw)
    equal(found, {h.name: text for h in hosts if host == "all" or h.name in host.split(",")}, " ".join(args))


def twice(text, *args, **kw):
    """--check says it and changes nothing; the run says it; the next one that there is nothing to do."""
    verb, rest = args[0], args[1:]
    before = [h.tree() for h in hosts]
    says("would be: " + text, verb, "--check", *rest, **kw)
    equal([h.tree() for h in hosts], before)
    says(text, *args, **kw)
    after = [h.tree() for h in hosts]
    says("unchanged", *args, **kw)
    equal([h.tree() for h in hosts], after)


def disagreed(*args, words=""):
    """No host begins, and each says why in the same words."""
    before = [h.tree() for h in hosts]
    found = user(*args, status=6)
    equal([h.tree() for h in hosts], before)
    equal(set(found.values()), {"skipped: %s; nothing was changed anywhere" % words})


def refused(*args, words="", **kw):
    """No host is asked; what stderr says."""
    before = [h.log().count("Child connection") for h in hosts]
    done = ended(bed.dt("all", "user", *args, **kw), 3)
    equal(([h.log().count("Child connection") for h in hosts], done.stdout), (before, ""))
    equal(len(done.stderr.splitlines()), 1)
    has(done.stderr, words)


def many_keys(n):
    """n keys of one line each, which sshd would take."""
    import base64
    head = b"\0\0\0\x0bssh-ed25519\0\0\0 "
    return ["ssh-ed25519 %s n%d" % (base64.b64encode(head + hashlib.sha256(b"%d" % i).digest()).decode(), i) for i in range(n)]


__all__ = ["HEAVY", "Bed"]
