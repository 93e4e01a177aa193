#!/usr/bin/env -S python3 -B
"""libnss_map.so.2 (contrib/nss_map) on a host of its own: this machine's / below a layer that takes all that is
written, in a mount namespace.  sshd and dt's bundle work there; this machine's own files stay as they are."""
import atexit
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed  # noqa: E402
from daemons import Sshd, run  # noqa: E402
from testing import BUILD, ROOT, check, ended, equal, has, main  # noqa: E402

os.umask(0o022)
TMP = tempfile.gettempdir()
bed = Bed()
os.chmod(bed.path, 0o755)
DEST = bed.join("dest")
PREFIX = DEST + "/usr/local"
NSSWITCH = b"# ours\npasswd:         files systemd\ngroup:\tfiles [SUCCESS=merge] systemd # two\n" \
           b"shadow: files  \nhosts: files dns\n"
CONF = """# nssmap.conf
allow /etc/nssmap.allow
group people:x:20000:
group web:x:21000:@web*
@web*:x:21000-21999:20000:Web:/srv/web:/bin/sh
all:x:20000-20999:20000:People:/srv/people/:/bin/sh
"""


def make(*args):
    """The library without sanitizers: what loads it has none."""
    with open(os.path.join(ROOT, "Makefile")) as f:
        own = [] if "contrib/nss_map/rules.mk" in f.read() else ["-f", "Makefile", "-f", "contrib/nss_map/rules.mk"]
    return run("make", "--no-print-directory", "-C", ROOT, *own, "BUILD=" + bed.join("build"), "SANITIZE=", *args)


make("install-nss_map", "DESTDIR=" + DEST, "PREFIX=/usr/local")
LIBRARY = glob.glob(DEST + "/lib*/**/libnss_map.so.2", recursive=True)[0]
LIB_THERE = LIBRARY[len(DEST):]


class Host:
    """root is its / as seen from here; what runs in it is below wrap."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="dt-nss-host-")
        self.holder = None
        atexit.register(self.end)
        script = ("mount -t tmpfs tmpfs $1 && cd $1 && mkdir upper work root && "
                  "mount -t overlay overlay -o lowerdir=/,upperdir=$1/upper,workdir=$1/work $1/root && "
                  "mount -t proc proc root/proc && mount --rbind /dev root/dev && mount --bind $2 root$2 && "
                  "chroot root getent passwd root >/dev/null && echo ready && exec cat >/dev/null")
        self.holder = subprocess.Popen(["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh",
                                        self.dir, TMP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.ready = self.holder.stdout.readline() == b"ready\n"
        self.root = "/proc/%d/root%s/root" % (self.holder.pid, self.dir)
        self.wrap = ["nsenter", "--mount=/proc/%d/ns/mnt" % self.holder.pid, "chroot", self.dir + "/root"]

    def end(self):
        if self.holder:
            self.holder.stdin.close()
            self.holder.wait(30)
        os.rmdir(self.dir)

    def run(self, *command, status=0):
        done = subprocess.run([*self.wrap, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env=dict(os.environ, LC_ALL="C"), check=False)
        text = done.stdout.decode(errors="replace")
        equal(done.returncode, status, (command, text))
        return text

    def path(self, path):
        return self.root + path

    def read(self, path):
        try:
            with open(self.path(path), "rb") as f:
                return f.read()
        except FileNotFoundError:
            return None

    def put(self, path, data, mode=0o644, owner=(0, 0)):
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        new = self.path(path) + ".new"
        with open(new, "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())
        os.chmod(new, mode)
        os.chown(new, *owner)
        os.rename(new, self.path(path))


host = Host() if os.geteuid() == 0 else None
if host and not host.ready:
    print("# no host can be made here of this machine and a layer above it:",
          host.holder.stderr.read().decode().strip())
    host = None
servers = {}
if host:
    host.put("/etc/nsswitch.conf", NSSWITCH)
    for name, options in (("without PAM", ["UsePAM no"]), ("with PAM", ["UsePAM yes"])):
        servers[name] = Sshd(bed.authorized, wrap=host.wrap, options=[*options, "SetEnv X=y"], start=False)
    servers["root"] = Sshd(bed.authorized, wrap=host.wrap)
    bed.host("h1", servers["root"], "user=root")


def install_dt():
    """An installed dt, which finds the bundle of install-nss_map; logins are root's, without sudo."""
    os.makedirs(PREFIX + "/bin")
    shutil.copy(os.path.join(BUILD, "bin/dt"), PREFIX + "/bin")
    shutil.copytree(os.path.join(BUILD, "lib/dt"), PREFIX + "/lib/dt", symlinks=True)
    bed.write("config/dt/bundles/mine.conf", "[nss_map]\nparts = conf.nss_map switch.nss_map lib.nss_map\nsudo = no\n"
              "owner = root\ngroup = root\nmode = 0644\n\n"
              "[conf.nss_map]\nsource = nssmap.mine\ntarget = /etc/nssmap.conf\n"
              "[more]\nparts = nss_map last\n[last]\nsource = nssmap.mine\ntarget = /etc/last\nafter_success = exit 3\n")
    bed.write("config/dt/bundles/nssmap.mine", CONF)


def bundle(*args, name="nss_map", status=0):
    """What dt says of the host."""
    done = bed.dt("-F", bed.join("ssh_config"), "h1", "bundle", name, *args, program=PREFIX + "/bin/dt")
    ended(done, status)
    return done.stdout.strip().split(":", 5)[-1]


def applied(conf=CONF, names="joe\nann:20001\nweb1\n"):
    """The bundle is on the host, with this configuration."""
    if not host.read(LIB_THERE):
        bundle("apply")
    host.put("/etc/nssmap.conf", conf)
    host.put("/etc/nssmap.allow", names)


def getent(*args, status=0):
    return host.run("getent", *args, status=status).strip()


def numbers():
    """uid of every name that the tests use."""
    return {n: int(getent("passwd", n).split(":")[2]) for n in ("joe", "ann", "web1")}


def test_install():
    """make install-nss_map: only what is its own, and no configuration that is there."""
    found = sorted(os.path.relpath(os.path.join(w, f), DEST) for w, _, files in os.walk(DEST) for f in files
                   if not w.startswith((PREFIX + "/bin", PREFIX + "/lib")))
    equal(found, sorted(["etc/nssmap.conf", os.path.relpath(LIBRARY, DEST), "usr/local/sbin/nssmap-switch",
                         "usr/local/share/man/man5/nssmap.conf.5", "usr/local/share/dt/bundles/nss_map.conf",
                         "usr/local/share/dt/bundles/nss_map/libnss_map.so.2",
                         "usr/local/share/dt/bundles/nss_map/nssmap.conf",
                         "usr/local/share/dt/bundles/nss_map/nssmap-switch"]))
    with open(DEST + "/etc/nssmap.conf", "a") as f:
        f.write("# mine\n")
    make("install-nss_map", "DESTDIR=" + DEST, "PREFIX=/usr/local")
    with open(DEST + "/etc/nssmap.conf") as f:
        check(f.read().endswith("# mine\n"), "a configuration was replaced")


def test_symbols():
    """It shows glibc what glibc calls, and nothing else; and it needs libc alone."""
    names = re.findall(r" T (\S+)", run("nm", "-D", "--defined-only", LIBRARY))
    equal(sorted(names), ["_nss_map_" + n for n in (
        "endgrent", "endpwent", "getgrent_r", "getgrgid_r", "getgrnam_r", "getpwent_r", "getpwnam_r", "getpwuid_r",
        "getspnam_r", "initgroups_dyn", "setgrent", "setpwent")])
    equal(re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", LIBRARY)), ["libc.so.6"])


def test_bundle():
    """check, apply, apply again, rollback: all is as it was, byte for byte."""
    text = bundle("check")
    for part in ("conf.nss_map", "switch.nss_map", "lib.nss_map"):
        has(text, part)
    equal(host.read(LIB_THERE), None)
    bundle("apply")
    equal(host.read("/etc/nsswitch.conf"), NSSWITCH.replace(b"files systemd\n", b"files systemd map\n", 1)
          .replace(b"systemd # two", b"systemd map # two").replace(b"files  \n", b"files map  \n"))
    equal(host.read("/etc/nssmap.conf").decode(), CONF)
    host.run("/usr/local/sbin/nssmap-switch", "status")
    host.put("/etc/nssmap.allow", "joe\n")
    has(getent("passwd", "joe"), "joe:x:")
    before = host.read("/etc/nsswitch.conf")
    bundle("apply")
    equal(host.read("/etc/nsswitch.conf"), before)
    bundle("rollback")
    equal(host.read("/etc/nsswitch.conf"), NSSWITCH)
    for path in (LIB_THERE, "/etc/nssmap.conf", "/usr/local/sbin/nssmap-switch"):
        equal(host.read(path), None, path)
    getent("passwd", "joe", status=2)
    has(getent("passwd", "root"), "root:")
    equal(sorted(f for f in os.listdir(host.path("/etc")) if "nsswitch" in f or "nssmap" in f),
          ["nssmap.allow", "nsswitch.conf"])


def test_a_part_after_it_fails():
    """The library and "map" go, too."""
    has(bundle("apply", name="more", status=5), "lib.nss_map: rolled back")
    equal(host.read("/etc/nsswitch.conf"), NSSWITCH)
    equal(host.read(LIB_THERE), None)


def test_update():
    """A rollback that brings an older library back leaves "map" where it is."""
    applied()
    host.put(LIB_THERE, b"an older one")
    bundle("apply")
    bundle("rollback")
    equal(host.read(LIB_THERE), b"an older one")
    host.run("/usr/local/sbin/nssmap-switch", "status")
    bundle("apply")
    bundle("rollback")
    bundle("rollback")
    equal(host.read("/etc/nsswitch.conf"), NSSWITCH)
    equal(host.read(LIB_THERE), None)


# Of that name too, and not ours: everybody is in one more group.
LIAR = """#include <nss.h>
#include <sys/types.h>
enum nss_status _nss_map_initgroups_dyn(const char *name, gid_t group, long *start, long *size, gid_t **groups, long limit,
                                        int *errnop)
{
	if (*start < *size)
		(*groups)[(*start)++] = 12345;
	return NSS_STATUS_SUCCESS;
}
"""


def test_failures():
    """What cannot be: a line that says so, and nothing changed."""
    good = bed.read("dest" + LIB_THERE)
    brought = bed.join("dest/usr/local/share/dt/bundles/nss_map/libnss_map.so.2")
    liar = bed.write("liar.c", LIAR)
    run("cc", "-shared", "-fPIC", "-o", bed.join("liar.so"), liar)
    machine = b"\xb7\0" if good[18:20] != b"\xb7\0" else b"\x3e\0"
    for about, nsswitch, library, said in (
            ("not a library", NSSWITCH, b"nonsense", "cannot be loaded"),
            ("another machine's", NSSWITCH, good[:18] + machine + good[20:], "cannot be loaded"),
            ("local accounts change", NSSWITCH, bed.read("liar.so"), "local accounts are not found as before"),
            ("no passwd line", b"hosts: files\n", good, "no passwd line")):
        host.put("/etc/nsswitch.conf", nsswitch)
        with open(brought, "wb") as f:
            f.write(library)
        has(bundle("apply", status=5), said)
        equal(host.read("/etc/nsswitch.conf"), nsswitch, about)
        for path in (LIB_THERE, "/etc/nssmap.conf", "/usr/local/sbin/nssmap-switch"):
            equal(host.read(path), None, (about, path))
    with open(brought, "wb") as f:
        f.write(good)
    host.put("/etc/nsswitch.conf", NSSWITCH)


def test_switch():
    """The edit of nsswitch.conf, there and back."""
    applied()
    switch = "/usr/local/sbin/nssmap-switch"
    for before, after, back in (
            (b"passwd: files\n", b"passwd: files map\n", None),
            (b"passwd:files\ngroup:\tfiles\t# map\ninitgroups: files\n",
             b"passwd:files map\ngroup:\tfiles map\t# map\ninitgroups: files map\n", None),
            (b"  passwd : compat [NOTFOUND=return] \nshadow:files #x\n",
             b"  passwd : compat [NOTFOUND=return] map \nshadow:files map #x\n", None),
            (b"passwd: files mapper\nhosts: files\n", b"passwd: files mapper map\nhosts: files\n", None),
            (b"passwd: files map systemd\n", b"passwd: files map systemd\n", b"passwd: files systemd\n"),
            (b"passwd: files map [NOTFOUND=return] nis\nshadow: files map[!UNAVAIL=return]\n",
             b"passwd: files map [NOTFOUND=return] nis\nshadow: files map[!UNAVAIL=return]\n",
             b"passwd: files nis\nshadow: files\n"),
            (b"#passwd: files\npasswd: files\ngshadow: files", b"#passwd: files\npasswd: files map\ngshadow: files\n",
             b"#passwd: files\npasswd: files\ngshadow: files\n")):
        host.put("/etc/nsswitch.conf", before, 0o640, (0, 3))
        host.run(switch, "on")
        equal(host.read("/etc/nsswitch.conf"), after)
        st = os.stat(host.path("/etc/nsswitch.conf"))
        equal((st.st_mode & 0o7777, st.st_gid), (0o640, 3))
        host.run(switch, "status")
        host.run(switch, "on")
        equal(host.read("/etc/nsswitch.conf"), after)
        host.run(switch, "off")
        equal(host.read("/etc/nsswitch.conf"), back or before)
        host.run(switch, "status", status=1)
    host.put("/etc/nsswitch.conf", NSSWITCH)
    for args in (["maybe"], [], [""], ["on", "x"], ["off", "x"]):
        has(host.run(switch, *args, status=1), "nssmap-switch: ")
    equal(host.read("/etc/nsswitch.conf"), NSSWITCH)
    host.run(switch, "on")


def test_getent():
    applied()
    uid = numbers()
    equal(getent("-s", "map", "passwd", "joe"), "joe:x:%d:20000:People:/srv/people/joe:/bin/sh" % uid["joe"])
    equal(getent("-s", "map", "passwd", "ann"), "ann:x:20001:20000:People:/srv/people/ann:/bin/sh")
    equal(getent("-s", "map", "passwd", "web1"), "web1:x:%d:20000:Web:/srv/web/web1:/bin/sh" % uid["web1"])
    for name, number in uid.items():
        equal(getent("passwd", str(number)), getent("passwd", name))
    equal(getent("shadow", "joe"), "joe:*:::::::")
    equal(getent("group", "web"), "web:x:21000:")
    equal(getent("group", "20000"), "people:x:20000:")
    equal(host.run("id", "joe"), "uid=%d(joe) gid=20000(people) groups=20000(people)\n" % uid["joe"])
    equal(host.run("id", "web1"), "uid=%d(web1) gid=20000(people) groups=20000(people),21000(web)\n" % uid["web1"])
    equal({line.split(":")[0] for line in getent("-s", "map", "passwd").splitlines()}, set(uid))
    for name in ("nobody-knows", "Joe", "joe/..", "-r", "0"):
        getent("-s", "map", "passwd", "--", name, status=2)
    # one line of passwd, and all are that account
    applied("mapped:x:25000:25000:Mapped:/home:/bin/bash\n")
    equal(getent("passwd", "whoever"), "whoever:x:25000:25000:Mapped:/home/whoever:/bin/bash")
    equal(getent("passwd", "25000"), "mapped:x:25000:25000:Mapped:/home/mapped:/bin/bash")


def test_locals():
    """root and the local accounts are themselves, also where "map" is asked first."""
    accounts = [l.split(":") for l in host.read("/etc/passwd").decode().splitlines()]
    applied("floor 1\nallow /etc/nssmap.allow\n@*:x:1-70000:100::/map:/bin/sh\n",
            "".join("%s\n" % a[0] for a in accounts if re.fullmatch("[a-z_][a-z0-9_.-]{0,31}", a[0])) +
            "joe:1\nann:33\n")
    for order in (b"files map", b"map files", b"map"):
        host.put("/etc/nsswitch.conf", b"passwd: %b\ngroup: %b\nshadow: %b\n" % (order, order, order))
        for a in accounts:
            if order != b"map":
                equal(getent("passwd", a[0]), ":".join(a))
                equal(getent("passwd", a[2]), ":".join(a))
            getent("-s", "map", "passwd", a[0], status=2)
            getent("-s", "map", "passwd", a[2], status=2)
        getent("-s", "map", "passwd", "ann", status=2)  # www-data's number
        getent("-s", "map", "shadow", "root", status=2)
    host.put("/etc/nsswitch.conf", NSSWITCH)
    host.run("/usr/local/sbin/nssmap-switch", "on")


def test_unsafe():
    """A configuration that others may write, or of another owner, is none; the rest works on."""
    for mode, owner in ((0o666, (0, 0)), (0o664, (0, 0)), (0o644, (1234, 0))):
        applied()
        has(getent("passwd", "joe"), "joe:")
        host.put("/etc/nssmap.conf", CONF, mode, owner)
        getent("passwd", "joe", status=2)
        has(getent("passwd", "root"), "root:")
        applied()
        host.put("/etc/nssmap.allow", "joe\n", mode, owner)
        getent("passwd", "joe", status=2)


def test_ls():
    """Two mapped users are two: ls tells their files apart, and neither reads the other's."""
    applied()
    uid = numbers()
    for name in ("joe", "ann"):
        host.put("/srv/people/%s/own" % name, name + "\n", 0o600, (uid[name], 20000))
    text = host.run("ls", "-l", "/srv/people/ann/own", "/srv/people/joe/own")
    equal(re.findall(r"^-rw------- 1 (\S+) (\S+) .*/(\w+)/own$", text, re.M),
          [("ann", "people", "ann"), ("joe", "people", "joe")])
    equal(host.run("runuser", "-u", "joe", "--", "cat", "/srv/people/joe/own"), "joe\n")
    has(host.run("runuser", "-u", "joe", "--", "cat", "/srv/people/ann/own", status=1), "Permission denied")


def test_sshd():
    """A login with a key: the mapped user's own number, groups and home."""
    applied()
    uid = numbers()
    for name, server in servers.items():
        if name == "root":
            continue
        server.start()
        for user, home, groups in (("joe", "/srv/people/joe", "20000"), ("web1", "/srv/web/web1", "20000 21000")):
            host.put(home + "/.ssh/authorized_keys", bed.authorized[0] + "\n", 0o600, (uid[user], 20000))
            for path in (home + "/.ssh", home):
                os.chown(host.path(path), uid[user], 20000)
            label = user + "-" + name.replace(" ", "-")
            bed.host(label, server, "user=" + user)
            end = bed.outcomes("sys:" + label, "ssh", "id -un; id -u; id -G; pwd; echo $HOME", status=0)[label]
            equal(end["stdout"].split("\n"), [user, str(uid[user]), groups, home, home, ""], name)
        done = bed.dt("-u", "nobody-knows", "joe-" + name.replace(" ", "-"), "ssh", "id")
        equal(done.returncode, 4, done.stdout)


ANYWHERE = (test_install, test_symbols)
if host:
    install_dt()
main({n: f for n, f in globals().items() if host or f in ANYWHERE})
