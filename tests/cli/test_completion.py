#!/usr/bin/env -S python3 -B
"""Completion: what dt offers, and what bash, zsh and fish make of it on a terminal."""
import os
import re
import sqlite3
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from shells import SHELLS, Shell  # noqa: E402
from testing import ROOT, Home, check, ended, equal, has, main  # noqa: E402

NAMES = ("two words", "it's", 'say"so', "$(touch pwned)", "`touch pwned`", "a;touch pwned", "back\\slash", "st*r", "~tilde",
         "ex!clam", "dollar$HOME", "(paren)", "#hash", "grün")
BAD = ("new\nline", "esc\x1b[2J", "bidi\u202e")
home = Home()
home.write("hosts", "[hosts]\nweb1 = linux lab transport=local\nweb2 = linux web transport=local\ndb1 = db transport=local\n")
home.write("config/dt/dt.conf", "[dt]\ndb = %s\n" % home.join("hosts"))
for name in NAMES + BAD:
    home.write("files/" + name, "")
counter = iter(range(1000))


class Past:
    """A journal of its own."""

    def __init__(self):
        self.env = {"XDG_STATE_HOME": home.join("state%d" % next(counter))}
        self.path = os.path.join(self.env["XDG_STATE_HOME"], "dt/journal.db")

    def dt(self, *args, status=0):
        return ended(home.dt(*args, env=self.env), status)

    def words(self, line, *how):
        """Candidates, by an engine that had nothing to say on standard error."""
        done = self.dt("completion", "words", *how, line)
        equal(done.stderr, "", line)
        return done.stdout.splitlines()

    def sql(self, text, *values):
        db = sqlite3.connect(self.path, timeout=30)
        db.execute(text, values)
        db.commit()
        db.close()


def words(line, *how):
    return ended(home.dt("completion", "words", *how, line), 0).stdout.splitlines()


# ---- the engine ----

def test_inventory():
    equal(words("dt tag:l"), ["tag:lab", "tag:linux"])
    equal(words("dt 'tag:linux and not w"), ["tag:linux and not web1", "tag:linux and not web2"])
    equal(words("dt -D /dev/null tag:l"), [])
    equal(words("dt -D %s -D - tag:l" % home.join("hosts")), [])    # standard input is the terminal
    equal(words("dt -D %s w" % home.join("none")), ["why"])


def test_store():
    """Of too many names some are given, and what these have in common is right."""
    env = {"XDG_DATA_HOME": home.join("many"), "DT_CONF": home.write("nothing.conf", "")}
    ended(home.dt("a[0001-1500],ab9[00-99]", "add", "t1", env=env), 0)

    def ask(line):
        return ended(home.dt("completion", "words", line, env=env), 0).stdout.split()

    names = ask("dt a")
    equal([n for n in names if not n.startswith("a0") and not n.startswith("a1")], ["ab999", "all"])
    check(1000 <= len(names) < 1100, len(names))
    equal(len(ask("dt ab")), 100)
    equal(ask("dt tag:"), ["tag:t1"])
    equal(os.path.commonprefix(ask("dt sys:")), "sys:a")


def test_jobs():
    p = Past()
    equal(p.words("dt show "), ["last"])
    for _ in range(11):
        p.dt("web1,web2", "ssh", "true")
    p.dt("db1", "ssh", ": 'a b\x1b[2J\n\u202e'")
    numbers = [str(n) for n in range(12, 0, -1)]
    for line, before in (("dt show ", ""), ("dt rerun ", ""), ("dt diff last ", ""), ("dt reconcile ", ""), ("dt job:", "job:"),
                         ("dt 'not job:", "not job:")):
        equal(p.words(line), [before + w for w in ["last", *numbers]])
    equal(p.words("dt show 1"), ["12", "11", "10", "1"])
    equal(p.words("dt job:9:ok"), ["job:9:ok", "job:9:okay"])
    equal(p.words("dt show 12 "), ["db1"])
    equal(p.words("dt show last "), ["db1"])
    equal(p.words("dt show last-1 w"), ["web1", "web2"])
    equal(p.words("dt stop "), [])
    about = dict(line.split("\t") for line in p.words("dt show ", "--about"))
    check(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d web1,web2 ssh true", about["1"]), about["1"])
    check(re.search(r" db1 ssh \$': \\'a b\\x1b\[2J\\n\\xe2\\x80\\xae\\''$", about["12"]), about["12"])


def test_many_jobs():
    """The newest, and as much of the others as tells what all have in common."""
    p = Past()
    p.dt("web1", "ssh", "true")
    p.sql("INSERT INTO entry SELECT value + 100, value, 'job', at, NULL, NULL, NULL, NULL, NULL, NULL, data, output, NULL, hash"
          " FROM entry, json_each('[%s]') WHERE kind = 'job'" % ",".join(map(str, range(2, 10001))))
    shown = p.words("dt show ")
    equal(shown[:51], ["last"] + [str(n) for n in range(10000, 9950, -1)])
    equal(shown[51:], ["1000", "999", "100", "99", "10", "9", "1"])
    shown = p.words("dt show 1")
    equal((shown[:3], os.path.commonprefix(shown)), (["10000", "1999", "1998"], "1"))
    equal(p.words("dt show 123"), ["1239", "1238", "1237", "1236", "1235", "1234", "1233", "1232", "1231", "1230", "123"])
    equal(p.words("dt show 99999999999999999999"), [])
    equal(p.words("dt show 0"), [])


def test_running_job():
    p = Past()
    p.dt("web1", "ssh", "true")
    fifo = home.join("fifo%d" % next(counter))
    os.mkfifo(fifo)
    run = threading.Thread(target=lambda: p.dt("web1", "ssh", "echo begun > %s; read x < %s" % (fifo, fifo)))
    run.start()
    with open(fifo) as f:
        f.read()
    try:
        equal(p.words("dt stop "), ["2"])
        has(p.words("dt follow ", "--about")[0], " running: web1 ssh ")
        equal(p.words("dt show "), ["last", "2", "1"])
    finally:
        with open(fifo, "w") as f:
            f.write("x\n")
        run.join()
    equal(p.words("dt stop "), [])


def test_unusable_journals():
    """No numbers, no noise, and no waiting."""
    p = Past()
    p.dt("web1", "ssh", "true")
    equal(p.words("dt show "), ["last", "1"])
    db = sqlite3.connect(p.path)
    db.execute("BEGIN EXCLUSIVE")
    equal(p.words("dt show "), ["last"])
    equal(p.words("dt job:last:fa"), ["job:last:fail", "job:last:failed"])
    db.rollback()
    equal(p.words("dt show "), ["last", "1"])
    version = db.execute("PRAGMA user_version").fetchone()[0]
    db.execute("PRAGMA user_version = %d" % (version + 1))
    db.commit()
    equal(p.words("dt show "), ["last"])
    db.execute("PRAGMA user_version = %d" % version)
    db.execute("UPDATE entry SET data = 'no JSON' WHERE kind = 'job'")
    db.commit()
    equal(p.words("dt show "), ["last"])
    db.close()
    for bytes_ in (b"", b"no database" * 1000):
        with open(p.path, "wb") as f:
            f.write(bytes_)
        equal(p.words("dt show "), ["last"])
        equal(p.words("dt show last "), [])
    os.unlink(p.path)
    os.mkdir(p.path)
    equal(p.words("dt show "), ["last"])


def test_words_take_what_is_offered():
    """Options that are offered behind a word are the word's, and the other way round."""
    for word, source in (("jobs", "word_jobs.c"), ("rerun", "word_rerun.c"), ("inventory", "word_inventory.c")):
        with open(os.path.join(ROOT, "dt/cli", source)) as f:
            own = set(re.findall(r'"(--[a-z]+)"', f.read())) - {"--"}
        offered = {line.split("\t")[0] for line in words("dt %s --" % word, "--about")}
        equal(own - offered, set(), word)
    for word in words("dt ")[:-1]:
        if word.endswith(":") or word in ("all", "nil"):
            continue
        for option in words("dt %s --" % word):
            if option in ("--help", "--version"):
                continue
            done = home.dt(word, option, "1", "1", "1", "1", env={"XDG_STATE_HOME": home.join("none")})
            check("unknown option" not in done.stderr and "no help" not in done.stderr, word, option, done.stderr)


def test_usage():
    for args in (["words"], ["words", "--bash", "dt "], ["words", "a", "b"], [], ["bash", "zsh"], ["csh"]):
        ended(home.dt("completion", *args), 2)


# ---- shells ----

# What is typed, and the arguments that dt is called with.
LINES = (
    ("tag:li\t", ["tag:linux"]), ("we\t2", ["web2"]), ("sys:web1,d\t", ["sys:web1,db1"]), ("tag:web,-li\t", ["tag:web,-linux"]),
    ("tag:linux:no\ttag:d\t", ["tag:linux:not:tag:db"]), ("'tag:web and tag:d\t", ["tag:web and tag:db"]),
    ('"tag:web and not d\t', ["tag:web and not db1"]), ("tag:web\\ and\\ tag:d\t", ["tag:web and tag:db"]),
    ("--acc\t", ["--accept-new"]), ("--output=js\t", ["--output=jsonl"]), ("-o js\tall", ["-o", "jsonl", "all"]),
    ("all ser\t", ["all", "service"]), ("inv\timp\t", ["inventory", "import"]), ("jobs ver\t", ["jobs", "verify"]),
    ("show 1\t", ["show", "12"]), ("job:la\t\x7f:fail", ["job:last:fail"]), ("none\t", ["none"]), ("-D ~/host\t", ["-D", home.join("hosts")]),
)


def quoted(text, quote, shell):
    """As somebody types it who knows the shell."""
    if quote == "'":
        return quote + text.replace("'", "'\\''")
    special = "\\'\"$`;*~!(# " if not quote else "\\\"$" if shell == "fish" else "\\\"$`"
    return quote + "".join("\\" + c if c in special else c for c in text)


def test_shells():
    p = Past()
    p.dt("web1", "ssh", "true")
    p.sql("UPDATE entry SET job = 12")
    for name in SHELLS:
        shell = Shell(name, home, p.env)
        for keys, wanted in LINES:
            equal(shell.line(keys), wanted, (name, keys))
        equal(shell.line("tag:li\t", program="~/bin/dt"), ["tag:linux"], name)
        shell.end()


def test_shells_installed():
    """The files of make install, found where they are looked for."""
    for name in SHELLS:
        shell = Shell(name, home, installed=True)
        equal(shell.line("tag:li\t"), ["tag:linux"], name)
        equal(shell.line("tag:linux:no\ttag:d\t"), ["tag:linux:not:tag:db"], name)
        shell.end()


def test_shells_list():
    """What a run was comes as text to the terminal."""
    p = Past()
    p.dt("web1", "ssh", ": 'q\x1b[7;7H\u202e\a'")
    p.dt("web2", "ssh", "true")
    for name in SHELLS:
        shell = Shell(name, home, p.env)
        shown = shell.shown("show \t\t", "last" if name == "bash" else "\\x1b[7;7H")    # bash shows no descriptions
        check(name == "bash" or b"newest run that contacted hosts" in shown, shown)
        for odd in (b"\x1b[7;7H", "\u202e".encode(), b"\a"):
            check(odd not in shell.terminal.data, name, odd, shell.terminal.data)
        shell.end()



def test_shells_quote():
    """Whatever stands in a name is one word for dt, and nothing to be run."""
    for name in SHELLS:
        shell = Shell(name, home)
        for file in NAMES:
            for quote in ("", "'", '"'):
                equal(shell.line("-D ", quoted(home.join("files", file[:2]), quote, name), "\t"), ["-D", home.join("files", file)],
                      (name, file, quote))
        shell.end()
    equal([f for f in ("pwned", "files/pwned") if os.path.exists(home.join(f))], [])


main(globals())
