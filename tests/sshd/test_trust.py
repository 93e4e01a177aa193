#!/usr/bin/env -S python3 -B
"""dt trust: all keys of a host, by the way of a session, and nothing beside a key that is known and differs."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed  # noqa: E402
from daemons import Sshd, keygen, public, run  # noqa: E402
from testing import DT, check, ended, equal, has, main  # noqa: E402

bed = Bed()
KINDS = ("ed25519", "ecdsa", "rsa")
one = Sshd(bed.authorized)
all_kinds = Sshd(bed.authorized, hostkeys=KINDS)
rsa = Sshd(bed.authorized, hostkeys=("rsa",))
old = {k: keygen(bed.join("old_" + k), k, 2048 if k == "rsa" else None) for k in KINDS}


def line(server, key=None, name=None, kind=0):
    return "%s %s\n" % (name or "[127.0.0.1]:%d" % server.port, public(key or server.hostkeys[kind]))


def fingerprint(key):
    return run("ssh-keygen", "-lf", key).split()[1]


def hashed(text):
    path = bed.write("to_hash", text)
    run("ssh-keygen", "-q", "-H", "-f", path)
    return bed.read("to_hash").decode()


def dt(*args):
    return super(Bed, bed).dt(*args)


def trust(path, *args):
    return dt("--known-hosts", path, *args)


def lets_in(server, path, *options):
    """Both: ssh(1), and dt."""
    by_ssh = subprocess.run(["ssh", "-F", bed.join("ssh_config"), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes",
                             "-o", "UserKnownHostsFile=" + path, "-o", "GlobalKnownHostsFile=/dev/null", "-i", bed.key,
                             "-p", str(server.port), *options, "127.0.0.1", "true"], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, env=bed.env)
    by_dt = dt("--known-hosts", path, "--port", str(server.port), "-I", bed.key, "127.0.0.1", "ssh", "true")
    return [by_ssh.returncode == 0, by_dt.returncode == 0]


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
    equal(lets_in(rsa, path), [True, True])


def test_trust_hashes_where_the_file_is():
    path = bed.write("known", hashed(line(all_kinds)))
    ended(trust(path, "--port", str(one.port), "--yes", "trust", "127.0.0.1"), 0)
    lines = bed.read("known").decode().splitlines()
    check(len(lines) == 2 and all(l.startswith("|1|") for l in lines), lines)
    equal(lets_in(one, path), [True, True])


def test_trust_never_replaces():
    path = bed.write("known", line(one, old["ed25519"]))
    done = trust(path, "--port", str(one.port), "--yes", "trust", "127.0.0.1")
    check(done.returncode != 0, done)
    equal(bed.read("known").decode(), line(one, old["ed25519"]))


def test_trust_at_once():
    """Twenty dt that add to one file: no line is lost or torn."""
    path = bed.write("known", "")
    processes = [subprocess.Popen([DT, "-F",
                                   bed.join("ssh_config"), "--known-hosts", path, "--port", str(one.port), "--yes",
                                   "trust", "127.0.0.%d" % i], env=bed.env, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL) for i in range(1, 21)]
    for p in processes:
        equal(p.wait(60), 0)
    lines = bed.read("known").decode().splitlines()
    equal(sorted(l.split()[0] for l in lines), sorted("[127.0.0.%d]:%d" % (i, one.port) for i in range(1, 21)))
    check(all(l.endswith(public(one.hostkeys[0])) for l in lines), lines)


def test_all_kinds():
    """One write has all types; each is named, and what was known already is told as such."""
    for options in ((), ("--transport", "openssh")):
        path = bed.write("known", "")
        done = ended(trust(path, *options, "--port", str(all_kinds.port), "--yes", "trust", "127.0.0.1"), 0)
        for i, key in enumerate(all_kinds.hostkeys):
            has(bed.read("known").decode(), line(all_kinds, kind=i))
            equal(done.stdout.count(fingerprint(key)), 2, done.stdout)  # in "new", and in "added"
        equal(len(bed.read("known").splitlines()), 3)
        for algorithm in ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512"):
            equal(lets_in(all_kinds, path, "-o", "HostKeyAlgorithms=" + algorithm), [True, True])
        done = ended(trust(path, *options, "--port", str(all_kinds.port), "trust", "127.0.0.1"), 0)
        equal([done.stdout.count("okay::dt:trust:127.0.0.1:known "), done.stdout.count("SHA256:")], [1, 3], done.stdout)
        # one is known: the others are added
        path = bed.write("known", line(all_kinds, kind=1))
        done = ended(trust(path, *options, "--port", str(all_kinds.port), "--yes", "trust", "127.0.0.1"), 0)
        has(done.stdout, "known ecdsa-sha2-nistp256 " + fingerprint(all_kinds.hostkeys[1]))
        equal([len(bed.read("known").splitlines()), done.stdout.count("added ")], [3, 2], done.stdout)


def test_changed_beside_unseen():
    """A key that is known and differs, of any type, plain or hashed: an error that names both, and nothing is added."""
    for kind in KINDS:
        for text in (line(all_kinds, old[kind]), hashed(line(all_kinds, old[kind])),
                     line(all_kinds, old[kind]) + line(all_kinds, kind=(KINDS.index(kind) + 1) % 3)):
            path = bed.write("known", text)
            done = ended(trust(path, "--port", str(all_kinds.port), "--yes", "trust", "127.0.0.1"), 4)
            has(done.stdout, "KEY CHANGED")
            has(done.stdout, fingerprint(old[kind]))
            has(done.stdout, fingerprint(all_kinds.hostkeys[KINDS.index(kind)]))
            equal(bed.read("known").decode(), text)
    # none of the known types is there any more: ssh says changed, and so does dt
    path = bed.write("known", line(one, old["rsa"]))
    equal(lets_in(one, path), [False, False])
    done = ended(trust(path, "--port", str(one.port), "--yes", "trust", "127.0.0.1"), 4)
    for key in (one.hostkeys[0], old["rsa"]):
        has(done.stdout, fingerprint(key))
    path = bed.write("known", "@revoked * " + public(all_kinds.hostkeys[2]) + "\n")
    done = ended(trust(path, "--port", str(all_kinds.port), "--yes", "trust", "127.0.0.1"), 4)
    has(done.stdout, "ssh-rsa %s is revoked" % fingerprint(all_kinds.hostkeys[2]))
    equal(len(bed.read("known").splitlines()), 1)


def test_address_in_another_form():
    path = bed.write("known", "@revoked " + line(one))
    for host in ("127.1", "0x7f000001"):
        has(ended(trust(path, "--port", str(one.port), "--yes", "trust", host), 4).stdout, "revoked")
    path = bed.write("known", "")
    ended(trust(path, "--port", str(one.port), "--yes", "trust", "127.1"), 0)
    equal(bed.read("known").decode(), line(one))


def test_by_the_way_of_a_session():
    """Port, address, user's files, jump hosts and ProxyCommand as ssh_config and the inventory say."""
    known = bed.join("known")
    common = "Host *\n UserKnownHostsFile %s\n GlobalKnownHostsFile /dev/null\n IdentityFile %s\n" % (known, bed.key)
    config = bed.write("config", (
        "Host gate\n HostName 127.0.0.1\n Port %d\n"
        "Host behind\n HostName 127.0.0.2\n Port %d\n ProxyJump gate\n"
        "Host piped\n HostName 127.0.0.3\n Port %d\n ProxyCommand ssh -F %s -W %%h:%%p gate\n"
        "Host alias\n HostName 127.0.0.1\n Port %d\n HostKeyAlias Service\n%s") %
        (one.port, all_kinds.port, all_kinds.port, bed.join("config"), all_kinds.port, common))
    for options in ((), ("--transport", "openssh")):
        bed.write("known", line(one))
        for host, name in (("behind", "[127.0.0.2]:%d" % all_kinds.port), ("piped", "[127.0.0.3]:%d" % all_kinds.port),
                           ("alias", "service")):
            ended(dt("-F", config, *options, "--yes", "trust", host), 0)
            lines = [l for l in bed.read("known").decode().splitlines(True) if l.split()[0] == name]
            equal(sorted(lines), sorted(line(all_kinds, name=name, kind=i) for i in range(3)))
            ended(dt("-F", config, *options, host, "ssh", "true"), 0)
    # a jump host that is not known is named, with what to do about it
    bed.write("known", "")
    has(ended(dt("-F", config, "--yes", "trust", "behind"), 4).stdout, "gate")


def test_revoked_host_keys():
    """What ssh_config's RevokedHostKeys names is not trusted."""
    known = bed.write("known", "")
    revoked = bed.write("revoked", public(all_kinds.hostkeys[1]) + "\n")
    config = bed.write("config", "UserKnownHostsFile %s\nGlobalKnownHostsFile /dev/null\nRevokedHostKeys %s\n" % (known, revoked))
    done = ended(dt("-F", config, "--port", str(all_kinds.port), "--yes", "trust", "127.0.0.1"), 4)
    has(done.stdout, "revoked by file")
    equal(bed.read("known"), b"")
    ended(dt("-F", config, "--port", str(one.port), "--yes", "trust", "127.0.0.1"), 0)


def test_no_place():
    """What keeps nothing is no place to say okay for."""
    for value in ("none", "/dev/null"):
        config = bed.write("config", "UserKnownHostsFile %s\nGlobalKnownHostsFile /dev/null\n" % value)
        done = ended(dt("-F", config, "--port", str(one.port), "--yes", "trust", "127.0.0.1"), 4)
        has(done.stdout, "fail::dt:trust:127.0.0.1:hostkey: ")
        has(done.stdout, "--known-hosts names a file")
    has(ended(trust("/dev/null", "--port", str(one.port), "--yes", "trust", "127.0.0.1"), 4).stdout, "/dev/null")


def test_a_host_that_is_not_there():
    silent = Sshd(bed.authorized)
    silent.stop()
    path = bed.write("known", "")
    for options in ((), ("--transport", "openssh")):
        done = ended(trust(path, *options, "--port", str(silent.port), "--yes", "trust", "127.0.0.1"), 4)
        has(done.stdout, "fail::dt:trust:127.0.0.1:connect: ")
        has(done.stdout.lower(), "connection refused")
        has(ended(trust(path, *options, "--yes", "trust", "nowhere.invalid"), 4).stdout, "resolve: ")
    equal(bed.read("known"), b"")


if __name__ == "__main__":
    main(globals())
