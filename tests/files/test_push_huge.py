#!/usr/bin/env -S python3 -B
"""push of huge files, which have their sum taken while they are written: on good hosts, and where a tool there is broken."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from places import BOTH, alike, arrived, empty, look, places, says, source, there  # noqa: E402
from bed import Bed  # noqa: E402
from daemons import Sshd, children, wait_for  # noqa: E402
from testing import check, ended, equal, has, main  # noqa: E402

HUGE = 4 << 20  # FILES_HUGE
TEXT = b"much like the others\n"


def test_huge():
    """Sizes around blocks, names, modes, times; between small ones; random bytes, and what zstd makes small."""
    for noise in (True, False):
        for transport in BOTH:
            empty()

            def huge(name, size, **kw):
                return source(name, os.urandom(size) if noise else (TEXT * (size // len(TEXT) + 1))[:size], **kw)
            for more in (-1, 0, 1, 65535, 65536, 65537):
                huge("f%d" % more, HUGE + more, mtime=1000000000 + more)
            huge("sub/a 'b'\n$(c) \\ *", HUGE + 5, mode=0o400)
            huge("-sub/-n", HUGE + 6, mode=0o4711)
            source("sub/small", b"1" * 1000)
            huge("sub/large", 2000000)
            source("empty")
            options = ["--transport", transport, "push", "-r", bed_from()]
            says("13 created", *options)
            arrived()
            says("unchanged", *options)
            huge("f1", HUGE + 2, mode=0o600)
            huge("f0", HUGE - 1)
            source("sub/small", b"2")
            says("3 changed, 10 unchanged", *options)
            arrived()


def test_owner_stays():
    """Where root replaces a file, it has the owner that it had, and its mode is the source's, set-id bits too."""
    empty()
    path = source("f", os.urandom(HUGE), mode=0o4755)
    there("f", b"old")
    for p in places:
        os.chown(p.join("f"), 64001 if not p.uid else p.uid, -1)
    says("changed", path)
    arrived()
    for p in places:
        equal(os.stat(p.join("f")).st_uid, p.uid or 64001, p.name)


def bed_from():
    return os.path.join(os.path.dirname(source("empty")), "")


class Faulty:
    """A host whose tools are scripts of ours, before the real ones; "old" is in its file f."""

    def __init__(self, **kw):
        self.bed = Bed()
        self.bin, self.folder = self.bed.join("bin"), self.bed.join("there")
        os.mkdir(self.bin)
        os.mkdir(self.folder)
        self.server = Sshd(self.bed.authorized, options=["SetEnv PATH=%s:/usr/bin:/bin" % self.bin], **kw)
        self.bed.host("faulty", self.server)
        self.path = self.bed.write("from/f", os.urandom(HUGE + 77777))
        self.bed.write("from/g", b"a small one beside it")

    def push(self, tools, transport="libssh2"):
        """The end of a push of two files."""
        for name, text in tools.items():
            self.bed.write("bin/" + name, "#!/bin/sh\n%s\n" % text.replace("REAL", shutil.which(name)), 0o755)
        self.bed.write("there/f", b"old")
        done = self.bed.dt("--transport", transport, "faulty", "push", self.path, self.bed.join("from/g"), self.folder + "/")
        wait_for(lambda: not children(self.server.process.pid), "the end of the session")
        for name in tools:
            os.remove(os.path.join(self.bin, name))
        return done

    def fails(self, word, tools, **kw):
        done = ended(self.push(tools, **kw), 5)
        has(done.stdout, word)
        equal(done.stdout.count("\n"), 1)
        equal((os.listdir(self.folder), open(self.bed.join("there/f"), "rb").read()), (["f"], b"old"), tools)

    def works(self, tools, **kw):
        ended(self.push(tools, **kw), 0)
        alike(look(self.folder), look(self.bed.join("from")), tools)
        os.remove(self.bed.join("there/g"))


def test_broken_tools():
    """What is not written whole, or not what it shall be, is not put in place."""
    faulty, lost = Faulty(), "did not arrive"
    for transport in BOTH:
        def fails(word, **tools):
            faulty.fails(word, tools, transport=transport)
        fails(lost, tee="exit 1")
        fails(lost, tee="kill -9 $$")
        fails(lost, tee="REAL \"$@\"; exit 1")
        fails(lost, tee="REAL \"$@\"; kill -9 $$")
        fails(lost, tee="head -c 1000000 | REAL \"$@\"")
        # the stream is whole, and the file is not
        fails(lost, tee="REAL \"$@\"; truncate -s -1 \"$1\"")
        fails(lost, tee="REAL \"$@\"; echo >> \"$1\"")
        fails(lost, tee="cat; echo short > \"$1\"")
        # the file is of the right size, and the stream is not
        fails("wrong SHA-256", tee="tr a b | REAL \"$@\"")
        fails("wrong SHA-256", openssl="REAL \"$@\" | tr 0-9a-f 1-9a-f0")
        fails(lost, openssl="read -r x || exec REAL \"$@\"; exit 1")
        # of the content, too little is taken, or too much
        fails(lost, dd="[ \"$2\" = count=1 ] || exec REAL \"$@\"")
        fails(lost, dd="case $2 in count=0) ;; count=1) exec cat;; *) exec REAL \"$@\";; esac")
        fails(lost, dd="case $2 in count=0) ;; *) kill -9 $$;; esac")
        fails("", touch="exit 1")
        fails("", stat="case \"$*\" in *-c\\ %s*) echo 1;; *) exec REAL \"$@\";; esac")


def test_poor_tools():
    """Without openssl(1), or with a dd(1) or tee(1) that lacks what is needed, it goes another way."""
    faulty = Faulty()
    seen = faulty.bed.join("seen")
    for transport in BOTH:
        for tools, goes_through in (({}, True), ({"openssl": "exit 127"}, True), ({"dd": "exit 1"}, False),
                                    ({"dd": "case $* in *iflag*) exit 1;; esac; exec REAL \"$@\""}, False)):
            faulty.works({"tee": "echo >> %s; exec REAL \"$@\"" % seen, **tools}, transport=transport)
            equal(os.path.exists(seen), goes_through, tools)
            if goes_through:
                os.remove(seen)
    # what says nothing may be asked again
    faulty.works({"openssl": "echo >> %s; [ $(wc -l < %s) = 2 ] || exec REAL \"$@\"; cat >/dev/null" % (seen, seen)})


def test_file_size_limit():
    """A write that fails: the file is larger than the host lets its users write."""
    faulty = Faulty(wrap=["sh", "-c", "ulimit -f %d; exec \"$@\"" % (HUGE // 512), "sh"])
    for transport in BOTH:
        faulty.fails("did not arrive", {}, transport=transport)


if __name__ == "__main__":
    try:
        main(globals())
    finally:
        empty()
