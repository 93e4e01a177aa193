#!/usr/bin/env -S python3 -B
"""Host keys: what dt does of each, beside what ssh(1) does with StrictHostKeyChecking=yes."""
import json
import os
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed  # noqa: E402
from daemons import Sshd, keygen, public, run  # noqa: E402
from testing import check, ended, equal, has, main  # noqa: E402

bed = Bed()
other = keygen(bed.join("other"))
other_rsa = keygen(bed.join("other_rsa"), "rsa", 2048)
authority = keygen(bed.join("ca"))
one = Sshd(bed.authorized)
two = Sshd(bed.authorized, hostkeys=("ed25519", "ecdsa"))
rsa = Sshd(bed.authorized, hostkeys=("rsa",))


def with_certificate():
    """A server that shows a certificate of our authority for 127.0.0.1 beside its plain key."""
    server = Sshd(bed.authorized, start=False)
    run("ssh-keygen", "-q", "-s", authority, "-I", "host", "-h", "-n", "127.0.0.1", server.hostkeys[0] + ".pub")
    server.options = ["HostCertificate %s-cert.pub" % server.hostkeys[0]]
    return server.start()


certified = with_certificate()


def hashed(text):
    path = bed.write("to_hash", text)
    run("ssh-keygen", "-q", "-H", "-f", path)
    return bed.read("to_hash").decode()


def line(server, key=None, name=None, kind=0):
    return "%s %s\n" % (name or "[127.0.0.1]:%d" % server.port, public(key or server.hostkeys[kind]))


def rows():
    """(case, server, text of known_hosts)"""
    yield "right", one, line(one)
    yield "changed", one, line(one, other)
    yield "unknown", one, ""
    yield "unknown, others are known", one, line(two) + line(one, name="elsewhere.example.org")
    yield "other type only, which it has not", one, line(one, other_rsa)
    yield "other type only, which it has", two, line(two, kind=1)
    yield "one type right, the other changed", two, line(two) + line(two, keygen_ecdsa())
    yield "right and a second of the same type", one, line(one, other) + line(one)
    yield "hashed, right", one, hashed(line(one))
    yield "hashed, changed", one, hashed(line(one, other))
    yield "hashed, another host's", one, hashed(line(one, name="elsewhere.example.org"))
    yield "name without port", one, line(one, name="127.0.0.1")
    yield "name without port, changed", one, line(one, other, name="127.0.0.1")
    yield "another port", one, line(one, name="[127.0.0.1]:%d" % (one.port ^ 1))
    yield "with port right, without changed", one, line(one) + line(one, other, name="127.0.0.1")
    yield "with port changed, without right", one, line(one, other) + line(one, name="127.0.0.1")
    yield "revoked", one, "@revoked " + line(one)
    yield "revoked for all, and right", one, line(one) + "@revoked " + line(one, name="*")
    yield "another key revoked, and right", one, "@revoked " + line(one, other) + line(one)
    yield "pattern", one, line(one, name="[127.0.*]:%d" % one.port)
    yield "pattern with '?'", one, line(one, name="[127.0.0.?]:*")
    yield "pattern, negated", one, line(one, name="[127.0.0.*]:*,![127.0.0.1]:*")
    yield "list of names", one, line(one, name="a.example.org,[127.0.0.1]:%d" % one.port)
    yield "bad lines around", one, "junk\n127.0.0.1 ssh-ed25519 @@@@\n# x\n\n" + line(one) + "x y\n"
    yield "RSA alone, right", rsa, line(rsa)
    yield "RSA alone, changed", rsa, line(rsa, other_rsa)
    yield "RSA alone, unknown", rsa, ""
    yield "CA, a certificate of it", certified, "@cert-authority " + line(certified, authority)
    yield "CA by pattern", certified, "@cert-authority " + line(certified, authority, name="[127.0.0.*]:*")
    yield "CA of another", certified, "@cert-authority " + line(certified, other)
    yield "CA for another host", certified, "@cert-authority " + line(certified, authority, name="*.example.org")
    yield "CA, the host has no certificate", one, "@cert-authority " + line(one, authority)
    yield "CA, no certificate, and the plain key", one, "@cert-authority " + line(one, authority) + line(one)
    yield "CA revoked", certified, ("@cert-authority " + line(certified, authority) +
                                    "@revoked " + line(certified, authority, name="*"))
    yield "the authority's key without its mark", certified, line(certified, authority)


def keygen_ecdsa():
    path = bed.join("other_ecdsa")
    return path if os.path.exists(path) else keygen(path, "ecdsa")


def ssh(server, known_hosts):
    done = subprocess.run(["ssh", "-F", bed.join("ssh_config"), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes",
                           "-o", "UserKnownHostsFile=" + known_hosts, "-o", "GlobalKnownHostsFile=/dev/null",
                           "-i", bed.key, "-p", str(server.port), "127.0.0.1", "true"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, env=bed.env)
    return "lets in" if done.returncode == 0 else "refuses"


def dt(server, known_hosts, *options):
    done = bed.dt_alone("--known-hosts", known_hosts, "--port", str(server.port), "-I", bed.key, *options,
                        "127.0.0.1", "ssh", "true")
    if done.returncode == 0:
        return "lets in", ""
    ended(done, 4)
    has(done.stdout, "fail::dt:ssh:127.0.0.1:hostkey: ")
    return "refuses", done.stdout.split("hostkey: ", 1)[1].strip()


def dt_alone(*args, **kw):
    return super(Bed, bed).dt(*args, **kw)


bed.dt_alone = dt_alone


def test_table():
    wrong = 0
    for case, server, text in rows():
        path = bed.write("known", text)
        by_ssh = ssh(server, path)
        by_dt, why = dt(server, path)
        wrong += by_dt != by_ssh
        print("# %-40s ssh %-8s dt %-8s%s%s" % (case, by_ssh, by_dt, why[:70], "" if by_dt == by_ssh else "   <-- DIFFERS"))
        equal(bed.read("known").decode(), text, "the file")
    equal(wrong, 0, "rows that differ: ")


def test_unknown_says_what_to_do():
    path = bed.write("known", "")
    for server, options in ((one, ()), (one, ("--transport", "openssh")), (rsa, ())):
        _, why = dt(server, path, *options)
        has(why, run("ssh-keygen", "-lf", server.hostkeys[0]).split()[1])
        # the command it names reaches the host as this run did
        command = shlex.split(why.split('"')[1])
        equal([command[:2], command[-1]], [["dt", "trust"], "127.0.0.1"])
        ended(bed.dt_alone("--yes", *command[1:]), 0)
        equal(dt(server, path, *options)[0], "lets in")
        bed.write("known", "")


def test_accept_new():
    for transport in ("libssh2", "openssh"):
        path = bed.write("known", "")
        equal(dt(one, path, "--accept-new", "--transport", transport)[0], "lets in")
        has(bed.read("known").decode(), public(one.hostkeys[0]))
        equal(dt(one, path)[0], "lets in")
        # A changed one is not new.
        path = bed.write("known", line(one, other))
        equal(dt(one, path, "--accept-new", "--transport", transport)[0], "refuses")
        equal(bed.read("known").decode(), line(one, other))


# The same address as people write it; how ssh has it is in tests/unit/test_resolve.c.
FORMS = ("127.1", "2130706433", "0x7f000001", "0177.0.0.1")


def test_addresses():
    """--accept-new takes no changed or revoked key of an address that is written otherwise, and records its one form."""
    bed.write("hosts.ini", "[hosts]\n" + "".join("h%d = x address=%s port=%d\n" % (i, f, one.port)
                                                for i, f in enumerate(FORMS)))
    config = bed.write("config", "".join("Host c%d\n HostName %s\n Port %d\n" % (i, f, one.port)
                                         for i, f in enumerate(FORMS)))
    ways = [(["--port", str(one.port), "sys:" + ",".join(FORMS)]),
            (["-D", bed.join("hosts.ini"), "all"]),
            (["-F", config, "sys:" + ",".join("c%d" % i for i in range(len(FORMS)))])]
    for transport in ("libssh2", "openssh"):
        for way in ways:
            def run_all(*options):
                return bed.dt_alone("-I", bed.key, "--known-hosts", bed.join("known"), "--accept-new", "--transport", transport,
                                    "-o", "jsonl", *options, *way, "ssh", "true")
            for text in (line(one, other), "@revoked " + line(one) + line(one)):
                bed.write("known", text)
                done = run_all()
                ends = [e for e in map(json.loads, done.stdout.splitlines()) if e["event"] == "end"]
                equal([e["status"] for e in ends], ["hostkey"] * len(FORMS), done.stdout)
                equal(bed.read("known").decode(), text)
            bed.write("known", "")
            ended(run_all(), 0)
            equal(bed.read("known").decode(), line(one))
            if transport == "libssh2":
                ends = [e for e in map(json.loads, run_all().stdout.splitlines()) if e["event"] == "end"]
                equal({e["address"] for e in ends}, {"127.0.0.1"})


def test_address_of_a_jump_host():
    inner = two
    for transport in ("libssh2", "openssh"):
        for jump, there in (("127.1:%d" % one.port, "0x7f.1"), ("127.0.0.1:%d" % one.port, "127.1")):
            args = ["-I", bed.key, "--known-hosts", bed.join("known"), "--accept-new", "--transport", transport, "-J", jump,
                    "--port", str(inner.port), there, "ssh", "true"]
            for text in (line(one, other), line(one) + line(inner, other)):
                bed.write("known", text)
                has(ended(bed.dt_alone(*args), 4).stdout, "KEY CHANGED")
                equal(bed.read("known").decode(), text)
            bed.write("known", "")
            ended(bed.dt_alone(*args), 0)
            equal(sorted(l.split()[0] for l in bed.read("known").decode().splitlines()),
                  sorted("[127.0.0.1]:%d" % s.port for s in (one, inner)))


def configured(text, server, *options, known=""):
    """dt's answer with that ssh_config, and the text of the known_hosts file afterwards."""
    path = bed.write("known", known)
    config = bed.write("config", "Host *\n UserKnownHostsFile %s\n GlobalKnownHostsFile /dev/null\n%s" % (path, text))
    done = bed.dt_alone("-F", config, "-I", bed.key, "--port", str(server.port), *options, "127.0.0.1", "ssh", "true", stdin="sudo's\n")
    by_ssh = subprocess.run(["ssh", "-F", config, "-o", "BatchMode=yes", "-o", "UserKnownHostsFile=" + bed.write("by_ssh", known),
                             "-i", bed.key, "-p", str(server.port), "127.0.0.1", "true"], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, env=bed.env).returncode
    return done, bed.read("known").decode(), by_ssh


def test_strict_host_key_checking():
    """As ssh does with BatchMode; what "no" lets pass, only ssh(1) does, and never with a password of sudo's."""
    for transport in ("auto", "openssh"):
        for value, accepts in (("yes", False), ("ask", False), ("accept-new", True), ("off", True), (None, False)):
            text = " StrictHostKeyChecking %s\n" % value if value else ""
            done, known, by_ssh = configured(text, one, "--transport", transport)
            ended(done, 0 if accepts else 4)
            equal([by_ssh, known], [0 if accepts else 255, line(one) if accepts else ""], value)
            for before in (line(one, other), "@revoked " + line(one)):
                done, known, by_ssh = configured(text, one, "--transport", transport, known=before)
                ended(done, 0 if value == "off" else 4)
                equal([by_ssh, known], [0 if value == "off" else 255, before], value)
        # the command line goes before
        done, known, _ = configured(" StrictHostKeyChecking yes\n", one, "--transport", transport, "--accept-new")
        ended(done, 0)
        equal(known, line(one))
        ended(configured(" StrictHostKeyChecking no\n", one, "--transport", transport, "--accept-new", known=line(one, other))[0], 4)
    has(configured(" StrictHostKeyChecking no\n", one, known=line(one, other))[0].stderr, "StrictHostKeyChecking no lets it pass")
    for options in (("--transport", "libssh2"), ("-K",), ("-K", "--transport", "openssh")):
        done, known, _ = configured(" StrictHostKeyChecking no\n", one, *options, known=line(one, other))
        ended(done, 4)
        has(done.stdout, "KEY CHANGED")
        has(done.stdout, "StrictHostKeyChecking no at %s:4" % bed.join("config"))
        ended(configured(" StrictHostKeyChecking no\n", one, *options)[0], 0)


def test_hash_known_hosts():
    for transport in ("libssh2", "openssh"):
        for value, starts in (("yes", "|1|"), ("no", "[127.0.0.1]")):
            done, known, _ = configured(" StrictHostKeyChecking accept-new\n HashKnownHosts %s\n" % value, one,
                                        "--transport", transport)
            ended(done, 0)
            equal([len(known.splitlines()), known[:len(starts)]], [1, starts])


def test_no_place_for_new_keys():
    """UserKnownHostsFile none: as with ssh nothing is new.  /dev/null: all is, each time."""
    for transport in ("libssh2", "openssh"):
        for value, lets_in in (("none", False), ("/dev/null", True)):
            config = bed.write("config", "UserKnownHostsFile %s\nGlobalKnownHostsFile /dev/null\nStrictHostKeyChecking no\n" % value)
            by_ssh = subprocess.run(["ssh", "-F", config, "-o", "BatchMode=yes", "-i", bed.key, "-p", str(one.port), "127.0.0.1",
                                     "true"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                    check=False, env=bed.env)
            equal(by_ssh.returncode, 0 if lets_in else 255)
            done = bed.dt_alone("-F", config, "-I", bed.key, "--port", str(one.port), "--transport", transport, "127.0.0.1", "ssh",
                                "true")
            ended(done, 0 if lets_in else 4)


def test_alias():
    """HostKeyAlias is the name, whole: "[x]:22" does not stand for x."""
    for alias, name, lets_in in (("web", "web", True), ("WEB", "web", True), ("web", "[web]:%d" % one.port, False),
                                 ("[web]:2222", "[web]:2222", True), ("[web]:2222", "web", False)):
        for transport in ("libssh2", "openssh"):
            done, _, by_ssh = configured(" HostKeyAlias %s\n" % alias, one, "--transport", transport, known=line(one, name=name))
            equal([done.returncode, by_ssh], [0, 0] if lets_in else [4, 255], (alias, name, transport))


def test_one_name_two_keys():
    """What was new a moment ago is not new again with another key: here behind a balancer."""
    bed.write("hosts.ini", "[hosts]\n" + "".join("h%d = x address=127.0.0.1 port=%d hostkey_alias=service\n" % (i, s.port)
                                                for i, s in enumerate((one, two))))
    path = bed.write("known", "")
    done = bed.dt_alone("-I", bed.key, "--known-hosts", path, "--accept-new", "--transport", "libssh2", "-D", bed.join("hosts.ini"),
                        "all", "ssh", "true")
    ended(done, 4)
    equal([done.stdout.count("okay::"), done.stdout.count("KEY CHANGED")], [1, 1], done.stdout)
    equal(len(bed.read("known").splitlines()), 1)


if __name__ == "__main__":
    main(globals())
