#!/usr/bin/env -S python3 -B
"""Ways to a host: jump hosts, ssh_config, addresses, limits."""
import os
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed  # noqa: E402
from daemons import Sshd, wait_for  # noqa: E402
from testing import check, ended, equal, has, main  # noqa: E402


def chain():
    """Two gates and ten targets behind them; a target says over whom one came."""
    bed = Bed()
    gate = Sshd(bed.authorized)
    far = Sshd(bed.authorized)
    target = Sshd(bed.authorized, options=["AllowTcpForwarding no"])
    bed.host("gate", gate)
    bed.host("far", far, "via=gate")
    for i in range(1, 11):
        bed.host("t%d" % i, target, "t via=far", address="127.0.2.%d" % i)
    bed.host("direct", target, "", address="127.0.3.1")
    return bed, gate, far, target


def logins(server):
    return server.log().count("Accepted publickey")


def test_jump_hosts():
    bed, gate, far, _ = chain()
    equal({e["status"] for e in bed.outcomes("tag:t", "ssh", "true", status=0).values()}, {"ok"})
    # Ten hosts share few logins to the gates.
    check(1 <= logins(gate) <= 4 and 1 <= logins(far) <= 4, logins(gate), logins(far))
    equal({e["status"] for e in bed.outcomes("-C", "3", "--transport", "openssh", "t[1-3]", "ssh", "true",
                                             status=0).values()}, {"ok"})
    before = logins(gate)
    ended(bed.dt("-J", "gate,far", "direct", "ssh", "true"), 0)
    check(logins(gate) > before)
    before = logins(gate)
    ended(bed.dt("direct", "ssh", "true"), 0)
    equal(logins(gate), before)
    # Much output, both ways at once, over two gates.
    ends = bed.outcomes("--max-output", "1M", "t[1-4]", "ssh", "head -c 20000000 /dev/zero | tee /dev/stderr", status=0)
    equal({e["truncated"] for e in ends.values()}, {True})
    gate.stop()
    ends = bed.outcomes("t1", "ssh", "true", status=4)
    equal(ends["t1"]["status"], "unreachable")
    has(ends["t1"]["reason"], "gate")


def test_jump_host_key():
    """A gate with a strange key is refused, whoever named the gate, and by either transport."""
    bed = Bed()
    gate, target = Sshd(bed.authorized), Sshd(bed.authorized)
    bed.host("target", target)
    bed.write("ssh_config", """\
Host gate
  HostName 127.0.0.1
  Port %d
Host target
  ProxyJump gate
Host *
  IdentityFile %s
  StrictHostKeyChecking ask
  UserKnownHostsFile %s
""" % (gate.port, bed.key, bed.join("other")))
    for transport in "libssh2", "openssh":
        for args in ((), ("-J", "gate")):
            ends = bed.outcomes("--transport", transport, *args, "target", "ssh", "true", status=4)
            equal(ends["target"]["status"], "hostkey")
    check(not os.path.exists(bed.join("other")), "a key was written")
    equal(logins(gate), 0)
    # Files with odd names.
    odd = bed.write('kn "own" \\%h', bed.read("known_hosts").decode() + gate.known_hosts("127.0.0.1"))
    bed.write("known_hosts", "")
    for transport in "libssh2", "openssh":
        ended(bed.dt("--known-hosts", odd, "--transport", transport, "target", "ssh", "true"), 0)


def test_gate_dies():
    """While commands run behind it: they are lost, and nobody waits."""
    bed, gate, _, _ = chain()
    ready = bed.join("ready")
    os.mkdir(ready)
    result = {}
    thread = threading.Thread(target=lambda: result.update(
        bed.outcomes("tag:t", "ssh", "touch %s/$$; sleep 20.1" % ready)))
    thread.start()
    wait_for(lambda: len(os.listdir(ready)) == 10, "all commands")
    gate.stop()
    thread.join(10)
    check(not thread.is_alive(), "dt still waits")
    equal([e["status"] for e in result.values()], ["lost"] * 10)


def test_ssh_config():
    bed = Bed()
    one, two = Sshd(bed.authorized), Sshd(bed.authorized)
    known = bed.write("kh", one.known_hosts("127.0.0.1", "alias") + two.known_hosts("127.0.0.1"))
    bed.write("more", "Host included\n  HostName 127.0.0.1\n  Port %d\n" % one.port)
    bed.write("ssh_config", """\
Include %(more)s
Host first
  HostName 127.0.0.1
  Port %(one)d
  User nobody-first
Host first second
  Port %(two)d
  HostName 127.0.0.1
Host web* !web9
  HostName 127.0.0.1
  Port %(one)d
Host alias-*
  HostName 127.0.0.5
  HostKeyAlias alias
  Port %(one)d
Host behind
  HostName 127.0.0.1
  Port %(two)d
  ProxyJump included
Host *
  IdentityFile %(key)s
  IdentitiesOnly yes
  UserKnownHostsFile %(known)s
""" % {"more": bed.join("more"), "one": one.port, "two": two.port, "key": bed.key, "known": known})
    bed.write("kh", bed.read("kh").decode() + one.known_hosts("alias"))

    def dt(*args):
        return super(Bed, bed).dt(*args)
    for host in ("included", "second", "web1", "behind"):
        by_ssh = subprocess.run(["ssh", "-F", bed.join("ssh_config"), "-o", "BatchMode=yes", host,
                                 "echo ${SSH_CONNECTION##* }"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, check=False)
        equal(by_ssh.returncode, 0, by_ssh.stderr)
        done = dt(host, "ssh", "echo ${SSH_CONNECTION##* }")
        equal(done.stdout, "okay::dt:ssh:%s:%s\n" % (host, by_ssh.stdout.decode().strip()), done.stderr)
    has(dt("first", "ssh", "true").stdout, "auth: ")
    equal(dt("-u", "root" if os.geteuid() == 0 else os.environ.get("USER", ""), "first", "ssh", "true").returncode, 0)
    equal(dt("-T", "2s", "web9", "ssh", "true").returncode, 4)
    # HostKeyAlias names the key, not the address.
    equal(dt("alias-x", "ssh", "true").returncode,
          0 if subprocess.run(["ssh", "-F", bed.join("ssh_config"), "-o", "BatchMode=yes", "alias-x", "true"],
                              stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0 else 4)


def test_addresses():
    bed = Bed()
    server = Sshd(bed.authorized, options=["ListenAddress 127.0.0.1", "ListenAddress ::1"])
    bed.write("known_hosts", server.known_hosts("::1", "127.0.0.1", "localhost"))
    try:
        with socket.create_connection(("::1", server.port), 2):
            six = True
    except OSError:
        six = False
    for name in ("127.0.0.1", "localhost", *(["::1"] if six else [])):
        done = bed.dt("--port", str(server.port), name, "ssh", "echo x")
        equal(done.stdout, "okay::dt:ssh:%s:x\n" % name.replace(":", "\\x3a"), done.stderr)
    if not six:
        print("# no IPv6 on this machine's loopback")
    done = bed.dt("no-such-host.invalid", "ssh", "true")
    equal(done.returncode, 4)
    has(done.stdout, "fail::dt:ssh:no-such-host.invalid:resolve: ")


def test_max_startups():
    """sshd's own limits: one address has no more than ten logins of ours under way."""
    bed = Bed()
    server = Sshd(bed.authorized, options=["MaxStartups 10:100:10"])
    # Sixty hosts of the inventory at one address.
    for i in range(1, 61):
        bed.host("h%d" % i, server)
    equal({e["status"] for e in bed.outcomes("all", "ssh", "true", status=0).values()}, {"ok"})


def test_coproc():
    bed = Bed()
    bed.hosts("h", 12, Sshd(bed.authorized))
    now = bed.join("now")
    os.mkdir(now)
    command = "d=%s; mkdir $d/$$; ls $d | wc -l; sleep 0.2; rmdir $d/$$" % now
    ends = bed.outcomes("-C", "3", "all", "ssh", command, status=0)
    counts = [int(e["stdout"]) for e in ends.values()]
    check(max(counts) <= 3, counts)
    ends = bed.outcomes("all", "ssh", command, status=0)
    check(max(int(e["stdout"]) for e in ends.values()) > 3, ends)


if __name__ == "__main__":
    main(globals())
