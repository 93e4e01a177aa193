"""For the tests of push and pull: an OpenSSH, a dropbear and a host of nothing but busybox, whose files this machine
sees, and what they have in common with a source."""
import hashlib
import os
import shutil
import stat
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import HEAVY, Bed  # noqa: E402
from daemons import Accounts, Busybox, Dropbear, Sshd  # noqa: E402
from testing import check, ended, equal  # noqa: E402

BOTH = ("libssh2", "openssh") if HEAVY > 1 else ("libssh2",)  # both in the tests of sizes in any case
ROOT = os.geteuid() == 0
SANITIZED = bool(os.environ.get("DT_SANITIZE"))
PASSWORD = "sesame 'open' \"$1\" \\n"

bed = Bed()
os.chmod(bed.path, 0o755)  # other users read and write below it
WHERE = bed.join("there")
os.mkdir(WHERE, 0o755)
# What lies at a source has the modes that the tests give it.
os.umask(0o022)


class Place:
    """A host whose files this machine sees: "WHERE/{host}" there is the folder here."""

    def __init__(self, name, server, user=None, uid=0, root="", home=None):
        self.name, self.server, self.uid, self.home = name, server, uid, home
        self.folder = root + os.path.join(WHERE, name)
        os.makedirs(self.folder, 0o755)
        if user:
            os.chown(self.folder, uid, uid)
        bed.host(name, server, "user=" + user if user else "")

    def join(self, *names):
        return os.path.join(self.folder, *names)

    def put(self, name, data=b"", mode=0o644, mtime=None, mine=True):
        """A file there; mine: of who logs in."""
        path = os.path.join(os.fsencode(self.folder), os.fsencode(name))
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)
        os.chown(path, *([self.uid] * 2 if mine else [0, 0]))
        os.chmod(path, mode)
        if mtime is not None:
            os.utime(path, (mtime, mtime))
        return path


places = [Place("sshd", Sshd(bed.authorized))]  # whose home is the tester's own
accounts = Accounts(PASSWORD) if Accounts.possible() else None
if accounts:
    accounts.authorize(bed.authorized)
    places.append(Place("dropbear", Dropbear(wrap=accounts.wrap), accounts.USER, accounts.UID, home=accounts.home))
else:
    print("# no mount namespace can be made here: no dropbear")
if Busybox.possible():
    busybox = Busybox(bed.authorized)
    places.append(Place("busybox", busybox, "root", root=busybox.root, home=busybox.root + "/root"))
else:
    busybox = None
    print("# not root, or no device files can be made here: no busybox")


def clear(folder):
    """Nothing is left in it."""
    os.makedirs(folder, exist_ok=True)
    for entry in os.scandir(os.fsencode(folder)):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.remove(entry.path)


def empty():
    """Nothing is left at a source or a target."""
    for folder in [bed.join("from")] + [p.folder for p in places]:
        clear(folder)


def source(name, data=b"", mode=0o644, mtime=None):
    path = bed.write("from/" + name, data, mode)
    if mtime:
        os.utime(path, (mtime, mtime))
    return path


def push(*args, dest="", host="all", status=0, **kw):
    """Messages of the hosts by their names; dest is below the folder of each."""
    done = ended(bed.dt(*args[:args.index("push")], host, *args[args.index("push"):], os.path.join(WHERE, "{host}", dest), **kw)
                 if "push" in args else
                 bed.dt(host, "push", *args, os.path.join(WHERE, "{host}", dest), **kw), status)
    found = {line.split(":", 5)[4]: line.split(":", 5)[5] for line in done.stdout.splitlines()}
    wanted = {"okay"} if status == 0 else {"fail"} if status == 5 else set()
    equal({line.split(":", 1)[0] for line in done.stdout.splitlines()}, wanted)
    return found


def says(message, *args, **kw):
    """Every host says the same."""
    found = push(*args, **kw)
    names = [p.name for p in places] if kw.get("host", "all") == "all" else [kw["host"]]
    equal(found, {name: message for name in names}, " ".join(map(str, args)))


def look(folder):
    """All below a folder: {path: (kind, mode, seconds, content or text)}."""
    top, found = os.fsencode(folder), {}
    for where, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(where, name)
            st = os.lstat(path)
            mode = stat.S_IMODE(st.st_mode)
            if stat.S_ISLNK(st.st_mode):
                value = ("link", 0, 0, os.readlink(path))
            elif stat.S_ISDIR(st.st_mode):
                value = ("folder", mode, 0, b"")
            elif stat.S_ISREG(st.st_mode):
                with open(path, "rb") as f:
                    value = ("file", mode, int(st.st_mtime), hashlib.file_digest(f, "sha256").digest())
            else:
                value = ("other", mode, 0, b"")
            found[os.path.relpath(path, top)] = value
    return found


def alike(got, wanted, about):
    """Two answers of look(), told apart by what differs and not by all that there is."""
    for path in {**got, **wanted}:
        if got.get(path) != wanted.get(path):
            check(False, about, repr(path), "is", got.get(path), "not", wanted.get(path))


def arrived(dest=""):
    """Every host has what lies in from/, and nothing else."""
    wanted = look(bed.join("from"))
    for p in places:
        alike(look(p.join(dest)), wanted, p.name)


def there(name, data=b""):
    """A file that every host has."""
    for p in places:
        os.makedirs(p.join(os.path.dirname(name)), exist_ok=True)
        with open(p.join(name), "wb") as f:
            f.write(data)
        below = p.folder
        for part in name.split("/"):
            below = os.path.join(below, part)
            os.chown(below, p.uid, p.uid)


def owner(path):
    st = os.lstat(path)
    return st.st_uid, st.st_gid
