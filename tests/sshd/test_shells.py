#!/usr/bin/env -S python3 -B
"""Whatever answers a command there, a login shell, a forced command or none at all: status and output are those of ssh(1)."""
import concurrent.futures
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import BUILD, Bed  # noqa: E402
from daemons import Accounts, Simfleet, Sshd, public, wait_for  # noqa: E402
from testing import check, ended, equal, has, main  # noqa: E402

TRANSPORTS = ("libssh2", "openssh")
COMMANDS = (
    "echo out; echo err >&2; exit 3",
    "exit 0", "exit 85", "exit 170", "exit 255",
    "printf '%s;' \"it's\" '$HOME' 'a  b' '\\\\'; echo $0",
    "for i in 1 2; do echo $i; done; exit 4",
    "kill -9 $$",
    "no-such-command-there",
    "cd /; ls -d /tmp; exec sh -c 'exit 9'",
)
if not Accounts.possible():
    print("# no mount namespace can be made here: no accounts")
    print("0 passed, 0 failed")
    sys.exit(0)

bed = Bed()
os.chmod(bed.path, 0o755)
accounts = Accounts("x")
# The accounts differ in their shells alone; what the last two may do, their keys say.
SHELLS = {name: shutil.which(name) for name in ("bash", "dash", "zsh", "fish", "csh", "tcsh", "rbash", "git-shell")}
SHELLS = {name: path for name, path in SHELLS.items() if path}
os.makedirs(bed.join("bb"), 0o755)
os.symlink(shutil.which("busybox"), bed.join("bb/sh"))
SHELLS.update({"busybox": bed.join("bb/sh"), "nologin": "/usr/sbin/nologin", "false": "/bin/false"})
OPTIONS = {"forced": "command=\"echo forced $SSH_ORIGINAL_COMMAND; exit 85\" ", "forced0": "command=\"exit 0\" ",
           "sftp": "command=\"internal-sftp\" ", "restricted": "restrict "}
ENDS = ("bash", "dash", "zsh", "fish", "csh", "tcsh", "busybox", "restricted")


def prepare():
    keys = bed.join("keys")
    os.makedirs(keys, 0o755)
    with open(os.path.join(accounts.dir, "passwd"), "a") as passwd, open(os.path.join(accounts.dir, "shadow"), "a") as shadow:
        for name in [*SHELLS, *OPTIONS]:
            passwd.write("u-%s:x:%d:%d::%s:%s\n" % (name, Accounts.UID, Accounts.UID, accounts.home, SHELLS.get(name, "/bin/bash")))
            shadow.write("u-%s:*:19000:0:99999:7:::\n" % name)
            bed.write("keys/u-" + name, OPTIONS.get(name, "") + public(bed.key) + "\n")
    accounts.authorize([public(bed.key)])
    server = Sshd(options=["AuthorizedKeysFile %s/%%u" % keys, "UsePAM no"], wrap=accounts.wrap)
    for name in [*SHELLS, *OPTIONS]:
        bed.host(name, server, "user=u-" + name)
    return server


server = prepare()


def home(name, text=None):
    """A file in the home folder that the server gives to all."""
    path = os.path.join(server.path("home"), name)
    if text is None:
        os.unlink(path)
        return path
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o666)
    return path


def by_ssh(user, port, command):
    done = subprocess.run(["ssh", "-F", "none", "-p", str(port), "-i", bed.key, "-o", "BatchMode=yes", "-o",
                           "UserKnownHostsFile=" + bed.join("known_hosts"), "-l", user, "--", "127.0.0.1", command],
                          env=bed.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                          timeout=60)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def same(names, command, user=None, port=None):
    """One dt beside an ssh for each host."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        judged = dict(zip(names, pool.map(lambda n: by_ssh(user or "u-" + n, port or server.port, command), names)))
    for transport in TRANSPORTS:
        ends = bed.outcomes("--transport", transport, ",".join(names), "ssh", command)
        equal(sorted(ends), sorted(names))
        for name, end in ends.items():
            got = 255 if end["status"] == "killed" else end["rc"]
            equal((got, end["stdout"], end["stderr"]), judged[name], (name, transport, command))
            equal(end["status"] == "ok", judged[name][0] == 0, (name, transport, command))
    return {name: code for name, (code, _, _) in judged.items()}


def test_shells():
    codes = [same(list(SHELLS), command) for command in COMMANDS]
    for name in SHELLS:
        print("# %-10s %s" % (name, [c[name] for c in codes]))


def test_forced():
    for command in ("exit 7", "exit 85", "true"):
        same(list(OPTIONS), command)


def test_no_shell_at_all():
    """A device: it knows commands of its own, and no shell."""
    device = Simfleet(BUILD)
    bed.host("device", device)
    for command in ("sim:stdout=up\\n", "sim:stdout=a\\n sim:stderr=b\\n sim:status=3", "sim:status=85", "sim:status=255"):
        same(["device"], command, "root", device.port)


def test_start_up_files():
    """They are read once, and what they define is there."""
    count = home("count", "")
    home(".bashrc", "echo read >>~/count\nexport SHELL=/usr/bin/fish MINE=mine\nhello() { echo hello $MINE; }\n")
    for transport in TRANSPORTS:
        with open(count, "w"):
            pass
        end = bed.outcomes("--transport", transport, "bash", "ssh", "hello; for i in 1 2; do echo $i; done; exit 3")["bash"]
        equal((end["rc"], end["stdout"]), (3, "hello mine\n1\n2\n"), transport)
        with open(count) as f:
            equal(f.read(), "read\n", transport)
    home(".bashrc")
    home("count")


def sleepers(word):
    done = subprocess.run(["pgrep", "-xf", "sleep " + word], stdout=subprocess.PIPE, check=False)
    return [int(pid) for pid in done.stdout.split()]


def test_ends():
    """Of each shell a command with children is ended, and where it cannot be, that is said."""
    for name in ENDS:
        if name not in SHELLS and name not in OPTIONS:
            continue
        for transport in TRANSPORTS:
            end = bed.outcomes("--transport", transport, "--command-timeout", "500ms", name, "ssh",
                               "sh -c 'sleep 300.31 & setsid sleep 300.31 & wait'", status=4)[name]
            equal(end["status"], "timeout")
            has(end["reason"], "; ended on the host")
            equal(sleepers("300.31"), [], (name, transport))
    # No /bin/sh may be called there: nothing can end it, and it is not said that anything did.
    end = bed.outcomes("--command-timeout", "500ms", "rbash", "ssh", "sleep 300.32", status=4)["rbash"]
    has(end["reason"], "could not confirm that it ended on the host")
    for pid in sleepers("300.32"):
        os.kill(pid, 9)
    wait_for(lambda: not sleepers("300.32"), "the end of a sleep")


def test_session_limit():
    """MaxSessions 1: one command after the other on a connection; there is no room to end one."""
    single = Sshd([public(bed.key)], options=["MaxSessions 1"])
    bed.host("single", single)
    tree = bed.join("tree")
    for i in range(5):
        bed.write("tree/%d" % i, str(i) * 1000)
    for transport in TRANSPORTS:
        there = bed.join("there-" + transport)
        ended(bed.dt("--transport", transport, "single", "push", "-r", tree + "/", there), 0)
        equal(sorted(os.listdir(there)), list("01234"))


def test_long_command():
    """libssh2 sends 34 KB at most; ssh(1) sends the rest."""
    bed.host("long", Sshd([public(bed.key)]))
    text = "x" * 60000
    end = bed.outcomes("long", "ssh", "echo %s | wc -c; exit 3" % text, status=5)["long"]
    equal((end["rc"], end["stdout"], end["transport"]), (3, "60001\n", "openssh"))
    done = ended(bed.dt("--transport", "libssh2", "long", "ssh", "echo " + text), 5)
    has(done.stdout, "the command is too long: libssh2 sends at most 34 KB")
    check("okay" not in done.stdout, done.stdout)


if __name__ == "__main__":
    main(globals())
