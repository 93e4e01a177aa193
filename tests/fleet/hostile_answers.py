"""What a hostile host may answer to pull: listings (dt/files/list.sh) and archives, wrong in every way.

Each function below is a kind; it takes a random.Random and gives an Answer.  A file's content begins with the
SHA-256 of what follows, so that whoever finds it anywhere knows whether it is whole: whole().
"""
import hashlib
import stat
import struct

REG, DIR, LNK = 0o100000, 0o040000, 0o120000
CANARY = b"/nowhere"  # set by the test: an absolute path that nobody may write to
KINDS = {}  # name: (function, for which sources: t tree, c its content, f one file)


class Answer:
    """expect: "fail" and nothing changes; "okay"; "any" of both; "some": it fails, and what is right may come."""

    def __init__(self, listing, archive=b"", expect="fail", listing_again=b"", archive_again=b"", preset=None, rules=None,
                 slow=False):
        self.listing, self.archive, self.expect = listing, archive, expect
        self.listing_again, self.archive_again = listing_again, archive_again
        self.preset = preset or {}  # what stands here before: {path: content, None for a folder}
        self.rules = rules or {}  # {"list" or "fetch": "KEY = VALUE\n..."}
        self.slow = slow  # it lasts until --command-timeout


def kind(sources="tc"):
    def add(function):
        KINDS[function.__name__] = (function, sources)
        return function
    return add


def body(rng, size=None):
    data = rng.randbytes(rng.choice((8, 9, 447, 448, 449, 3000, 40000)) if size is None else size)
    return hashlib.sha256(data).hexdigest().encode() + data


def whole(data):
    return hashlib.sha256(data[64:]).hexdigest().encode() == data[:64]


class Thing:
    def __init__(self, path, data=b"", mode=REG | 0o644, link=b"", size=None, digest=None, mtime=1700000000):
        self.path, self.data, self.mode, self.link, self.mtime = path, data, mode, link, mtime
        self.size = (len(data) if self.is_file() else 0) if size is None else size
        self.digest = hashlib.sha256(data).hexdigest() if digest is None else digest

    def line(self):
        mode = b"%x" % self.mode if isinstance(self.mode, int) else self.mode
        return b"P %s %s %s ./%s//\n" % (mode, str(self.size).encode(), str(self.mtime).encode(), self.path)

    def sum(self, alone=True):
        text = self.digest.encode()
        return b"B %s ./%s//\n" % (text, self.path) if alone else b"%s  ./%s\n" % (text, self.path)

    def is_file(self):
        return not isinstance(self.mode, int) or stat.S_ISREG(self.mode)

    def is_link(self):
        return isinstance(self.mode, int) and stat.S_ISLNK(self.mode)

    def text(self):
        return b"K ./%s//\n%s//\n" % (self.path, self.link) if self.is_link() else b""

    def entry(self, **kw):
        if isinstance(self.mode, int) and stat.S_ISLNK(self.mode):
            return entry(self.path, type=b"2", link=self.link, **kw)
        if isinstance(self.mode, int) and stat.S_ISDIR(self.mode):
            return b""
        return entry(self.path, self.data, **kw)


# ---- archives ----

def pad(data, unit=512):
    return data + bytes(-len(data) % unit)


def header(name, size=0, type=b"0", link=b"", mode=b"0000644\0", size_field=None, mtime=b"14523106400\0", wrong=0, prefix=b"",
           magic=b"ustar\x0000"):
    """One block of ustar; fields as they are given."""
    head = (name[:100].ljust(100, b"\0") + mode + b"0000000\0" * 2 +
            (size_field if size_field is not None else b"%011o\0" % size if size < 8 ** 11 else b"\x80" + struct.pack(">3xQ", size)) +
            mtime + b" " * 8 + type + link[:100].ljust(100, b"\0") + magic.ljust(88, b"\0") + prefix[:155].ljust(155, b"\0"))
    head = head.ljust(512, b"\0")
    total = (sum(head) + wrong) % 0o1000000
    return head[:148] + b"%06o\0 " % total + head[156:]


def long_name(text, type=b"L", size=None):
    return header(b"././@LongLink", len(text) + 1 if size is None else size, type) + pad(text + b"\0")


def pax(records, type=b"x"):
    text = b""
    for key, value in records:
        rest = b" %s=%s\n" % (key, value)
        n = len(rest)
        while len(b"%d" % n) + len(rest) != n:
            n = len(b"%d" % n) + len(rest)
        text += b"%d" % n + rest
    return header(b"pax", len(text), type) + pad(text)


def entry(path, data=b"", type=b"0", link=b"", dot=True, **kw):
    name = (b"./" if dot else b"") + path
    out = b""
    if len(link) > 100:
        out += long_name(link, b"K")
    if len(name) > 100:
        out += long_name(name)
    return out + header(name, len(data), type, link, **kw) + pad(data)


END = bytes(10240)


# ---- zstd, by hand: RFC 8878 ----

def zblock(data, last=False, rle=None):
    """A raw block, or one of rle bytes that are all the same."""
    n = len(data) if rle is None else rle
    return struct.pack("<I", last | (0 if rle is None else 2) | n << 3)[:3] + data


def zstd(data, window=0x58, head=None):
    out = b"\x28\xb5\x2f\xfd" + (b"\0" + bytes([window]) if head is None else head)
    pieces = [data[i:i + 100000] for i in range(0, len(data), 100000)] or [b""]
    return out + b"".join(zblock(p, i == len(pieces) - 1) for i, p in enumerate(pieces))


SKIPPABLE = b"\x50\x2a\x4d\x18" + struct.pack("<I", 65536 - 8) + bytes(65536 - 8)


# ---- what is right ----

def tree(rng):
    """Some folders and files, and a link."""
    things = [Thing(b"a", body(rng)), Thing(b"d", mode=DIR | 0o755), Thing(b"d/b", body(rng)), Thing(b"d/e", mode=DIR | 0o755),
              Thing(b"d/e/c", body(rng)), Thing(b"z", body(rng))]
    for i in range(rng.randrange(4)):
        things.append(Thing(b"m%d" % i, body(rng)))
    if rng.random() < 0.5:
        things.append(Thing(b"l", mode=LNK | 0o777, link=rng.choice((b"a", b"d/b", b"nothing"))))
    return things


def files(things, links=False):
    """Those that are fetched, in the order of the request; what links say is in the listing."""
    return sorted((t for t in things if not (isinstance(t.mode, int) and stat.S_ISDIR(t.mode)) and (links or not t.is_link())),
                  key=lambda t: t.path)


def listing(things, source=b"S tree\n", head=b"Z -\n", y=b"", end=b"E\n", sums=True):
    out = head + source + b"".join(t.line() for t in things)
    if sums:
        out += b"".join(t.sum() for t in things if t.is_file()) + b"".join(t.text() for t in things)
    return out + y + end


def archive(things, **kw):
    return b"".join(t.entry(**kw) for t in files(things)) + END


def right(things, expect="fail", **kw):
    """Listing and archive agree."""
    return Answer(listing(things), archive(things), expect, **kw)


def pick(rng, things):
    return rng.choice([t for t in things if t.is_file()])


# ---- kinds: nothing is wrong ----

@kind()
def good(rng):
    return right(tree(rng), "okay")


@kind()
def good_over_old(rng):
    return right(tree(rng), "okay", preset={b"a": body(rng), b"d": None, b"d/b": body(rng), b"other": body(rng)})


@kind()
def good_other_forms(rng):
    """pax and GNU names, a hard link, several archives one behind the other."""
    things = tree(rng)
    things += [Thing(b"zz", things[0].data), Thing(b"y" * 200, body(rng)), Thing(b"empty")]
    out = b""
    for t in files(things):
        if t.path == b"zz":
            out += entry(b"zz", type=b"1", link=b"./a")
        elif t.is_file() and rng.random() < 0.5:
            out += pax([(b"path", b"./" + t.path), (b"comment", b"x" * rng.randrange(200))]) + header(b"short", len(t.data)) + pad(t.data)
        else:
            out += t.entry() + (END if rng.random() < 0.3 else b"")
    return Answer(listing(things), out, "okay")


@kind()
def good_packed(rng):
    things = tree(rng)
    return Answer(listing(things, head=b"Z zstd\n", y=b"Y 0\n"), zstd(archive(things)), "okay")


@kind()
def control_bytes(rng):
    """Allowed; they are written as text."""
    return right(tree(rng) + [Thing(name, body(rng)) for name in (b"\n", b"a\tb", b"\x1b[31m", b"\x7f", b"\x01" * 63)], "okay")


@kind()
def many_names(rng, count=300):
    """Some of them long."""
    data = body(rng, 0)
    things = [Thing(b"f%d" % i + b"-" * (i % 10) * 20, data) for i in range(count)]
    return right(things, "okay")


# ---- kinds: the listing ----

def bad_names():
    return [b"..", b"../x", b"../../x", b"a/../../x", b"d/..", b"/x", b"/", CANARY + b"/evil", b"..//x", b".", b"./x", b"d/.", b"d/./x",
            b"", b"d//x", b"d/", b"//", b"x" * 256, b"d/" + b"x" * 300, (b"y" * 200 + b"/") * 30 + b"y", b"\x01" * 64, b"\n" * 100,
            b"../\n", b"../" * 40 + CANARY[1:] + b"/evil"]


@kind()
def bad_name(rng):
    return right(tree(rng) + [Thing(rng.choice(bad_names()), body(rng))])


@kind()
def bad_name_first(rng):
    return right([Thing(rng.choice(bad_names()), body(rng))] + tree(rng))


@kind()
def bad_folder_name(rng):
    return right(tree(rng) + [Thing(rng.choice(bad_names()), mode=DIR | 0o755)])


@kind()
def bad_link_name(rng):
    return right(tree(rng) + [Thing(rng.choice(bad_names()), mode=LNK | 0o777, link=b"a")])


@kind()
def only_bad_names(rng):
    return right([Thing(rng.choice(bad_names()), body(rng, 20)) for _ in range(1000)])


@kind()
def bad_prefix(rng):
    """A path that does not begin with ./"""
    things = tree(rng)
    line = rng.choice([b"P 81a4 5 0 x//\n", b"P 81a4 5 0 /x//\n", b"P 81a4 5 0 //\n", b"P 81a4 5 0 .//\n", b"P 81a4 5 0 " + CANARY + b"//\n",
                       b"P 81a4 5 0../x//\n", b"P//\n", b"P //\n", b"P 81a4//\n", b"P 81a4 5//\n"])
    return Answer(listing(things).replace(b"S tree\n", b"S tree\n" + line, 1), archive(things))


@kind()
def duplicate(rng):
    things = tree(rng)
    t = pick(rng, things)
    other = rng.choice((t, Thing(t.path, body(rng)), Thing(t.path, mode=DIR | 0o755), Thing(t.path, mode=LNK | 0o777, link=b"a")))
    return right(things + [other])


@kind()
def alike_once_escaped(rng):
    return right(tree(rng) + [Thing(b"x\ny", body(rng)), Thing(b"x\\x0ay", body(rng))])


@kind()
def nul_in_name(rng):
    return right(tree(rng) + [Thing(rng.choice((b"x\0y", b"\0", b"..\0", b"a\0/../../x")), body(rng))], "any")


@kind()
def bad_mode(rng):
    mode = rng.choice((b"200000", b"ffffffff", b"-1", b"-81a4", b"zzz", b"", b"99999999999999999999999999"))
    return right(tree(rng) + [Thing(b"x", body(rng), mode=mode)])


@kind()
def odd_mode(rng):
    """Devices, sockets, nothing at all: left out.  setuid and the like: not here."""
    mode = rng.choice((0, 0o644, 0o010644, 0o020666, 0o060666, 0o140777, 0o177777, 0o107777, 0o106755))
    return right(tree(rng) + [Thing(b"x", body(rng), mode=mode)], "any")


@kind()
def bad_size(rng):
    size = rng.choice((-1, -(1 << 63), 1 << 63, (1 << 64) - 1, 1 << 64, 10 ** 40, "x", "", "1e9", "0x10"))
    return right(tree(rng) + [Thing(b"x", body(rng), size=size)])


@kind()
def other_size(rng):
    things = tree(rng)
    t = pick(rng, things)
    t.size = rng.choice((t.size + 1, t.size - 1, 0, t.size * 2, t.size + 512, 1 << 20, 1 << 30, 1 << 40, (1 << 63) - 1))
    return right(things)


@kind()
def sizes_that_overflow(rng):
    """Their sum is small once more."""
    huge = (1 << 63) - 1
    return right(tree(rng) + [Thing(b"x0", body(rng), size=huge), Thing(b"x1", body(rng), size=huge), Thing(b"x2", body(rng, 0), size=2)])


@kind()
def bad_time(rng):
    mtime = rng.choice((-1, 1 << 63, -(1 << 63), 10 ** 30, 1 << 40))
    return right(tree(rng) + [Thing(b"x", body(rng), mtime=mtime)], "any")


@kind()
def other_sum(rng):
    things = tree(rng)
    pick(rng, things).digest = hashlib.sha256(rng.randbytes(8)).hexdigest()
    return right(things, preset={b"a": body(rng)})


@kind()
def bad_sum(rng):
    things = tree(rng)
    line = rng.choice((b"B x ./a//\n", b"B " + b"g" * 64 + b" ./a//\n", b"B " + b"0" * 63 + b" ./a//\n", b"B " + b"0" * 65 + b" ./a//\n",
                       b"0" * 64 + b"\n", b"0" * 64 + b"  \n", b"B//\n", b"0" * 64 + b"  /a\n", b"?\n", b"B " + b"0" * 64 + b" a//\n"))
    return Answer(listing(things, y=line), archive(things))


@kind()
def sum_of_nothing(rng):
    """Of a name that was not listed: nobody's."""
    things = tree(rng)
    line = b"".join(Thing(name, body(rng)).sum() for name in (b"none", b"..", b"../x", b"/x", b"d"))
    return Answer(listing(things, y=line), archive(things), "any")


@kind()
def sums_before_names(rng):
    things = tree(rng)
    cut = rng.randrange(len(things))
    out = b"Z -\nS tree\n" + b"".join(t.line() for t in things[:cut]) + things[0].sum() + b"".join(t.line() for t in things[cut:])
    return Answer(out + b"".join(t.sum() for t in things if t.is_file()) + b"E\n", archive(things))


@kind()
def no_sum(rng):
    """As of a file that cannot be read there."""
    things = tree(rng)
    missing = pick(rng, things)
    out = listing(things).replace(missing.sum(), b"")
    return Answer(out, archive([t for t in things if t is not missing]), "some")


@kind()
def no_sums(rng):
    things = tree(rng)
    return Answer(listing(things, sums=False), archive(things), "some")


@kind()
def cut_listing(rng):
    out = listing(tree(rng))
    rules = {"list": "status = %d\n" % rng.randrange(256)} if rng.random() < 0.5 else None
    return Answer(out[:rng.randrange(len(out) - 2)], END, rules=rules)


@kind()
def lost_listing(rng):
    fault = rng.choice(("close-output", "reset", "eof-reset", "status-reset", "no-status", "no-eof", "exec-refused", "close-exec"))
    return Answer(listing(tree(rng)), END, rules={"list": "fault = %s\n" % fault})


@kind("tcf")
def no_listing(rng):
    return Answer(rng.choice((b"", b"\n", b"E\n", b"Z -\n", b"Z -\nE\n", b"Z zstd\nE\n", b"S\n", b"S \nE\n", b"sh: not found\n")))


@kind("tcf")
def garbage_listing(rng):
    return Answer(rng.randbytes(rng.randrange(1, 50000)), rng.randbytes(5000))


@kind("tcf")
def wrong_sources(rng):
    things = tree(rng)
    return Answer(rng.choice((
        listing(things, source=b""), listing(things, source=b"S tree\nS tree\n"), listing(things, source=b"S tree extra\n"),
        listing(things, source=b"S nothing\n"), listing(things) + b"S tree\n", listing(things, source=b"S missing\n"),
        listing(things, source=b"S closed\nS tree\n"), listing(things, source=b"S special\n"), listing(things, source=b"S dangling\n"),
        listing(things, source=b"S folder\n"))), archive(things))


@kind()
def file_for_a_tree(rng):
    """S file, with names that were not asked for."""
    things = tree(rng)
    return Answer(listing(things, source=b"S file\n"), archive(things))


@kind()
def flipped_listing(rng):
    out = bytearray(listing(tree(rng)))
    things = tree(rng)
    for _ in range(rng.randrange(1, 5)):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return Answer(bytes(out), archive(things), "any")


@kind()
def endless_names(rng):
    name = rng.choice((b"n", b"n" * 250, b"\x01" * 60, b"n/" * 1900 + b"n"))
    return Answer(b"Z -\nS tree\n", b"", listing_again=Thing(name, b"").line())


@kind()
def endless_line(rng):
    start = rng.choice((b"P 81a4 5 0 ./", b"B ", b"Z ", b"S ", b"Y ", b"0", b"X"))
    return Answer(b"Z -\nS tree\n" + start, b"", listing_again=rng.choice((b"x", b"/", b"\n/", b"//", b"0", b"\0")))


@kind()
def endless_words(rng):
    """Lines that mean nothing more: until it is too late."""
    return Answer(listing(tree(rng), end=b""), b"", listing_again=rng.choice((b"X\n", b"Z -\n", b"Y 1\n")), slow=True)


@kind()
def endless_sums(rng):
    things = tree(rng)
    return Answer(listing(things, end=b""), b"", listing_again=things[0].sum(), slow=True)


@kind()
def folder_here(rng):
    """A file there where a folder is here."""
    return right(tree(rng), preset={b"a": None, b"a/inside": body(rng)})


@kind()
def file_here(rng):
    """A folder there where a file is here."""
    return right(tree(rng), preset={b"d": body(rng)})


@kind()
def below_a_link(rng):
    """A name, and one below it, where the first is a link."""
    link = rng.choice((b".", b"d", b"..", CANARY, b"../" * 30 + CANARY[1:], b"d/..", b"nothing"))
    return right(tree(rng) + [Thing(b"x", mode=LNK | 0o777, link=link), Thing(b"x/evil", body(rng))])


@kind()
def below_a_file(rng):
    return right(tree(rng) + [Thing(b"x", body(rng)), Thing(b"x/y", body(rng))])


@kind()
def below_nothing(rng):
    return right(tree(rng) + [Thing(b"none/y", body(rng))])


@kind("c")
def temporary_name(rng):
    """As dt's own temporary folder is called."""
    things = tree(rng) + [Thing(b".dt-4194305-0123456789abcdef", mode=DIR | 0o755), Thing(b".dt-4194305-0123456789abcdef/0", body(rng))]
    return right(things, "any")


@kind()
def packed_for_nothing(rng):
    """It says zstd, and sends none."""
    things = tree(rng)
    return Answer(listing(things, head=b"Z zstd\n", y=b"Y 0\n"), archive(things))


# ---- kinds: one file ----

def one(rng):
    return [Thing(b"one", body(rng))]


@kind("f")
def good_file(rng):
    return alone(one(rng), "okay")


def alone(things, expect="fail", **kw):
    return Answer(listing(things, b"S file\n"), archive(things), expect, **kw)


@kind("f")
def good_file_over_old(rng):
    return alone(one(rng), "okay", preset={b"one": body(rng)})


@kind("f")
def other_file(rng):
    return alone([Thing(rng.choice([b"two", b"one/x", b"onex", b"x/one"] + bad_names()), body(rng))], preset={b"one": body(rng)})


@kind("f")
def more_files(rng):
    return alone(one(rng) + [Thing(rng.choice([b"one", b"two"] + bad_names()), body(rng))])


@kind("f")
def tree_for_a_file(rng):
    """A folder, where -r was not given."""
    return right(tree(rng))


@kind("f")
def no_file(rng):
    """A file, it says, and then nothing of it."""
    return Answer(b"Z -\nS file\nE\n", END)


@kind("f")
def file_of_other_kind(rng):
    mode = rng.choice((DIR | 0o755, LNK | 0o777))
    t = Thing(b"one", body(rng), mode=mode, link=b"/etc/passwd")
    return Answer(b"Z -\nS file\n" + t.line() + t.sum() + b"E\n", rng.choice((t.entry(), entry(b"one", t.data))) + END)


@kind("f")
def file_as_link(rng):
    """A link where the file was asked for, and then a write through it."""
    things = one(rng)
    link = entry(b"one", type=rng.choice((b"2", b"1")), link=rng.choice((CANARY + b"/evil", b"../../canary", b"one", b"./one")))
    return Answer(listing(things, b"S file\n"), link + rng.choice((b"", archive(things))) + END, preset={b"one": body(rng)})


@kind("f")
def file_damaged(rng):
    things = one(rng)
    out = bytearray(things[0].data)
    out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return Answer(listing(things, b"S file\n"), entry(b"one", bytes(out)) + END, preset={b"one": body(rng)})


# ---- kinds: the archive ----

def spoilt(rng, change, **kw):
    """A right listing, and entries of the archive, as a list, that change may alter."""
    things = tree(rng)
    entries = [t.entry() for t in files(things)]
    kw.setdefault("preset", {b"a": body(rng)} if rng.random() < 0.5 else None)
    return Answer(listing(things), b"".join(change(things, entries) or entries) + END, **kw)


def insert(rng, entries, new):
    entries.insert(rng.randrange(len(entries) + 1), new)


@kind()
def unasked(rng):
    def change(things, entries):
        name = rng.choice([b"new", b"d/new", b"d", b"a/x", b"A", b"a\0b", b"", b"."] + bad_names())
        insert(rng, entries, entry(name, body(rng), dot=rng.random() < 0.5))
    return spoilt(rng, change)


@kind()
def unasked_kinds(rng):
    def change(things, entries):
        insert(rng, entries, entry(rng.choice([b"new", b"d"] + bad_names()), type=rng.choice((b"1", b"2", b"3", b"4", b"5", b"6", b"S", b"M")),
                                   link=rng.choice((CANARY, b"a", b"../x"))))
    return spoilt(rng, change)


@kind()
def renamed(rng):
    def change(things, entries):
        at = rng.randrange(len(entries))
        entries[at] = entry(rng.choice(bad_names()), files(things)[at].data, dot=rng.random() < 0.5)
    return spoilt(rng, change)


@kind()
def shuffled(rng):
    def change(things, entries):
        at = rng.randrange(len(entries) - 1)
        entries[at], entries[at + 1] = entries[at + 1], entries[at]
    return spoilt(rng, change)


@kind()
def twice(rng):
    def change(things, entries):
        at = rng.randrange(len(entries))
        entries.insert(rng.randrange(at, len(entries) + 1), entries[at])
    return spoilt(rng, change)


@kind()
def left_out(rng):
    def change(things, entries):
        del entries[rng.randrange(len(entries))]
    return spoilt(rng, change)


@kind()
def nothing_comes(rng):
    things = tree(rng)
    return Answer(listing(things), rng.choice((b"", END, b"\0", bytes(511), bytes(513))),
                  rules={"fetch": "stderr = tar: no\\x1b[31m\\n\nstatus = %d\n" % rng.randrange(256)})


@kind()
def wrong_size(rng):
    def change(things, entries):
        at = rng.randrange(len(entries))
        t = files(things)[at]
        size = rng.choice((len(t.data) + 1, max(len(t.data) - 1, 0), 0, 1 << 30, 1 << 35, (1 << 63) - 1))
        if t.is_file() and size != len(t.data):
            entries[at] = header(b"./" + t.path, size) + pad(t.data)
        else:
            del entries[at]
    answer = spoilt(rng, change)
    answer.expect = "any"  # one that is longer has grown: the bytes that were listed came, and have their sum
    return answer


@kind()
def odd_size_fields(rng):
    def change(things, entries):
        field = rng.choice((b"\xff" * 12, b"\x80" + b"\xff" * 11, b"-0000000001\0", b"99999999999\0", b"7" * 12, b" " * 12, b"\0" * 12, b"0x10".ljust(12),
                            b"\x81" + bytes(11), b"\x80" + bytes(3) + b"\x7f" + b"\xff" * 7))
        t = files(things)[0]
        entries[0] = header(b"./" + t.path, size_field=field) + pad(t.data)
    return spoilt(rng, change)


@kind()
def endless_content(rng):
    things = tree(rng)
    t = files(things)[0]
    return Answer(listing(things), header(b"./" + t.path, rng.choice((len(t.data), 1 << 33, (1 << 63) - 1))), archive_again=b"again")


@kind()
def wrong_content(rng):
    def change(things, entries):
        at = rng.choice([i for i, t in enumerate(files(things)) if t.is_file()])
        t = files(things)[at]
        data = bytearray(t.data)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        entries[at] = entry(t.path, bytes(data))
    return spoilt(rng, change)


@kind()
def contents_swapped(rng):
    """Two files of one size: each has what the other should."""
    things = tree(rng) + [Thing(b"s1", body(rng, 50)), Thing(b"s2", body(rng, 50))]
    out = b"".join(entry(t.path, things[-1].data if t.path == b"s1" else things[-2].data if t.path == b"s2" else t.data)
                   if t.is_file() else t.entry() for t in files(things))
    return Answer(listing(things), out + END)


@kind()
def link_for_a_file(rng):
    """Then a file, of the same name or below it."""
    def change(things, entries):
        at = rng.choice([i for i, t in enumerate(files(things)) if t.is_file()])
        t = files(things)[at]
        link = entry(t.path, type=b"2", link=rng.choice((CANARY, CANARY + b"/evil", b"../" * 20 + CANARY[1:], b"d", b".", b"/etc/passwd")))
        entries[at] = link + rng.choice((b"", entry(t.path, t.data), entry(t.path + b"/evil", t.data)))
    return spoilt(rng, change)


@kind()
def file_for_a_link(rng):
    things = [t for t in tree(rng) if t.path != b"l"] + [Thing(b"l", mode=LNK | 0o777, link=b"a")]
    out = b"".join(entry(b"l", body(rng), type=rng.choice((b"0", b"1", b"5", b"3")), link=b"./a") if t.path == b"l" else t.entry()
                   for t in files(things, True))
    return Answer(listing(things), out + END)


@kind()
def hard_link(rng):
    """To what is not there, not ours, not yet come, or not the same."""
    things = [t for t in tree(rng) if t.path != b"l"]
    at = rng.randrange(len(files(things)))
    t = files(things)[at]
    others = [o.path for o in things if not o.is_file() or (o.path >= t.path and o is not t) or (o is not t and o.data != t.data)]
    to = rng.choice([CANARY + b"/secret", b"../canary", b"../../../etc/passwd", b"/etc/passwd", b"", b".", b"..", t.path, b"./" + t.path] +
                    others + [b"./" + o for o in others])
    out = b"".join(entry(o.path, type=b"1", link=to) if o is t else o.entry() for o in files(things))
    return Answer(listing(things), out + END)


@kind()
def hard_link_to_link(rng):
    things = [t for t in tree(rng) if t.path != b"l"] + [Thing(b"l", mode=LNK | 0o777, link=b"a"), Thing(b"zz", body(rng))]
    out = b"".join(entry(b"zz", type=b"1", link=b"./l") if t.path == b"zz" else t.entry() for t in files(things))
    return Answer(listing(things), out + END)


@kind()
def device_for_a_file(rng):
    def change(things, entries):
        at = rng.choice([i for i, t in enumerate(files(things)) if t.is_file()])
        entries[at] = entry(files(things)[at].path, type=rng.choice((b"3", b"4", b"5", b"6", b"S", b"D", b"M", b"V", b"A", b"\xff")))
    return spoilt(rng, change)


@kind()
def absurd_names(rng):
    def change(things, entries):
        type = rng.choice((b"L", b"K", b"x"))
        new = rng.choice((
            long_name(b"x", type, size=rng.choice((1 << 20, 1 << 30, 1 << 40, (1 << 63) - 1))), long_name(b"n" * 5000, type if type != b"x" else b"L"),
            long_name(b"n" * 16383, type if type != b"x" else b"K"), long_name(b"n" * 100000, type), long_name(b"../" * 30 + CANARY[1:] + b"/evil"),
            long_name(CANARY + b"/evil")))
        entries.insert(0, new)
    return spoilt(rng, change)


@kind()
def bad_pax(rng):
    def change(things, entries):
        text = rng.choice((b"", b"99999999999999999999 path=x\n", b"0 path=x\n", b"3 =\n", b"path=x\n", b"-1 path=x\n", b"12 path=x\n",
                           b"9 path=x", b"9 path x\n", b"10 path=x\n\n", b"\0" * 600, b"11 path=a\0b\n"))
        entries.insert(0, header(b"pax", len(text) or 10, b"x") + pad(text or b"x" * 10))
    return spoilt(rng, change)


@kind()
def pax_says_other(rng):
    def change(things, entries):
        t = files(things)[0]
        key, value = rng.choice(((b"path", b"../x"), (b"path", CANARY + b"/evil"), (b"path", b"z" * 4000), (b"path", b"z" * 5000), (b"size", b"0"),
                                 (b"size", b"99999999999999999999"), (b"size", b"18446744073709551615"), (b"size", b"-1"), (b"size", b"x"),
                                 (b"size", b"%d" % (len(t.data) + 512)), (b"path", b"")))
        if (key, value) == (b"path", b""):
            value = b".."
        entries.insert(0, pax([(key, value)]))
    return spoilt(rng, change)


@kind()
def bad_checksum(rng):
    def change(things, entries):
        t = files(things)[0]
        entries[0] = header(b"./" + t.path, len(t.data), wrong=rng.choice((1, -1, 256, 12345))) + pad(t.data)
    return spoilt(rng, change)


@kind()
def flipped_archive(rng):
    def change(things, entries):
        out = bytearray(b"".join(entries))
        for _ in range(rng.randrange(1, 4)):
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
        return [bytes(out)]
    return spoilt(rng, change, expect="any")


@kind()
def garbage_archive(rng):
    return Answer(listing(tree(rng)), rng.randbytes(rng.randrange(512, 100000)))


@kind()
def cut_archive(rng):
    things = [t for t in tree(rng) if t.path != b"l"]
    out = b"".join(t.entry() for t in files(things))
    last = len(files(things)[-1].data)
    return Answer(listing(things), out[:rng.randrange(len(out) - len(pad(bytes(last))) + last)],
                  rules={"fetch": "status = %d\n" % rng.choice((0, 0, 1, 2))})


@kind()
def lost_archive(rng):
    things = tree(rng)
    fault = rng.choice(("close-output", "reset", "eof-reset", "status-reset", "no-status", "no-eof", "exec-refused", "close-exec"))
    return Answer(listing(things), archive(things), rules={"fetch": "fault = %s\n" % fault})


@kind()
def endless_zeros(rng):
    things = tree(rng)
    out = archive(things) if rng.random() < 0.5 else b""
    return Answer(listing(things), out, archive_again=bytes(1024))


@kind()
def endless_headers(rng):
    things = tree(rng)
    again = rng.choice((header(b"x", 0, b"g"), header(b"x", 0, b"x"), long_name(b"./a"), long_name(b"./a", b"K"), pax([(b"path", b"./a")]),
                        entry(b"d", type=b"5"), entry(b"a", things[0].data), entry(b"a", type=b"2", link=b"a")))
    return Answer(listing(things), b"", archive_again=again)


def packed(things, data, **kw):
    return Answer(listing(things, head=b"Z zstd\n", y=b"Y 0\n"), data, **kw)


@kind()
def zstd_bomb(rng):
    """4 bytes for each 128 KiB: in front, in a file, or behind it all."""
    things = tree(rng)
    data = archive(things)
    cut = rng.choice((0, 512, len(data)))
    head = b"\x28\xb5\x2f\xfd\0\x58"
    for i in range(0, cut, 100000):
        head += zblock(data[i:min(i + 100000, cut)])
    return packed(things, head + zblock(bytes([rng.choice((0, 0, 120))]), rle=131072) * 100000)


@kind()
def zstd_endless_bomb(rng):
    return packed(tree(rng), b"\x28\xb5\x2f\xfd\0\x58", archive_again=zblock(b"\0", rle=131072))


@kind()
def zstd_window(rng):
    """Windows, and contents, that would take all memory."""
    things = tree(rng)
    data = archive(things)
    head = rng.choice((b"\0\xff", b"\0\xf8", b"\0" + bytes([(27 - 10) << 3]), b"\xe0" + b"\xff" * 8, b"\xe0" + struct.pack("<Q", 1 << 40),
                       b"\xa0" + b"\xff" * 4))
    return packed(things, zstd(data, head=head))


@kind()
def zstd_garbage(rng):
    things = tree(rng)
    data = zstd(archive(things))
    return packed(things, rng.choice((
        rng.randbytes(5000), b"\x28\xb5\x2f\xfd" + rng.randbytes(5000), data[:rng.randrange(len(data) - 11000)], data[4:], b"\x28\xb5\x2f\xfd",
        data[:6] + zblock(b"x", rle=131072 * 2) + data[6:], data[:6] + b"\xff\xff\xff" + data[6:], b"\x03\xb5\x2f\xfd\x01\x02", b"")))


@kind()
def zstd_dictionary(rng):
    things = tree(rng)
    return packed(things, zstd(archive(things), head=b"\x03\x58\x01\x02\x03\x04"))


@kind()
def zstd_wrong_sum(rng):
    things = tree(rng)
    return packed(things, zstd(archive(things), head=b"\x04\x58") + b"\x01\x02\x03\x04")


@kind()
def zstd_flipped(rng):
    things = tree(rng)
    out = bytearray(zstd(archive(things)))
    out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return packed(things, bytes(out), expect="any")


@kind()
def zstd_nothing_without_end(rng):
    """Frames that unpack to no byte: until it is too late."""
    return packed(tree(rng), b"", archive_again=rng.choice((SKIPPABLE, b"\x28\xb5\x2f\xfd\0\x58" + zblock(b"", True), zstd(b""))), slow=True)


# ---- kinds: links ----

@kind()
def links_out(rng):
    """Left out, whatever way they lead."""
    texts = [b"/", b"/etc/passwd", CANARY, b"..", b"../", b"../x", b"./../x", b"a/../../x", b"d/../../x", b"." + b"/.." * 3, b"../tree", b"x\n", b"",
             b"../" * 1000 + CANARY[1:], b"//", b"d/../..", b"\x1b[31m", b"../../other"]
    links = [Thing(b"l%d" % i, mode=LNK | 0o777, link=rng.choice(texts)) for i in range(3)]
    return right([t for t in tree(rng) if t.path != b"l"] + links, "any")


@kind()
def links_out_by_links(rng):
    """Each stays inside by its letters; together they do not."""
    steps = rng.randrange(1, 6)
    links = rng.choice((
        [(b"l1", b"."), (b"l2", b"l1/" * steps + b"../" * steps + b"x")],
        [(b"l1", b"."), (b"l2", b"l1/..")],
        [(b"d/e/l1", b"../.."), (b"l2", b"d/e/l1/../../../x")],
        [(b"l1", b"d/e"), (b"l2", b"l1/../../.."), (b"l3", b"l2/..")],
        [(b"d/l1", b".."), (b"d/l2", b"l1/../x")]))
    return right([t for t in tree(rng) if t.path != b"l"] + [Thing(n, mode=LNK | 0o777, link=text) for n, text in links], "any")


@kind()
def links_over_old(rng):
    """Where a file, or a link, is here, a link that leads out."""
    return right([t for t in tree(rng) if t.path != b"l"] + [Thing(b"l", mode=LNK | 0o777, link=b"../../x")], "any", preset={b"l": body(rng)})
