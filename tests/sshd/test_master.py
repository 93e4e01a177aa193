#!/usr/bin/env -S python3 -B
"""A ControlMaster of the user's own: used where it is this host's, and neither made nor ended."""
import json
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed  # noqa: E402
from daemons import ME, Sshd, public, run, wait_for  # noqa: E402
from testing import check, ended, equal, has, main  # noqa: E402

bed = Bed()
server = Sshd([public(bed.key)], options=["LogLevel VERBOSE"])
bed.write("known", server.known_hosts("127.0.0.1", "127.0.0.2", "127.0.0.3"))
os.mkdir(bed.join("cm"), 0o700)


def config(*lines):
    return bed.write("ssh_config", "".join(line + "\n" for line in lines))


def common(host, path, *lines, address="127.0.0.1"):
    return ["Host " + host, "HostName " + address, "Port %d" % server.port, "User " + ME, "IdentityFile " + bed.key,
            "UserKnownHostsFile " + bed.join("known"), "ControlPath " + path, *lines]


class Master:
    """ssh -M of ssh_config; from then on its key opens nothing any more."""

    def __init__(self, host, *args):
        self.words = ["ssh", "-F", bed.join("ssh_config"), *args]
        self.host = host
        self.process = subprocess.Popen([*self.words, "-o", "BatchMode=yes", "-MN", host], env=bed.env, stdin=subprocess.DEVNULL)
        wait_for(self.lives, "ssh -M")
        server.authorize([])

    def lives(self):
        return subprocess.run([*self.words, "-O", "check", self.host], env=bed.env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0

    def end(self):
        check(self.lives(), "the user's master is gone")
        run(*self.words, "-O", "exit", self.host, env=bed.env)
        self.process.wait()
        server.authorize([public(bed.key)])


def dt(*args, **kw):
    return super(Bed, bed).dt("--no-journal", *args, **kw)


def logins():
    return server.log().count("Accepted publickey")


def test_used():
    """Without a login, by itself, for several commands, and it lives on."""
    for path in ("cm/%C", "cm/%r@%h:%p", "cm/%n-%L-%i", "cm/%%a-%k", "cm/alone"):
        config(*common("m1", bed.join(path)), "ControlMaster auto", "ControlPersist 10m")
        master = Master("m1")
        before = logins()
        for args in ((), ("--transport", "openssh")):
            done = ended(dt("-o", "jsonl", *args, "m1", "ssh", "echo $LOGNAME; exit 3"), 5)
            end = next(json.loads(l) for l in done.stdout.splitlines() if '"event":"end"' in l)
            equal((end["transport"], end["rc"], end["stdout"]), ("openssh", 3, ME + "\n"), path)
        loud = ended(dt("-v", "m1", "ssh", "true"), 0)
        has(loud.stderr, "a ControlMaster of ssh_config is connected")
        # who wants another one gets it
        ended(dt("--transport", "libssh2", "m1", "ssh", "true"), 4)
        equal(logins(), before)
        if path.endswith("alone"):
            ended(dt("--command-timeout", "1", "m1", "ssh", "sleep 60"), 4)
        master.end()


def test_not_made():
    """Where there is none, dt logs in by itself and leaves none behind."""
    config(*common("m1", bed.join("cm/%C")), "ControlMaster auto", "ControlPersist 10m")
    for args in ((), ("--transport", "openssh")):
        ended(dt(*args, "m1", "ssh", "true"), 0)
        equal(os.listdir(bed.join("cm")), [])
    # a socket where nobody listens any more, and something that is none
    path = run("ssh", "-F", bed.join("ssh_config"), "-G", "m1").split("controlpath ")[1].split("\n")[0]
    run("python3", "-c", "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])", path)
    done = ended(dt("-v", "m1", "ssh", "true"), 0)
    has(done.stderr, "by libssh2")
    os.remove(path)
    bed.write(path, "")
    ended(dt("m1", "ssh", "true"), 0)
    os.remove(path)


def test_whose():
    """One that may be another host's, or another user's, is not used: nothing runs elsewhere."""
    for pattern in ("*", "m?", "m1 m2", "m*"):
        config(*common(pattern, bed.join("cm/common")))
        master = Master("m1")
        done = dt("m2", "ssh", "true")
        ended(done, 4)
        has(done.stdout, ":auth: ")
        has(dt("why", "m2").stdout, "the path is that of several hosts")
        master.end()
    config(*common("m1", bed.join("cm/%h")))
    master = Master("m1")
    ended(dt("m1", "ssh", "true"), 0)
    ended(dt("-u", "nobody", "m1", "ssh", "true"), 4)
    ended(dt("--port", "1", "m1", "ssh", "true"), 4)
    bed.write("hosts.ini", "[hosts]\nm1 = address=127.0.0.2\n")
    ended(dt("-D", bed.join("hosts.ini"), "m1", "ssh", "true"), 4)
    master.end()


def test_jump_host():
    """The jump host's master carries the connection, where its own login would not be let in."""
    inner = Sshd([public(bed.key)])
    bed.write("known", server.known_hosts() + inner.known_hosts())
    config(*common("gate", bed.join("cm/%C")), "Host behind", "HostName 127.0.0.1", "Port %d" % inner.port, "User " + ME,
           "IdentityFile " + bed.key, "UserKnownHostsFile " + bed.join("known"), "ProxyJump gate")
    master = Master("gate")
    before = logins()
    has(ended(dt("behind", "ssh", "echo $LOGNAME"), 0).stdout, ":" + ME)
    equal(logins(), before)
    master.end()
    inner.stop()


def test_path_as_ssh():
    """dt why tells the path that ssh -G tells."""
    rng = random.Random(4)
    tokens = ["%C", "%d", "%h", "%i", "%k", "%L", "%l", "%n", "%p", "%r", "%u", "%%", "${HOME}", "a", "-", "."]
    for n in range(40):
        path = rng.choice(("~/", "/tmp/", "")) + rng.choice(("%C", "%h", "%n", "%k")) + "".join(rng.sample(tokens, rng.randrange(4)))
        lines = ["Host web*", "ControlPath " + path]
        lines += rng.sample(["HostName 10.0.0.7", "User alice", "Port 2022", "HostKeyAlias other", "ProxyJump gate"], rng.randrange(5))
        config(*lines)
        told = subprocess.run(["ssh", "-F", bed.join("ssh_config"), "-G", "web1"], env=bed.env, stdin=subprocess.DEVNULL,
                              capture_output=True, check=True).stdout.decode().split("controlpath ")[1].split("\n")[0]
        # ~ is that of the password database to ssh; and %C has the jump host since OpenSSH 9.6
        if "~" in path or "%d" in path or ("%C" in path and "ProxyJump gate" in lines):
            continue
        if len(told) < 100:
            has(ended(dt("why", "web1"), 0).stdout, told)


if __name__ == "__main__":
    main(globals())
