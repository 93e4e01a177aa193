#!/usr/bin/env -S python3 -B
"""dthost, dtstatus, dtcompact and dtgather: status lines of dt and of dtools, read from a pipe."""
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from terminal import Terminal  # noqa: E402
from testing import DT, Home, check, ended, equal, has, main  # noqa: E402

home = Home()
FILTERS = ("host", "status", "compact", "gather")
for name in ("DT_COLORS", "DTOOLS_COLORS"):
    home.env.pop(name, None)


def run(name, lines, *options, status=0, **more):
    return ended(home.dt(*options, stdin=lines, program=DT + name, **more), status).stdout


# As dtools wrote them: colours around status and host, newlines as \n and nothing else escaped.
DTOOLS = ("\033[32;1mokay\033[0;0m::dt:ssh:\033[0;1mweb1\033[0;0m:line one\\nline\ttwo\\n\n"
          "\033[31;1mfail\033[0;0m::dt:ssh:\033[0;1mweb2\033[0;0m:ssh: connect to host web2 port 22: refused\n"
          "okay::dt:interrupt::waiting for childs...\n")


def test_dtools():
    equal(run("host", DTOOLS), "okay::dt:ssh:web1:\n\tline one\n\tline\\ttwo\n\n"
                               "fail::dt:ssh:web2:\n\tssh: connect to host web2 port 22: refused\n\n"
                               "okay::dt:interrupt::waiting for childs...\n")
    equal(run("status", DTOOLS), "okay:\n\tweb1:line one\\nline\\ttwo\\n\nokay::dt:interrupt::waiting for childs...\n\n"
                                 "fail:\n\tweb2:ssh: connect to host web2 port 22: refused\n\n")
    equal(run("compact", DTOOLS), ".!\nokay::dt:interrupt::waiting for childs...\n\n"
                                  "Total:         2\nOkay:          1  [ 50.0%]\nFail:          1  [ 50.0%]\n\n"
                                  "Failed:\nfail::dt:ssh:web2:ssh: connect to host web2 port 22: refused\n")
    has(run("gather", DTOOLS), "web2: failed\n---------------\nssh: connect to host web2 port 22: refused\n")


def test_nothing_lost():
    """What is no status line passes as it is, whatever its bytes."""
    other = b"\x00\x01\xff\xfe plain\r\n\n\n" + os.urandom(200000).replace(b":", b";") + b"\nthe end, without a newline"
    for name in FILTERS:
        out = run(name, other, text=False)
        equal(out[:len(other)], other, name)
        check(len(out) - len(other) < 60, name, out[len(other):])


def test_fast_enough_to_watch():
    """Each line is shown when it comes, not at the end."""
    process = subprocess.Popen([DT + "compact"], env=home.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for i in range(3):
        process.stdin.write(b"okay::dt:ssh:web%d:x\n" % i)
        process.stdin.flush()
        equal(process.stdout.read1(10), b".")
    process.stdin.write(b"fail::dt:ssh:web9:exit 1: x\n")
    process.stdin.flush()
    equal(process.stdout.read1(10), b"!")
    # Ctrl-C is for the dt before it
    process.send_signal(signal.SIGINT)
    process.stdin.write(b"okay::dt:ssh:web10:x\n")
    process.stdin.flush()
    equal(process.stdout.read1(10), b".")
    process.stdin.close()
    has(process.stdout.read(), b"Total:         5\n")
    equal(process.wait(), 0)


def test_thousand():
    lines = ["okay::dt:ssh:web%04d:load 0.%d\\nup\n" % (i, i % 5) if i % 50 else
             "fail::dt:ssh:web%04d:exit %d: no\n" % (i, 1 + i % 100 // 50) for i in range(1000)]
    text = "".join(lines)
    out = run("host", text)
    equal(out.count("\n\n"), 1000)
    out = run("status", text)
    okay, fail, _ = out.split("\n\n")
    equal((okay.count("\n"), fail.count("\n")), (980, 20))
    out = run("compact", text)
    equal(out.split("\n\n")[0], "".join("." if line.startswith("o") else "!" for line in lines))
    equal(out.split("Failed:\n")[1], "".join(line for line in lines if line.startswith("f")))
    heads = [line for line in run("gather", text).split("\n") if line.endswith(")") or "): exit" in line]
    equal(sorted(int(h.split("(")[1].split(")")[0]) for h in heads), [10, 10, 180, 200, 200, 200, 200])
    masked = run("gather", text, "--mask")
    has(masked, " (980)\n---------------\nload <n>\nup\n")
    has(masked, "(10): exit 2\n---------------\nno\n")


def test_colours():
    def shown(name, env, *options):
        path = home.write("lines", "okay::dt:ssh:web1:x\n\033[2Jnot ours\t\033[31m\n")
        command = 'exec "$0" "$@" < %s' % path
        terminal = Terminal(["/bin/sh", "-c", command, DT + name, *options], dict(home.env, TERM="xterm", **env))
        equal(terminal.end(), 0)
        return terminal.data

    has(shown("host", {}), b"\033[32mokay\033[0m::dt:ssh:\033[1mweb1\033[0m:\r\n\tx\r\n")
    has(shown("status", {"DTOOLS_COLORS": "okay=35"}), b"\033[35mokay\033[0m:\r\n")
    has(shown("compact", {"DTOOLS_COLORS": "okay=35", "DT_COLORS": "ok=36"}), b"\033[36m.\033[0m")
    for name in FILTERS:
        plain = shown(name, {"NO_COLOR": "1"})
        check(b"\033" not in plain, name, plain)
        has(plain, b"\\x1b[2Jnot ours\t\\x1b[31m\r\n")
        equal(shown(name, {}, "-N"), plain)


def test_memory():
    """A line of 160 MB, and failures of 160 MB, in a process that may have 150 MB."""
    for name, head in (("host", b"okay"), ("status", b"okay"), ("status", b"fail"), ("compact", b"okay"),
                       ("compact", b"fail"), ("host", b"none")):
        script = ("import sys\nw = sys.stdout.buffer\nw.write(b'%s::dt:ssh:h:')\n"
                  "for i in range(160):\n"
                  "  w.write(b'0123456789abcde\\\\\\\\' * 61681)\nw.write(b'\\n')\n" % head.decode())
        feed = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
        # a sanitizer takes more than all there is
        bound = [] if os.environ.get("DT_SANITIZE") else ["prlimit", "--as=150000000"]
        process = subprocess.Popen([*bound, DT + name], env=home.env, stdin=feed.stdout, stdout=subprocess.PIPE)
        feed.stdout.close()
        size = 0
        while True:
            data = process.stdout.read(1 << 20)
            if not data:
                break
            size += data.count(b"e")
        equal(process.wait(), 0, (name, head))
        equal(feed.wait(), 0)
        wanted = 0 if (name, head) == ("compact", b"okay") else 160 * 61681
        check(wanted <= size <= wanted + 20, name, head, size)


def test_failures():
    with open("/dev/full", "w") as full:
        for name in FILTERS:
            done = ended(home.dt(stdin="okay::dt:ssh:h:x\n", program=DT + name, stdout=full), 1)
            has(done.stderr, "dt%s: stdout: no space left on device" % name)
    for name in FILTERS:
        has(run(name, "", "--help"), "usage: dt%s" % name)
        for word in ("-x", "file"):
            has(ended(home.dt(word, stdin="", program=DT + name), 2).stderr, "usage: dt%s" % name)
        folder = os.open(home.path, os.O_RDONLY)
        done = subprocess.run([DT + name], env=home.env, stdin=folder, capture_output=True, text=True, check=False)
        os.close(folder)
        equal((done.returncode, done.stderr), (1, "dt%s: standard input: is a directory\n" % name))
    has(ended(home.dt("--mask", stdin="", program=DT + "host"), 2).stderr, "usage: dthost")


main(globals())
