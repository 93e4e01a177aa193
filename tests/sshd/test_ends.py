#!/usr/bin/env -S python3 -B
"""Ctrl-C, timeouts and broken outputs: every host has its outcome, and no process is left on it."""
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed  # noqa: E402
from daemons import Accounts, Busybox, Dropbear, Sshd, children, public, wait_for  # noqa: E402
from testing import DT, check, ended, equal, has, main  # noqa: E402

HOSTS = 20


def sleepers(word):
    """Processes that run "sleep WORD"."""
    found = []
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as f:
                    if f.read() == b"sleep\0" + word.encode() + b"\0":
                        found.append(int(pid))
            except OSError:
                pass
    return found


def start(bed, *args, **kw):
    return subprocess.Popen([DT, "-F", bed.join("ssh_config"), "-D", bed.join("hosts.ini"), "-I", bed.key, "--known-hosts",
                             bed.join("known_hosts"), *args], env=bed.env, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **kw)


def all_gone(word, since):
    wait_for(lambda: not sleepers(word), "the end of all sleep %s" % word, 10)
    return time.monotonic() - since


def interrupt(bed, transport, word):
    process = start(bed, "-o", "jsonl", "--transport", transport, "all", "ssh", "sleep " + word)
    wait_for(lambda: len(sleepers(word)) == HOSTS, "all commands", 60)
    since = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    seconds = all_gone(word, since)
    out, err = process.communicate(timeout=30)
    equal(process.returncode, 130, err)
    ends = [json.loads(l) for l in out.splitlines() if b'"event":"end"' in l]
    equal(sorted(e["host"] for e in ends), sorted("h%d" % i for i in range(1, HOSTS + 1)))
    equal({e["status"] for e in ends}, {"killed"})
    print("# %s: no sleep was left after %.1f s, dt had ended after %.1f s" % (transport, seconds, time.monotonic() - since))


def test_interrupt():
    bed = Bed()
    bed.hosts("h", HOSTS, Sshd(bed.authorized))
    interrupt(bed, "libssh2", "300.1")
    interrupt(bed, "openssh", "300.2")


def test_interrupt_dropbear():
    """Its commands lead no session of their own."""
    if not Accounts.possible():
        print("# no mount namespace can be made here: no dropbear")
        return
    accounts = Accounts("x")
    bed = Bed()
    accounts.authorize([public(bed.key)])
    bed.hosts("h", 4, Dropbear(wrap=accounts.wrap))
    process = start(bed, "-u", accounts.USER, "all", "ssh", "sleep 300.3 & sleep 300.3; wait")
    wait_for(lambda: len(sleepers("300.3")) == 8, "all commands", 60)
    os.killpg(process.pid, signal.SIGINT)
    all_gone("300.3", 0)
    out, _ = process.communicate(timeout=30)
    equal(process.returncode, 130)
    equal(out.count(b":killed: "), 4, out)


TABLE = {
    "foreground": "sleep {0}",
    "children": "sleep {0} & (sleep {0} & wait) | cat",
    "background": "sleep {0} & echo x",
    "nohup": "nohup sleep {0} >/dev/null 2>&1 & sleep {0}",
    "own session": "setsid sleep {0} & sleep {0}",
    "cleared environment": "env -i sleep {0} & sleep {0}",
    "deaf to SIGTERM": "trap '' TERM HUP INT; sleep {0}; sleep {0}; sleep {0}",
    "daemon": "(setsid sh -c 'sleep {0}; sleep {0}' >/dev/null 2>&1 &); sleep {0}",
}


def test_table():
    """What is left of each kind of command behind each server: nothing, or it is said."""
    if not Accounts.possible():
        print("# no mount namespace can be made here: no table")
        return
    bed = Bed()
    accounts = Accounts("x")
    accounts.authorize([public(bed.key)])
    bed.host("openssh", Sshd(bed.authorized, wrap=accounts.wrap), "user=" + accounts.USER)
    bed.host("dropbear", Dropbear(wrap=accounts.wrap), "user=" + accounts.USER)
    if Busybox.possible():
        bed.host("busybox", Busybox(bed.authorized), "user=" + Busybox.USER)
    for transport in "libssh2", "openssh":
        for number, (kind, command) in enumerate(TABLE.items()):
            word = "300.4%d%d" % (number, transport == "openssh")
            ends = bed.outcomes("--transport", transport, "--command-timeout", "1s", "all", "ssh", command.format(word), status=4)
            left = len(sleepers(word))
            said = [e["host"] for e in ends.values() if "could not confirm" in (e["reason"] or "")]
            # dropbear ends a session with its command, as ssh(1) sees it too; what is in the background goes on
            over = [e["host"] for e in ends.values() if e["status"] == "ok"]
            print("# %-8s %-20s left %d%s" % (transport, kind, left, ", okay: " + ", ".join(over) if over else ""))
            equal((left, said), (len(over), []), (kind, ends))
            check(not over or kind == "background" and "openssh" not in over, kind, ends)
            equal({e["status"] for e in ends.values() if e["host"] not in over}, {"timeout"}, kind)
            for pid in sleepers(word):
                os.kill(pid, signal.SIGKILL)


def test_command_timeout():
    bed = Bed()
    bed.hosts("h", HOSTS, Sshd(bed.authorized))
    since = time.monotonic()
    ends = bed.outcomes("--command-timeout", "1s", "all", "ssh", "sleep 300.4", status=4)
    equal({e["status"] for e in ends.values()}, {"timeout"})
    equal(len(ends), HOSTS)
    equal(sleepers("300.4"), [])
    print("# --command-timeout 1s: %.1f s for %d hosts" % (time.monotonic() - since, HOSTS))


def test_left_in_background():
    """The shell has ended; what it left holds the channel, and is ended with it."""
    bed = Bed()
    bed.host("h", Sshd(bed.authorized))
    for transport in "libssh2", "openssh":
        ends = bed.outcomes("--transport", transport, "--command-timeout", "1s", "h", "ssh", "sleep 300.11 & echo x", status=4)
        equal(ends["h"]["status"], "timeout")
        has(ends["h"]["reason"], "; ended on the host")
        equal(ends["h"]["stdout"], "x\n")
        equal(sleepers("300.11"), [], transport)


def test_deadline():
    bed = Bed()
    bed.hosts("h", HOSTS, Sshd(bed.authorized))
    ends = bed.outcomes("-C", "2", "--deadline", "3s", "all", "ssh", "sleep 300.5", status=4)
    equal(len(ends), HOSTS)
    check({e["status"] for e in ends.values()} <= {"timeout", "skipped"}, ends)
    equal(sleepers("300.5"), [])


def test_stubborn_command():
    """One that ignores SIGTERM and SIGINT, and its children."""
    bed = Bed()
    bed.host("h", Sshd(bed.authorized))
    ends = bed.outcomes("--command-timeout", "1s", "h", "ssh", "trap '' TERM INT HUP; sleep 300.6 & sleep 300.6", status=4)
    equal(ends["h"]["status"], "timeout")
    equal(sleepers("300.6"), [])


def test_second_interrupt():
    """It leaves at once, though a host does not answer."""
    bed = Bed()
    server = Sshd(bed.authorized)
    bed.host("h", server)
    process = start(bed, "h", "ssh", "sleep 300.7")
    wait_for(lambda: sleepers("300.7"), "the command", 60)
    frozen = [server.process.pid, *children(server.process.pid)]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(3):  # within half a second they are one
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.05)
        since = time.monotonic()
        try:
            process.wait(0.6)
            check(False, "it left at the first")
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
        check(time.monotonic() - since < 5, time.monotonic() - since)
        equal((process.returncode, out), (130, b""))
        equal(err, b"dt: left at once, at the second signal: commands on the hosts may still run\n")
    finally:
        # Who leaves at once leaves the command running.
        for pid in sleepers("300.7"):
            os.kill(pid, signal.SIGKILL)
        for pid in frozen:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
        server.stop()


def test_two_for_one():
    """timeout(1) sends a signal to the process, and to its group."""
    bed = Bed()
    bed.hosts("h", 2, Sshd(bed.authorized))
    for number in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen(["timeout", "300", *bed.command("all", "ssh", "sleep 300.8")], env=bed.env,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: len(sleepers("300.8")) == 2, "the commands", 60)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        equal(sorted(out.splitlines()), ["fail::dt:ssh:h%d:killed: interrupted; ended on the host" % n for n in (1, 2)], err)
        equal(sleepers("300.8"), [])


def test_interrupt_before_anything():
    """Hosts that accept and say nothing."""
    import socket
    bed = Bed()
    server = Sshd(bed.authorized)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        bed.host("h[1-30]", server, port=silent.getsockname()[1])
        process = start(bed, "-o", "jsonl", "-T", "60s", "all", "ssh", "true")
        silent.settimeout(30)
        silent.accept()
        os.killpg(process.pid, signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    equal(process.returncode, 143, err)
    ends = [json.loads(l) for l in out.splitlines() if b'"event":"end"' in l]
    equal(len(ends), 30)
    check({e["status"] for e in ends} <= {"skipped", "unreachable"}, ends)


def test_connect_timeout():
    import socket
    bed = Bed()
    server = Sshd(bed.authorized)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        bed.host("silent", server, port=silent.getsockname()[1])
        bed.host("sound", server)
        ends = bed.outcomes("-T", "500ms", "all", "ssh", "true", status=4)
    equal((ends["silent"]["status"], ends["sound"]["status"]), ("timeout", "ok"))
    check(ends["silent"]["seconds"] < 3, ends)


def test_broken_outputs():
    bed = Bed()
    bed.hosts("h", 5, Sshd(bed.authorized))
    with open("/dev/full", "wb") as full:
        done = bed.dt("all", "ssh", "echo x", stdout=full)
    equal(done.returncode, 1)
    has(done.stderr, "no space left")
    equal(done.stderr.count("\n"), 1, done.stderr)
    read, write = os.pipe()
    os.close(read)
    done = bed.dt("all", "ssh", "echo x", stdout=write)
    os.close(write)
    equal(done.returncode, 1)
    check(done.stderr, "a word on stderr")


def test_closed_streams():
    """Without stdin, stdout or stderr: what dt opens does not become one of them."""
    bed = Bed()
    bed.host("h", Sshd(bed.authorized))
    base = [DT, "-F", bed.join("ssh_config"), "-D", bed.join("hosts.ini"), "-I", bed.key, "--known-hosts",
            bed.join("known_hosts"), "h", "ssh", "echo x"]
    for close, status in (("<&-", 0), ("2>&-", 0), (">&-", 1), ("<&- >&- 2>&-", 1)):
        done = subprocess.run(["sh", "-c", 'exec "$@" ' + close, "sh", *base], env=bed.env, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        equal(done.returncode, status, close)
        if status == 0:
            equal(done.stdout, b"okay::dt:ssh:h:x\n", close)


if __name__ == "__main__":
    main(globals())
