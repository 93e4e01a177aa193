#!/usr/bin/env -S python3 -B
"""The engine at work: many hosts and threads, all kinds of ends at once.  Also run with the thread sanitizer."""
import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import BUILD, Bed  # noqa: E402
from daemons import Simfleet, Sshd, wait_for  # noqa: E402
from testing import DT, check, ended, equal, main  # noqa: E402

bed = Bed()
server = Sshd(bed.authorized)
gate = Sshd(bed.authorized)
fleet = Simfleet(BUILD)
bed.hosts("h", 40, server, "sound")
bed.host("gate", gate)
for number in range(1, 11):
    bed.host("g%d" % number, server, "behind via=gate", address="127.2.0.%d" % number)
bed.host("dead[1-5]", server, "dead", port=1)
bed.host("odd[1-10]", fleet, "odd")


def test_all_kinds_at_once():
    ends = bed.outcomes("--command-timeout", "20s", "tag:sound,behind,dead,odd", "ssh",
                        ": fault=no-status; case $SSH_CONNECTION in *127.1.0.[2-9]' '*) echo some; exit 3;; esac; "
                        "seq 1 2000; seq 1 500 >&2", status=4)
    equal(len(ends), 65)
    for host, end in ends.items():
        if host.startswith("dead"):
            equal(end["status"], "unreachable", host)
        elif host.startswith("odd"):
            equal(end["status"], "lost", host)
        elif end["status"] == "failed":
            equal((end["rc"], end["stdout"]), (3, "some\n"), host)
        else:
            equal(end["status"], "ok", end)
            equal((end["stdout"].count("\n"), end["stderr"].count("\n")), (2000, 500), host)
    equal(sum(e["status"] == "failed" for e in ends.values()), 8)


def test_streamed():
    done = ended(bed.dt("--stream", "-v", "-C", "7", "tag:sound,behind", "ssh", "seq 1 300"), 0)
    lines = done.stdout.splitlines()
    equal(len(lines), 50 * 301)
    for host in ("h1", "h40", "g3"):
        mine = [l.split(":", 5)[5] for l in lines if l.split(":")[4] == host]
        equal(mine, [str(i) for i in range(1, 301)] + [""], host)


def test_both_transports():
    ends = bed.outcomes("--transport", "openssh", "h[1-10],g[1-3]", "ssh", "echo x", status=0)
    equal({e["stdout"] for e in ends.values()}, {"x\n"})


def test_interrupted():
    ready = bed.join("ready")
    os.makedirs(ready)
    process = subprocess.Popen([DT, "-F", bed.join("ssh_config"), "-D", bed.join("hosts.ini"), "-I", bed.key,
                                "--known-hosts", bed.join("known_hosts"), "-C", "15", "-o", "jsonl", "tag:sound,behind",
                                "ssh", "touch %s/$$; seq 1 10000; sleep 300.8" % ready], env=bed.env,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: len(os.listdir(ready)) >= 15, "15 commands", 60)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    equal(process.returncode, 130, err)
    check(b"Sanitizer" not in err, err.decode())
    ends = [json.loads(l) for l in out.splitlines() if b'"event":"end"' in l]
    equal(len(ends), 50)
    equal({e["status"] for e in ends}, {"killed", "skipped"})


def test_timeouts():
    ends = bed.outcomes("--command-timeout", "500ms", "h[1-10],g[1-5]", "ssh", "sleep 300.9", status=4)
    equal({e["status"] for e in ends.values()}, {"timeout"})
    ends = bed.outcomes("-C", "4", "--deadline", "2s", "tag:sound", "ssh", "sleep 300.9", status=4)
    equal(len(ends), 40)
    check({e["status"] for e in ends.values()} <= {"timeout", "skipped"}, ends)


def test_modules_at_once():
    path = bed.write("script", "#!/bin/sh\necho $1; exit 0\n", 0o755)
    ended(bed.dt("tag:sound,behind", "script", path, "word"), 0)
    ended(bed.dt("tag:sound", "local", "echo $DT_HOST"), 0)


if __name__ == "__main__":
    main(globals())
