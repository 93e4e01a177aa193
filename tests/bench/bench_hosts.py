#!/usr/bin/env -S python3 -B
"""dt beside pdsh, clush and parallel-ssh: "true" on many addresses of one sshd on loopback.

    make bench        or: tests/bench/bench_hosts.py [HOSTS [FANOUT [ROUNDS]]]

Whole processes: the tool and all that it starts, not the sshd.  The tools take turns, round by round;
medians.  Those that are not installed are left out.  The table goes to build/bench/hosts.txt too.
"""
import os
import resource
import shutil
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import BUILD, Bed  # noqa: E402
from daemons import Sshd, public  # noqa: E402
from testing import DT  # noqa: E402

HOSTS, FANOUT, ROUNDS = (int(a) for a in (sys.argv[1:] + ["200", "50", "5"][len(sys.argv) - 1:]))


def addresses():
    return ["127.1.%d.%d" % (i // 250, i % 250 + 1) for i in range(1, HOSTS + 1)]


def set_up():
    bed = Bed()
    server = Sshd(bed.authorized)
    known = bed.write("known_hosts", "".join("[%s]:%d %s\n" % (a, server.port, public(server.hostkeys[0]))
                                             for a in addresses()))
    common = "Host *\n Port %d\n IdentityFile %s\n IdentitiesOnly yes\n UserKnownHostsFile %s\n" \
             " StrictHostKeyChecking yes\n" % (server.port, bed.key, known)
    bed.write("ssh_config", common)
    bed.write("ssh_config.fast", common + " KexAlgorithms curve25519-sha256\n")
    bed.write("hosts", "".join(a + "\n" for a in addresses()))
    return bed


def commands(bed):
    """(name, argv, environment)"""
    fast, slow, hosts = bed.join("ssh_config.fast"), bed.join("ssh_config"), bed.join("hosts")
    yield "dt", [DT, "-F", slow, "-C", str(FANOUT), "file:" + hosts, "ssh", "true"], {}
    yield "dt, transport openssh", [DT, "-F", slow, "--transport", "openssh", "-C", str(FANOUT), "file:" + hosts, "ssh",
                                    "true"], {}
    for config, what in ((fast, "ssh with curve25519"), (slow, "ssh's defaults")):
        if shutil.which("pdsh"):
            yield ("pdsh, " + what, ["pdsh", "-R", "ssh", "-f", str(FANOUT), "-w", "^" + hosts, "true"],
                   {"PDSH_SSH_ARGS_APPEND": "-F " + config})
        if shutil.which("clush"):
            yield "clush, " + what, ["clush", "-f", str(FANOUT), "--hostfile", hosts, "-o", "-F " + config, "true"], {}
        if shutil.which("parallel-ssh"):
            yield ("parallel-ssh, " + what, ["parallel-ssh", "-p", str(FANOUT), "-h", hosts, "-x", "-F " + config, "true"],
                   {})


def measure(argv, env, bed):
    """(exit status, wall seconds, CPU seconds, MiB at the most of one process)"""
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        null = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.execvpe(argv[0], argv, dict(bed.env, **env))
    # What it has waited for counts as its own children's.
    _, status, usage = os.wait4(pid, 0)
    return (os.waitstatus_to_exitcode(status), time.monotonic() - began, usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss / 1024)


def main():
    bed = set_up()
    runs = {}
    for _ in range(ROUNDS):
        for name, argv, env in commands(bed):
            runs.setdefault(name, []).append(measure(argv, env, bed))
    lines = ["%d hosts (addresses of one sshd here), %d at a time, medians of %d rounds" % (HOSTS, FANOUT, ROUNDS), "",
             "%-36s %9s %9s %12s %8s %7s" % ("", "wall s", "CPU s", "CPU ms/host", "MiB", "x dt")]
    floor = statistics.median(r[2] for r in runs["dt"])
    for name, results in runs.items():
        wall, cpu, mib = (statistics.median(r[i] for r in results) for i in (1, 2, 3))
        failed = sum(r[0] != 0 for r in results)
        lines.append("%-36s %9.2f %9.2f %12.2f %8.1f %7.1f%s" % (name, wall, cpu, cpu * 1000 / HOSTS, mib, cpu / floor,
                                                                "   %d runs failed" % failed if failed else ""))
    text = "\n".join(lines) + "\n"
    print(text, end="")
    os.makedirs(os.path.join(BUILD, "bench"), exist_ok=True)
    with open(os.path.join(BUILD, "bench/hosts.txt"), "w") as f:
        f.write(text)
    return 1 if any(r[0] for r in runs["dt"]) else 0


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    sys.exit(main())
