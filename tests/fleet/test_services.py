#!/usr/bin/env -S python3 -B
"""The services of a simulated fleet: one command a host, whatever their number.

DT_TEST_HEAVY=2: 1,000 hosts, and beside it what clush and sv(8) take.
"""
import json
import os
import shutil
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from fleet import Fleet, name  # noqa: E402
from testing import check, ended, equal, main  # noqa: E402

HEAVY = int(os.environ.get("DT_TEST_HEAVY", "1"))
HOSTS = 1000 if HEAVY > 1 else 200
SERVICES = 20
AGE = 3 * 86400 + 4 * 3600 + 120
NOW = int(time.time())


def status(pid, want=b"u"):
    """supervise/status of runit: TAI64N, pid, paused, want, TERM, state."""
    return struct.pack(">QI", (1 << 62) + 10 + NOW - AGE, 0) + struct.pack("<I", pid) + b"\0" + want + b"\0" + bytes([pid > 0])


def answer(down=()):
    """What the command of service prints on a host (modules/service/common.sh)."""
    return "dt-service %d /var/service\n" % NOW + "".join(
        "S y %s %s - - - - service%02d/\n" % ("u", status(0 if i in down else 1000 + i).hex(), i) for i in range(SERVICES)
    ) + "dt-service end\n"


def words():
    """The same, as sv(8) says it."""
    return "".join("run: /var/service/service%02d: (pid %d) %ds\\n" % (i, 1000 + i, AGE) for i in range(SERVICES))


rules = "".join("[%s]\ncommand = *dt-service*\nstdout_file = @%s\n" % (who, what)
                for who, what in (("*", "fine"), (name(7), "bad")))


class Services(Fleet):
    def write(self, path, text, mode=0o644):
        if path == "rules.ini":
            for what, down in (("fine", ()), ("bad", (3,))):
                super().write(what, answer(down))
                text = text.replace("@" + what, self.join(what))
            text += "[*]\ncommand = sv*\nstdout_file = %s\n" % super().write("sv", words().replace("\\n", "\n"))
        return super().write(path, text, mode)


def test_status():
    fleet = Services(rules, HOSTS)
    began = time.monotonic()
    done = ended(fleet.dt("-o", "jsonl", "all", "service", "status"), 5)
    seconds = time.monotonic() - began
    ends = {e["host"]: e for e in map(json.loads, done.stdout.splitlines()) if e["event"] == "end"}
    equal(len(ends), HOSTS)
    for host, e in ends.items():
        equal((e["status"], len(e["rows"])), ("failed" if host == name(7) else "ok", SERVICES), host)
        row = e["rows"][4]
        equal((row["name"], row["state"], row["pid"], row["want"], row["normally"], row["paused"]),
              ("service04", "run", 1004, "up", "up", False))
        check(AGE <= row["uptime"] < AGE + 60, row)
    check("service03 down" in ends[name(7)]["stdout"].split("\n")[0], ends[name(7)])
    print("# %d services of each of %d hosts: %.2f s" % (SERVICES, HOSTS, seconds))
    if HEAVY > 1 and shutil.which("clush"):
        beside(fleet)
    counted = fleet.end()
    equal(counted["execs"], HOSTS * (2 if HEAVY > 1 and shutil.which("clush") else 1), "one command a host")


def beside(fleet):
    hosts = fleet.write("names", "".join(json.loads(l)["address"] + "\n" for l in fleet.dt(
        "-p", "-o", "jsonl", "all", "ssh", "x").stdout.splitlines() if '"plan"' in l))
    config = fleet.write("clush_config", "Host *\nPort %d\nUser root\nIdentityFile %s\nStrictHostKeyChecking no\n"
                         "UserKnownHostsFile /dev/null\nLogLevel ERROR\nKexAlgorithms curve25519-sha256\n" % (fleet.port, fleet.key))
    began = time.monotonic()
    done = subprocess.run(["clush", "-f", "100", "--hostfile", hosts, "-o", "-F " + config, "sv status /var/service/*"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    equal(done.stdout.count("run: /var/service/"), HOSTS * SERVICES, done.stdout[-300:])
    print("# clush and sv: %.2f s" % (time.monotonic() - began))


if __name__ == "__main__":
    main(globals())
