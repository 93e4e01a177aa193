#!/usr/bin/env -S python3 -B
"""user: accounts on two roots with shadow(5)'s tools and one of nothing but busybox; no account of this machine."""
import os
import stat
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from daemons import Sshd, public, wait_for  # noqa: E402
from roots import HASH, OTHER_HASH, a, b, bed, c, clear, disagreed, hosts  # noqa: E402
from roots import key_line, keys, many_keys, refused, says, twice, user  # noqa: E402
from terminal import Terminal  # noqa: E402
from testing import check, ended, equal, has, main  # noqa: E402

# A host that answers as one of dt's own programs begins with the random line that it is given.
BEGIN = r"""cat > /dev/null; echo "$SSH_ORIGINAL_COMMAND" | grep -o "=[0-9a-f]\{16\}" | head -n 1; """
END = "exit 0"


def test_add():
    """The same uid everywhere, a group and a home of its own."""
    clear()
    twice("alice: added uid=1000, 1 key added", "add", "--key", keys[0] + ".pub", "--shell", "/bin/sh", "--comment",
          "Alice L., 'x' \\n $HOME", "alice")
    for h in hosts:
        equal(h.line("alice"), "alice:x:1000:1000:Alice L., 'x' \\n $HOME:/home/alice:/bin/sh", h.name)
        equal(h.line("alice", "group"), "alice:x:1000:")
        check(h.field("alice", 1, "shadow") == "*", h.name)
        equal(h.keys("alice"), key_line(0))
        for name, mode in (("", None), (".ssh", 0o700), (".ssh/authorized_keys", 0o600), (".profile", None)):
            st = os.lstat(h.join("home/alice", name))
            equal((st.st_uid, st.st_gid), (1000, 1000), h.name + name)
            check(mode is None or stat.S_IMODE(st.st_mode) == mode, h.name, name, oct(st.st_mode))
        equal(sorted(os.listdir(h.join("home/alice/.ssh"))), ["authorized_keys"])
        equal(stat.S_IMODE(os.stat(h.join("etc/shadow")).st_mode), 0o640)
        equal([n for n in os.listdir(h.join("etc")) if n.endswith(("+", ".lock")) and n != ".pwd.lock"], [])
    # the next one
    says("bob: added uid=1001", "add", "bob")


def test_add_options():
    """What add says; then the same by other words changes it."""
    clear(group="web:x:2000:\nops:x:2001:\n")
    twice("carl: added uid=1500, groups=web,adm, 2 keys added", "add", "--uid", "1500", "--group", "ops", "--groups", "web,adm",
          "--home", "/home/c", "--expire", "2031-02-28", "--key", keys[0] + ".pub", "--key", keys[1] + ".pub", "carl")
    for h in hosts:
        equal(h.line("carl"), "carl:x:1500:2001::/home/c:/bin/sh", h.name)
        equal((h.members("web"), h.members("adm"), h.members("ops")), (["carl"], ["carl"], []))
        equal(h.field("carl", 7, "shadow"), "22338")
        equal(h.line("carl", "group"), None)
    twice("carl: group=web, comment=new, expire=never, groups=web,ops", "mod", "--group", "web", "--comment", "new",
          "--groups", "+ops,-adm", "--expire", "never", "carl")
    for h in hosts:
        equal(h.line("carl"), "carl:x:1500:2000:new:/home/c:/bin/sh", h.name)
        equal((h.members("web"), h.members("adm"), h.members("ops")), (["carl"], [], ["carl"]))
        equal(h.field("carl", 7, "shadow"), "")
    twice("carl: groups=", "mod", "--groups", "", "carl")
    equal([h.members("web") + h.members("ops") for h in hosts], [[], [], []])
    # another home is made; what is in the old one stays there
    twice("carl: home=/home/carl", "mod", "--home", "/home/carl", "carl")
    for h in hosts:
        equal((h.field("carl", 5), os.stat(h.join("home/carl")).st_uid), ("/home/carl", 1500), h.name)
        check(os.path.exists(h.join("home/c/.ssh/authorized_keys")))
    says("exit 1: no user nemo", "mod", "--comment", "x", "nemo", status=5)


def test_names_that_are_there():
    """What is there is served whatever it is called; what is made has a plain name."""
    clear()
    says("joe: added uid=1000", "add", "joe")
    for name in ("Joe", "jane.doe", "DOM\\joe", "joe@example.org", "host-1$", "1st", "élise"):
        shown = name.replace("\\", "\\\\")
        for h in hosts:
            for file, line in (("passwd", "%s:x:1900:1900::/home/j:/bin/sh\n"), ("group", "%s:x:1900:\n"),
                               ("shadow", "%s:" + HASH + ":19000:0:99999:7:::\n")):
                with open(h.join("etc", file), "a") as f:
                    f.write(line % name)
        for message in user("show", name).values():
            has(message, shown + " uid=1900")
        twice(shown + ": locked", "lock", name)
        twice(shown + ": unlocked", "unlock", name)
        twice(shown + ": groups=adm", "mod", "--groups", "adm", name)
        equal([h.members("adm") for h in hosts], [[name]] * 3)
        twice(shown + ": comment=x", "add", "--comment", "x", name)
        equal([h.field(name, 1, "shadow") for h in hosts], [HASH] * 3)
        twice(shown + ": removed", "del", name)
        equal([(h.line(name), h.line(name, "group"), h.line(name, "shadow"), h.members("adm")) for h in hosts],
              [(None, None, None, [])] * 3)
        equal([bool(h.line("joe")) for h in hosts], [True] * 3)
        if name == "host-1$":
            continue  # a new one may be called so
        before = [h.tree() for h in hosts]
        for message in user("add", name, status=6).values():
            has(message, "it is not there, and for a new one a name is of small letters")
        equal([h.tree() for h in hosts], before)


def test_end_date():
    """unlock gives back the end date that lock took, and no other."""
    clear()
    says("dora: added uid=1000", "add", "--expire", "2031-02-28", "dora")
    twice("dora: locked", "lock", "dora")
    equal([h.field("dora", 7, "shadow") for h in hosts], ["1"] * 3)
    twice("dora: unlocked, expire=2031-02-28", "unlock", "dora")
    equal([h.field("dora", 7, "shadow") for h in hosts], ["22338"] * 3)
    # set meanwhile, it is that
    says("dora: locked", "lock", "dora")
    says("dora: expire=2032-01-01", "mod", "--expire", "2032-01-01", "dora")
    equal([h.field("dora", 7, "shadow") for h in hosts], ["22645"] * 3)
    # another account of the name has none of it
    says("dora: locked", "lock", "dora")
    says("dora: removed", "del", "--remove-home", "dora")
    says("dora: added uid=1001", "add", "--uid", "1001", "dora")
    says("dora: locked", "lock", "dora")
    says("dora: unlocked", "unlock", "dora")
    equal([h.field("dora", 7, "shadow") for h in hosts], [""] * 3)


def test_lock():
    clear()
    path = bed.write("hash", HASH + "\n", 0o600)
    twice("dora: added uid=1000, password", "add", "--password-hash-file", path, "dora")
    equal([h.field("dora", 1, "shadow") for h in hosts], [HASH] * 3)
    twice("dora: locked", "lock", "dora")
    equal([(h.field("dora", 1, "shadow"), h.field("dora", 7, "shadow")) for h in hosts], [("!" + HASH, "1")] * 3)
    for message in user("show", "dora").values():
        has(message, " locked")
    # another password does not open it
    path = bed.write("hash", OTHER_HASH, 0o600)
    twice("dora: password", "mod", "--password-hash-file", path, "dora")
    equal([h.field("dora", 1, "shadow") for h in hosts], ["!" + OTHER_HASH] * 3)
    twice("dora: unlocked", "unlock", "dora")
    equal([(h.field("dora", 1, "shadow"), h.field("dora", 7, "shadow")) for h in hosts], [(OTHER_HASH, "")] * 3)
    # one without a password does not get an empty one, and one that is locked none that fits
    says("emil: added uid=1001", "add", "emil")
    twice("emil: locked", "lock", "emil")
    twice("emil: password", "mod", "--password-hash-file", path, "emil")
    equal([(h.field("emil", 1, "shadow"), h.field("emil", 7, "shadow")) for h in hosts], [("!" + OTHER_HASH, "1")] * 3)
    # a file that does not say so opens nothing
    file = bed.write("open.ini", "[user emil]\nshell = /bin/sh\n")
    says("unchanged", "apply", file)
    bed.write("open.ini", "[user emil]\nstate = present\n")
    twice("emil: unlocked", "apply", file)
    equal([h.field("emil", 1, "shadow") for h in hosts], [OTHER_HASH] * 3)
    clear()
    says("emil: added uid=1000", "add", "emil")
    says("emil: locked", "lock", "emil")
    twice("emil: unlocked", "unlock", "emil")
    equal([h.field("emil", 1, "shadow") for h in hosts], ["*"] * 3)


def test_del():
    clear(group="web:x:2000:\n")
    says("eve: added uid=1000, groups=web", "add", "--groups", "web", "eve")
    twice("eve: removed", "del", "eve")
    for h in hosts:
        equal((h.line("eve"), h.line("eve", "group"), h.line("eve", "shadow"), h.members("web")), (None, None, None, []))
        check(os.path.isdir(h.join("home/eve")))
    # its home is there, and its own; and goes where that is asked for, with links in it and not through them
    says("eve: added uid=1000", "add", "eve")
    for h in hosts:
        os.symlink("/etc", h.join("home/eve/link"))
        os.mkdir(h.join("home/eve/.hidden"))
        os.chown(h.join("home/eve/.hidden"), 1000, 1000)
    before = [len(os.listdir(h.join("etc"))) for h in hosts]
    twice("eve: removed", "del", "--remove-home", "eve")
    equal([os.path.exists(h.join("home/eve")) for h in hosts], [False] * 3)
    check(all(len(os.listdir(h.join("etc"))) >= n for h, n in zip(hosts, before)))


def test_del_home():
    """What its owner may not write to goes too; what is another's stays, and the account with it for another try."""
    clear()
    says("gil: added uid=1000", "add", "gil")
    for h in hosts:
        h.put("home/gil/go/mod/x/y.go", "package y\n", 0o444)
        h.put("home/gil/none/z", "", 0)
        for name, mode in (("go/mod/x/y.go", 0o444), ("go/mod/x", 0o555), ("go/mod", 0o555), ("go", 0o555), ("none/z", 0),
                           ("none", 0), ("", 0o500)):
            os.chown(h.join("home/gil", name), 1000, 1000)
            os.chmod(h.join("home/gil", name), mode)
    twice("gil: removed", "del", "--remove-home", "gil")
    equal([os.path.exists(h.join("home/gil")) for h in hosts], [False] * 3)
    says("gil: added uid=1000", "add", "gil")
    for h in hosts:
        h.put("home/gil/of-root/x", "")
    for _ in range(2):
        for message in user("del", "--remove-home", "gil", status=5).values():
            has(message, "gil: not removed: ")
            has(message, "/home/gil could not be removed whole")
    equal([(os.listdir(h.join("home/gil/of-root")), h.field("gil", 2)) for h in hosts], [(["x"], "1000")] * 3)
    for h in hosts:
        os.remove(h.join("home/gil/of-root/x"))
    says("gil: removed", "del", "--remove-home", "gil")
    equal([os.path.exists(h.join("home/gil")) for h in hosts], [False] * 3)


def test_move():
    """Another home is its own, as that of a new account is, and has its group."""
    clear(group="web:x:2000:\n")
    says("ida: added uid=1000", "add", "ida")
    says("exit 1: ida: its home /root belongs to uid 0", "mod", "--home", "/root", "ida", status=5)
    says("exit 1: ida: its home /etc/passwd is no folder", "mod", "--home", "/etc/passwd", "ida", status=5)
    equal([h.field("ida", 5) for h in hosts], ["/home/ida"] * 3)
    twice("ida: group=web, home=/home/new", "mod", "--group", "web", "--home", "/home/new", "ida")
    for h in hosts:
        st = os.stat(h.join("home/new"))
        equal((st.st_uid, st.st_gid, h.field("ida", 3)), (1000, 2000, "2000"), h.name)


def test_groups():
    clear()
    twice("web: group added gid=1000", "group-add", "web")
    twice("ops: group added gid=1700", "group-add", "--gid", "1700", "ops")
    disagreed("group-add", "--gid", "1701", "ops", words="ops: it has gid 1700, and not 1701 on deb1, deb2, box")
    says("gus: added uid=1000", "add", "--group", "web", "gus")
    says("exit 1: group web is the group of the user gus", "group-del", "web", status=5)
    twice("ops: group removed", "group-del", "ops")


def test_clash():
    """One host of three has the uid, the name, or another uid for it: nothing changes on any."""
    clear()
    b.clear(passwd="bob:x:1500:1500::/home/bob:/bin/sh\n", group="bob:x:1500:\n")
    disagreed("add", "--uid", "1500", "alice", words="alice: uid 1500 is bob's on deb2")
    disagreed("add", "--uid", "1400", "bob", words="bob: it has uid 1500, and not 1400 on deb2")
    c.clear(passwd="bob:x:1600:1600::/home/bob:/bin/sh\n", group="bob:x:1600:\n")
    disagreed("add", "bob", words="bob has uid 1500 on deb2, uid 1600 on box")
    # a group of the name, with a gid that is taken elsewhere
    clear(group="")
    a.clear(group="dan:x:3000:\n")
    b.clear(group="web:x:3000:\n")
    disagreed("add", "dan", words="dan: gid 3000 is web's on deb2")
    clear()
    disagreed("add", "--groups", "nogo", "dan", words="dan: no group nogo on deb1, deb2, box")
    disagreed("add", "--shell", "/bin/nosh", "fay", words="fay: no program /bin/nosh on deb1, deb2, box")
    # the group that is to be its own has another gid elsewhere
    clear(group="alice:x:2002:\n")
    a.clear(group="alice:x:2001:\n")
    disagreed("add", "alice", words="alice: its group has gid 2002, and not 2001 on deb2, box")
    # free everywhere is the lowest that is free on all
    a.clear(passwd="x:x:1000:1000::/:/bin/sh\n")
    b.clear(passwd="y:x:1001:1001::/:/bin/sh\n")
    c.clear(group="z:x:1002:\n")
    says("new: added uid=1003", "add", "new")
    equal([h.field("new", 3) for h in hosts], ["1003"] * 3)
    # there on one host: the others get its uid
    clear()
    b.clear(passwd="old:x:1234:1234::/home/old:/bin/sh\n", group="old:x:1234:\n")
    found = user("add", "old")
    equal(found, {"deb1": "old: added uid=1234", "deb2": "unchanged", "box": "old: added uid=1234"})


def test_unreachable():
    """A host that is not reached has no say, and is no okay."""
    clear()
    a.stop()
    try:
        found = user("add", "rob", status=4)
        check(found["deb1"].startswith("connect: "), found)
        equal((found["deb2"], found["box"]), ("rob: added uid=1000",) * 2)
    finally:
        a.start()
        bed.lines = [l.replace("port=", "port=%d #" % a.port) if l.startswith("deb1 ") and str(a.port) not in l else l
                     for l in bed.lines]


def test_system():
    """Accounts of the system are not touched, and root never."""
    every = " on deb1, deb2, box"
    clear(passwd="svc:x:200:200::/:/bin/false\n", group="svc:x:200:\n")
    for verb in (("mod", "--comment", "x"), ("lock",), ("unlock",), ("del",), ("key-add",)):
        tail = [keys[0] + ".pub"] if verb[0] == "key-add" else []
        disagreed(*verb, "svc", *tail, words="svc: uid 200 is the system's, which needs --system" + every)
        disagreed(*verb, "nobody", *tail, words="nobody: uid 65534 is the system's, which needs --system" + every)
        for system in ([], ["--system"]):
            refused(verb[0], *system, *verb[1:], "root", *tail, words="root is never touched")
    disagreed("add", "--uid", "999", "low", words="low: uid 999 is the system's, which needs --system" + every)
    disagreed("add", "--uid", "1500", "--min-uid", "2000", "low",
              words="low: uid 1500 is the system's, which needs --system" + every)
    disagreed("group-del", "adm", words="adm: gid 4 is the system's, which needs --system" + every)
    clear(passwd="toor:x:0:0::/root:/bin/sh\n")
    disagreed("del", "--system", "toor", words="toor: uid 0 is never touched" + every)
    twice("svc: added uid=999", "add", "--system", "--home", "/nonexistent", "svc")
    twice("svc: comment=x", "mod", "--system", "--comment", "x", "svc")
    twice("svc: removed", "del", "--system", "svc")


def test_bad_arguments():
    for name in ("a b", "a:b", "a,b", "a" * 256, "-x", "+x", "~x", "a\nb", "", ".", "..", "../x"):
        refused("add", "--", name)
    for option, value in (("--uid", "0"), ("--uid", "-1"), ("--uid", "4294967295"), ("--uid", "65535"), ("--uid", "1e3"),
                          ("--shell", "bash"), ("--shell", "/bin/a:b"), ("--shell", "/bin/a\nb"), ("--home", "home"),
                          ("--home", "/home/../etc"), ("--home", "/home/x/"), ("--home", "/a:b"), ("--comment", "a:b"),
                          ("--comment", "a\nb"), ("--comment", "\x1b[1m"), ("--expire", "2031-02-30"), ("--expire", "tomorrow"),
                          ("--expire", "1970-01-01"), ("--group", "a b"), ("--groups", "a,+b"),
                          ("--groups", "a,,b"), ("--min-uid", "0")):
        refused("add", option, value, "zed", words=option)
    for text, words in (("x", "crypt(5)"), (HASH + "\nmore\n", "more than one line"), (HASH[:-1], "crypt(5)"),
                        ("$6$a:b$" + "x" * 86, "crypt(5)"), ("", "crypt(5)"), ("secret password", "crypt(5)")):
        refused("add", "--password-hash-file", bed.write("hash", text), "zed", words=words)
    two = bed.write("two", key_line(0) + key_line(1))
    refused("add", "--key", two, "zed", words="two:2: a second line, where one key is meant")
    refused("key-add", "zed", keys[0], words="k0:1: a private key")
    refused("key-add", "zed", bed.write("none", "# x\n"), words="none: no public key in it")
    refused("key-add", "zed", bed.write("cut", key_line(0)[:50]), words="cut:1: ")


def test_bad_files():
    """An INI file with a fault in it: its line is named."""
    for number, text in ((2, "[user alice]\ncolour = red\n"), (1, "[alice]\n"), (1, "[user -x]\n"), (1, "uid = 5\n"),
                         (3, "[user alice]\n[user bob]\n[user alice]\n"), (3, "[user alice]\nuid = 1001\nuid = 1002\n"),
                         (2, "[user alice]\nuid = x\n"), (2, "[user alice]\nhome = x\n"), (2, "[user alice]\nstate = gone\n"),
                         (2, "[group web]\nuid = 5\n"), (2, "[group web]\nstate = locked\n"), (2, "[user a]\nkey = junk\n"),
                         (3, "[user a]\ngroup = x\ngid = 5\n"), (3, "[user a]\nuid = 1500\n[user b]\nuid = 1500\n"),
                         (1, "[user a]\nstate = absent\nshell = /bin/sh\n"), (2, "[user a]\nexpire = soon\n"),
                         (2, "[user a]\ncomment = A ; B\n"),
                         (4, "[user a]\n# x ; y\ncomment = \"q ; r\"\nshell = /bin/sh\t; z\n"),
                         (1, "[user a]\ngroup = old\n[group old]\nstate = absent\n"),
                         (1, "[user a]\ngroups = +old\n[group old]\nstate = absent\n"),
                         (2, "[user a]\nkeys_exclusive = perhaps\n"), (1, "[user root]\n"), (2, "[user a]\nuid 5\n")):
        refused("apply", bed.write("bad.ini", text), words="bad.ini:%d: " % number)
    refused("apply", bed.write("bad.ini", ""), words="no user and no group")
    refused("apply", bed.write("bad.ini", "[user a]\nkeys = nothere.pub\n"), words="nothere.pub")
    refused("apply", bed.write("bad.ini", "[user a]\nkeys = %s\n" % keys[0]), words="private key")


APPLY = """# people
[group web]
gid = 3000

[user alice]
uid = 1201
groups = web, adm
shell = /bin/sh
comment = Alice
keys = k0.pub
key = from="10.0.0.0/8",command="echo 'a b'" %s second

[user bob]
group = web
keys = many.pub
keys_exclusive = yes

[user carol]
state = locked

[user dan]
state = absent

[group old]
state = absent
"""


def test_apply():
    """A file: once it changes, then it is so; and what is no longer declared goes where it is asked for."""
    clear(passwd="dan:x:1300:1300::/home/dan:/bin/sh\n", group="dan:x:1300:\nold:x:1400:\n", shadow="dan:*:19000::::::\n")
    lines = many_keys(1000)
    bed.write("many.pub", "# these\n" + "\n".join(lines) + "\n")
    path = bed.write("people.ini", APPLY % public(keys[1]))
    twice("web: group added gid=3000; alice: added uid=1201, groups=web,adm, 2 keys added; "
          "bob: added uid=1000, 1000 keys added; carol: added uid=1001, locked; dan: removed; old: group removed",
          "apply", path)
    for h in hosts:
        equal(h.keys("alice"), "from=\"10.0.0.0/8\",command=\"echo 'a b'\" %s second\n" % public(keys[1]) + key_line(0))
        equal(h.keys("bob"), "\n".join(lines) + "\n")
        equal((h.field("bob", 3), h.line("dan"), h.line("old", "group")), ("3000", None, None))
    bed.write("many.pub", "\n".join(lines[:100] + lines[900:]) + "\n")
    bed.write("people.ini", APPLY.replace("locked", "present").replace("web, adm", "web").replace("10.0.0.0", "172.16.0.0") %
              public(keys[1]))
    for h in hosts:  # a user's own key, in a file that is not exclusive
        h.write_keys("alice", 1201, h.keys("alice") + "# mine\n" + key_line(2).rstrip("\n"))
    twice("alice: groups=web, 1 key changed; bob: 800 keys removed; carol: unlocked", "apply", path)
    for h in hosts:
        equal(h.keys("bob").split("\n"), lines[:100] + lines[900:] + [""])
        equal(h.keys("alice"), "from=\"172.16.0.0/8\",command=\"echo 'a b'\" %s second\n" % public(keys[1]) + key_line(0) +
              "# mine\n" + key_line(2).rstrip("\n"))


def test_apply_groups():
    """A group goes with its user, or when its user has another; and one of a user's own may be declared."""
    clear(passwd="dan:x:1300:1300::/home/dan:/bin/sh\nann:x:1301:1400::/home/ann:/bin/sh\n",
          group="dan:x:1300:\nold:x:1400:\n", shadow="dan:*:19000::::::\nann:*:19000::::::\n")
    path = bed.write("groups.ini", "[group dan]\nstate = absent\n[user dan]\nstate = absent\n[group old]\nstate = absent\n"
                                   "[group new]\ngid = 3000\n[user ann]\ngroup = new\n[user kai]\n[group kai]\ngid = 3001\n")
    twice("new: group added gid=3000; kai: group added gid=3001; dan: removed; ann: group=new; kai: added uid=1000; "
          "dan: group removed; old: group removed", "apply", path)
    for h in hosts:
        equal((h.line("dan", "group"), h.line("old", "group"), h.line("dan"), h.field("ann", 3), h.field("kai", 3)),
              (None, None, None, "3000", "3001"), h.name)


def test_list():
    """Lines and rows."""
    clear(passwd="lea:x:1100:1100:Lea:/home/lea:/bin/sh\nmax:x:1101:1101::/home/max:/bin/sh\n",
          group="lea:x:1100:\nweb:x:2000:lea,max\nops:x:2001:lea\n",
          shadow="lea:!%s:19000:0:99999:7:::\nmax:*:19000:0:99999:7::22338:\n" % HASH)
    for h in hosts:
        h.write_keys("lea", 1100, key_line(0) + "# x\n\n" + key_line(1))
    says("lea uid=1100 gid=1100 home=/home/lea shell=/bin/sh groups=web,ops locked keys=2\\n"
         "max uid=1101 gid=1101 home=/home/max shell=/bin/sh groups=web expire=2031-02-28 keys=0", "list")
    says("max uid=1101 gid=1101 home=/home/max shell=/bin/sh groups=web expire=2031-02-28 keys=0", "show", "max")
    for message in user("show", "max", "nemo", status=5).values():
        has(message, "no user nemo")
    for message in user("list", "--system").values():
        has(message, "daemon uid=1 ")
    for end in bed.outcomes("all", "user", "show", "lea").values():
        equal(end["rows"], [{"name": "lea", "uid": 1100, "gid": 1100, "comment": "Lea", "home": "/home/lea", "shell": "/bin/sh",
                             "groups": "web,ops", "locked": True, "expire": "never", "keys": 2}])


def test_terminal():
    """A hash that is typed, without echo; and none where there is no terminal."""
    clear()
    done = bed.dt("all", "user", "add", "--password-hash-file", "-", "tom", stdin="")
    equal((done.returncode, done.stdout), (3, ""))
    terminal = Terminal(bed.command("all", "user", "add", "--password-hash-file", "-", "tom"), dict(bed.env, TERM="xterm"))
    terminal.read("password hash: ")
    wait_for(lambda: not termios.tcgetattr(terminal.fd)[3] & termios.ECHO, "a terminal without echo")
    terminal.type(HASH + "\n")
    equal(terminal.end(), 0)
    check(HASH.encode() not in terminal.data, "it is shown")
    equal([h.field("tom", 1, "shadow") for h in hosts], [HASH] * 3)


def test_not_root():
    """Nothing is changed; list says what anybody may know."""
    clear(passwd="bbuser:x:1100:1100::/home/bbuser:/bin/sh\n", group="bbuser:x:1100:\n")
    for h in hosts:
        h.write_keys("bbuser", 1100, public(bed.key) + "\n")
    done = ended(bed.dt("-u", "bbuser", "all", "user", "add", "ann"), 5)
    equal({l.split(":", 5)[5] for l in done.stdout.splitlines()}, {"exit 1: only root changes accounts there; use --sudo"})
    done = ended(bed.dt("-u", "bbuser", "all", "user", "list"), 0)
    equal({l.split(":", 5)[5] for l in done.stdout.splitlines()},
          {"bbuser uid=1100 gid=1100 home=/home/bbuser shell=/bin/sh keys=1"})


def test_many():
    """A host with as many accounts and groups as may be does not keep dt busy."""
    n = 20000
    text = "".join(["I 0\nW\n"] + ["P u%d:x:%d:1::/:/\n" % (i, 1000 + i) for i in range(n)] +
                   ["G g%d:x:%d:u%d,u0\n" % (i, i, i) for i in range(n)] +
                   ["S u%d 0 h - -\n" % i for i in reversed(range(n))] + ["E\n"])
    server = Sshd(bed.authorized, options=["ForceCommand %scat %s; %s" % (BEGIN, bed.write("many.txt", text), END)])
    bed.host("many", server)
    start = time.monotonic()
    message = user("list", host="many")["many"]
    check(time.monotonic() - start < 10, "it takes long")
    lines = message.split("\\n")
    equal(lines[9999], "u9999 uid=10999 gid=1 home=/ shell=/ groups=g9999")  # the last ones are cut off
    check(lines[0].endswith("groups=" + ",".join("g%d" % i for i in range(n))))
    server.stop()


def test_secret():
    """No host gets to know a hash before all agree."""
    clear()
    server = Sshd(bed.authorized, options=["ForceCommand %s%s; exit 1" % (BEGIN.replace("/dev/null", bed.join("heard")), "true")])
    bed.host("spy", server)
    path = bed.write("hash", HASH, 0o600)
    for check_only in ([], ["--check"]):
        user("add", "--password-hash-file", path, *check_only, "tom", host="deb1,spy", status=6)
        heard = bed.read("heard", b"")
        check(b"u tom\n" in heard and HASH.encode() not in heard, heard)
    server.stop()


def test_hostile_hosts():
    """What a host makes up is its own line, and has an end."""
    clear()
    silent, fill = "the host did not say what it has", "the host says more than 4 MiB"
    for name, command, why in (("endless", "yes P x:x:1:1:::", fill), ("zeros", "head -c 9000000 /dev/zero", fill),
                               ("mute", END, silent), ("cut", "printf 'dt-user:begin\\nI 0\\nP a'; " + END, silent),
                               ("junk", "head -c 100000 /dev/urandom; " + END, "a NUL byte in the host's answer"),
                               ("greeting", None, "it says more than 4 MiB before dt's program: " + r"y\n" * 199 + "y"),
                               ("other", "true", silent)):
        server = Sshd(bed.authorized, options=["ForceCommand " + (BEGIN + command if command else "yes")])
        bed.host(name, server)
        for verb, status in ((["add", "x"], 6), (["list"], 5)):
            done = ended(bed.dt(name, "user", *verb), status)
            # the end of another command is not that of ours
            equal(done.stdout, "fail::dt:user:%s:exit 1: %s\n" % (name, why))
        server.stop()


if __name__ == "__main__":
    main(globals())
