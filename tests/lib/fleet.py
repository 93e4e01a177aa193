"""A simulated fleet (tests/fleet/simfleet.c), and dt on it."""
import os
import re
import signal
import subprocess

from bed import BUILD, Bed
from daemons import keygen
from testing import check, equal

PROGRAM = os.path.join(BUILD, "tests/simfleet")
STATISTICS = re.compile(r"simfleet: accepted (\d+) dropped (\d+) logins (\d+) execs (\d+) peak (\d+) cpu ")


def name(n):
    return "sim%05d.fleet" % n


class Fleet(Bed):
    """simfleet with rules, and dt's inventory and known_hosts for its hosts."""

    def __init__(self, rules="", count=300, options=()):
        super().__init__()
        self.hostkey = keygen(self.join("hostkey"))
        self.process = subprocess.Popen(
            [PROGRAM, "-k", self.hostkey, "-r", self.write("rules.ini", rules), *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        word, port = self.process.stdout.readline().split()
        equal(word, "ready")
        self.port = int(port)
        self.write("hosts.ini", self.list("--inventory", count))
        self.write("known_hosts", self.list("--known-hosts", count))

    def list(self, what, count):
        return subprocess.run([PROGRAM, "-p", str(self.port), "-k", self.hostkey, "-n", str(count), what], check=True,
                              stdout=subprocess.PIPE, text=True).stdout

    def end(self):
        """Ends it; what it counted."""
        self.process.send_signal(signal.SIGTERM)
        _, err = self.process.communicate(timeout=20)
        equal(self.process.returncode, 0, err)
        found = STATISTICS.match(err)
        check(found, err)
        return dict(zip(("accepted", "dropped", "logins", "execs", "peak"), map(int, found.groups())))
