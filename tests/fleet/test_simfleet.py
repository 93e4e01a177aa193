#!/usr/bin/env -S python3 -B
"""The simulated fleet plays what it is told to, and dt says of it what is so."""
import base64
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed  # noqa: E402
from fleet import PROGRAM, Fleet, name  # noqa: E402
from testing import check, ended, equal, has, main  # noqa: E402

COUNT = 300


def test_all_okay():
    fleet = Fleet()
    ends = fleet.outcomes("-C", "100", "all", "ssh", "true # sim: stdout=hello\\n", status=0)
    equal(len(ends), COUNT)
    equal({(e["status"], e["rc"], e["stdout"], e["stderr"]) for e in ends.values()}, {("ok", 0, "hello\n", "")})
    equal(ends[name(COUNT)]["address"], "127.64.1.44")
    counted = fleet.end()
    equal([counted[k] for k in ("accepted", "dropped", "logins", "execs")], [COUNT, 0, COUNT, COUNT])
    check(2 <= counted["peak"] <= COUNT, counted)


def test_lists():
    fleet = Fleet(count=50)
    hosts = fleet.list("--hosts", 300).splitlines()
    equal((len(hosts), hosts[0], hosts[299]), (300, "127.64.0.1\tsim00001.fleet", "127.64.1.44\tsim00300.fleet"))
    ends = fleet.outcomes("var:rack=r07", "ssh", "true", status=0)
    equal(sorted(ends), [name(7), name(47)])
    fleet.end()


# What dt may say of each fault; okay stands nowhere.
BEFORE_EXEC = {
    "refuse": "unreachable", "silent": "timeout", "garbage-banner": "unreachable timeout",
    "endless-banner": "unreachable timeout", "close-banner": "unreachable", "close-kex": "unreachable",
    "close-newkeys": "unreachable", "wrong-hostkey": "hostkey", "close-auth": "auth unreachable",
    "login-refused": "auth", "close-open": "unreachable lost", "channel-refused": "unreachable",
}
FROM_EXEC = {
    "close-exec": "lost", "exec-refused": "unreachable failed", "silent-exec": "timeout", "close-output": "lost",
    "endless-output": "timeout", "slow-output": "timeout", "reset": "lost", "eof-reset": "lost", "status-reset": "lost",
    "no-status": "lost", "no-eof": "lost", "signal": "killed",
}


def test_faults():
    faults = {**BEFORE_EXEC, **FROM_EXEC}
    number = {name(n): fault for n, fault in enumerate(faults, 1)}
    fleet = Fleet("".join("[%s]\nfault = %s\n" % pair for pair in number.items()), count=len(faults) + 1)
    ends = fleet.outcomes("-T", "1s", "--command-timeout", "1s", "all", "ssh", "true # sim: stdout=text\\n")
    equal(len(ends), len(faults) + 1)
    equal(ends.pop(name(len(faults) + 1))["status"], "ok")
    for host, end in ends.items():
        check(end["status"] in faults[number[host]].split(), number[host], end)
        check(end["rc"] != 0, number[host], end)
    # dt ends what runs too long, and is told that it has ended
    done = fleet.dt("--command-timeout", "1s", name(1 + list(faults).index("silent-exec")), "ssh", "true")
    has(done.stdout, "ended on the host")
    fleet.end()


def test_faults_by_command():
    fleet = Fleet(count=20)
    for n, (fault, statuses) in enumerate(FROM_EXEC.items(), 1):
        if "timeout" not in statuses:
            end = fleet.outcomes(name(n), "ssh", "true # fault=" + fault)[name(n)]
            check(end["status"] in statuses.split(), fault, end)
            if fault not in ("close-exec", "exec-refused"):
                check("half of an answer\n".startswith(end["stdout"]), fault, end)
    equal(fleet.outcomes(name(1), "ssh", "fault=none", status=0)[name(1)]["stdout"], "half of an answer\n")
    end = fleet.outcomes(name(1), "ssh", "true # sim: sttaus=3", status=5)[name(1)]
    equal((end["rc"], end["stderr"]), (2, "simfleet: no such key\n"))
    # sudo puts the command into quotes of its own
    end = fleet.outcomes(name(1), "sudo", "true # sim: status=3 stdout=x", status=5)[name(1)]
    equal((end["rc"], end["stdout"]), (3, "x"))
    end = fleet.outcomes("--transport", "openssh", name(2), "ssh", "fault=no-status", status=4)[name(2)]
    equal(end["status"], "lost")
    end = fleet.outcomes("-u", "nochannel", name(3), "ssh", "true", status=4)[name(3)]
    equal(end["status"], "unreachable")
    fleet.end()


def test_statuses():
    numbers = [0, 1, 2, 84, 85, 86, 127, 169, 170, 171, 254, 255]
    fleet = Fleet("".join("[%s]\nstatus = %d\n" % (name(n), s) for n, s in enumerate(numbers, 1)), count=len(numbers))
    for transport in ("libssh2", "openssh"):
        ends = fleet.outcomes("--transport", transport, "all", "ssh", "anything # sim: stderr=e\\x41\\n")
        for n, status in enumerate(numbers, 1):
            end = ends[name(n)]
            equal((end["status"], end["rc"], end["stderr"]), ("failed" if status else "ok", status, "eA\n"), transport)
    end = fleet.outcomes(name(1), "ssh", "x # sim: signal=TERM", status=5)[name(1)]
    equal((end["status"], end["signal"]), ("killed", "TERM"))
    fleet.end()


def test_sizes():
    sizes = [0, 1, 63, 4096, 32767, 32768, 65537, 300000, 1000000]
    fleet = Fleet("".join("[%s]\nstdout_size = %d\nstderr_size = %d\n" % (name(n), s, 1000 + n)
                          for n, s in enumerate(sizes, 1)), count=len(sizes))
    for transport in ("libssh2", "openssh"):
        ends = fleet.outcomes("--transport", transport, "all", "ssh", "true", status=0)
        for n, size in enumerate(sizes, 1):
            end = ends[name(n)]
            equal((len(end["stdout"]), len(end["stderr"])), (size, 1000 + n), transport)
            check(all(len(line) == 63 for line in end["stdout"].split("\n")[:-1]), size)
    end = fleet.outcomes(name(1), "ssh", "x # sim: stdout=head stdout_size=1K", status=0)[name(1)]
    equal((len(end["stdout"]), end["stdout"][:4]), (1028, "head"))
    fleet.end()


def test_files():
    """Answers from files, a host's own, with an end and without."""
    folder = Bed()
    data = os.urandom(100000)
    for n in (1, 2, 3):
        folder.write("%s.answer" % name(n), data[:n * 1000])
    folder.write("all", data)
    folder.write("%s.answer.again" % name(2), b"again")
    fleet = Fleet("[*]\nstdout_file = %s\n[*]\ncommand = own*\nstdout_file = %s\n" % (folder.join("all"), folder.join("%h.answer")), count=4)
    for transport in ("libssh2", "openssh"):
        ends = fleet.outcomes("--transport", transport, "%s,%s,%s" % (name(1), name(3), name(4)), "ssh", "own | wc")
        for n in (1, 3):
            equal(base64.b64decode(ends[name(n)]["stdout"]["base64"]), data[:n * 1000], transport)
        equal((ends[name(4)]["rc"], ends[name(4)]["stderr"]), (2, "simfleet: its file cannot be read\n"))
        end = fleet.outcomes("--transport", transport, name(4), "ssh", "true", status=0)[name(4)]
        equal(base64.b64decode(end["stdout"]["base64"]), data)
    end = fleet.outcomes("--command-timeout", "1s", "--max-output", "20000", name(2), "ssh", "own")[name(2)]
    equal(end["status"], "timeout")
    equal(base64.b64decode(end["stdout"]["base64"])[:5000], data[:2000] + b"again" * 600)
    # a command cannot name one
    end = fleet.outcomes(name(1), "ssh", "true # sim: stdout_file=/etc/passwd", status=5)[name(1)]
    equal((end["rc"], end["stderr"]), (2, "simfleet: only a rule may name a file\n"))
    fleet.end()


def test_round_trips():
    fleet = Fleet("[sim0000*]\nrtt = 50ms\n")
    # TCP's stands for the first: banner, key exchange, login, channel, command
    for selection in (name(1), "sim0000[1-9].fleet"):
        ends = fleet.outcomes(selection, "ssh", "true", status=0)
        for end in ends.values():
            check(7 * 0.05 <= end["seconds"] <= 14 * 0.05, end)
    end = fleet.outcomes(name(10), "ssh", "true", status=0)[name(10)]
    check(end["seconds"] < 0.3, end)
    began = time.monotonic()
    end = fleet.outcomes(name(10), "ssh", "x # sim: sleep=300ms", status=0)[name(10)]
    check(0.3 <= time.monotonic() - began < 2, end)
    fleet.end()


def test_max_startups():
    """A host that drops one login too many: dt has fewer at a time there, and none is lost."""
    fleet = Fleet("[sim00001.*]\nmax_startups = 3\nrtt = 50ms\n", count=1)
    # many names of one address
    fleet.write("hosts.ini", "[hosts]\n" + "".join("a%d = address=127.64.0.1 port=%d\n" % (i, fleet.port) for i in range(40)))
    done = ended(fleet.dt("-v", "all", "ssh", "true"), 0)
    equal(done.stdout.count("okay::"), 40)
    has(done.stderr, "dropped the login: at most")
    # those that have logged in do not count
    before = done.stderr.count("dropped the login")
    equal({e["status"] for e in fleet.outcomes("-C", "3", "all", "ssh", "true", status=0).values()}, {"ok"})
    counted = fleet.end()
    equal((counted["dropped"], counted["logins"]), (before, 80))


def test_accept_new():
    fleet = Fleet()
    fleet.write("known_hosts", "")
    done = ended(fleet.dt("--accept-new", "all", "ssh", "true"), 0)
    equal(done.stderr.count("new host key accepted"), COUNT)
    equal(len(set(fleet.read("known_hosts").splitlines())), COUNT)
    ended(fleet.dt("all", "ssh", "true"), 0)
    fleet.end()


def test_shares():
    rules = "[*]\nstdout = all\n[* first]\nshare = 30%\nstdout = first\n[* second]\nshare = 50%\nstatus = 9\n" \
            "[*]\ncommand = up*\nstdout = up\n"
    fleet = Fleet(rules)
    ends = fleet.outcomes("all", "ssh", "true")
    first = {h for h, e in ends.items() if e["stdout"] == "first"}
    second = {h for h, e in ends.items() if e["rc"] == 9}
    check(60 <= len(first) <= 120, len(first))
    check(110 <= len(second) <= 190, len(second))
    check(20 <= len(first & second) <= 80, len(first & second))
    equal({h for h, e in fleet.outcomes("all", "ssh", "true").items() if e["stdout"] == "first"}, first)
    equal({e["stdout"] for e in fleet.outcomes("all", "ssh", "uptime").values()}, {"up"})
    fleet.end()


def test_drops():
    fleet = Fleet("[*]\ndrop = 30%\n[sim00001.*]\ndrop = 100%\n", count=100)
    ends = fleet.outcomes("all", "ssh", "true")
    check(90 <= sum(e["status"] == "ok" for e in ends.values()) < 100, ends)
    equal(ends[name(1)]["status"], "unreachable")
    check(ends[name(1)]["seconds"] < 5, ends[name(1)])
    counted = fleet.end()
    check(25 <= counted["dropped"] <= 80, counted)
    equal(counted["logins"], counted["execs"])
    # nobody listens: said at once
    began = time.monotonic()
    fleet.write("hosts.ini", "[hosts]\ndead = address=127.64.0.1 port=1\n")
    equal(fleet.outcomes("dead", "ssh", "true")["dead"]["status"], "unreachable")
    check(time.monotonic() - began < 1, "a closed port was tried again")


def test_ssh():
    fleet = Fleet(count=2)
    for options in ((), ("-o", "KexAlgorithms=ecdh-sha2-nistp256", "-c", "aes256-gcm@openssh.com")):
        done = subprocess.run(["ssh", "-F", "none", "-i", fleet.key, "-o", "BatchMode=yes", "-o", "UserKnownHostsFile=" +
                               fleet.join("known_hosts"), "-p", str(fleet.port), *options, "127.64.0.2",
                               "cat # sim: stdout_size=5M stderr=note status=7"],
                              input=b"x" * 100000, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=30)
        equal((done.returncode, len(done.stdout), done.stderr), (7, 5 << 20, b"note"))
    fleet.end()


def test_wrong_rules():
    bed = Bed()
    for text, line, why in (("[*]\nfault = nosuch\n", 2, "not a value"), ("[*]\n\nsleep = 5x\n", 3, "not a value"),
                            ("[*]\nrtt = 1s\nnokey = 1\n", 3, "no such key"), ("[%s]\nrtt = 1s\n" % ("x" * 49), 2, "long"),
                            ("[*]\nshare = 5\n", 2, "share")):
        done = subprocess.run([PROGRAM, "-r", bed.write("rules.ini", text)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, timeout=10)
        equal(done.returncode, 2)
        check("rules.ini:%d: " % line in done.stderr and why in done.stderr, done.stderr)


if __name__ == "__main__":
    main(globals())
