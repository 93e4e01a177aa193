#!/usr/bin/env -S python3 -B
"""Servers that speak few algorithms: dt works on each, over one transport or the other."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed  # noqa: E402
from daemons import Sshd  # noqa: E402
from testing import check, equal, has, main  # noqa: E402

CASES = {
    "defaults": ([], ("ed25519",)),
    "chacha20-poly1305": (["Ciphers chacha20-poly1305@openssh.com"], ("ed25519",)),
    "AES-GCM": (["Ciphers aes256-gcm@openssh.com,aes128-gcm@openssh.com"], ("ed25519",)),
    "AES-CTR": (["Ciphers aes256-ctr"], ("ed25519",)),
    "ETM MACs": (["Ciphers aes256-ctr", "MACs hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com"], ("ed25519",)),
    "RSA host key": ([], ("rsa",)),
    "ECDSA host key": ([], ("ecdsa",)),
    "sntrup761": (["KexAlgorithms sntrup761x25519-sha512@openssh.com"], ("ed25519",)),
    "nistp521": (["KexAlgorithms ecdh-sha2-nistp521"], ("ed25519",)),
    "group14": (["KexAlgorithms diffie-hellman-group14-sha256"], ("ed25519",)),
    "group16": (["KexAlgorithms diffie-hellman-group16-sha512"], ("ed25519",)),
}


def test_algorithms():
    bed = Bed()
    for case, (options, hostkeys) in CASES.items():
        bed.host(case.replace(" ", "-"), Sshd(bed.authorized, options=options, hostkeys=hostkeys))
    ends = bed.outcomes("all", "ssh", "echo here", status=0)
    for case in CASES:
        end = ends[case.replace(" ", "-")]
        equal(end["stdout"], "here\n")
        print("# %-20s %s" % (case, end["transport"]))
    # Forced, openssh speaks to all of them; libssh2 says what it cannot.
    equal({e["status"] for e in bed.outcomes("--transport", "openssh", "all", "ssh", "true", status=0).values()}, {"ok"})
    ends = bed.outcomes("--transport", "libssh2", "all", "ssh", "true")
    for host, end in ends.items():
        check(end["status"] in ("ok", "unreachable"), host, end)
    equal(ends["sntrup761"]["status"], "unreachable")


def test_reported():
    """The transport, and why, in -v and in dt why."""
    bed = Bed()
    bed.host("gcm", Sshd(bed.authorized, options=["KexAlgorithms sntrup761x25519-sha512@openssh.com"]))
    done = bed.dt("-v", "gcm", "ssh", "true")
    equal(done.returncode, 0, done)
    has(done.stderr, "openssh")
    bed.write("ssh_config", "Host gcm\n  ProxyCommand nc %h %p\n")
    done = bed.dt("why", "gcm")
    equal(done.returncode, 0, done)
    has(done.stdout, "ProxyCommand")
    has(done.stdout, "via ssh(1)       yes")


def test_what_ssh_can_dt_can():
    """ssh_config with Match and ProxyCommand: ssh HOST works without a prompt, so dt HOST ssh does."""
    bed = Bed()
    server = Sshd(bed.authorized)
    bed.write("config_known", server.known_hosts("127.0.0.1", "gate"))
    bed.write("ssh_config", """\
Host gate
  HostName 127.0.0.1
  HostKeyAlias [gate]:%(port)d
  ProxyCommand ssh -F none -o BatchMode=yes -o UserKnownHostsFile=%(known)s -i %(key)s -p %(port)d -W %%h:%%p 127.0.0.1
Match exec "true" host plain
  HostName 127.0.0.1
Host gate plain
  Port %(port)d
  IdentityFile %(key)s
  UserKnownHostsFile %(known)s
""" % {"port": server.port, "key": bed.key, "known": bed.join("config_known")})
    for host in ("gate", "plain"):
        by_ssh = subprocess.run(["ssh", "-F", bed.join("ssh_config"), "-o", "BatchMode=yes", host, "echo here"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        equal(by_ssh.returncode, 0, by_ssh.stderr)
        done = super(Bed, bed).dt(host, "ssh", "echo here")
        equal(done.stdout, "okay::dt:ssh:%s:%s\n" % (host, by_ssh.stdout.decode().strip()), done.stderr)


if __name__ == "__main__":
    main(globals())
