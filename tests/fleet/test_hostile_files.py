#!/usr/bin/env -S python3 -B
"""pull from hosts that lie (hostile_answers.py): whatever they send, nothing but whole files arrives, and those
only in the host's own folder; dt says that something was wrong, in time, and in little memory.

DT_TEST_SEED repeats the answers of an earlier run.
"""
import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import hostile_answers as hostile  # noqa: E402
from bed import HEAVY  # noqa: E402
from fleet import Fleet, name  # noqa: E402
from testing import Fault, check, equal, has, main  # noqa: E402

SANITIZED = bool(os.environ.get("DT_SANITIZE"))
SEED = int(os.environ.get("DT_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
ANSWERS = 1000 * HEAVY if HEAVY > 1 else 400  # 10,000 for HEAVY = 10
AT_A_TIME = 150  # hosts of one run
TOGETHER = 50  # dt's -C
TIMEOUT = 10  # a machine under load must not make one of what is right
# One second; and connecting and logging in are no part of --command-timeout: here fifty do that on one machine,
# with sanitizers much more slowly.
GRACE = 1 + (8 if SANITIZED else 2)
OWN_FOLDER = re.compile(r"\.dt-\d+-[0-9a-f]{16}$")
FLAVOURS = {"t": ["-r", "/srv/tree"], "c": ["-r", "/srv/tree/"], "f": ["/srv/one"]}
# Those that take long come once, or once in each run.
ONCE = {"endless_words", "endless_sums", "zstd_nothing_without_end"}
ONLY_ONE = {"many_names", "only_bad_names"} | ONCE
# MiB of dt in such a run: 30 for TOGETHER hosts whose answers are small, and what the few listings that go on until
# dt ends them (endless_names: one in 70 answers, so two at once) may take: 16 MiB of names as listing.c says, and as
# much again for room that grows by doubling; 3 of them.
MEMORY = 30 + 3 * 32


def tree_of(top, but=()):
    """All at and below a folder: {path: what it is}; but is left out, with what is below."""
    found, todo = {}, [os.fsencode(top)]
    while todo:
        path = todo.pop()
        if path in but:
            continue
        st = os.lstat(path)
        what = [stat.S_IFMT(st.st_mode), stat.S_IMODE(st.st_mode), st.st_mtime_ns, st.st_nlink]
        if stat.S_ISDIR(st.st_mode):
            todo += [os.path.join(path, n) for n in os.listdir(path)]
        elif stat.S_ISLNK(st.st_mode):
            what.append(os.readlink(path))
        elif stat.S_ISREG(st.st_mode):
            with open(path, "rb") as f:
                what.append(hashlib.file_digest(f, "sha256").hexdigest())
        found[path] = tuple(what)
    return found


def same(got, wanted, about):
    for path in {**got, **wanted}:
        if got.get(path) != wanted.get(path):
            raise Fault("%s: %r is %r, not %r" % (about, path, got.get(path), wanted.get(path)))


def contents(top):
    """What is below a host's folder, without times of folders, which staging changes."""
    return {p: w if w[0] != stat.S_IFDIR else w[:2] for p, w in tree_of(top).items() if p != os.fsencode(top)}


class Den(Fleet):
    """A fleet of such hosts, DEST, and things around it that must stay as they are."""

    def __init__(self, answers):
        self.answers = answers
        rules = ""
        for word in "list", "fetch":
            rules += "[*]\ncommand = *dt-%s*\nstdout_file = @%s\n" % (word, word)
            for n, a in enumerate(answers, 1):
                if word in a.rules:
                    rules += "[sim%05d.*]\ncommand = *dt-%s*\n%s" % (n, word, a.rules[word])
        # the files are found below the home, which is made first
        self.rules = rules
        super().__init__(rules, len(answers))
        self.dest = self.join("dest")
        for n, a in enumerate(answers, 1):
            for word, data, again in (("list", a.listing, a.listing_again), ("fetch", a.archive, a.archive_again)):
                self.write("answers/%s.%s" % (name(n), word), data)
                if again:
                    self.write("answers/%s.%s.again" % (name(n), word), again)
        for path in "canary/secret", "canary/d/f", "dest/other.fleet/tree/a", "dest/a", "x", "dest/tree/a", "evil/x":
            self.write(path, path)
        os.symlink("secret", self.join("canary/link"))
        os.link(self.join("canary/secret"), self.join("canary/hard"))

    def write(self, path, text, mode=0o644):
        if path == "rules.ini":
            for word in "list", "fetch":
                text = text.replace("@" + word, self.join("answers", "%h." + word))
        return super().write(path, text, mode)

    def run(self, *args, together=TOGETHER, timeout=TIMEOUT, options=()):
        """({host: its end}, seconds, peak memory in MiB)"""
        code = ("import resource,subprocess,sys,time;t=time.time();"
                "r=subprocess.run(sys.argv[1:],stdin=subprocess.DEVNULL).returncode;"
                "print('\\npeak',resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss/1024,time.time()-t,file=sys.stderr);"
                "sys.exit(r)")
        process = subprocess.Popen(
            [sys.executable, "-c", code, *self.command("-o", "jsonl", "--no-journal", "-C", str(together), "-T", "30s", "--command-timeout",
                                                       "%ds" % timeout, *options, "all", "pull", *args, self.dest)],
            env=self.env, cwd=self.path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30)))
        try:
            out, err = process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise Fault("dt hangs")
        err = err.decode(errors="replace")
        for word in ("Sanitizer", "runtime error:"):
            check(word not in err, err[:9000])
        check(process.returncode in (0, 4, 5), process.returncode, err[-2000:])
        _, mib, seconds = err.split()[-3:]
        events = [json.loads(line) for line in out.decode("utf-8", "surrogateescape").splitlines()]
        ends = [e for e in events if e["event"] == "end"]
        equal(sorted(e["host"] for e in ends), [name(n) for n in range(1, len(self.answers) + 1)], "one outcome a host")
        return {e["host"]: e for e in ends}, float(seconds), float(mib)

    def folder(self, n):
        return os.path.join(self.dest, name(n))


def words(end):
    """Its reason and its message."""
    return "%s %s" % (end.get("reason") or "", end["stdout"])


def judge(top, root, answer, before, end):
    """One host: its folder, the folder of its source, what was there, and its outcome."""
    after = contents(top)
    if end["status"] == "ok":
        check(answer.expect in ("okay", "any"), "okay:", words(end))
        equal(end["rc"], 0)
    else:
        check(answer.expect != "okay", end["status"], words(end)[:500])
        check(end["rc"] != 0 and end.get("reason"), end)
    check(not re.search(r"\d{11}", words(end)) or "bytes to fetch" in words(end), "a number that cannot be:", words(end)[:300])
    if answer.expect == "fail":
        same(after, before, "it failed (%.200s), and yet" % words(end))
    for path, what in after.items():
        # as it was, or new and whole; nothing but files, folders and links that stay below their source's folder
        if what == before.get(path):
            continue
        check(what[0] in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK), repr(path), "is", oct(what[0]))
        check(what[0] == stat.S_IFLNK or not what[1] & 0o7077, repr(path), "has mode", oct(what[1]))
        if what[0] == stat.S_IFREG:
            with open(path, "rb") as f:
                data = f.read()
            check(not data or hostile.whole(data), repr(path), "is not whole")
            equal(what[3], 1, "links of %r" % path)
        elif what[0] == stat.S_IFLNK:
            leads = os.path.realpath(path)
            check(leads == root or leads.startswith(root + b"/"), "the link", repr(path), "->", repr(what[4]), "leads to", repr(leads))
    return after


def show(number, kinds):
    return "%s, seed %d, number %d:" % (kinds[number][0], SEED, kinds[number][1])


def run_flavour(flavour, count, first, peaks, only=None, options=()):
    """count hosts, each another answer; the kinds one after the other.  Faults, and how many were okay."""
    table = [k for k, (_, sources) in hostile.KINDS.items()
             if flavour in sources and (not only or k in only) and (k not in ONCE or first < 3 * AT_A_TIME)]
    chosen = list(table) + [k for i in range(count) if (k := table[(first + i) % len(table)]) not in ONLY_ONE]
    kinds = [(k, first + i) for i, k in enumerate(chosen[:max(count, len(table))])]
    hostile.CANARY = b"/tmp/dt-hostile-canary-%d/canary" % os.getpid()
    answers = [hostile.KINDS[k][0](random.Random("%d %s %d" % (SEED, k, i))) for k, i in kinds]
    den = Den(answers)
    # what the answers name lies in another place than DEST, and DEST has no way there
    top = os.path.dirname(hostile.CANARY)
    os.makedirs(hostile.CANARY)
    try:
        with open(hostile.CANARY + b"/secret", "wb") as f:
            f.write(b"secret")
        sub = "tree" if flavour == "t" else "."
        for n, a in enumerate(answers, 1):
            for path, data in a.preset.items():
                path = os.path.join(os.fsencode(den.folder(n)), os.fsencode(sub), path)
                os.makedirs(path if data is None else os.path.dirname(path), exist_ok=True)
                if data is not None:
                    with open(path, "wb") as f:
                        f.write(data)
        for n in range(1, len(answers) + 1):
            os.makedirs(den.folder(n), exist_ok=True)
        folders = {os.fsencode(den.folder(n)) for n in range(1, len(answers) + 1)}
        skip = folders | {os.fsencode(den.join("data"))}
        before = [contents(den.folder(n)) for n in range(1, len(answers) + 1)]
        around = {**tree_of(den.path, skip), **tree_of(top)}
        ends, seconds, mib = den.run(*FLAVOURS[flavour], options=options)
        faults = []
        same({**tree_of(den.path, skip), **tree_of(top)}, around, "outside of the hosts' folders")
        for n, answer in enumerate(answers, 1):
            end, folder = ends[name(n)], os.fsencode(den.folder(n))
            try:
                after = judge(folder, os.path.realpath(os.path.join(folder, os.fsencode(sub))), answer, before[n - 1], end)
                left = [p for p in after if OWN_FOLDER.match(os.fsdecode(os.path.basename(p))) and kinds[n - 1][0] != "temporary_name"]
                check(not left, "left:", left)
                late = TIMEOUT + GRACE
                check(end["seconds"] < late, "%.1f s, of %d" % (end["seconds"], TIMEOUT))
            except Fault as fault:
                faults.append("%s %s" % (show(n - 1, kinds), fault))
        okay = sum(e["status"] == "ok" for e in ends.values())
        slowest = max(range(len(answers)), key=lambda i: ends[name(i + 1)]["seconds"])
        print("# %s: %d answers, %d okay, %.1f s, peak %.1f MiB, slowest %.1f s (%s)" %
              (flavour, len(answers), okay, seconds, mib, ends[name(slowest + 1)]["seconds"], kinds[slowest][0]))
        peaks.append(mib)
        den.end()
        return len(answers), faults
    finally:
        shutil.rmtree(top)
        shutil.rmtree(den.path)


def test_answers():
    print("# DT_TEST_SEED=%d" % SEED)
    done, peaks, faults, turn = 0, [], [], 0
    while done < ANSWERS:
        flavour = "tcf"[turn % 3]
        count = min(AT_A_TIME if flavour != "f" else AT_A_TIME * 2 // 3, max(ANSWERS - done, 30))
        n, found = run_flavour(flavour, count, done, peaks)
        done += n
        turn += 1
        faults += found
    print("# %d answers, peak %.1f MiB of %d" % (done, max(peaks), MEMORY))
    kinds = {}
    for fault in faults:
        kinds.setdefault(fault.split(",", 1)[0], []).append(fault)
    check(not faults, "%d wrong:\n%s" % (len(faults), "\n".join("  %d times %.400s" % (len(f), f[0]) for f in kinds.values())))
    check(SANITIZED or max(peaks) < MEMORY, peaks)


def alone(answers, *args, **kw):
    """Ends, seconds, peak memory, and bytes at DEST, of a few hosts with answers of their own."""
    hostile.CANARY = b"/nowhere"
    den = Den(answers)
    try:
        ends, seconds, mib = den.run(*(args or FLAVOURS["t"]), together=len(answers), **kw)
        size = sum(os.lstat(os.path.join(d, f)).st_size for n in range(1, len(answers) + 1)
                   for d, _, files in os.walk(den.folder(n)) for f in files)
        den.end()
        return [ends[name(n)] for n in range(1, len(answers) + 1)], seconds, mib, size
    finally:
        shutil.rmtree(den.path)


def in_time(ends, timeout):
    for end in ends:
        check(end["seconds"] < timeout + GRACE, "%.1f s, of %d: %.100s" % (end["seconds"], timeout, words(end)))


def test_long_listings():
    """Listings as long as dt takes them, or nearly: a host may fill so much memory, and no more."""
    folders = [hostile.Thing(b"%x" % i, mode=hostile.DIR | 0o755) for i in range(60000 if SANITIZED else 140000)]
    deep = [hostile.Thing(b"%04x" % i + b"/" + (b"\x01" * 60 + b"/") * 61 + b"x", mode=hostile.DIR | 0o755)
            for i in range(400 if SANITIZED else 4096)]
    for about, things in (("short names", folders), ("names that grow when they are escaped", deep)):
        for hosts in (1,) if SANITIZED else (1, 4):
            answer = hostile.Answer(hostile.listing(things), hostile.END)
            ends, seconds, mib, _ = alone([answer] * hosts, "--check", "-r", "/srv/tree", timeout=20)
            print("# %d names, %s, %d hosts: peak %.1f MiB, %.1f s (%s)" %
                  (len(things), about, hosts, mib, seconds, words(ends[0])[:30].strip()))
            # 16 MiB of names a host as the listing's own bound says, once more where doubles are looked for, and
            # once more for what growing and sorting take
            check(SANITIZED or mib < 30 + hosts * 3 * 16, about, "of %d hosts: %.1f MiB" % (hosts, mib))
            in_time(ends, 20)


def test_many_names():
    answer = hostile.many_names(random.Random(3), 10000)
    ends, seconds, mib, _ = alone([answer, hostile.only_bad_names(random.Random(4))], timeout=100)
    equal((ends[0]["status"], words(ends[0]).strip(), ends[1]["status"]), ("ok", "10000 created", "failed"))
    print("# 10,000 names: peak %.1f MiB, %.1f s" % (mib, seconds))
    check(SANITIZED or mib < 30 + 16, mib)


def test_slow_words():
    """A line that costs dt much more than the host: it still ends in time."""
    things = [hostile.Thing(b"%x" % i, mode=hostile.DIR | 0o755) for i in range(130000)]
    for again in (b"Y\n", b"Y 1\n", b"X\n", b"Z\n", things[0].sum()):
        ends, _, _, _ = alone([hostile.Answer(hostile.listing(things, end=b""), listing_again=again)], timeout=3 if not SANITIZED else 10)
        check(ends[0]["status"] != "ok", ends)
        print("# %r without end: %.1f s" % (again[:5], ends[0]["seconds"]))
        in_time(ends, 3 if not SANITIZED else 10)


def test_max_size_and_hard_links():
    """Each link is a copy here, and counts as such."""
    data = hostile.body(random.Random(1), 500000)
    things = [hostile.Thing(b"a", data)] + [hostile.Thing(b"b%d" % i, data, size=0) for i in range(50)]
    out = things[0].entry() + b"".join(hostile.entry(t.path, type=b"1", link=b"./a") for t in hostile.files(things)[1:]) + hostile.END
    ends, _, _, size = alone([hostile.Answer(hostile.listing(things), out)], "--max-size", "1M", "-r", "/srv/tree")
    check(ends[0]["status"] != "ok" and size <= 1 << 20, "%d bytes came, with --max-size 1M: %s" % (size, words(ends[0])))
    # one that tells their sizes is told what is too much
    for t in things:
        t.size = len(data)
    ends, _, _, size = alone([hostile.Answer(hostile.listing(things), out)], "--max-size", "1M", "-r", "/srv/tree")
    check(ends[0]["status"] == "failed" and "--max-size" in words(ends[0]) and not size, ends, size)
    # and what is no lie, comes
    ends, _, _, size = alone([hostile.Answer(hostile.listing(things), out)], "--max-size", "26M", "-r", "/srv/tree")
    equal((ends[0]["status"], size), ("ok", 51 * len(data)))


def test_max_size_that_overflows():
    """Sizes that are small once added up are too much, each of them."""
    huge = (1 << 63) - 1
    things = [hostile.Thing(b"x%d" % i, hostile.body(random.Random(i), 100), size=s) for i, s in enumerate((huge, huge, 2))]
    ends, _, _, _ = alone([hostile.right(things)], "--max-size", "1M", "-r", "/srv/tree")
    equal(ends[0]["status"], "failed")
    has(words(ends[0]), "--max-size")


def test_slow_rate():
    """--limit-rate waits no longer than --command-timeout lets it."""
    things = [hostile.Thing(b"a", hostile.body(random.Random(1), 3000000))]
    ends, _, _, _ = alone([hostile.right(things)], "--limit-rate", "30000", "-r", "/srv/tree", timeout=2)
    equal(ends[0]["status"], "timeout", words(ends[0]))
    in_time(ends, 2)


def test_temporary_names():
    """What looks like a temporary folder of dt is refused, or it stays."""
    answer = hostile.temporary_name(random.Random(2))
    den = Den([answer])
    try:
        messages = [den.run(*FLAVOURS["c"])[0][name(1)] for _ in range(2)]
        if messages[0]["status"] == "ok":
            check(os.path.exists(os.path.join(den.folder(1), ".dt-4194305-0123456789abcdef/0")), "it was removed:", words(messages[1]))
            equal(words(messages[1]).strip(), "unchanged")
        den.end()
    finally:
        shutil.rmtree(den.path)


def test_partly_in_place():
    """An archive that breaks off in the last file, or that lacks one in the middle: nothing of it is put in place."""
    things = [hostile.Thing(n, hostile.body(random.Random(n), 5000)) for n in (b"a", b"b", b"c")]
    entries = [t.entry() for t in things]
    answers = [hostile.Answer(hostile.listing(things), b"".join(entries)[:-1000]),
               hostile.Answer(hostile.listing(things), entries[0] + entries[2] + hostile.END),
               hostile.Answer(hostile.listing(things[:1]), entries[0][:-1000])]
    ends, _, _, size = alone(answers)
    for end in ends:
        check(end["status"] != "ok", words(end))
        has(words(end), "did not arrive")
    equal(size, 0)


def test_through_ssh():
    """The same by the other transport, a few."""
    for flavour in FLAVOURS:
        table = [k for k, (_, sources) in hostile.KINDS.items() if flavour in sources and k not in ONLY_ONE]
        peaks, only = [], random.Random(SEED).sample(table, min(len(table), 12))
        _, faults = run_flavour(flavour, len(only), 0, peaks, only, ["--transport", "openssh"])
        check(not faults, "\n".join(f[:500] for f in faults))


if __name__ == "__main__":
    main(globals())
