"""Files: dt push and pull beside scp, rsync, clush and parallel-scp, to OpenSSH's sshd; for tests/bench/bench.

Each loopback address is a host with a folder of its own in memory (/dev/shm), where its commands begin; so
disks are not measured, and what is to go to disk costs nothing.  The content is random bytes, so that
compression brings nothing.  All have the same ssh_config(5), with key and host keys, and their own defaults
else; what takes one host at a time is started for all of them at once.
"""
import atexit
import os
import random
import shutil
import socket
import subprocess
import tempfile
import threading
from typing import NamedTuple

from measure import Bed, Site, middle, run
from daemons import Sshd, children, wait_for
from testing import DT

MIB = 1 << 20
BIG, SHARED = 256 * MIB, 32 * MIB
FOLDERS, FILES, LEAST, MOST = 100, 100, 100, 4100
LIMIT = 300  # seconds for a run
FAR = 5  # what took so many times as long as dt is not run again, nor what failed
HERE = "in"  # the folder of a host that files go to
SFTP_SERVER = next((p for p in ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server",
                                "/usr/lib/ssh/sftp-server") if os.path.exists(p)), "/usr/libexec/sftp-server")
LOOKED_AT = 8  # hosts whose files are compared with what went, in the first round
SCP_BASED = ("scp", "scp -O", "clush", "parallel-scp")
STEPS = {"push": "", "again": ", again", "pull": ", back"}


class Case(NamedTuple):
    name: str
    source: str
    hosts: int


BIG_1, BIG_8 = Case("files: 256 MiB, 1 host", "big", 1), Case("files: 256 MiB, 8 hosts", "big", 8)
TREE_8 = Case("files: tree of 10,000, 8 hosts", "tree", 8)
MANY = (Case("files: 32 MiB, 100 hosts", "shared", 100), Case("files: tree of 10,000, 100 hosts", "tree", 100))


class Counter:
    """A TCP proxy at all loopback addresses, each to itself, that counts what clients send."""

    def __init__(self, port):
        self.to, self.up, self.lock = port, 0, threading.Lock()
        self.socket = socket.create_server(("0.0.0.0", 0), backlog=200)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client, _ = self.socket.accept()
            server = socket.create_connection((client.getsockname()[0], self.to))
            for source, sink, up in ((client, server, 1), (server, client, 0)):
                threading.Thread(target=self.carry, args=(source, sink, up), daemon=True).start()

    def carry(self, source, sink, up):
        try:
            while data := source.recv(1 << 16):
                with self.lock:
                    self.up += up * len(data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Hosts(Site):
    """OpenSSH's sshd; a command begins in the folder of the address that was called."""

    def __init__(self):
        shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = tempfile.mkdtemp(prefix="dt-bench-", dir=shm)
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        bed = Bed()
        self.server = Sshd(bed.authorized, options=[
            "Subsystem sftp " + SFTP_SERVER,
            'ForceCommand set -- $SSH_CONNECTION; cd %s/$3 && eval "$SSH_ORIGINAL_COMMAND"' % self.folder])
        super().__init__(bed, self.server.port, self.server.hostkeys[0], "127.1.0.1")
        self.counter = Counter(self.port)
        self.through = Site(Bed(), self.counter.port, self.hostkey, "127.1.0.1")
        self.through.bed.key = bed.key

    def source(self, name):
        path = os.path.join(self.folder, "from", name)
        if not os.path.exists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if name == "tree":
                self.make_tree(path)
            else:
                with open(path, "wb") as f:
                    for _ in range((BIG if name == "big" else SHARED) // MIB):
                        f.write(os.urandom(MIB))
        return path

    @staticmethod
    def make_tree(path):
        dice = random.Random(1)
        for i in range(FOLDERS):
            folder = os.path.join(path, "folder%03d" % i)
            os.makedirs(folder)
            for k in range(FILES):
                with open(os.path.join(folder, "file%03d" % k), "wb") as f:
                    f.write(dice.randbytes(dice.randint(LEAST, MOST)))

    def there(self, address):
        return os.path.join(self.folder, address, HERE)

    def pulled(self, address=""):
        return os.path.join(self.folder, "pulled", address)

    def clean(self, n):
        for a in self.addresses(n):
            for path in (self.there(a), self.pulled(a)):
                shutil.rmtree(path, ignore_errors=True)
                os.makedirs(path)

    def quiet(self):
        wait_for(lambda: not children(self.server.process.pid), "the sessions to end")

    def counted(self):
        """Commands, 0, seconds of CPU: since it began."""
        self.quiet()
        with open("/proc/%d/stat" % self.server.process.pid) as f:
            ticks = f.read().rsplit(")", 1)[1].split()[11:15]
        return self.server.log().count("Starting session: "), 0, sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    def sent(self, argv):
        """Bytes that went to all hosts, logins too."""
        before = self.counter.up
        run(argv, self.bed, None, LIMIT)
        self.quiet()
        return self.counter.up - before


def together(addresses, argv):
    """argv, with "{}" for the address, for one of them, or for all at once."""
    if len(addresses) == 1:
        return [a.replace("{}", addresses[0]) for a in argv]
    return ["sh", "-c", 'for h do %s & p="$p $!"; done; for i in $p; do wait $i || s=1; done; exit ${s:-0}' %
            " ".join('"%s"' % a.replace("{}", "$h") for a in argv), "sh", *addresses]


def tools(site, case, through=None):
    """(name, push, pull or None); only those that are installed.  through: the site that it all goes to."""
    f, hosts, source = (through or site).files(case.hosts), site.addresses(case.hosts), site.source(case.source)
    config, tree, name = f["defaults"], os.path.isdir(source), os.path.basename(source)
    dt = [DT, "-F", config, "-D", f["inventory"], "all"]
    r = ["-r"] if tree else []
    scp, rsync = ["scp", "-q", "-F", config], ["rsync", "-a", "-e", "ssh -F " + config]
    there, back = "{}:%s/" % HERE, ("{}:%s/%s" % (HERE, name), site.pulled("{}"))
    yield "dt", [*dt, "push", *r, source, HERE + "/"], [*dt, "pull", *r, "%s/%s" % (HERE, name), site.pulled()]
    for what, argv in (("scp", [*scp, *r]), ("scp -O", [*scp, "-O", *r]), ("rsync", rsync)):
        if shutil.which(argv[0]):
            yield what, together(hosts, [*argv, source, there]), together(hosts, [*argv, *back])
    if shutil.which("clush"):
        yield "clush", ["clush", "-S", "--hostfile", f["hosts"], "-o", "-F " + config, "--copy", source, "--dest",
                        HERE + "/"], None
    if shutil.which("parallel-scp"):
        # it wants a path that begins with a slash
        yield "parallel-scp", ["parallel-scp", "-t", "0", "-h", f["hosts"], "-x", "-F " + config, *r, source,
                               "/proc/self/cwd/%s" % HERE], None


def differs(site, case, where):
    """Is what arrived not what went?"""
    source = site.source(case.source)
    return any(subprocess.run(["diff", "-rq", source, os.path.join(where(a), os.path.basename(source))],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              check=False).returncode for a in site.addresses(min(case.hosts, LOOKED_AT)))


def where_dt_pulls(site, address):
    return site.pulled("host%05d.example" % (site.addresses(1000).index(address) + 1))


def step(site, case, argv, where):
    r = run(argv, site.bed, None, LIMIT, "pss", site)
    return r._replace(status=99) if where and r.status == 0 and differs(site, case, where) else r


def measure(site, case, rounds):
    """{step: {tool: its figures}}: the push to where nothing is, the same again, and back."""
    runs, sent = {s: {} for s in STEPS}, {}
    for i in range(rounds):
        for name, push, pull in tools(site, case):
            first = runs["push"].get(name, [None])[0]
            if first and (first.status or first.wall > FAR * runs["push"]["dt"][0].wall):
                continue
            site.clean(case.hosts)
            todo = [("push", push, site.there)]
            if i == 0 or name not in SCP_BASED:  # those send all again, whatever is there
                todo.append(("again", push, site.there))
            if pull:
                todo.append(("pull", pull, site.pulled if name != "dt" else lambda a: where_dt_pulls(site, a)))
            for what, argv, where in todo:
                r = step(site, case, argv, where if i == 0 else None)
                runs[what].setdefault(name, []).append(r)
                if r.status:
                    break
            if i == 0 and name not in SCP_BASED:
                sent[name] = site.sent(next(t[1] for t in tools(site, case, site.through) if t[0] == name))
            if name == "dt":
                shutil.rmtree(site.pulled())
    site.clean(case.hosts)
    return {s: {name: figures(got, sent.get(name) if s == "again" else None) for name, got in found.items()}
            for s, found in runs.items()}


def figures(got, sent=None):
    m = middle(got)
    fault = {0: "", -1: "took more than %d s" % LIMIT, 99: "other files arrived"}.get(m.status, "exit %d" % m.status)
    return dict(m._asdict(), rounds=len(got), fault=fault, sent=sent)


def fastest(found, names):
    walls = [found[n]["wall"] for n in names if n in found and not found[n]["fault"]]
    return min(walls) if walls else None


def table(title, hosts, found):
    dt = found.get("dt")
    yield title
    yield "%-16s %6s %8s %8s %8s %7s %8s %9s %10s %9s" % ("", "rounds", "wall s", "CPU s", "server s", "MiB", "MiB all",
                                                         "execs/hst", "KiB sent", "wall x dt")
    for name, r in found.items():
        yield "%-16s %6d %8.2f %8.2f %8.2f %7.1f %8.1f %9.1f %10s %9.2f%s" % (
            name, r["rounds"], r["wall"], r["cpu"], r["server_cpu"], r["mib"], r["all_mib"], r["execs"] / hosts,
            "" if r["sent"] is None else "%.1f" % (r["sent"] / hosts / 1024), r["wall"] / dt["wall"],
            "  " + r["fault"] if r["fault"] else "")
    yield ""


def files(only, rounds, say):
    """[case with its steps]; says a table for each."""
    site, results = None, []
    for case in (BIG_1, BIG_8, TREE_8, *MANY):
        if only not in case.name:
            continue
        site = site or Hosts()
        if case in MANY:
            site.clean(case.hosts)
            push = next(tools(site, case))[1]
            steps = {"push": {"dt": figures([step(site, case, push, site.there)])},
                     "again": {"dt": figures([step(site, case, push, None)],
                                             site.sent(next(tools(site, case, site.through))[1]))}, "pull": {}}
            for a in site.addresses(case.hosts):
                shutil.rmtree(os.path.join(site.folder, a))
        else:
            steps = measure(site, case, rounds)
        results.append(dict(case._asdict(), steps=steps))
        for what, found in steps.items():
            if found:
                say(*table(case.name + STEPS[what], case.hosts, found))
    if site:
        shutil.rmtree(site.folder)
    return results


def file_targets(results):
    """(what, figure or None, target, unit): the figure is to be at most the target."""
    by_name = {r["name"]: r for r in results}

    def steps(case, what):
        return by_name[case.name]["steps"][what] if case.name in by_name else {}

    def figure(case, what, field, each=1.0):
        r = steps(case, what).get("dt")
        return r[field] / each if r and not r["fault"] and r[field] is not None else None

    def ratio(case, names):
        found = steps(case, "push")
        dt, other = fastest(found, ("dt",)), fastest(found, names)
        return dt / other if dt and other else None

    for case in (BIG_1, BIG_8):
        yield "wall of dt / of the fastest other; " + case.name, ratio(case, (*SCP_BASED, "rsync")), 1.0, ""
    yield "wall of dt / of the fastest based on scp; " + TREE_8.name, ratio(TREE_8, SCP_BASED), 1 / 3, ""
    for case in MANY:
        yield "biggest process; " + case.name, figure(case, "push", "mib"), 64, "MiB"
        yield "all processes together; " + case.name, figure(case, "push", "all_mib"), 64, "MiB"
    for case in (BIG_1, BIG_8, TREE_8, *MANY):
        yield "commands a host, nothing changed; " + case.name, figure(case, "again", "execs", case.hosts), 1, ""
    for case in (BIG_1, BIG_8, MANY[0]):
        # a login and a script
        yield ("KiB that a host is sent, nothing changed; " + case.name, figure(case, "again", "sent", case.hosts * 1024), 16,
               "KiB")


__all__ = ["file_targets", "files"]
