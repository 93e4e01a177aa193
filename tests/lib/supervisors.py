"""Service folders that runit, daemontools or s6 keep watch over, as tests use them."""
import atexit
import ctypes
import functools
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from bed import Bed
from daemons import Sshd, wait_for
from testing import ROOT, check, ended, equal

TABLE = bool(os.environ.get("DT_TEST_HEAVY"))  # show what both say of each verb

# What a supervisor leaves behind when it ends comes to us, and not to a process 1 that may be slow to reap.
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

SLEEP = "#!/bin/sh\nexec sleep 1000\n"
DIES = "#!/bin/sh\nexit 1\n"
# Told to end, it does so when the file "end" is there.
SLOW = "#!/bin/sh\ntrap 'while [ ! -e end ]; do sleep 0.05; done; exit' TERM\nwhile :; do sleep 0.05; done\n"
LOGGED = "#!/bin/sh\ni=0; while [ $i -lt 20 ]; do i=$((i+1)); echo line $i; done\nexec sleep 1000\n"
LOGGER = "#!/bin/sh\nexec svlogd ./main\n"
# Writes down each signal that comes.
SIGNALS = "#!/bin/sh\nfor s in HUP ALRM INT QUIT USR1 USR2 TERM; do trap \"echo $s >> got\" $s; done\n" \
          "echo begun >> got\nwhile :; do sleep 0.05; done\n"


def inside(folder):
    """Processes that work there."""
    found = []
    for name in os.listdir("/proc"):
        try:
            where = os.readlink("/proc/%s/cwd" % name) if name.isdigit() else ""
        except OSError:
            continue
        if where == folder or where.startswith(folder + "/"):
            found.append(int(name))
    return found


class Services:
    """A folder of services; start() runs a scanner over it."""

    SCANNERS = {"runit": ["runsvdir"], "daemontools": ["svscan"], "s6": ["s6-svscan"]}

    def __init__(self, kind="runit", path=None):
        self.kind = kind
        self.path = path or tempfile.mkdtemp(prefix="dt-services-")
        os.makedirs(self.path, exist_ok=True)
        os.chmod(self.path, 0o755)
        self.process = None
        atexit.register(self.remove)

    def join(self, *names):
        return os.path.join(self.path, *names)

    def put(self, name, text, mode=0o755):
        path = self.join(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb" if isinstance(text, bytes) else "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def service(self, name, run=SLEEP, down=False, log=None):
        """A whole one at once: a scanner that looks meanwhile sees all of it, or nothing."""
        new = "." + name + ".new"
        self.put(new + "/run", run)
        if down:
            self.put(new + "/down", "", 0o644)
        if log:
            self.put(new + "/log/run", log)
            os.mkdir(self.join(new, "log/main"))
        os.rename(self.join(new), self.join(name))
        return self

    def start(self):
        with open(self.join(".scanner"), "wb") as log:
            self.process = subprocess.Popen(self.SCANNERS[self.kind] + [self.path], cwd=self.path,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        names = [n for n in os.listdir(self.path) if not n.startswith(".")]
        wait_for(lambda: all(os.path.exists(self.join(n, "supervise/status")) for n in names), "the supervisors")
        for n in names:
            if not os.path.exists(self.join(n, "down")) and n != "dies":
                self.wait(n, pid=True)
        return self

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait(30)
            self.process = None
        while pids := inside(self.path):
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                try:
                    os.waitpid(pid, 0)
                except ChildProcessError:
                    pass  # it is another's, and comes to us when that has gone

    def remove(self):
        self.stop()
        shutil.rmtree(self.path, ignore_errors=True)

    def says(self, name):
        """What sv(8), svstat(8) or s6-svstat(8) says of it."""
        command = {"runit": ["sv", "status"], "daemontools": ["svstat"], "s6": ["s6-svstat"]}[self.kind]
        done = subprocess.run(command + [self.join(name)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        return done.stdout.strip()

    def parsed(self, name):
        """That as numbers and words."""
        text = self.says(name).replace(self.join(name), "")
        first = text.split(";")[0]
        pid = re.search(r"pid (\d+)", first)
        seconds = re.search(r"(\d+)s|(\d+) seconds", first)
        want = re.search(r"want (\w+)", first)
        return {"pid": int(pid.group(1)) if pid else None, "paused": ", paused" in first,
                "seconds": int(seconds.group(1) or seconds.group(2)) if seconds else None,
                "want": want.group(1) if want else None}

    def pid(self, name):
        return self.parsed(name)["pid"]

    def wait(self, name, pid=None, **wanted):
        def there():
            now = self.parsed(name)
            return (pid is None or bool(now["pid"]) == pid) and all(now[k] == v for k, v in wanted.items())
        wait_for(there, "%s: %s" % (name, wanted))
        return self.parsed(name)["pid"]


# ---- without a supervisor ----

def status_file(pid=4711, want=b"u", state=1):
    since = (int(time.time()) + 2 ** 62 + 10).to_bytes(8, "big")
    return since + bytes(4) + pid.to_bytes(4, "little") + b"\0" + want + b"\0" + bytes([state])


def pipes(folder, name, *pipe, status=None):
    """A service without a supervisor, and with these named pipes."""
    shutil.rmtree(folder.join(name), ignore_errors=True)
    folder.put(name + "/run", "#!/bin/sh\n")
    os.mkdir(folder.join(name, "supervise"))
    for p in pipe:
        os.mkfifo(folder.join(name, "supervise", p), 0o600)
    if status is not None:
        folder.put(name + "/supervise/status", status, 0o644)


def reader(folder, name, pipe):
    """A reader that stands still."""
    return os.open(folder.join(name, "supervise", pipe), os.O_RDONLY | os.O_NONBLOCK)


SHELLS = (["dash"], ["bash"], ["bash", "--posix"], ["busybox", "sh"])


def shell_text(*names):
    """As the Makefile makes it."""
    text = ""
    for name in names:
        with open(os.path.join(ROOT, "modules/service", name)) as f:
            text += "".join(line.strip() + " " for line in f if line.strip() and not line.lstrip().startswith("#"))
    return text


# ---- hosts of a test program ----

bed = Bed()
os.chmod(bed.path, 0o755)
folders = {}  # by host


def host(name, folder, server=None, address=None):
    """A host with the tag web, whose services those of a folder are."""
    folders[name] = folder
    bed.host(name, server or Sshd(bed.authorized), "web service_dir=" + folder.path,
             address=address or "127.0.0.%d" % (len(folders) + 1))


def service(*args, hosts="tag:web", status=0):
    """The lines of each host, without what says that it failed."""
    done = ended(bed.dt(hosts, "service", *args), status)
    lines = {}
    for line in done.stdout.splitlines():
        word, _, _, module, name, message = line.split(":", 5)
        equal((word, module), ("okay" if status == 0 else "fail", "service"), line)
        lines[name] = (message.removeprefix("exit 1: ") if status else message).split("\\n")
    return lines


def one(*args, status=0):
    """The line of one service on one host: (host, verb, name, ...)."""
    lines = service(*args[1:], hosts=args[0], status=status)[args[0]]
    equal(len(lines), 1, lines)
    return lines[0]


def rows(*args, hosts="tag:web", status=None):
    ends = bed.outcomes(hosts, "service", *args, status=status)
    return {name: {row["name"]: row for row in end["rows"]} for name, end in ends.items()}


def agree(folder, row, began):
    """dt and the supervisor's own tool say the same of a service; dt was asked after began, and the tool is now."""
    said = folder.parsed(row["name"])
    equal((row["pid"], row["paused"]), (said["pid"], said["paused"]), row)
    later = said["seconds"] - (row["uptime"] if row["pid"] else row["downtime"])
    check(-1 <= later <= time.monotonic() - began + 1, row, said)
    return said


def words(line):
    """"nginx run pid=1" as {"name": "nginx", "state": "run", "pid": "1"}."""
    parts = line.split(": ")[0].split()
    return {"name": parts[0], "state": parts[1], **dict(p.split("=", 1) for p in parts[2:])}


def beside(what, name, line, of):
    """In the table: our line, and what the supervisor's own tool says."""
    if TABLE and name == next(iter(folders)):
        print("# %-22s %-68s | %s" % (what, line, folders[name].says(of).replace(folders[name].path + "/", "")))


def at_once(*works):
    """Tests that wait more than they work: the first that is called starts them all; each is a test of its own."""
    pool, running = ThreadPoolExecutor(len(works)), []

    def result(i):
        if not running:
            running.extend(pool.submit(work) for work in works)
        running[i].result()
    return [functools.partial(result, i) for i in range(len(works))]
