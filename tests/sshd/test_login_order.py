#!/usr/bin/env -S python3 -B
"""Which keys are offered, and in which order: sshd's log says the same of dt as of ssh(1)."""
import atexit
import base64
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed, HEAVY  # noqa: E402
from daemons import ME, Sshd, keygen, public, run, wait_for  # noqa: E402
from testing import check, ended, equal, has, main  # noqa: E402

COMBINATIONS = 25 * HEAVY
OFFER = re.compile(r"(?:Failed|Accepted) publickey for \S+ from \S+ port (\d+) ssh2: \S+ (SHA256:\S+)")
bed = Bed()
server = Sshd(options=["MaxAuthTries 50", "LogLevel VERBOSE", "PermitUserEnvironment yes"])
bed.write("known", server.known_hosts())
keys = {name: keygen(bed.join(name), kind, bits, comment=name) for name, kind, bits in
        [("e%d" % i, "ed25519", None) for i in range(8)] + [("c1", "ecdsa", 256), ("c2", "ecdsa", 384), ("r1", "rsa", 2048)]}
authority = keygen(bed.join("ca"))
for certified in ("e4", "c2"):
    run("ssh-keygen", "-q", "-s", authority, "-I", "test", "-n", ME, keys[certified] + ".pub")
agents = 0


class Agent:
    """ssh-agent with keys in this order."""

    def __init__(self, names=()):
        global agents
        agents += 1
        self.socket = bed.join("agent%d" % agents)
        self.process = subprocess.Popen(["ssh-agent", "-D", "-a", self.socket], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        atexit.register(self.process.kill)
        wait_for(lambda: os.path.exists(self.socket), "ssh-agent")
        self.env = {"SSH_AUTH_SOCK": self.socket}
        if names:
            run("ssh-add", "-q", *[keys[n] for n in names], env=dict(os.environ, **self.env))

    def end(self):
        self.process.terminate()
        self.process.wait()


def offers(since):
    """What sshd was offered since then, a list of fingerprints for each connection, in order."""
    seen = {}
    for port, key in OFFER.findall(server.log()[since:]):
        # a key that is taken is told twice, when it is looked at and when it signs
        if key not in seen.setdefault(port, []):
            seen[port].append(key)
    return list(seen.values())


def ssh(*args, env):
    since = len(server.log())
    done = subprocess.run(["ssh", "-F", bed.join("ssh_config"), "-p", str(server.port), "-o", "BatchMode=yes", "-o",
                           "UserKnownHostsFile=" + bed.join("known"), *args, "127.0.0.1", "echo $KEY"],
                          env=dict(bed.env, **env), stdin=subprocess.DEVNULL, capture_output=True, check=False)
    got = offers(since)
    return done, got[0] if got else []


def dt(*args, env):
    since = len(server.log())
    done = super(Bed, bed).dt("--no-journal", "--known-hosts", bed.join("known"), "--port", str(server.port), *args,
                              "127.0.0.1", "ssh", "echo $KEY", env=env)
    return done, offers(since)


def config(*lines):
    bed.write("ssh_config", "".join(line + "\n" for line in lines))


def test_as_ssh():
    """Random agents, IdentityFile, IdentitiesOnly, -i, certificates; and who is let in finds which key it was."""
    by_both = 0
    for n in range(COMBINATIONS):
        rng = random.Random(n)
        known = list(keys)
        # on libssh2 1.10 RSA keys and certificates are ssh(1)'s: not always
        if rng.random() < 0.5:
            known = [k for k in known if k not in ("r1", "e4", "c2")]
        held = rng.sample(known, rng.randrange(len(known)))
        files = rng.sample(known, rng.randrange(len(known)))
        given = rng.sample(known, rng.choice((0, 0, 1, 2)))
        server.authorize('environment="KEY=%s" %s' % (k, public(keys[k])) for k in rng.sample(known, rng.randrange(4)))
        lines = ["IdentityFile " + keys[k] for k in files] or ["IdentityFile none"]
        if rng.random() < 0.3:
            lines.insert(rng.randrange(len(lines) + 1), "IdentityFile " + bed.join("missing"))
        if rng.random() < 0.3:
            lines.append("IdentitiesOnly yes")
        config(*lines)
        agent = Agent(held)
        done, wanted = ssh(*[w for k in given for w in ("-i", keys[k])], env=agent.env)
        got, seen = dt(*[w for k in given for w in ("-I", keys[k])], env=agent.env)
        agent.end()
        about = "agent %s, %s, -I %s" % (held, lines, given)
        equal(got.stdout.partition("okay::dt:ssh:127.0.0.1:")[2].strip(), done.stdout.decode().strip(), about)
        equal(seen[-1] if seen else [], wanted, about)
        # what libssh2 could do before it handed over
        for before in seen[:-1]:
            equal(before, wanted[:len(before)], about)
            by_both += 1
    print("# %d combinations, %d of them begun with libssh2 and ended with ssh(1)" % (COMBINATIONS, by_both))


def test_default_files():
    """Those of ~/.ssh in the order that ssh -G tells."""
    told = [os.path.basename(line.split()[1]) for line in run("ssh", "-F", "none", "-G", "x").splitlines()
            if line.startswith("identityfile ")]
    os.makedirs(bed.join(".ssh"), 0o700, exist_ok=True)
    for name, key in (("id_ed25519", "e1"), ("id_ecdsa", "c1")):
        for end in ("", ".pub"):
            shutil.copy(keys[key] + end, bed.join(".ssh", name + end))
    wanted = [run("ssh-keygen", "-lf", bed.join(".ssh", n)).split()[1] for n in told if n in ("id_ed25519", "id_ecdsa")]
    server.authorize([])
    config()
    equal(dt(env={})[1], [wanted])
    shutil.rmtree(bed.join(".ssh"))


def test_same_for_all_hosts():
    """A key that worked on one host comes no earlier on the next one."""
    server.authorize(['environment="KEY=second" ' + public(keys["e2"])])
    other = Sshd(['environment="KEY=first" ' + public(keys["e1"]), 'environment="KEY=second" ' + public(keys["e2"])],
                 options=["PermitUserEnvironment yes"])
    bed.write("known", server.known_hosts() + other.known_hosts())
    bed.write("two.ini", "[hosts]\na = address=127.0.0.1 port=%d\nb = address=127.0.0.1 port=%d\n" % (server.port, other.port))
    config("IdentityFile " + keys["e1"], "IdentityFile " + keys["e2"])
    for order in ("a,b", "b,a"):
        done = ended(super(Bed, bed).dt("--no-journal", "-C", "1", "-D", bed.join("two.ini"), "--known-hosts",
                                        bed.join("known"), order, "ssh", "echo $KEY"), 0)
        has(done.stdout, ":a:second\n")
        has(done.stdout, ":b:first\n")
    other.stop()
    bed.write("known", server.known_hosts())


def test_many_keys():
    """All of an agent's keys are offered, as far as the host lets them: no limit of ours."""
    agent = Agent([k for k in keys if k[0] == "e" and k not in ("e4", "e5")] + ["c1", "e5"])
    server.authorize([public(keys["e5"])])
    config("IdentityFile none")
    done, seen = dt(env=agent.env)
    ended(done, 0)
    equal(len(seen[0]), 8)
    for transport in ("libssh2", "openssh"):
        strict = Sshd(options=["MaxAuthTries 3"])
        bed.write("known", strict.known_hosts())
        done = ended(super(Bed, bed).dt("--no-journal", "--known-hosts", bed.join("known"), "--port", str(strict.port),
                                        "--transport", transport, "127.0.0.1", "ssh", "true", env=agent.env), 4)
        has(done.stdout, ":auth: Too many authentication failures")
        strict.stop()
    bed.write("known", server.known_hosts())
    agent.end()


def test_passed_over():
    """Why a key was not offered is in the failure; -v tells of all."""
    server.authorize([])
    for name, text, mode, why in (("open", open(keys["e1"]).read(), 0o644, "permissions are too open"),
                                  ("text", "hello\n", 0o600, "not a key file"), ("none", None, 0, "no such file")):
        path = bed.join("bad-" + name)
        if text is not None:
            bed.write("bad-" + name, text, mode)
        config("IdentityFile " + path)
        done = ended(dt(env={})[0], 4)
        has(done.stdout, ":auth: no key to offer for ")
        has(done.stdout, "passed over: %s: " % path)
        has(done.stdout, why)
    locked = keygen(bed.join("bad-locked"), passphrase="secret")
    config("IdentityFile " + locked, *["IdentityFile " + bed.join("bad-" + n) for n in ("open", "text", "none")],
           "IdentityFile " + keys["e2"])
    for transport in ("libssh2", "openssh"):
        done = ended(dt("-v", "--transport", transport, env={"SSH_ASKPASS_REQUIRE": "never"})[0], 4)
        has(done.stdout, "and 2 more (-v tells)")
        has(done.stdout, locked + ": ")
        if transport == "libssh2":
            equal(done.stderr.count("key passed over: "), 4, done.stderr)
    # one that ssh_config allows no algorithm for
    config("PubkeyAcceptedAlgorithms ssh-ed25519", "IdentityFile " + keys["r1"], "IdentityFile " + keys["c1"])
    done = ended(dt(env={})[0], 4)
    has(done.stdout, "; Skipping ssh-rsa key %s " % keys["r1"])
    has(done.stdout, "not in PubkeyAcceptedAlgorithms")
    config("IdentityFile " + locked, *["IdentityFile " + bed.join("bad-" + n) for n in ("open", "text", "none")],
           "IdentityFile " + keys["e2"])
    # a key that is good goes its way all the same
    server.authorize([public(keys["e2"])])
    ended(dt(env={"SSH_ASKPASS_REQUIRE": "never"})[0], 0)
    check("passed over" not in ended(dt(env={"SSH_ASKPASS_REQUIRE": "never"})[0], 0).stdout)


class BadAgent:
    """A socket where an agent should be; says is what it answers to each message (None: it hangs)."""

    def __init__(self, says):
        global agents
        agents += 1
        self.path = bed.join("agent%d" % agents)
        self.says = says
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen(50)
        self.env = {"SSH_AUTH_SOCK": self.path}
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        peers = []
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            peers.append(peer)
            threading.Thread(target=self.answer, args=(peer,), daemon=True).start()

    def answer(self, peer):
        while len(head := peer.recv(4, socket.MSG_WAITALL)) == 4:
            body = peer.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
            said = self.says(body)
            if said is None:
                continue
            peer.sendall(len(said).to_bytes(4, "big") + said)


def string(data):
    return len(data).to_bytes(4, "big") + data


def blob(name):
    return base64.b64decode(public(keys[name]).split()[1])


def test_bad_agents():
    """One that hangs is named within the timeout, and hosts for which there is a key file go on; on both transports."""
    config("IdentityFile " + keys["e1"], "IdentityFile " + keys["e2"])
    holds = bytes([12]) + (1).to_bytes(4, "big") + string(blob("e1")) + string(b"held")
    hangs, refuses = BadAgent(lambda body: None), BadAgent(lambda body: b"\x05")
    nonsense = BadAgent(lambda body: b"\x0c\xff\xff\xff\xff")
    signs_not = BadAgent(lambda body: holds if body[0] == 11 else None)
    gone = bed.join("no-agent")
    for about, env, words in (("hangs", hangs.env, "no answer from the SSH agent in time"), ("refuses", refuses.env, "refused"),
                              ("nonsense", nonsense.env, "nonsense"),
                              ("gone", {"SSH_AUTH_SOCK": gone}, "no such file or directory")):
        for transport in ("libssh2", "openssh"):
            server.authorize([public(keys["e2"])])
            since = time.monotonic()
            done = ended(dt("-T", "4s", "--transport", transport, env=env)[0], 0)
            equal(env["SSH_AUTH_SOCK"] + ": no answer" in done.stderr, about == "hangs", done.stderr)
            server.authorize([])
            done = ended(dt("-T", "4s", "--transport", transport, env=env)[0], 4)
            check(time.monotonic() - since < 8, about, "took too long")
            has(done.stdout, ":auth: ")
            has(done.stdout, "passed over: SSH agent at %s: " % env["SSH_AUTH_SOCK"])
            has(done.stdout, words)
    # it has a key, and does not sign with it: the next key has its turn
    server.authorize([public(keys["e1"]), public(keys["e2"])])
    os.rename(keys["e1"], keys["e1"] + ".away")
    since = time.monotonic()
    ended(dt("-T", "6s", "--transport", "libssh2", env=signs_not.env)[0], 0)
    config("IdentityFile " + keys["e1"])
    done = ended(dt("-T", "3s", "--transport", "libssh2", env=signs_not.env)[0], 4)
    has(done.stdout, ":timeout: no answer from the SSH agent in time")
    check(time.monotonic() - since < 11, "took too long")
    os.rename(keys["e1"] + ".away", keys["e1"])
    # hosts that ask no agent do not wait for it
    config("IdentityAgent none", "IdentityFile " + keys["e2"])
    since = time.monotonic()
    ended(dt("-T", "60s", env=hangs.env)[0], 0)
    ended(bed.dt("local:", "ssh", "true", env=hangs.env), 0)
    check(time.monotonic() - since < 15, "it was asked")


if __name__ == "__main__":
    main(globals())
