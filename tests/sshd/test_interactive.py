#!/usr/bin/env -S python3 -B
"""-i: one host at a time, with a terminal; and what dt does on a terminal."""
import os
import pty
import re
import select
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed  # noqa: E402
from daemons import Sshd  # noqa: E402
from testing import DT, check, equal, has, main  # noqa: E402

bed = Bed()
server = Sshd(bed.authorized)
bed.hosts("h", 3, server, "web")


def on_terminal(*args, answers=()):
    """(exit status, text) of dt on a pseudo terminal; answers: (text to wait for, what to type)."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(DT, [DT, "-F", bed.join("ssh_config"), "-D", bed.join("hosts.ini"), "-I", bed.key, "--known-hosts",
                       bed.join("known_hosts"), *args], dict(bed.env, TERM="xterm"))
    text, seen, answers, end = "", 0, list(answers), time.monotonic() + 60
    while time.monotonic() < end:
        if not select.select([fd], [], [], 1)[0]:
            continue
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        text += data.decode(errors="replace").replace("\r\n", "\n")
        if answers and answers[0][0] in text[seen:]:
            seen = len(text)
            os.write(fd, answers.pop(0)[1].encode())
    else:
        os.kill(pid, 9)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), text


def test_interactive():
    status, text = on_terminal("-i", "tag:web", "ssh", "tty >/dev/null && echo on-a-tty; exit 0")
    equal(status, 0, text)
    equal(text.count("on-a-tty"), 3, text)
    status, text = on_terminal("-i", "h1", "ssh", "echo ready; read x; echo got:$x; exit 3", answers=[("ready", "word\n")])
    has(text, "got:word")
    equal(status, 5, text)
    has(text, "h1: its turn")
    # Ctrl-C is the command's.
    status, text = on_terminal("-i", "h[1-2]", "ssh", "echo ready; sleep 300.5",
                               answers=[("ready\n", "\x03")] * 2)
    equal(status, 5, text)
    equal(text.count("killed: a signal"), 2, text)
    # What was not reached is not lost; a status of 255 is the command's own.
    bed.host("dead", server, "dead", port=1)
    status, text = on_terminal("-N", "-i", "dead", "ssh", "true")
    has(text, "fail::dt:ssh:dead:connect: ")
    equal(on_terminal("-i", "-S", "h1", "ssh", "exit 255")[0], 255)


def test_colours():
    _, text = on_terminal("h1", "ssh", "echo x")
    check("\x1b[" in text and "okay" in text, repr(text))
    for options, env in ((["-N"], {}), ([], {"NO_COLOR": "1"})):
        bed.env.update(env)
        _, text = on_terminal(*options, "h1", "ssh", "echo x")
        check("\x1b[" not in text, repr(text))
        bed.env.pop("NO_COLOR", None)
    # What a host sends is no colour.
    _, text = on_terminal("-N", "h1", "ssh", "printf '\\033[31mred\\033]0;title\\007'")
    check("\x1b" not in text and "\\x1b[31mred" in text, repr(text))


def test_trust_asks():
    lone = Sshd(bed.authorized)
    bed.write("known", "")
    question = ["--known-hosts", bed.join("known"), "--port", str(lone.port), "trust", "127.0.0.1"]
    status, text = on_terminal(*question, answers=[("[y/N]", "n\n")])
    check(status != 0 and bed.read("known") == b"", status, text)
    # known_hosts of the bed comes first; what is new is written to it
    before = bed.read("known_hosts")
    status, text = on_terminal(*question, answers=[("[y/N]", "y\n")])
    equal(status, 0, text)
    check(re.search(r"SHA256:\S+", text), text)
    equal((bed.read("known_hosts") + bed.read("known")).count(b"\n"), before.count(b"\n") + 1)


if __name__ == "__main__":
    main(globals())
