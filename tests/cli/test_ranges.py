#!/usr/bin/env -S python3 -B
"""Ranges, folds and addresses of the command line and of lists; the first two beside ClusterShell's nodeset."""
import getpass
import json
import os
import random
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from testing import ROOT, Home, ended, equal, has, main  # noqa: E402

home = Home()
COUNT = int(os.environ.get("DT_TEST_RANGES", "2000"))
PEER = shutil.which("nodeset")
ME = getpass.getuser()
LETTERS = "bcdfghjklm"


def dt(*args, status=0, stdin=None):
    return ended(home.dt("--no-journal", *args, stdin=stdin), status)


def ways(*args, stdin=None):
    """[user@]address:port of each host, in order."""
    out = dt("-p", "-o", "jsonl", *args, "ssh", "id", stdin=stdin).stdout
    plans = [e for e in map(json.loads, out.splitlines()) if e["event"] == "plan"]
    return ["%s%s:%d" % ("" if e["user"] == ME else e["user"] + "@", e["address"], e["port"]) for e in plans]


# ---- one address, alike everywhere ----

ADDRESSES = (
    ("[2001:db8::10]:2222", ["2001:db8::10:2222"]), ("2001:db8::10", ["2001:db8::10:22"]),
    ("[2001:db8::10]", ["2001:db8::10:22"]), ("[fe80::1%eth0]:22", ["fe80::1%eth0:22"]), ("[10.0.0.1]:23", ["10.0.0.1:23"]),
    ("10.0.0.1:2222", ["10.0.0.1:2222"]), ("web[01-02].x.org:2222", ["web01.x.org:2222", "web02.x.org:2222"]),
    ("[1-2].x.org:80", ["1.x.org:80", "2.x.org:80"]), ("db{a,b}:24", ["dba:24", "dbb:24"]),
    ("2001:db8::[1-2]", ["2001:db8::1:22", "2001:db8::2:22"]), ("2001:db8::10:2222", ["2001:db8::10:2222:22"]),
)
USERS = ("alice", "CORP\\alice", "alice@corp.example.com", "alice$", "\u00e9lise", "a:b", "a/b", "~x", "a#b")
WRONG = ("h1:0", "h1:65536", "h1:", "h1:ssh", ":22", "[2001:db8::10]:", "[2001:db8::10]x", "[2001:db8::zz]:22", "[::1",
         "2001:db8::[1-2]:22", "a:b:c", "@h1", "-x@h1", "x;y@h1", "x\\@h1", "[1:3]x")


def sources(address):
    """The same address on the command line, in a list, in a text, ..."""
    line = address + "\n"
    home.write("list", line)
    home.write("ini", "[hosts]\n%s = tag\n" % address)
    program = home.write("config/dt/selectors/gives", "#!/bin/sh\ncat '%s'\n" % home.join("list"), mode=0o755)
    os.chmod(os.path.dirname(program), 0o755)
    yield "sys", ("sys:" + ('"%s"' % address),), None
    yield "file", ("file:list",), None
    yield "out", ("out:",), line
    yield "program", ("gives:",), None
    yield "names", ("-D", "names:list", "all"), None
    yield "dtdb", ("-D", "dtdb:list", "all"), None
    yield "ini", ("-D", "ini:ini", "all"), None


def test_addresses():
    for address, wanted in ADDRESSES:
        for source, args, stdin in sources(address):
            equal(ways(*args, stdin=stdin), wanted, "%s by %s" % (address, source))
        equal(ways(address), wanted, address)


def test_users():
    for user in USERS:
        for address in ("h1", "h1:2222", "[2001:db8::10]:2222"):
            text = "%s@%s" % (user, address)
            wanted = [text.replace("[", "").replace("]", "") + ("" if "2222" in text else ":22")]
            if ":" not in user:
                equal(ways(text), wanted)
            for source, args, stdin in sources(text):
                if source != "ini" or not set(user) & set(":#"):
                    equal(ways(*args, stdin=stdin), wanted, "%s by %s" % (text, source))
    done = dt("-p", "-o", "jsonl", "-u", "CORP\\alice", "h1", "ssh", "id")
    equal(json.loads(done.stdout.splitlines()[0])["user"], "CORP\\alice")
    for bad in ("a;b", "-x", "a'b", "a`b", "a\\", "a -b", "a\nb", "a|b"):
        dt("-p", "--user=" + bad, "h1", "ssh", "id", status=2)


def test_wrong_addresses():
    for address in WRONG:
        dt("-p", address, "ssh", "id", status=2)
        for source, args, stdin in sources(address):
            done = home.dt("-p", *args, "ssh", "id", stdin=stdin)
            equal(done.returncode, 2, "%s by %s: %s" % (address, source, done.stdout))


def test_lists():
    """pssh's hosts files; and what may be one more host is no user."""
    equal(ways("out:", stdin="h1:2222 alice\n[::1]:23\tbob # c\n# h9\nbob@h2\n"), ["alice@h1:2222", "bob@::1:23", "bob@h2:22"])
    for text in ("h1 h2\n", "h1:22 a b\n", "bob@h1:22 alice\n", "h1:22 a;b\n"):
        has(dt("-p", "out:", "ssh", "id", status=2, stdin=text).stderr, "standard input:1: ")
    home.write("list", "\ufeffh1:2222 alice\n")
    equal(ways("file:list"), ["alice@h1:2222"])
    equal(ways("-D", "names:list", "all"), ["alice@h1:2222"])
    has(dt("-p", "out:", "ssh", "id", status=2, stdin="h1:22,h1:23").stderr, "h1:22 and h1:23")
    has(dt("-p", "-u", "bob", "alice@h1", "ssh", "id", status=2).stderr, "another user than -u bob")
    # a run is done again where it was
    ended(home.dt("nobody@127.0.0.1:1", "ssh", "id", env={"XDG_STATE_HOME": home.join("state")}), 4)
    again = ended(home.dt("-p", "-o", "jsonl", "job:last", "ssh", "id", env={"XDG_STATE_HOME": home.join("state")}), 0)
    e = json.loads(again.stdout.splitlines()[0])
    equal((e["host"], e["user"], e["port"]), ("127.0.0.1", "nobody", 1))
    # and kept where it is added
    ended(home.dt("alice@[::1]:2222", "add"), 0)
    equal(ways("::1"), ["alice@::1:2222"])
    ended(home.dt("::1", "del"), 0)


def test_folds():
    for names, folded in (("10.0.0.1,10.0.0.2,10.0.0.3", "10.0.0.[1-3]"), ("10.0.0.1,127.0.0.1", "10.0.0.1,127.0.0.1"),
                          ("fe80::1%eth0,fe80::2%eth0", "fe80::[1-2]%eth0"), ("2001:db8::1,2001:db8::a", "2001:db8::1,2001:db8::a"),
                          ("fe80::1:a,fe80::2:a", "fe80::1:a,fe80::2:a"), ("h1:23,h2:23", "h1:23,h2:23"),
                          ("u@h1,u@h2", "u@h1,u@h2"), ("h1.x2,h2.x2", "h[1-2].x2")):
        equal(dt("-o", "fold", names, "list").stdout, folded + "\n")
        equal(sorted(ways(folded)), sorted(ways(names)))


# ---- beside nodeset ----

def prefix(k):
    """Letters that no other case has, so that many go through one call."""
    return "p" + "".join(LETTERS[int(c)] for c in "%04d" % k) + "-"


def group(r):
    """Numbers in brackets, all of one width where one is padded."""
    width = r.choice((0, 0, 2, 3))
    items = []
    for _ in range(r.randrange(1, 4)):
        low = r.randrange(0, 90)
        high = low + r.randrange(1, 12)
        step = r.choice(("", "", "", "/%d" % r.randrange(1, 5)))
        items.append("%0*d" % (width, low) if r.random() < 0.4 else "%0*d-%0*d%s" % (width, low, width, high, step))
    return "[%s]" % ",".join(items)


def pattern(r, k):
    text = prefix(k) + r.choice(("", "n", "web-")) + group(r)
    if r.random() < 0.25:
        text += r.choice(("x", "-r")) + group(r)
    return text + r.choice(("", "", ".example.org", "-ib"))


def some_names(r, k):
    width, suffix = r.choice((0, 0, 2, 3)), r.choice(("", "", ".example.org", "-ib"))
    numbers = r.sample(range(0, 99 if width else 140), r.randrange(1, 14))
    more = [n + 1 for n in numbers if r.random() < 0.6]
    names = ["%s%0*d%s" % (prefix(k), width, n, suffix) for n in numbers + more]
    return list(dict.fromkeys(names))


def split(text):
    """At the commas outside brackets."""
    parts, depth = [""], 0
    for c in text:
        depth += (c == "[") - (c == "]")
        if c == "," and not depth:
            parts.append("")
        else:
            parts[-1] += c
    return parts


def judged(cases):
    with open(PEER) as f:
        python = f.readline()[2:].split()
    done = subprocess.run([*python, "-B", os.path.join(ROOT, "tests/lib/nodeset_judge.py")], check=True, text=True,
                          input="".join(json.dumps(c) + "\n" for c in cases), stdout=subprocess.PIPE)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_beside_nodeset():
    if not PEER:
        print("# nodeset is not here: %d ranges and folds not compared with it" % COUNT)
        return
    seed = int(os.environ.get("DT_TEST_SEED", "12"))
    r = random.Random(seed)
    patterns = [pattern(r, k) for k in range(COUNT // 2)]
    lists = [some_names(r, k) for k in range(COUNT // 2)]
    answers = judged([["expand", p] for p in patterns] + [["fold", n] for n in lists])
    # the judge is the program itself
    for k in (0, len(patterns) - 1):
        done = subprocess.run([PEER, "-e", patterns[k]], check=True, stdout=subprocess.PIPE, text=True)
        equal(done.stdout.split(), answers[k])
    found = {}
    for e in map(json.loads, dt("out:", "list", "-o", "jsonl", stdin="\n".join(patterns)).stdout.splitlines()):
        if e["event"] == "end":
            found.setdefault(e["host"].split("-")[0] + "-", set()).add(e["host"])
    for k, text in enumerate(patterns):
        equal(sorted(found[prefix(k)]), sorted(answers[k]), text)
    names = [n for names in lists for n in names]
    folds = {}
    for part in split(dt("out:", "list", "-o", "fold", stdin="\n".join(names)).stdout.rstrip("\n")):
        folds.setdefault(part.split("-")[0] + "-", []).append(part)
    for k, of in enumerate(lists):
        equal(",".join(folds[prefix(k)]), answers[len(patterns) + k], of)
    print("# seed %d: %d ranges and %d folds, equal" % (seed, len(patterns), len(lists)))


main(globals())
