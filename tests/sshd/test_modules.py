#!/usr/bin/env -S python3 -B
"""The modules that come with dt, on real hosts."""
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed  # noqa: E402
from daemons import Accounts, Dropbear, Sshd, public  # noqa: E402
from testing import check, ended, equal, has, main  # noqa: E402

bed = Bed()
server = Sshd(bed.authorized)
bed.host("web01", server, "web linux")
bed.host("web02", server, "web linux", address="127.0.0.2")
BOTH = ("libssh2", "openssh")


def messages(done):
    return {line.split(":", 5)[4]: line.split(":", 5)[5] for line in done.stdout.splitlines()}


def test_script():
    interpreters = {
        "sh": "#!/bin/sh\nprintf '%s|' \"$0\" \"$#\" \"$@\" >&1\n",
        "python": "#!/usr/bin/env python3\nimport sys\nprint('|'.join([str(len(sys.argv) - 1)] + sys.argv[1:]), end='|')\n",
        "none": "printf '%s|' \"$#\" \"$@\"\n",
        "bash": "#!/bin/bash -e\nprintf '%s|' \"$#\" \"$@\"; false; echo not here\n",
    }
    arguments = ["a b", "", "it's", '"q"', "$HOME `id` \\", "-x", "*"]
    for transport in BOTH:
        for name, text in interpreters.items():
            path = bed.write("script-" + name, text, 0o755)
            done = bed.dt("-o", "jsonl", "--transport", transport, "tag:web", "script", path, *arguments)
            ends = [json.loads(l) for l in done.stdout.splitlines() if '"end"' in l]
            equal(len(ends), 2)
            for end in ends:
                equal(end["rc"], 1 if name == "bash" else 0, end)
                check(end["stdout"].endswith("|".join([str(len(arguments)), *arguments]) + "|"), name, end)


def test_script_big():
    """Longer than any pipe holds, and a script that reads no further than it needs."""
    path = bed.write("big", "#!/bin/sh\nexit 7\n" + "# padding\n" * 200000, 0o755)
    for transport in BOTH:
        done = bed.dt("--transport", transport, "tag:web", "script", path)
        equal(done.returncode, 5)
        equal(set(messages(done).values()), {"exit 7: "})


def test_local():
    done = ended(bed.dt("tag:web", "local", "echo $DT_HOST $DT_ADDRESS $DT_PORT $DT_TAGS"), 0)
    equal(messages(done), {"web01": "web01 127.0.0.1 %d web linux" % server.port,
                           "web02": "web02 127.0.0.2 %d web linux" % server.port})
    done = ended(bed.dt("web01", "local", "echo x; kill -TERM $$"), 5)
    has(done.stdout, "fail::dt:local:web01:killed: signal TERM")
    equal(bed.dt("web01", "local", "exit 3").stdout, "fail::dt:local:web01:exit 3: \n")


def test_ping():
    if not shutil.which("ping"):
        equal(bed.dt("web01", "ping").returncode, 5)
        return
    probe = subprocess.run(["ping", "-n", "-c", "1", "-W", "2", "127.0.0.1"], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=False)
    done = bed.dt("tag:web", "ping")
    equal(done.returncode, 0 if probe.returncode == 0 else 5, done.stdout)
    if probe.returncode == 0:
        check(all(re.fullmatch(r"[\d.]+ ms", m) for m in messages(done).values()), done.stdout)


def test_script_modules():
    remote = "#!/bin/sh\n# dt: summary = size of a folder\n# dt: where = remote\n# dt: kind = info\n" \
             "# dt: param folder string default=/ which one\ncd \"$DT_PARAM_FOLDER\" && echo \"$DT_HOST:$PWD\"\n"
    bed.write("config/dt/modules/where", remote, 0o755)
    done = ended(bed.dt("tag:web", "where", "/usr"), 0)
    equal(messages(done), {"web01": "web01:/usr", "web02": "web02:/usr"})
    done = ended(bed.dt("web01", "where", "/no where"), 5)
    has(done.stdout, "/no where")
    has(bed.dt("help", "where").stdout, "size of a folder")
    has(bed.dt("modules").stdout, "where")
    # Others may write to it: not run.
    os.chmod(bed.join("config/dt/modules/where"), 0o777)
    equal(bed.dt("web01", "where", "/usr").returncode, 3)
    os.remove(bed.join("config/dt/modules/where"))


def test_sudo():
    if not Accounts.possible() or not shutil.which("sudo"):
        print("# no sudo, or no mount namespace can be made here")
        return
    word = "sesame 'open' \"$1\" \\n"
    accounts = Accounts(word)
    accounts.authorize([public(bed.key)])
    for i, kind in enumerate((Sshd, Dropbear)):
        host = kind(wrap=accounts.wrap) if kind is Dropbear else Sshd([public(bed.key)], wrap=accounts.wrap)
        bed.host("sudo%d" % i, host, "su", address="127.0.0.%d" % (i + 3))
    for transport in BOTH:
        options = ["-u", accounts.USER, "--transport", transport, "tag:su", "sudo"]
        done = bed.dt("-K", *options, "id -un; echo err >&2; cat", stdin=word + "\n")
        equal(done.returncode, 0, done.stdout + done.stderr)
        # ssh(1) passes the two streams on by two pipes, and does not say which byte came first
        equal({tuple(sorted(m.split("\\n"))) for m in messages(done).values()}, {("err", "root")}, transport)
        done = bed.dt("-K", *options, "id -un", stdin="wrong\n")
        check(done.returncode in (4, 5), done.stdout)
        check("wrong" not in done.stdout + done.stderr and all(m.startswith("auth: ") for m in messages(done).values()),
              done.stdout)
        done = bed.dt(*options, "id -un")
        check(done.returncode in (4, 5) and "password" in done.stdout, done.stdout)
        # A command that prints what looks like a prompt gets no password.
        done = bed.dt("-K", *options, "echo '[sudo] password for dtuser:'; read x; echo got:$x", stdin=word + "\n")
        check("sesame" not in done.stdout, done.stdout)
        done = bed.dt("-K", *options, "exit 9", stdin=word + "\n")
        equal(set(messages(done).values()), {"exit 9: "})


def test_store_words():
    run = super(Bed, bed).dt
    ended(run("s[01-03],db1", "add"), 0)
    ended(run("exp:s", "tag", "linux", "web"), 0)
    ended(run("exp:db", "tag", "linux,db"), 0)
    ended(run("tag:db", "set", "port=2222", "user=postgres", "note=two words"), 0)
    done = ended(run("tag:linux", "list"), 0)
    equal(done.stdout, "okay::dt:list:s01:linux web\nokay::dt:list:s02:linux web\nokay::dt:list:s03:linux web\n"
                       "okay::dt:list:db1:linux db port=2222 user=postgres note=\"two words\"\n")
    equal(ended(run("-o", "fold", "tag:linux", "list"), 0).stdout, "s[01-03],db1\n")
    ended(run("s02", "tag", "-web"), 0)
    equal(ended(run("-o", "fold", "tag:web", "list"), 0).stdout, "s[01,03]\n")
    first = ended(run("inventory", "export"), 0).stdout
    path = bed.write("exported.ini", first)
    env = {"XDG_DATA_HOME": bed.join("other")}
    has(ended(run("inventory", "import", path, env=env), 0).stdout, "4 added")
    equal(ended(run("inventory", "export", env=env), 0).stdout, first)
    ended(run("tag:linux", "del"), 0)
    equal(run("all", "list").returncode, 7)
    # It is not there: nothing is done to those that are.
    ended(run("s01", "add"), 0)
    equal(run("s01,s99", "del").returncode, 5)
    equal(ended(run("-o", "fold", "all", "list"), 0).stdout, "s01\n")


def test_pretend():
    before = server.log()
    done = ended(bed.dt("-p", "tag:web", "ssh", "touch /nowhere/x"), 0)
    has(done.stdout, "web01")
    equal(server.log(), before)


if __name__ == "__main__":
    main(globals())
