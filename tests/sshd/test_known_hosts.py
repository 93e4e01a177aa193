#!/usr/bin/env -S python3 -B
"""200 known_hosts files made at random, each with a real server: ssh(1)'s verdict, and dt's over both transports.

The same seed makes the same cases (DT_TEST_SEED, DT_TEST_CASES).  The verdicts: known, new (recorded), unknown,
changed, revoked.
"""
import base64
import concurrent.futures
import hashlib
import hmac
import json
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed  # noqa: E402
from daemons import Sshd, keygen, public, run  # noqa: E402
from testing import check, equal, main  # noqa: E402

SEED = int(os.environ.get("DT_TEST_SEED", "12"))
CASES = int(os.environ.get("DT_TEST_CASES", "200"))
WAYS = ("ssh", "auto", "openssh")

bed = Bed()
rng = random.Random(SEED)
KINDS = ("ed25519", "ecdsa", "rsa")
strange = {k: keygen(bed.join("strange_" + k), k, 2048 if k == "rsa" else None) for k in KINDS}
authority = keygen(bed.join("ca"))
servers = [Sshd(bed.authorized, hostkeys=kinds) for kinds in
           (("ed25519",), KINDS, ("ecdsa", "rsa"), ("rsa",), ("ed25519", "rsa"))]


def with_certificate():
    server = Sshd(bed.authorized, start=False)
    run("ssh-keygen", "-q", "-s", authority, "-I", "host", "-h", server.hostkeys[0] + ".pub")
    server.options = ["HostCertificate %s-cert.pub" % server.hostkeys[0]]
    return server.start()


servers.append(with_certificate())


def hashed(name):
    salt = rng.randbytes(20)
    return "|1|%s|%s" % tuple(base64.b64encode(b).decode() for b in
                              (salt, hmac.new(salt, name.encode(), hashlib.sha1).digest()))


class Case:
    """A host of ssh_config, and the files that are to know it."""

    def __init__(self, number):
        self.number, self.name = number, "c%d" % number
        self.server = rng.choice(servers)
        last = number % 250 + 1
        self.address = "127.9.%d.%d" % (number // 250, last)
        a = 127 << 24 | 9 << 16 | number // 250 << 8 | last
        self.typed = rng.choice((self.address, "127.9.%d" % (a & 0xffff), str(a), hex(a), "0177.011.%d.%d" % (number // 250, last)))
        self.alias = rng.choice((None,) * 5 + ("Service%d" % number, "[web%d]:2222" % number))
        self.strict = rng.choice(("yes", "yes", "ask", "accept-new", "accept-new"))
        self.hash = rng.choice((None, "yes", "no"))
        self.files = ["".join(self.line() for _ in range(rng.randrange(4))) for _ in range(rng.choice((1, 1, 2)))]
        self.all = "".join(self.line() for _ in range(rng.choice((0, 0, 0, 1, 2))))

    def names(self):
        name = self.alias.lower() if self.alias else "[%s]:%d" % (self.address, self.server.port)
        kind = rng.randrange(15)
        if kind < 5:
            return name
        return (hashed(name), hashed(name), self.address, "other.example.org," + name.upper(), "[127.9.*]:%d" % self.server.port,
                "*", "*,!" + name, self.typed, "[%s]:%d" % (self.address, self.server.port ^ 1), "[%s]:%d" % (self.typed, self.server.port)
                )[kind - 5]

    def line(self):
        marker = rng.choice(("",) * 8 + ("@revoked ", "@cert-authority "))
        if marker == "@cert-authority ":
            key = rng.choice((authority, authority, strange["ed25519"]))
        elif rng.random() < 0.55:
            key = rng.choice(self.server.hostkeys)
        else:
            key = strange[rng.choice(KINDS)]
        text = "%s%s %s\n" % (marker, self.names(), public(key))
        return rng.choice(("",) * 9 + ("junk\n", "# a note\n")) + text

    def config(self, way):
        paths = [self.path(way, i) for i in range(len(self.files))]
        everybody = self.path(way, 9)
        for path, text in zip(paths + [everybody], self.files + [self.all]):
            with open(path, "w") as f:
                f.write(text)
        return "Host %s\n HostName %s\n Port %d\n UserKnownHostsFile %s\n GlobalKnownHostsFile %s\n StrictHostKeyChecking %s\n%s%s" % (
            self.name, self.typed, self.server.port, " ".join(paths), everybody, self.strict,
            " HostKeyAlias %s\n" % self.alias if self.alias else "", " HashKnownHosts %s\n" % self.hash if self.hash else "")

    def path(self, way, i):
        return bed.join("%s_%d_%d" % (way, self.number, i))

    def grown(self, way):
        """What was added to the files: the key, and whether its name can be read."""
        added = []
        for i, before in enumerate(self.files):
            with open(self.path(way, i)) as f:
                text = f.read()
            check(text.startswith(before), self.name, "a line was lost")
            # HashKnownHosts not set: dt does as the file does, ssh writes plain names
            added += [(i, line.split(" ", 1)[1], line.startswith("|") if self.hash else None)
                      for line in text[len(before):].splitlines() if line]
        return added


def by_ssh(case, config):
    done = subprocess.run(["ssh", "-F", config, "-o", "BatchMode=yes", "-o", "KexAlgorithms=^curve25519-sha256", "-i", bed.key, case.name,
                           "true"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
                          env=bed.env)
    words = done.stderr.decode(errors="replace")
    # known by the bare name that it is revoked for: to ssh, at another port, that is no reason against a new one; to dt it is
    if "REVOKED HOST KEY" in words:
        return "revoked"
    if done.returncode == 0:
        return "new" if "Permanently added" in words else "known"
    if "IDENTIFICATION HAS CHANGED" in words:
        return "changed"
    check("Host key verification failed" in words, case.name, words)
    return "unknown"


def by_dt(cases, config, transport):
    done = super(Bed, bed).dt("-F", config, "-I", bed.key, "--transport", transport, "-T", "60s", "-C", "8", "-o", "jsonl",
                              "sys:" + ",".join(c.name for c in cases), "ssh", "true")
    verdicts, reasons = {}, {}
    for end in map(json.loads, done.stdout.splitlines()):
        if end["event"] != "end":
            continue
        reason = reasons[end["host"]] = end["reason"] or ""
        case = cases[int(end["host"][1:])]
        if end["status"] == "ok":
            verdicts[end["host"]] = "new" if case.grown(transport) else "known"
        else:
            equal(end["status"], "hostkey", (end["host"], reason))
            verdicts[end["host"]] = "changed" if "KEY CHANGED" in reason else "revoked" if "is revoked" in reason else "unknown"
    return verdicts, reasons


def test_beside_ssh():
    cases = [Case(i) for i in range(CASES)]
    configs = {way: bed.write("conf_" + way, "".join(c.config(way) for c in cases)) for way in WAYS}
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        wanted = dict(zip((c.name for c in cases), pool.map(lambda c: by_ssh(c, configs["ssh"]), cases)))
    wrong = []
    for way in WAYS[1:]:
        found, reasons = by_dt(cases, configs[way], way)
        for c in cases:
            grown, by_judge = c.grown(way), c.grown("ssh")
            if found[c.name] != wanted[c.name] or (grown != by_judge and wanted[c.name] != "revoked"):
                wrong.append("%s by %s: ssh %s %s, dt %s %s %s; the host has %s\n%s-- files:\n%s-- for all:\n%s" % (
                    c.name, way, wanted[c.name], by_judge, found[c.name], grown, reasons[c.name],
                    ", ".join(public(k) for k in c.server.hostkeys), c.config("again"), "--\n".join(c.files), c.all))
    counts = {v: sum(w == v for w in wanted.values()) for v in sorted(set(wanted.values()))}
    print("# %d cases: %s" % (len(cases), ", ".join("%d %s" % (n, v) for v, n in counts.items())))
    equal(sorted(counts), ["changed", "known", "new", "revoked", "unknown"])
    print("".join("# %s\n" % line for text in wrong for line in text.splitlines()), end="")
    equal(len(wrong), 0, "cases that differ: ")


if __name__ == "__main__":
    main(globals())
