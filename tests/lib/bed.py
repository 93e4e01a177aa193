"""A test bed: dt in a home of its own, with a key, an inventory and a known_hosts file."""
import json
import os

from daemons import keygen, public
from testing import BUILD, DT, Home, check, ended

HEAVY = int(os.environ.get("DT_TEST_HEAVY", "1"))  # how many times as often the long tests go round


class Bed(Home):
    def __init__(self):
        super().__init__()
        self.key = keygen(self.join("id"))
        self.write("known_hosts", "")
        self.lines = ["[hosts]"]
        self.write("hosts.ini", "[hosts]\n")

    @property
    def authorized(self):
        return [public(self.key)]

    def host(self, names, server, words="", address="127.0.0.1", port=None):
        """Hosts of the inventory (a range, or a name) at a server, whose key is known for them."""
        port = port or server.port
        self.lines.append("%s = %s address=%s port=%d" % (names, words, address, port))
        self.write("hosts.ini", "\n".join(self.lines) + "\n")
        with open(self.join("known_hosts"), "a") as f:
            f.write("".join("[%s]:%d %s\n" % (address, port, public(k)) for k in server.hostkeys))

    def hosts(self, prefix, count, server, words=""):
        """count hosts of loopback addresses of their own, PREFIX1 and so on."""
        for i in range(1, count + 1):
            self.host("%s%d" % (prefix, i), server, words, address="127.1.%d.%d" % (i // 250, i % 250 + 1))

    def command(self, *args):
        """dt's own command line, for tests that start it themselves."""
        return [DT, "-F", self.join("ssh_config"), "-D", self.join("hosts.ini"), "-I", self.key, "--known-hosts",
                self.join("known_hosts"), *args]

    def dt(self, *args, **kw):
        return super().dt("-D", self.join("hosts.ini"), "-I", self.key, "--known-hosts", self.join("known_hosts"),
                          *args, **kw)

    def outcomes(self, *args, status=None, **kw):
        """The "end" objects of a run, by host."""
        done = self.dt("-o", "jsonl", *args, **kw)
        if status is not None:
            ended(done, status)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        ends = {e["host"]: e for e in events if e["event"] == "end"}
        check(len(ends) == sum(e["event"] == "end" for e in events), "a host has two outcomes")
        return ends


__all__ = ["BUILD", "Bed", "HEAVY"]
