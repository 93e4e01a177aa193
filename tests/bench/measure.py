"""Runs of programs with what they took, and the servers that they run against."""
import ipaddress
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
from typing import NamedTuple

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import BUILD, Bed  # noqa: E402
from daemons import Sshd, public  # noqa: E402
from fleet import Fleet  # noqa: E402

METER, FLOOR = os.path.join(BUILD, "tests/meter"), os.path.join(BUILD, "tests/floor")
COUNTED = re.compile(r"accepted \d+ dropped \d+ logins \d+ execs (\d+) peak (\d+) cpu ([\d.]+) s")


class Run(NamedTuple):
    status: int         # -1: took too long
    wall: float         # seconds
    cpu: float          # seconds, of all processes
    mib: float          # of the biggest process
    all_mib: float      # of all at a time; 0: not looked at
    server_cpu: float   # seconds; 0: not known
    execs: int          # commands that the server saw; -1: not known


def share(pid):
    """Bytes of a process, with its share of the pages that it has in common with others."""
    try:
        with open("/proc/%d/smaps_rollup" % pid) as f:
            return next((int(line.split()[1]) * 1024 for line in f if line.startswith("Pss:")), 0)
    except OSError:
        return 0


class Family(threading.Thread):
    """Sums the memory of all processes below one, five times a second: shared pages once, or each time."""

    def __init__(self, pid, once):
        super().__init__(daemon=True)
        self.pid, self.once, self.most, self.over = pid, once, 0, threading.Event()
        self.start()

    def run(self):
        page = os.sysconf("SC_PAGESIZE")
        while not self.over.wait(0.2):
            below, pages = {}, {}
            for entry in filter(str.isdigit, os.listdir("/proc")):
                try:
                    with open("/proc/%s/stat" % entry) as f:
                        fields = f.read().rsplit(")", 1)[1].split()
                except OSError:
                    continue
                below.setdefault(int(fields[1]), []).append(int(entry))
                pages[int(entry)] = int(fields[21]) * page
            total, todo = 0, list(below.get(self.pid, []))
            while todo:
                pid = todo.pop()
                total += share(pid) if self.once else pages[pid]
                todo += below.get(pid, [])
            self.most = max(self.most, total)

    def end(self):
        self.over.set()
        self.join()
        return self.most / 2**20


def run(argv, bed, env=None, limit=120, family=None, server=None):
    """family: "rss" or "pss" for all_mib, counting shared pages each time or once."""
    server = server if server and server.counted else None
    before = server.counted() if server else None
    process = subprocess.Popen([METER, bed.join("meter"), str(limit), *argv], env=dict(bed.env, **(env or {})), cwd=bed.path,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    watch = Family(process.pid, family == "pss") if family else None
    process.wait()
    all_mib = watch.end() if watch else 0.0
    status, wall, cpu, kib = bed.read("meter").split()
    after = server.counted() if server else None
    return Run(int(status), float(wall), float(cpu), int(kib) / 1024, all_mib, after[2] - before[2] if server else 0.0,
               after[0] - before[0] if server else -1)


def middle(runs):
    """The median of each figure; the worst status."""
    m = [statistics.median(r[i] for r in runs) for i in range(len(Run._fields))]
    m[0] = next((r.status for r in runs if r.status), 0)
    return Run(*m)


class Site:
    """Hosts on a server: files for dt and for the others, of the first n of them."""

    def __init__(self, bed, port, hostkey, first):
        self.bed, self.port, self.hostkey, self.first = bed, port, hostkey, int(ipaddress.ip_address(first))
        self.made = {}

    def addresses(self, n):
        return [str(ipaddress.ip_address(self.first + i)) for i in range(n)]

    def files(self, n):
        """{inventory, known, hosts, defaults, fast}: paths; the last two are ssh_config(5), fast with curve25519."""
        if n not in self.made:
            a, write = self.addresses(n), lambda name, text: self.bed.write("%s-%d" % (name, n), text)
            f = {"known": write("known", "".join("[%s]:%d %s\n" % (x, self.port, public(self.hostkey)) for x in a)),
                 "inventory": write("inventory", "[hosts]\n" + "".join(
                     "host%05d.example = linux rack=r%02d address=%s port=%d\n" % (i + 1, i % 40, x, self.port)
                     for i, x in enumerate(a))),
                 "hosts": write("hosts", "".join(x + "\n" for x in a)),
                 "ansible": write("ansible", "".join(x + "\n" for x in a))}
            config = ("Host *\n Port %d\n IdentityFile %s\n IdentitiesOnly yes\n UserKnownHostsFile %s\n"
                      " StrictHostKeyChecking yes\n" % (self.port, self.bed.key, f["known"]))
            f["defaults"], f["fast"] = write("config", config), write("fast", config + " KexAlgorithms curve25519-sha256\n")
            self.made[n] = f
        return self.made[n]


class Simulated(Site):
    """The simulated fleet with a round trip of so many ms."""

    def __init__(self, rtt):
        self.fleet = Fleet("[*]\nrtt = %dms\n" % rtt if rtt else "", 1)
        super().__init__(self.fleet, self.fleet.port, self.fleet.hostkey, "127.64.0.1")

    def counted(self):
        """Commands, connections at a time at the most, seconds of CPU: since it began."""
        self.fleet.process.send_signal(signal.SIGUSR1)
        found = COUNTED.search(self.fleet.process.stderr.readline())
        return int(found.group(1)), int(found.group(2)), float(found.group(3))


class Real(Site):
    """OpenSSH's sshd."""

    def __init__(self):
        bed = Bed()
        self.server = Sshd(bed.authorized)
        super().__init__(bed, self.server.port, self.server.hostkeys[0], "127.1.0.1")

    counted = None


__all__ = ["BUILD", "Bed", "FLOOR", "Real", "Simulated", "Site", "middle", "run"]
