#!/usr/bin/env -S python3 -B
"""What a start-up file says before one of dt's own programs is no part of its answer; where the program does not
begin, the line has what the host said."""
import os
import shlex
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed  # noqa: E402
from daemons import Sshd  # noqa: E402
from testing import check, ended, equal, has, main  # noqa: E402

bed = Bed()
# As a start-up file does it: on both streams, the last line without its end, and once in what looks like a mark.
NOISE = ("echo Welcome to web01; echo =0123456789abcdef; echo dt-service none; printf %s ==01234567; "
         "echo motd >&2; printf %s more >&2; ")
bed.host("noisy", Sshd(bed.authorized, options=["ForceCommand " + NOISE + 'eval "$SSH_ORIGINAL_COMMAND"']))
bed.host("quiet", Sshd(bed.authorized))
bed.host("closed", Sshd(bed.authorized, options=["ForceCommand echo 'This account is' closed; exit 3"]))
bed.host("deaf", Sshd(bed.authorized, options=["ForceCommand cat > /dev/null; exit 0"]))
BOTH = ("libssh2", "openssh")


def line(host, *args, status=0, options=()):
    done = ended(bed.dt(*options, host, *args), status)
    return done.stdout.splitlines()[0].split(":", 5)[5], done.stderr


def test_files():
    for transport in BOTH:
        with_it = ("--transport", transport)
        there = bed.join("there-" + transport)
        os.mkdir(there)
        bed.write("f", b"content\n")
        equal(line("noisy", "push", bed.join("f"), there + "/f", options=with_it)[0], "created", transport)
        equal(bed.read("there-%s/f" % transport), b"content\n")
        equal(line("noisy", "push", bed.join("f"), there + "/f", options=with_it)[0], "unchanged", transport)
        equal(line("noisy", "pull", there + "/f", bed.join("back"), options=with_it)[0],
              "created" if transport == "libssh2" else "unchanged", transport)
        equal(bed.read("back/noisy/f"), b"content\n")
        # the host's own words are still those of the program
        said = line("noisy", "push", bed.join("f"), there + "/no/f", options=with_it, status=5)[0]
        has(said, "no such folder there")
        check("Welcome" not in said and "motd" not in said, said)


def test_same_as_quiet():
    """What other programs answer is what they answer on a host that says nothing."""
    folder = bed.join("services")
    os.mkdir(folder)
    for args, status in ((["user", "list"], 0), (["service", "list", "--dir", folder], 0),
                         (["service", "list", "--dir", bed.join("none")], 5),
                         (["user", "show", "nobody-of-that-name"], 5)):
        equal(line("noisy", *args, status=status)[0], line("quiet", *args, status=status)[0], args)


def test_told():
    """With -v the host's words are told, escaped."""
    err = line("noisy", "push", "--check", bed.write("g", b""), bed.join("g2"), options=["-v"])[1]
    has(err, "noisy: said before dt's program began: Welcome to web01")
    has(err, "motd")
    check("\n=0123" not in err, err)
    err = line("quiet", "push", "--check", bed.join("g"), bed.join("g2"), options=["-v"])[1]
    check("said before" not in err, err)


def test_does_not_begin():
    bed.write("f", b"content\n")
    for args in (["push", bed.join("f"), bed.join("f2")], ["pull", bed.join("f"), bed.join("back2")],
                 ["user", "list"], ["service", "list"]):
        said = ended(bed.dt("closed", *args), 5).stdout
        has(said, ": dt's program did not begin there: This account is closed\n")
    check(not os.path.exists(bed.join("f2")), "it is there")


def test_many_words():
    """More words than a command may have go by stdin, with whatever is in them."""
    folder = bed.join("many")
    os.mkdir(folder)
    names = ["f%04d%s" % (i, "-x" * 90) for i in range(250)] + ["a\nb", "c'd", "e $(id) `id`", "g\\h", "-r"]
    for name in names:
        with open(os.path.join(folder, name), "w") as f:
            f.write(name)
    done = ended(bed.dt("noisy", "pull", *[os.path.join(folder, n) for n in names], bed.join("got")), 0)
    has(done.stdout, "%d created" % len(names))
    for name in names:
        with open(os.path.join(bed.join("got"), "noisy", name.replace("\n", "\\x0a"))) as f:
            equal(f.read(), name)
    services = ["s%04d%s" % (i, "-x" * 90) for i in range(250)]
    for name in services[:2]:
        os.makedirs(os.path.join(folder, "sv", name))
    done = ended(bed.dt("noisy", "service", "list", "--dir", os.path.join(folder, "sv"), *services), 5)
    equal(done.stdout.count("missing: no such service"), 248, shlex.join(services[:2]))


if __name__ == "__main__":
    main(globals())
