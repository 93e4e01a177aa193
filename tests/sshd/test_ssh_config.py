#!/usr/bin/env -S python3 -B
"""ssh_config: each keyword of dt-ssh_config(5) tried, and what its values do on real servers."""
import gzip
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed  # noqa: E402
from daemons import Sshd, keygen, public  # noqa: E402
from testing import ROOT, check, equal, ended, has, main  # noqa: E402

bed = Bed()
server = Sshd(bed.authorized, options=["AcceptEnv *"])
PLAIN = ["HostName 127.0.0.1", "Port %d" % server.port, "IdentityFile %s" % bed.key,
         "UserKnownHostsFile %s" % bed.join("kh")]


def known(*names, key=None):
    bed.write("kh", "".join("[%s]:%d %s\n" % (n, server.port, public(key or server.hostkeys[0])) for n in names))


def config(*hosts):
    """ssh_config: (host, lines...) each, then what makes them real hosts."""
    text = ["".join("%s\n" % line for line in (("Host %s" % host[0],) + host[1:])) for host in hosts]
    return bed.write("ssh_config", "".join(text) + "Host *\n" + "".join("%s\n" % line for line in PLAIN))


def dt(*args, **kw):
    """dt without the bed's own options: all comes from ssh_config."""
    return super(Bed, bed).dt(*args, **kw)


def events(*args, kind="end"):
    done = dt("-o", "jsonl", *args)
    found = [e for e in map(json.loads, done.stdout.splitlines()) if e["event"] == kind]
    return {e["host"]: e for e in found}


def ssh(*args):
    return subprocess.run(["ssh", "-F", bed.join("ssh_config"), "-o", "BatchMode=yes", *args], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=bed.env, check=False)


def manual():
    """{section: [keywords]} of dt-ssh_config(5)."""
    found, section = {}, None
    with open(os.path.join(ROOT, "man/dt-ssh_config.5")) as f:
        for line in f:
            if line.startswith(".Sh "):
                section = line[4:].strip()
            elif match := re.match(r"\.It Cm (\w+)$", line):
                found.setdefault(section, []).append(match.group(1))
    return found


# What hands a host to ssh(1), by keyword; None: only where something else is there (below).
HANDED = {
    "ProxyCommand": "nc %h %p", "ProxyUseFdpass": "yes", "AddressFamily": "inet", "BindAddress": "127.0.0.1",
    "BindInterface": "lo", "CanonicalizeHostname": "yes", "ConnectionAttempts": "3", "RefuseConnection": "no",
    "PubkeyAcceptedAlgorithms": "ssh-ed25519", "CASignatureAlgorithms": "ssh-ed25519", "RequiredRSASize": "2048",
    "RekeyLimit": "1G", "CheckHostIP": "yes", "NoHostAuthenticationForLocalhost": "yes", "KnownHostsCommand": "/bin/true",
    "RevokedHostKeys": "/dev/null", "VerifyHostKeyDNS": "yes", "GSSAPIAuthentication": None, "GSSAPIKeyExchange": None,
    "HostbasedAuthentication": "yes", "PubkeyAuthentication": "no", "PreferredAuthentications": "password",
    "CertificateFile": "/c", "PKCS11Provider": "/p", "SecurityKeyProvider": "/s", "ForwardAgent": None,
    "PermitLocalCommand": "yes", "RemoteCommand": "uptime", "ChannelTimeout": "session=1m", "SessionType": "subsystem",
    "SendEnv": None, "SetEnv": "A=b",
}
# What does not.
HARMLESS = {
    "ProxyCommand": "none", "ProxyUseFdpass": "no", "AddressFamily": "any", "CanonicalizeHostname": "no",
    "ConnectionAttempts": "1", "RekeyLimit": "default", "CheckHostIP": "no", "NoHostAuthenticationForLocalhost": "no",
    "KnownHostsCommand": "none", "RevokedHostKeys": "none", "VerifyHostKeyDNS": "ask", "GSSAPIAuthentication": "yes",
    "GSSAPIKeyExchange": "yes", "HostbasedAuthentication": "no", "PubkeyAuthentication": "yes",
    "PreferredAuthentications": "publickey,password", "CertificateFile": "none", "PKCS11Provider": "none",
    "SecurityKeyProvider": "internal", "ForwardAgent": "yes", "PermitLocalCommand": "no", "RemoteCommand": "none",
    "ChannelTimeout": "none", "SessionType": "default", "SendEnv": "DT_TEST_NOT_SET",
}
# What dt why says then: (value, key there, value there).
HONOURED = {
    "HostName": ("127.9.9.9", "address", "127.9.9.9"), "User": ("somebody", "user", "somebody"),
    "Port": ("ssh", "port", "22"), "ConnectTimeout": ("1m", "connect_timeout", "60"),
    "HostKeyAlias": ("alias", "hostkey_alias", "alias"), "StrictHostKeyChecking": ("accept-new", "host keys", "accept-new"),
    "KexAlgorithms": ("ecdh-sha2-nistp256", "KexAlgorithms", "ecdh-sha2-nistp256"), "Ciphers": ("aes256-ctr", "Ciphers", "aes256-ctr"),
    "MACs": ("hmac-sha2-512", "MACs", "hmac-sha2-512"),
    "HostKeyAlgorithms": ("ssh-ed25519", "HostKeyAlgorithms", "ssh-ed25519"), "ProxyJump": ("gate", "via", "gate"),
    "RequestTTY": ("force", "via ssh(1)", "yes"), "UserKnownHostsFile": ("/of/its/own", "known_hosts", "/of/its/own"),
    "ControlPath": ("/none/%h-%p-%r", "control path", "/none/"),
}
# By other tests here, in test_config.py, test_logins.py and tests/unit/test_ssh_config.c.
ELSEWHERE = {"Host", "Match", "Include", "IgnoreUnknown", "ServerAliveInterval", "ServerAliveCountMax", "IdentityFile",
             "IdentitiesOnly", "IdentityAgent", "HashKnownHosts", "GlobalKnownHostsFile"}


def why(host):
    """[(key, value, origin)]"""
    done = ended(dt("why", host), 0)
    rows = []
    for line in done.stdout.splitlines():
        value, _, origin = line.partition("  (") if "  (" in line else (line, "", "")
        key = next((k for k in ("host keys", "via ssh(1)", "control path") if value.startswith(k)), value.split(" ")[0])
        rows.append((key, value[len(key):].strip(), origin.rstrip(")")))
    return rows


def test_rows():
    """Each keyword that the manual has is tried, and this table has no other."""
    rows = manual()
    equal(sorted(rows["HANDED TO SSH"]), sorted(HANDED))
    equal(sorted(rows["HONOURED"]), sorted(set(HONOURED) | ELSEWHERE))
    hosts = [("handed-" + k, "%s %s" % (k, v)) for k, v in HANDED.items() if v]
    hosts += [("harmless-" + k, "%s %s" % (k, v)) for k, v in HARMLESS.items()]
    hosts += [("unused-" + k, "%s 1" % k) for k in rows["NOT USED"]]
    config(*hosts, ("plain",))
    bed.env.pop("KRB5CCNAME", None)
    # what needs newer versions of ssh is not asked of this one: a run leaves it open
    names = [h[0] for h in hosts if h[0] not in ("handed-CanonicalizeHostname",)]
    plans = events("-p", ",".join(names + ["plain"]), "ssh", "true", kind="plan")
    equal(plans["plain"]["transport"], "libssh2")
    for name in names:
        way, _, keyword = name.partition("-")
        if keyword in ("GSSAPIAuthentication", "GSSAPIKeyExchange") and os.path.exists("/tmp/krb5cc_%d" % os.geteuid()):
            continue
        if way == "handed":
            equal(plans[name]["transport"], "openssh", name)
            has(plans[name]["because"], keyword + " at ")
        else:
            equal((plans[name]["transport"], plans[name]["because"]), ("libssh2", None), name)
            equal((plans[name]["address"], plans[name]["port"]), ("127.0.0.1", server.port), name)
    config(("handed", "CanonicalizeHostname yes"))
    has(str(why("handed")), "CanonicalizeHostname at ")


def test_honoured():
    config(("gate",), *[("on-" + k, "%s %s" % (k, v[0])) for k, v in HONOURED.items()])
    for keyword, (_, key, value) in HONOURED.items():
        rows = [r for r in why("on-" + keyword) if r[0] == key]
        check(rows and rows[0][1].startswith(value), keyword, rows)


def test_new_keywords():
    """What the installed ssh's manual or ssh -G names is in ours too."""
    ours = {k.lower() for section in manual().values() for k in section}
    theirs = {line.split(" ")[0].lower() for line in subprocess.run(
        ["ssh", "-G", "-T", "-F", "none", "x"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
        .stdout.decode().splitlines()}
    check(len(theirs) > 50)
    page = "/usr/share/man/man5/ssh_config.5.gz"
    if os.path.exists(page):
        with gzip.open(page, "rt", errors="replace") as f:
            named = {m.group(1).lower() for m in re.finditer(r"^\.It Cm ([A-Z]\w+)$", f.read(), re.M)}
        check(len(named) > 80, named)
        theirs |= named
    else:
        print("# no %s here" % page)
    equal(sorted(theirs - ours), [])


def test_agent_and_environment():
    """The command sees what it sees with ssh."""
    known("127.0.0.1")
    config(("agent", "ForwardAgent yes"), ("env", "SetEnv DT_TEST_A=one"), ("send", "SendEnv DT_TEST_*"))
    agent = subprocess.run(["ssh-agent", "-s"], stdout=subprocess.PIPE, check=True).stdout.decode()
    socket, pid = (re.search(r"%s=([^;]+);" % n, agent).group(1) for n in ("SSH_AUTH_SOCK", "SSH_AGENT_PID"))
    bed.env.update(SSH_AUTH_SOCK=socket, DT_TEST_B="two")
    try:
        for host, command in (("agent", "test -S \"$SSH_AUTH_SOCK\" && echo agent"), ("env", "echo $DT_TEST_A"),
                              ("send", "echo $DT_TEST_B")):
            theirs = ssh(host, command).stdout.decode()
            check(theirs.strip(), host, theirs)
            end = events(host, "ssh", command)[host]
            equal((end["status"], end["stdout"], end["transport"]), ("ok", theirs, "openssh"), host)
    finally:
        del bed.env["SSH_AUTH_SOCK"], bed.env["DT_TEST_B"]
        subprocess.run(["kill", pid], check=True)
    equal(events("agent", "ssh", "echo here")["agent"]["transport"], "libssh2")


def test_refused():
    known("127.0.0.1")
    config(("none", "SessionType none"), ("remote", "RemoteCommand uptime"), ("proxy", "ProxyCommand nc %h %p"))
    end = events("none", "ssh", "true")["none"]
    check(end["status"] != "ok")
    has(end["reason"], "SessionType none at ")
    theirs = ssh("remote", "true")
    check(theirs.returncode)
    end = events("remote", "ssh", "true")["remote"]
    check(end["status"] != "ok", end)
    has(end["reason"], theirs.stderr.decode().strip())
    end = events("--transport", "libssh2", "proxy", "ssh", "true")["proxy"]
    check(end["status"] != "ok")
    has(end["reason"], "ProxyCommand at ")


def test_strict():
    """StrictHostKeyChecking in each value: what dt does is what ssh does."""
    other = keygen(bed.join("other"))
    values = ("yes", "no", "off", "ask", "accept-new")
    config(*[("s-" + v, "StrictHostKeyChecking " + v) for v in values])
    for case in "known", "unknown", "changed":
        for value in values:
            got = []
            for by in "ssh", "dt":
                if case == "unknown":
                    bed.write("kh", "")
                else:
                    known("127.0.0.1", key=other if case == "changed" else None)
                host = "s-" + value
                okay = ssh(host, "true").returncode == 0 if by == "ssh" else events(host, "ssh", "true")[host]["status"] == "ok"
                got.append((okay, [line.split()[-2:] for line in bed.read("kh").decode().splitlines()]))
            equal(got[1], got[0], (case, value))


def test_policies():
    """What a policy names is what is offered, whatever else hands the host to ssh."""
    known("127.0.0.1")
    old = Sshd(bed.authorized, options=["KexAlgorithms diffie-hellman-group14-sha1"])
    new = Sshd(bed.authorized, options=["Ciphers aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr",
                                              "LogLevel DEBUG1"])
    bed.write("kh", old.known_hosts("127.0.0.1") + new.known_hosts("127.0.0.1"))
    config(
        ("old-plain", "Port %d" % old.port, "KexAlgorithms diffie-hellman-group14-sha1"),
        ("old-plus", "Port %d" % old.port, "KexAlgorithms +diffie-hellman-group14-sha1"),
        ("old-behind", "Port %d" % old.port, "SetEnv A=b", "KexAlgorithms +diffie-hellman-group14-sha1"),
        ("new-exact", "Port %d" % new.port, "Ciphers aes256-ctr", "MACs hmac-sha2-512", "KexAlgorithms ecdh-sha2-nistp384"),
        ("new-chacha", "Port %d" % new.port, "Ciphers chacha20-poly1305@openssh.com",
         "KexAlgorithms sntrup761x25519-sha512@openssh.com"),
        ("new-behind", "Port %d" % new.port, "SetEnv A=b", "Ciphers chacha20-poly1305@openssh.com",
         "KexAlgorithms sntrup761x25519-sha512@openssh.com"),
        ("new-never", "Port %d" % new.port, "Ciphers aes192-ctr", "KexAlgorithms ecdh-sha2-nistp384"),
    )
    ends = events("sys:old-plain,old-plus,old-behind,new-exact,new-chacha,new-behind,new-never", "ssh", "true")
    for host, end in ends.items():
        equal(end["status"] == "ok", ssh(host, "true").returncode == 0, (host, end))
    equal({h: e["transport"] for h, e in ends.items()},
          {"old-plain": "libssh2", "old-plus": "openssh", "old-behind": "openssh", "new-exact": "libssh2",
           "new-chacha": "openssh", "new-behind": "openssh", "new-never": ends["new-never"]["transport"]})
    # what came of the offer, as the server says it: dt's own faster ones are not put before the policy's
    chosen = re.findall(r"kex: client->server cipher: (\S+) MAC: (\S+)", new.log())
    equal({c for c, _ in chosen}, {"aes256-ctr", "chacha20-poly1305@openssh.com"})
    equal({m for c, m in chosen if c == "aes256-ctr"}, {"hmac-sha2-512"})
    equal({k.partition("@")[0] for k in re.findall(r"kex: algorithm: (\S+)", new.log())},
          {"ecdh-sha2-nistp384", "sntrup761x25519-sha512"})


def test_match():
    """Hosts that no Match can touch keep libssh2; of the others dt says what ssh -G says, or null."""
    known("127.0.0.1", "127.0.0.2")
    config(("near", "Port %d" % server.port), ("far",))
    text = bed.read("ssh_config").decode()
    bed.write("ssh_config", """\
Match originalhost far exec "true"
  HostName 127.0.0.2
Match originalhost other exec "touch %s"
Match final host 127.0.0.3
  ConnectTimeout 7
""" % bed.join("ran") + text)
    plans = events("-p", "near,far", "ssh", "true", kind="plan")
    equal((plans["near"]["transport"], plans["near"]["address"]), ("libssh2", "127.0.0.1"))
    theirs = dict(line.split(" ", 1) for line in ssh("-G", "-T", "far").stdout.decode().splitlines())
    equal(theirs["hostname"], "127.0.0.2")
    equal((plans["far"]["transport"], plans["far"]["address"]), ("openssh", theirs["hostname"]))
    rows = why("far")
    check(("address", "127.0.0.2", "ssh -G") in rows, rows)
    ends = events("near,far", "ssh", "echo ${SSH_CONNECTION}")
    equal({h: e["status"] for h, e in ends.items()}, {"near": "ok", "far": "ok"})
    equal(ends["far"]["stdout"].split()[2], "127.0.0.2")
    check(ends["far"]["address"] in (None, "127.0.0.2"), ends["far"])
    check(not os.path.exists(bed.join("ran")), "a command of another host's Match ran")
    # trust goes where the session goes
    strange = Sshd(bed.authorized)
    bed.write("kh", "")
    bed.write("ssh_config", "Match originalhost far exec true\n  HostName 127.0.0.2\n  Port %d\n" % strange.port + text)
    ended(dt("trust", "--yes", "far"), 0)
    lines = bed.read("kh").decode()
    has(lines, public(strange.hostkeys[0]))
    has(lines, "[127.0.0.2]:%d" % strange.port)
    check(public(server.hostkeys[0]) not in lines, lines)


if __name__ == "__main__":
    main(globals())
