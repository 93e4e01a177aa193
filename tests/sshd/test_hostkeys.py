#!/usr/bin/env -S python3 -B
"""Host keys: what dt does of each, beside what ssh(1) does with StrictHostKeyChecking=yes."""
import os
import shutil
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


def dt_alone(*args):
    return super(Bed, bed).dt(*args)


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
        has(why, "dt trust 127.0.0.1")


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


def trust(path, *args):
    return bed.dt_alone("--known-hosts", path, *args)


def test_trust():
    bed.write("many.ini", "[hosts]\n" + "".join(
        "h%d = x address=127.0.0.%d port=%d\n" % (i, i, one.port) for i in range(1, 11)))
    path = bed.write("known", "")
    fingerprint = run("ssh-keygen", "-lf", one.hostkeys[0]).split()[1]
    # Nobody to ask: nothing is written.
    done = trust(path, "-D", bed.join("many.ini"), "trust", "all")
    check(done.returncode != 0 and bed.read("known") == b"", done)
    done = ended(trust(path, "-D", bed.join("many.ini"), "--yes", "trust", "all"), 0)
    equal(done.stdout.count("new ssh-ed25519 " + fingerprint), 10, done.stdout)
    equal(done.stdout.count("okay::dt:trust:"), 10, done.stdout)
    equal(len(bed.read("known").splitlines()), 10)
    # Once more: nothing new.
    ended(trust(path, "-D", bed.join("many.ini"), "--yes", "trust", "all"), 0)
    equal(len(bed.read("known").splitlines()), 10)
    ended(trust(path, "-D", bed.join("many.ini"), "-I", bed.key, "all", "ssh", "true"), 0)


def test_trust_rsa():
    """libssh2 1.10 cannot ask for it."""
    path = bed.write("known", "")
    done = ended(trust(path, "--port", str(rsa.port), "--yes", "trust", "127.0.0.1"), 0)
    has(done.stdout, run("ssh-keygen", "-lf", rsa.hostkeys[0]).split()[1])
    equal(dt(rsa, path)[0], "lets in")


def test_trust_hashes_where_the_file_is():
    path = bed.write("known", hashed(line(two)))
    ended(trust(path, "--port", str(one.port), "--yes", "trust", "127.0.0.1"), 0)
    lines = bed.read("known").decode().splitlines()
    check(len(lines) == 2 and all(l.startswith("|1|") for l in lines), lines)
    equal(ssh(one, path), "lets in")
    equal(dt(one, path)[0], "lets in")


def test_trust_never_replaces():
    path = bed.write("known", line(one, other))
    done = trust(path, "--port", str(one.port), "--yes", "trust", "127.0.0.1")
    check(done.returncode != 0, done)
    equal(bed.read("known").decode(), line(one, other))


def test_trust_at_once():
    """Twenty dt that add to one file: no line is lost or torn."""
    path = bed.write("known", "")
    processes = [subprocess.Popen([shutil.which("env"), os.path.join(os.environ.get("DT_BUILD", "build"), "bin/dt"), "-F",
                                   bed.join("ssh_config"), "--known-hosts", path, "--port", str(one.port), "--yes",
                                   "trust", "127.0.0.%d" % i], env=bed.env, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL) for i in range(1, 21)]
    for p in processes:
        equal(p.wait(60), 0)
    lines = bed.read("known").decode().splitlines()
    equal(sorted(l.split()[0] for l in lines), sorted("[127.0.0.%d]:%d" % (i, one.port) for i in range(1, 21)))
    check(all(l.endswith(public(one.hostkeys[0])) for l in lines), lines)


if __name__ == "__main__":
    main(globals())
