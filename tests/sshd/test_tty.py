#!/usr/bin/env -S python3 -B
"""--tty: commands that insist on a terminal, on many hosts at a time."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed  # noqa: E402
from daemons import Accounts, Sshd, public  # noqa: E402
from testing import ended, equal, has, main  # noqa: E402

BOTH = ("libssh2", "openssh")
bed = Bed()
server = Sshd(bed.authorized)
bed.hosts("h", 3, server)
bed.host("here", server, "transport=local")
bare = Sshd(bed.authorized, options=["PermitTTY no"])
bed.host("bare", bare)


def said(transport, command, host="h1", status=0):
    """What one host says, decoded."""
    return bed.outcomes("--transport", transport, host, "ssh", "--tty", command, status=status)[host]


def test_terminal():
    for transport in BOTH:
        done = ended(bed.dt("--transport", transport, "h[1-3]", "ssh", "--tty", "test -t 0 -a -t 1 -a -t 2 && tty | cut -c 1-9"), 0)
        equal(sorted(done.stdout.splitlines()), ["okay::dt:ssh:h%d:/dev/pts/" % n for n in (1, 2, 3)])
        equal(said(transport, "test -t 0", status=0)["rc"], 0)
        # without it there is none
        equal(bed.dt("--transport", transport, "h1", "ssh", "test -t 0 -o -t 1 -o -t 2").returncode, 5)
        for status in (0, 3, 85, 254):
            equal(said(transport, "exit %d" % status, status=5 if status else 0)["rc"], status)


def test_lines():
    """The terminal's CR is gone, the command's own are not."""
    for transport in BOTH:
        end = said(transport, "printf 'one\\ntwo\\n'; echo three >&2; printf 'a\\rb\\r\\nc\\r'; printf '\\r\\n\\r'")
        equal((end["stdout"], end["stderr"]), ("one\ntwo\nthree\na\rb\r\nc\r\r\n\r", ""), transport)
        # cut anywhere
        text = said(transport, "seq 1 30000")["stdout"]
        equal(text.splitlines(), [str(n) for n in range(1, 30001)])


def test_input():
    """Who reads has the end of file, and nothing is echoed."""
    for transport in BOTH:
        end = said(transport, "read x; echo $?; echo behind")
        equal(end["stdout"], "1\nbehind\n")
        end = said(transport, "cat; echo over")
        equal(end["stdout"], "over\n")


def test_sudo():
    """Its prompt and ours are in the one stream; a wrong password ends it there, though a terminal has no end of file."""
    if not Accounts.possible() or not shutil.which("sudo"):
        print("# no sudo, or no mount namespace can be made here")
        return
    accounts = Accounts("sesame")
    bed.host("su", Sshd([public(bed.key)], wrap=accounts.wrap))
    for transport in BOTH:
        words = ("-K", "-u", accounts.USER, "--transport", transport, "su", "sudo", "--tty", "test -t 0 && id -un; cat")
        done = ended(bed.dt(*words, stdin="sesame\n"), 0)
        equal(done.stdout, "okay::dt:sudo:su:root\n")
        done = ended(bed.dt(*words, stdin="wrong\n"), 4)
        has(done.stdout, "fail::dt:sudo:su:auth: sudo refused the password\\n")


def test_ended():
    for transport in BOTH:
        end = bed.outcomes("--transport", transport, "--command-timeout", "500ms", "h1", "ssh", "--tty", "sleep 60", status=4)["h1"]
        equal(end["status"], "timeout", end)


def test_refused():
    end = said("openssh", "echo ran", "bare", status=4)
    equal(end["stdout"], "")
    has(end["reason"], "PTY allocation request failed")
    has(said("libssh2", "true", "bare", status=4)["reason"], "connect: the host gives no terminal")
    done = bed.dt("here", "ssh", "--tty", "true")
    equal(done.stdout, "fail::dt:ssh:here:local: there is no terminal for a command of this machine (transport = local)\n")
    done = bed.dt("h1", "ssh", "--tty", "--stdin", "cat", stdin="x")
    equal((done.returncode, done.stderr), (3, "dt: ssh: a command with a terminal there gets no input: not --tty with --stdin\n"))
    done = bed.dt("--keep", "h1", "ssh", "--tty", "true")
    equal((done.returncode, done.stdout), (2, ""))
    has(done.stderr, "not with -i or --tty")


if __name__ == "__main__":
    main(globals())
