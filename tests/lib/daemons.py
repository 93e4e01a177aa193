"""Real servers on loopback for tests: OpenSSH's sshd, dropbear, and TCP proxies that spoil what they carry.

Every server has keys, a port and a folder of its own, and ends with the test program.  One listens on all
of 127.0.0.0/8, so that each of those addresses is a host.
"""
import atexit
import ctypes
import os
import pwd
import random
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time

SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
DROPBEAR = shutil.which("dropbear", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
ME = pwd.getpwuid(os.geteuid()).pw_name


def run(*command, **kw):
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **kw).stdout.decode()


def keygen(path, kind="ed25519", bits=None, passphrase="", comment="dt test", form=None):
    """A private key at path and its public half at path.pub; returns path."""
    run("ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", comment, "-f", path,
        *(["-b", str(bits)] if bits else []), *(["-m", form] if form else []))
    return path


def public(path):
    """ "TYPE BASE64" of a key pair."""
    with open(path + ".pub") as f:
        return " ".join(f.read().split()[:2])


def wait_for(condition, what, seconds=30):
    """Until condition() is true; the truth comes back."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise RuntimeError("waited %d s for %s" % (seconds, what))
        time.sleep(0.01)


def free_port():
    """A port that no one listens on at any address of loopback."""
    with socket.socket() as s:
        s.bind(("0.0.0.0", 0))
        return s.getsockname()[1]


def answers(address, port):
    try:
        with socket.create_connection((address, port), 2) as s:
            s.settimeout(5)
            return s.recv(4) == b"SSH-"
    except OSError:
        return False


def children(pid):
    """All processes below pid."""
    found, below = [], {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open("/proc/%s/stat" % entry) as f:
                    below.setdefault(int(f.read().rsplit(")", 1)[1].split()[1]), []).append(int(entry))
            except (OSError, IndexError):
                pass
    todo = [pid]
    while todo:
        todo += (more := below.get(todo.pop(), []))
        found += more
    return found


class Server:
    """A daemon that is there once it answers with "SSH-"; tried with other ports where one is taken."""

    def __init__(self, prefix):
        self.dir = tempfile.mkdtemp(prefix=prefix)
        os.chmod(self.dir, 0o755)
        self.process = None
        self.port = None
        atexit.register(self.remove)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text, mode=0o600):
        with open(self.path(name), "w") as f:
            f.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def command(self):
        raise NotImplementedError

    def start(self, address="127.0.0.1"):
        for _ in range(20):
            self.port = self.port or free_port()
            with open(self.path("log"), "ab") as log:
                self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                start_new_session=True)
            while self.process.poll() is None:
                if answers(address, self.port):
                    return self
            self.port = None
        raise RuntimeError("%s does not start: %s" % (type(self).__name__, self.log()))

    def log(self):
        with open(self.path("log"), errors="replace") as f:
            return f.read()

    def stop(self, sessions=True):
        """Ends it, and what it started."""
        if not self.process:
            return
        below = children(self.process.pid) if sessions else []
        self.process.terminate()
        for pid in below:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(30)
        self.process = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


def password_is_locked():
    """Does sshd without PAM refuse us for a "!" in shadow(5)?"""
    try:
        with open("/etc/shadow") as f:
            return any(line.startswith(ME + ":!") for line in f)
    except OSError:
        return False


def make_privilege_folder():
    if os.geteuid() == 0 and not os.path.isdir("/run/sshd"):
        os.mkdir("/run/sshd", 0o755)
        atexit.register(lambda: os.path.isdir("/run/sshd") and os.rmdir("/run/sshd"))


class Sshd(Server):
    """OpenSSH.  options are lines of sshd_config(5); authorized is a list of "TYPE BASE64"."""

    def __init__(self, authorized=(), hostkeys=("ed25519",), options=(), name="sshd", start=True, wrap=()):
        super().__init__("dt-sshd-")
        make_privilege_folder()
        self.hostkeys = [keygen(self.path("host_" + k), k, 3072 if k == "rsa" else None) for k in hostkeys]
        self.authorize(authorized)
        self.options = list(options)
        self.wrap = list(wrap)
        self.name = name
        if start:
            self.start()

    def authorize(self, keys):
        self.write("authorized_keys", "".join(k + "\n" for k in keys), 0o644)

    def command(self):
        given = {line.split()[0].lower() for line in self.options}
        defaults = ["AuthorizedKeysFile " + self.path("authorized_keys"), "PidFile none", "StrictModes no",
                    "UsePAM " + ("yes" if password_is_locked() else "no"), "PasswordAuthentication no",
                    "KbdInteractiveAuthentication no", "PrintMotd no", "MaxStartups 500", "MaxSessions 500",
                    "LogLevel VERBOSE", "PermitRootLogin yes", "ListenAddress 0.0.0.0",
                    # what the tester's own shell does at its start is not measured
                    "SetEnv HOME=" + self.path("home")]
        os.makedirs(self.path("home"), exist_ok=True)
        self.write("sshd_config", "\n".join(
            ["Port %d" % self.port] + ["HostKey " + k for k in self.hostkeys] + self.options +
            [line for line in defaults if line.split()[0].lower() not in given]) + "\n")
        return [*self.wrap, SSHD, "-D", "-e", "-f", self.path("sshd_config")]

    def known_hosts(self, *names):
        """Lines of known_hosts for names at our port, and for the bare names."""
        names = names or ("127.0.0.1",)
        return "".join("%s %s\n" % (",".join(["[%s]:%d" % (n, self.port) for n in names]), public(k))
                       for k in self.hostkeys)


class Dropbear(Server):
    """dropbear, which reads ~/.ssh/authorized_keys: so with a HOME of its own, below wrap."""

    def __init__(self, hostkeys=("ed25519",), options=(), wrap=(), start=True):
        super().__init__("dt-dropbear-")
        self.options = list(options)
        self.wrap = list(wrap)
        self.hostkeys = []
        for kind in hostkeys:
            path = self.path("host_" + kind)
            run("dropbearkey", "-t", kind, "-f", path)
            line = next(l for l in run("dropbearkey", "-y", "-f", path).split("\n") if l.startswith(("ssh-", "ecdsa-")))
            self.write("host_%s.pub" % kind, line + "\n")
            self.hostkeys.append(path)
        if start:
            self.start()

    def command(self):
        return [*self.wrap, DROPBEAR, "-F", "-E", "-p", "0.0.0.0:%d" % self.port, "-P", self.path("pid"),
                *[a for k in self.hostkeys for a in ("-r", k)], *self.options]

    known_hosts = Sshd.known_hosts


class Busybox(Dropbear):
    """A host that has busybox and nothing else: dropbear in a chroot(2), which only root can make.

    root is its / as seen from here; it knows root, and USER without a password.  Where a mount namespace can be
    made, it has a /proc.
    """

    USER = "bbuser"
    UID = 64124
    PROGRAM = shutil.which("busybox")

    def __init__(self, authorized=(), hostkeys=("ed25519",), wrap=(), start=True):
        super().__init__(hostkeys, wrap=wrap, start=False)
        self.root = self.path("root")
        for name, mode in (("bin", 0o755), ("dev", 0o755), ("etc", 0o755), ("tmp", 0o1777), ("root", 0o700), ("home", 0o755)):
            os.makedirs(os.path.join(self.root, name))
            os.chmod(os.path.join(self.root, name), mode)
        os.mknod(os.path.join(self.root, "dev/null"), 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        os.chmod(os.path.join(self.root, "dev/null"), 0o666)
        shutil.copy(self.PROGRAM, os.path.join(self.root, "bin/busybox"))
        for applet in run(self.PROGRAM, "--list").split():
            if applet != "busybox":
                os.symlink("busybox", os.path.join(self.root, "bin", applet))
        self.program = self.bring(DROPBEAR)
        # dropbear says "(0x...)" and the dynamic linker's own name without "=>"
        for line in run("ldd", DROPBEAR).splitlines():
            for word in line.split():
                if word.startswith("/"):
                    self.bring(word)
        self.put("etc/passwd", "root:x:0:0::/root:/bin/sh\n%s:x:%d:%d::/home/%s:/bin/sh\n" %
                 (self.USER, self.UID, self.UID, self.USER))
        self.put("etc/group", "root:x:0:\n%s:x:%d:\n" % (self.USER, self.UID))
        for home, uid in (("root", 0), ("home/" + self.USER, self.UID)):
            self.put(home + "/.ssh/authorized_keys", "".join(k + "\n" for k in authorized), 0o600)
            for name in (home + "/.ssh/authorized_keys", home + "/.ssh", home):
                os.chown(os.path.join(self.root, name), uid, uid)
            os.chmod(os.path.join(self.root, home, ".ssh"), 0o700)
        for key in self.hostkeys:
            shutil.copy(key, os.path.join(self.root, "etc"))
        if start:
            self.start()

    def bring(self, path):
        """A file of this machine, under the same name there."""
        there = self.root + path
        os.makedirs(os.path.dirname(there), exist_ok=True)
        if not os.path.exists(there):
            shutil.copy(path, there)
        return path

    def put(self, name, text, mode=0o644):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)

    def command(self):
        wrap = self.wrap
        if Accounts.possible():
            os.makedirs(os.path.join(self.root, "proc"), exist_ok=True)
            wrap = ["unshare", "-m", "--propagation", "private", "sh", "-c",
                    "mount -t proc proc %s/proc && exec \"$@\"" % self.root, "sh", *self.wrap]
        return [*wrap, shutil.which("chroot", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"),
                self.root, self.program, "-F", "-E", "-p", "0.0.0.0:%d" % self.port, "-P", "/etc/pid",
                *[a for k in self.hostkeys for a in ("-r", "/etc/" + os.path.basename(k))]]

    @classmethod
    def possible(cls):
        """Root that may make device files; not in every container."""
        if os.geteuid() != 0 or not cls.PROGRAM or not DROPBEAR:
            return False
        with tempfile.TemporaryDirectory(prefix="dt-mknod-") as folder:
            try:
                os.mknod(os.path.join(folder, "null"), 0o600 | stat.S_IFCHR, os.makedev(1, 3))
                with open(os.path.join(folder, "null"), "w"):
                    return True
            except OSError:
                return False


class Proxy:
    """A TCP proxy on loopback.  spoil(data, direction, offset) gives the bytes to pass on, or None to cut."""

    def __init__(self, port, spoil=None, address="127.0.0.1"):
        self.target = (address, port)
        self.spoil = spoil
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
                server = socket.create_connection(self.target)
            except OSError:
                return
            for source, sink, direction in ((peer, server, "up"), (server, peer, "down")):
                threading.Thread(target=self.carry, args=(source, sink, direction), daemon=True).start()

    def carry(self, source, sink, direction):
        offset = 0
        try:
            while data := source.recv(65536):
                n = len(data)
                if self.spoil:
                    data = self.spoil(data, direction, offset)
                if data is None:
                    break
                offset += n
                sink.sendall(data)
        except OSError:
            pass
        for s, how in ((sink, socket.SHUT_RDWR), (source, socket.SHUT_RDWR)):
            try:
                s.shutdown(how)
            except OSError:
                pass

    def close(self):
        self.socket.close()


class BitFlip:
    """A spoil that flips one bit of what the server sends, at a byte offset of the stream."""

    def __init__(self, at, bit=None):
        self.at = at
        self.bit = random.randrange(8) if bit is None else bit
        self.done = False

    def __call__(self, data, direction, offset):
        k = self.at - offset
        if direction == "down" and not self.done and 0 <= k < len(data):
            self.done = True
            data = data[:k] + bytes([data[k] ^ 1 << self.bit]) + data[k + 1:]
        return data


class Simfleet(Server):
    """tests/fleet/simfleet.c as one server; in a command, "fault=..." says how it ends."""

    def __init__(self, build):
        super().__init__("dt-simfleet-")
        self.program = os.path.join(build, "tests/simfleet")
        self.hostkeys = [keygen(self.path("host_ed25519"))]
        self.start()

    def command(self):
        return [self.program, "-p", str(self.port), "-k", self.hostkeys[0]]

    known_hosts = Sshd.known_hosts


class Accounts:
    """A user with a password, for servers that run below wrap: in a mount namespace with a passwd(5) and a
    shadow(5) of its own, so that this machine's stay as they are."""

    USER = "dtuser"
    UID = 64123

    def __init__(self, password):
        self.dir = tempfile.mkdtemp(prefix="dt-accounts-")
        os.chmod(self.dir, 0o755)
        atexit.register(shutil.rmtree, self.dir, ignore_errors=True)
        self.home = os.path.join(self.dir, "home")
        os.makedirs(os.path.join(self.home, ".ssh"), 0o755)
        crypt = ctypes.CDLL("libcrypt.so.1").crypt
        crypt.restype = ctypes.c_char_p
        word = crypt(password.encode(), b"$6$" + os.urandom(8).hex().encode()).decode()
        self.copy("passwd", "%s:x:%d:%d::%s:/bin/sh\n" % (self.USER, self.UID, self.UID, self.home), 0o644)
        self.copy("shadow", "%s:%s:19000:0:99999:7:::\n" % (self.USER, word), 0o600)
        files = ["passwd", "shadow"]
        if os.path.exists("/etc/sudoers"):
            self.copy("sudoers", "%s ALL=(ALL:ALL) ALL\n" % self.USER, 0o440)
            files.append("sudoers")
        self.wrap = ["unshare", "-m", "--propagation", "private", "sh", "-c",
                     "".join("mount --bind %s/%s /etc/%s && " % (self.dir, f, f) for f in files) + "exec \"$@\"", "sh"]

    def copy(self, name, line, mode):
        with open("/etc/" + name) as old, open(os.path.join(self.dir, name), "w") as new:
            os.fchmod(new.fileno(), mode)
            new.write(old.read() + line)

    def authorize(self, keys):
        path = os.path.join(self.home, ".ssh/authorized_keys")
        with open(path, "w") as f:
            f.write("".join(k + "\n" for k in keys))
        for p in (self.home, os.path.dirname(path), path):
            os.chown(p, self.UID, self.UID)

    @staticmethod
    def possible():
        """Root that may make mount namespaces; not in every container."""
        return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "--propagation", "private", "mount", "--bind", "/etc",
                                                     "/etc"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                                    stderr=subprocess.DEVNULL, check=False).returncode == 0
