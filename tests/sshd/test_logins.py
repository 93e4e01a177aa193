#!/usr/bin/env -S python3 -B
"""Ways to log in, on OpenSSH and on dropbear, and which transport carried each."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed  # noqa: E402
from daemons import ME, Accounts, Dropbear, Sshd, keygen, public, run, wait_for  # noqa: E402
from testing import check, ended, equal, has, main  # noqa: E402

PASSWORD = "pa ss'w\"ord$\\%"
PHRASE = "open sesame"
bed = Bed()
keys = {
    "ed25519": keygen(bed.join("k_ed25519")),
    "ecdsa 256": keygen(bed.join("k_ecdsa"), "ecdsa"),
    "ecdsa 521": keygen(bed.join("k_ecdsa521"), "ecdsa", 521),
    "rsa 3072": keygen(bed.join("k_rsa"), "rsa", 3072),
    "rsa 3072, PEM": keygen(bed.join("k_rsa_pem"), "rsa", 3072, form="PEM"),
    "ecdsa 384, PKCS#8": keygen(bed.join("k_ecdsa_pem"), "ecdsa", 384, form="PKCS8"),
}
locked = keygen(bed.join("k_locked"), passphrase=PHRASE)
agent_key = keygen(bed.join("k_agent"))
agent_rsa = keygen(bed.join("k_agent_rsa"), "rsa", 3072)
authority = keygen(bed.join("user_ca"))
certified = keygen(bed.join("k_certified"))
stranger = keygen(bed.join("k_stranger"))
everyone = [public(k) for k in [*keys.values(), locked, agent_key, agent_rsa]]

accounts = Accounts(PASSWORD) if Accounts.possible() else None
wrap = accounts.wrap if accounts else []
USER = Accounts.USER if accounts else ME
if accounts:
    accounts.authorize(everyone)
run("ssh-keygen", "-q", "-s", authority, "-I", "test", "-n", USER, certified + ".pub")

servers = {"OpenSSH": Sshd(everyone, wrap=wrap, options=["TrustedUserCAKeys %s.pub" % authority])}
if accounts:
    servers["dropbear"] = Dropbear(wrap=wrap)
else:
    print("# no mount namespace can be made here: no password, no dropbear")


agents = []


def agent(*paths):
    """A running ssh-agent with the keys; its environment."""
    socket = bed.join("agent%d" % len(agents))
    agents.append(socket)
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    wait_for(lambda: os.path.exists(socket), "ssh-agent")
    env = {"SSH_AUTH_SOCK": socket}
    run("ssh-add", "-q", *paths, env=dict(os.environ, **env))
    return process, env


def askpass(answer):
    """The answer once; afterwards nothing, with which ssh-add gives up."""
    asked = bed.join("asked")
    path = bed.write("askpass", "#!/bin/sh\n[ -s %s ] && exec echo\necho asked > %s\nprintf '%%s\\n' '%s'\n" %
                     (asked, asked, answer), 0o755)
    return {"SSH_ASKPASS": path, "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":none"}


def login(server, *args, env=None, stdin=None, count=1):
    """The outcomes of that many hosts at a server."""
    bed.write("known", "".join(server.known_hosts("127.0.0.%d" % i) for i in range(1, count + 1)))
    done = super(Bed, bed).dt("-o", "jsonl", "-u", USER, "--known-hosts", bed.join("known"), "--port", str(server.port),
                              *args, "127.0.0.[1-%d]" % count, "ssh", "echo $LOGNAME", env=env, stdin=stdin)
    ends = [json.loads(l) for l in done.stdout.splitlines() if '"event":"end"' in l]
    check(len(ends) == count, done.stdout, done.stderr)
    return ends


def lets_in(case, name, end):
    check(end["status"] == "ok" and end["stdout"] == USER + "\n", case, name, end)
    print("# %-34s %-9s %s" % (case, name, end["transport"]))
    return end["transport"]


def each():
    return servers.items()


def test_keys():
    for name, server in each():
        for case, key in keys.items():
            transport = lets_in(case, name, login(server, "-I", key)[0])
            if "rsa" not in case:
                equal(transport, "libssh2", case)


def test_default_files():
    """Without -I: what stands in ~/.ssh."""
    home = bed.join(".ssh")
    os.makedirs(home, 0o700, exist_ok=True)
    for name, server in each():
        for case, file in (("ed25519", "id_ed25519"), ("ecdsa 256", "id_ecdsa"), ("rsa 3072", "id_rsa")):
            shutil.copy(keys[case], os.path.join(home, file))
            shutil.copy(keys[case] + ".pub", os.path.join(home, file + ".pub"))
            lets_in("default file " + file, name, login(server)[0])
            os.remove(os.path.join(home, file))
            os.remove(os.path.join(home, file + ".pub"))


def test_encrypted_key():
    for name, server in each():
        bed.write("asked", "")
        ends = login(server, "-I", locked, env=askpass(PHRASE), count=5)
        for end in ends:
            check(end["status"] == "ok", end)
        lets_in("encrypted ed25519, 5 hosts", name, ends[0])
        equal(bed.read("asked"), b"asked\n", "asked once")
        bed.write("asked", "")
        bed.write("known", server.known_hosts())
        # A wrong one, or nobody to ask, and no waiting for one: no host is tried.
        for env in (askpass("wrong"), {}):
            done = super(Bed, bed).dt("--known-hosts", bed.join("known"), "--port", str(server.port), "-I", locked,
                                      "127.0.0.1", "ssh", "true", env=env)
            ended(done, 2)
            has(done.stderr, locked)


def test_agent():
    process, env = agent(agent_key, agent_rsa)
    for name, server in each():
        lets_in("agent", name, login(server, env=env)[0])
        equal(login(server, "-I", agent_key + ".pub", env=env)[0]["status"], "ok", "-I of a public half")
        lets_in("agent, RSA", name, login(server, "-I", agent_rsa + ".pub", env=env)[0])
        # Several hosts share it; dropbear allows an address five at a time.
        equal({e["status"] for e in login(server, env=env, count=5)}, {"ok"})
    process.terminate()
    process.wait()


def test_certificate():
    lets_in("user certificate", "OpenSSH", login(servers["OpenSSH"], "-I", certified)[0])
    process, env = agent(certified)
    lets_in("user certificate, agent", "OpenSSH", login(servers["OpenSSH"], env=env)[0])
    process.terminate()
    process.wait()


def test_password():
    if not accounts:
        return
    only = {
        "password": ["PasswordAuthentication yes", "KbdInteractiveAuthentication no"],
        "keyboard-interactive": ["PasswordAuthentication no", "KbdInteractiveAuthentication yes", "UsePAM yes"],
        "both": ["PasswordAuthentication yes", "KbdInteractiveAuthentication yes", "UsePAM yes"],
    }
    for case, options in only.items():
        server = Sshd(wrap=wrap, options=[*options, "PubkeyAuthentication no"])
        ends = login(server, "-k", stdin=PASSWORD + "\n", count=3)
        equal({e["status"] for e in ends}, {"ok"}, ends)
        lets_in(case + ", 3 hosts", "OpenSSH", ends[0])
        end = login(server, "-k", stdin="wrong\n")[0]
        equal(end["status"], "auth")
        check("wrong" not in json.dumps(end), end)
        server.stop()
    end = login(servers["dropbear"], "-k", stdin=PASSWORD + "\n")[0]
    lets_in("password", "dropbear", end)
    # A key that is not let in comes before the password.
    end = login(servers["dropbear"], "-k", "-I", stranger, stdin=PASSWORD + "\n")[0]
    lets_in("a strange key, then the password", "dropbear", end)


def test_refused():
    for name, server in each():
        for transport in ("libssh2", "openssh"):
            end = login(server, "-I", stranger, "--transport", transport)[0]
            equal((end["status"], end["rc"]), ("auth", None), name)
            has(end["reason"], "auth: ")


def test_each_transport():
    for name, server in each():
        for transport in ("libssh2", "openssh"):
            end = login(server, "-I", keys["ed25519"], "--transport", transport)[0]
            equal((end["status"], end["transport"]), ("ok", transport), name)


def test_password_is_nowhere():
    """Neither in dt's argument vector nor in its environment, nor in those of what it starts."""
    if not accounts:
        return
    done = super(Bed, bed).dt("-k", "--known-hosts", bed.write("known", servers["dropbear"].known_hosts()), "-u", USER,
                              "--port", str(servers["dropbear"].port), "127.0.0.1", "ssh",
                              "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'",
                              stdin="Xyz" + PASSWORD + "\n")
    ended(done, 4)
    check("Xyz" not in done.stdout + done.stderr)


if __name__ == "__main__":
    main(globals())
