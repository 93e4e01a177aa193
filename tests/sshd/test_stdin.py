#!/usr/bin/env -S python3 -B
"""--stdin: dt's own standard input for many hosts, as it comes, without holding it in memory."""
import hashlib
import os
import resource
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed  # noqa: E402
from daemons import Sshd, wait_for  # noqa: E402
from testing import check, ended, equal, has, main  # noqa: E402

BOTH = ("libssh2", "openssh")
bed = Bed()
server = Sshd(bed.authorized)
bed.hosts("h", 3, server)
bed.env["TMPDIR"] = bed.join("spool")
os.mkdir(bed.join("spool"))


def piped(command, *words, status=0, **more):
    """dt at the end of a pipe: (its output's lines, its stderr)."""
    source = subprocess.Popen(command, stdout=subprocess.PIPE, shell=True, stderr=subprocess.DEVNULL)
    process = subprocess.Popen(bed.command(*words), env=bed.env, stdin=source.stdout, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, **more)
    source.stdout.close()
    try:
        out, err = process.communicate(timeout=120)
        ended(subprocess.CompletedProcess(words, process.returncode, out, err), status)
    finally:
        process.kill()
        source.kill()
        source.wait()
    equal(os.listdir(bed.join("spool")), [])
    return sorted(out.splitlines()), err


def okay(hosts, text):
    return ["okay::dt:ssh:h%d:%s" % (n, text) for n in hosts]


def test_endless():
    """It ends when the hosts do, and reads little more than they."""
    for transport in BOTH:
        began = time.monotonic()
        equal(piped("yes", "--transport", transport, "h[1-3]", "ssh", "--stdin", "head -c 5; echo done")[0],
              okay((1, 2, 3), "y\\ny\\nydone"))
        check(time.monotonic() - began < 30)
        out, _ = piped("yes", "--transport", transport, "--command-timeout", "500ms", "h1", "ssh", "--stdin", "cat >/dev/null", status=4)
        has(out[0], "timeout: the command did not end in time; ended on the host")
        # silence, too
        out, _ = piped("sleep 60", "--transport", transport, "--command-timeout", "500ms", "h1", "ssh", "--stdin", "cat", status=4)
        has(out[0], "timeout: the command did not end in time; ended on the host")


def test_interrupted():
    for transport in BOTH:
        process = subprocess.Popen(bed.command("--transport", transport, "h1", "ssh", "--stdin", "touch %s; cat" % bed.join("up")),
                                   env=bed.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: os.path.exists(bed.join("up")), "the command")
        os.unlink(bed.join("up"))
        process.send_signal(signal.SIGINT)
        wait_for(lambda: process.poll() is not None, "the end")
        equal((process.returncode, process.stdout.read()), (130, "fail::dt:ssh:h1:killed: interrupted; ended on the host\n"))
        process.stdin.close()
        process.stdout.close()
        process.stderr.close()


def test_as_it_comes():
    """A line reaches the hosts while no end is in sight."""
    for transport in BOTH:
        process = subprocess.Popen(bed.command("--transport", transport, "--stream", "h[1-2]", "ssh", "--stdin", "cat"), env=bed.env,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for word in ("one", "two"):
            process.stdin.write(word + "\n")
            process.stdin.flush()
            equal(sorted(process.stdout.readline() for _ in range(2)), ["info::dt:ssh:h%d:%s\n" % (n, word) for n in (1, 2)])
        process.stdin.close()
        equal(sorted(process.stdout), ["okay::dt:ssh:h1:\n", "okay::dt:ssh:h2:\n"])
        equal(process.wait(30), 0)
        process.stdout.close()


def test_much():
    """More than any memory for it, to a host that is slow: all of it, and dt stays small."""
    size = 80 << 20
    data = os.urandom(1 << 20)
    digest = hashlib.md5(data * (size >> 20)).hexdigest() + "  -"
    for transport in BOTH:
        read, write = os.pipe()
        process = subprocess.Popen(bed.command("--transport", transport, "h[1-3]", "ssh", "--stdin", "sleep 1; md5sum"),
                                   env=bed.env, stdin=read, stdout=subprocess.PIPE, text=True)
        os.close(read)
        most = [0]

        def feed():
            with os.fdopen(write, "wb") as pipe:
                for _ in range(size >> 20):
                    pipe.write(data)
                    with open("/proc/%d/status" % process.pid) as f:
                        most[0] = max(most[0], next(int(line.split()[1]) for line in f if line.startswith("VmRSS")))

        thread = threading.Thread(target=feed)
        thread.start()
        out, _ = process.communicate(timeout=120)
        thread.join()
        equal(sorted(out.splitlines()), okay((1, 2, 3), digest))
        check(most[0] < 60 << 10 or os.environ.get("DT_SANITIZE"), "%d KB of memory" % most[0])


def test_later_hosts():
    """Those whose turn comes later have it from its beginning; a file needs no room for that."""
    text = "".join("%d\n" % n for n in range(200000))
    digest = hashlib.md5(text.encode()).hexdigest() + "  -"
    path = bed.write("numbers", text)
    for transport in BOTH:
        words = ("--transport", transport, "-C", "1", "h[1-3]", "ssh", "--stdin")
        equal(piped("cat " + path, *words, "md5sum")[0], okay((1, 2, 3), digest))
        # round and round in a little room, where all have begun
        equal(piped("cat " + path, *words[:2], "h[1-3]", "ssh", "--stdin", "--stdin-max", "1M", "md5sum")[0], okay((1, 2, 3), digest))
        with open(path, "rb") as f:
            f.seek(10)
            done = subprocess.run(bed.command(*words, "--stdin-max", "1M", "md5sum"), env=bed.env, stdin=f, stdout=subprocess.PIPE,
                                  text=True, check=True, timeout=120)
        equal(sorted(done.stdout.splitlines()), okay((1, 2, 3), hashlib.md5(text[10:].encode()).hexdigest() + "  -"))


def test_no_room():
    """Nobody is told that a part of it were all."""
    for transport in BOTH:
        words = ("--transport", transport, "-C", "1", "h[1-2]", "ssh", "--stdin", "--stdin-max", "1M", "cat >/dev/null; touch %s")
        out, _ = piped("head -c 3000000 /dev/zero", *words[:-1], words[-1] % bed.join("whole"), status=5)
        for line in out:
            has(line, ":local: standard input has more than 1048576 bytes, and 1 host will begin only when others have ended")
        equal(len(out), 2)
        check(not os.path.exists(bed.join("whole")), "a command saw the end of what had no end")


def test_disk_is_full():
    bed.env["TMPDIR"] = bed.join("nowhere")
    try:
        out, _ = piped("echo x", "h1", "ssh", "--stdin", "cat", status=5)
        has(out[0], ":local: standard input, to be kept in a file without a name (TMPDIR): no such file or directory")
    finally:
        bed.env["TMPDIR"] = bed.join("spool")
    out, _ = piped("head -c 3000000 /dev/zero", "--no-journal", "h1", "ssh", "--stdin", "cat >/dev/null", status=5,
                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)))
    has(out[0], ":local: standard input, kept in a file without a name (TMPDIR): file too large")


def test_unreached():
    """Who is not reached holds nobody up."""
    bed.host("dead", server, port=1)
    out, _ = piped("head -c 3000000 /dev/zero", "h1,dead", "ssh", "--stdin", "--stdin-max", "1M", "wc -c", status=4)
    equal(out[1], "okay::dt:ssh:h1:3000000")
    has(out[0], "fail::dt:ssh:dead:connect: ")


def test_taken():
    done = bed.dt("out:", "ssh", "--stdin", "cat", stdin="h1\n")
    equal(done.returncode, 3)
    has(done.stderr, "standard input was read already")
    done = subprocess.run(bed.command("h1", "ssh", "--stdin", "cat"), env=bed.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          preexec_fn=lambda: os.close(0), text=True, check=False)
    equal((done.returncode, done.stderr), (3, "dt: ssh: standard input: bad file descriptor\n"))


if __name__ == "__main__":
    main(globals())
