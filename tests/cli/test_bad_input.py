#!/usr/bin/env -S python3 -B
"""Bad input: a reason on stderr, exit 2 or 3, no host contacted, the store as it was."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from testing import Home, Listener, check, ended, equal, has, main  # noqa: E402

home = Home()
listener = Listener()
hosts = home.write("hosts.ini", """\
[hosts]
web1 = linux web  address=127.0.0.1 port=%d
db1 = linux db  address=127.0.0.1 port=%d
""" % (listener.port, listener.port))
ended(home.dt("kept", "add"), 0)


def refuse(args, status, *parts, lines=1, stdin=None, env=None):
    """dt says why on stderr in that many lines, and has done nothing."""
    store, calls = home.store, listener.calls
    done = ended(home.dt(*args, stdin=stdin, env=env), status)
    equal(done.stdout, "", "stdout of %s" % (args,))
    check(done.stderr.startswith("dt: "), "stderr is", repr(done.stderr))
    check(done.stderr.endswith("\n"))
    if lines:
        equal(done.stderr.count("\n"), lines, "lines of %r" % done.stderr)
    for part in parts:
        has(done.stderr, part)
    check(not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", done.stderr), "a control character in", repr(done.stderr))
    equal(listener.calls, calls, "connections")
    check(home.store == store, "the store has changed")
    return done


def caret(done, text, column):
    """A line shows the text, and the next one a caret under its column (from 0)."""
    lines = done.stderr.split("\n")
    for shown, below in zip(lines, lines[1:]):
        at = shown.find(text)
        if at >= 0 and below.strip() == "^":
            equal(below.index("^") - at, column, "caret in %r" % done.stderr)
            return
    check(False, "no caret under", repr(text), "in", repr(done.stderr))


def test_options():
    refuse(["--cproc", "5", "web1", "ssh", "date"], 2, "unknown option --cproc", "--coproc")
    refuse(["-x", "web1", "ssh", "date"], 2, "unknown option -x")
    refuse(["-C", "0", "web1", "ssh", "date"], 2, "--coproc", '"0"')
    refuse(["-C", "-3", "web1", "ssh", "date"], 2, "--coproc", '"-3"')
    refuse(["-C", "many", "web1", "ssh", "date"], 2, "--coproc", '"many"')
    refuse(["-T", "0", "web1", "ssh", "date"], 2, "--timeout", '"0"')
    refuse(["-T", "-1s", "web1", "ssh", "date"], 2, "--timeout", '"-1s"')
    refuse(["--deadline", "soon", "web1", "ssh", "date"], 2, "--deadline", '"soon"')
    refuse(["--command-timeout", "5w", "web1", "ssh", "date"], 2, "--command-timeout", '"5w"')
    refuse(["--max-output", "0", "web1", "ssh", "date"], 2, "--max-output", '"0"')
    refuse(["-o", "jsnl", "web1", "ssh", "date"], 2, "--output", "jsonl")
    refuse(["--transport", "telnet", "web1", "ssh", "date"], 2, "--transport", '"telnet"')
    refuse(["--port", "65536", "web1", "ssh", "date"], 2, "--port", '"65536"')
    refuse(["-T"], 2, "-T needs a value")


def test_too_few_words():
    refuse([], 2, lines=0)
    refuse(["web1"], 2)
    refuse([""], 2, lines=0)


def test_module():
    refuse(["-D", hosts, "all", "shs", "date"], 3, "shs", "ssh")
    refuse(["-D", hosts, "all", "no/such", "date"], 3)
    refuse(["-D", hosts, "all", "../ssh", "date"], 3)
    refuse(["-D", hosts, "all", "ssh\n", "date"], 3)


def test_verb_and_arguments():
    refuse(["-D", hosts, "all", "ssh"], 3, "command")
    refuse(["-D", hosts, "all", "list", "everything"], 3, "everything")
    refuse(["-D", hosts, "all", "ping", "--timeuot", "5s"], 3, "timeuot")
    refuse(["-D", hosts, "all", "ping", "--timeout", "soon"], 3, "timeout", "soon")
    refuse(["-D", hosts, "all", "script", "/nowhere/x"], 3, "/nowhere/x")
    refuse(["-D", hosts, "all", "ssh", "--stdn", "cat"], 3, "stdn")


def test_selector():
    caret(refuse(["-D", hosts, "tga:linux", "ssh", "date"], 2, "tga", lines=0), "tga:linux", 0)
    caret(refuse(["-D", hosts, "tag:linux and tga:x", "ssh", "date"], 2, "tga", lines=0), "tag:linux and tga:x", 14)


def test_expression():
    for text, column in (("tag:linux and", 13), ("(tag:linux", 0), ("tag:linux)", 9), ("and tag:linux", 0),
                         ("tag:linux or or tag:db", 13), ("not", 3), ("tag:linux tag:db", 10), ("()", 1)):
        caret(refuse(["-D", hosts, text, "ssh", "date"], 2, lines=0), text, column)


def test_regex():
    done = refuse(["-D", hosts, "exp:web(", "ssh", "date"], 2, lines=0)
    caret(done, "web(", 4)
    done = refuse(["-D", hosts, "exp:web[0-", "ssh", "date"], 2, lines=0)
    check("^" in done.stderr, done.stderr)
    # A regex that would run for ever.
    home.write("long.ini", "[hosts]\n" + "a" * 60 + "! = x\n")
    refuse(["-D", home.join("long.ini"), "exp:(a*)*(a*)*(a*)*b", "ssh", "date"], 2, lines=0)


def test_range():
    refuse(["web[1-1000001]", "ssh", "date"], 2, "1000000", lines=0)
    refuse(["web[1-1000][1-1001]", "ssh", "date"], 2, "1000000", lines=0)
    refuse(["web[1-999999999999999999999]", "ssh", "date"], 2, lines=0)
    caret(refuse(["web[5-1]", "ssh", "date"], 2, lines=0), "web[5-1]", 4)
    caret(refuse(["web[1-5", "ssh", "date"], 2, lines=0), "web[1-5", 3)
    refuse(["web[]", "ssh", "date"], 2, lines=0)


def inventory(text, name="bad.ini"):
    return ["-D", home.write(name, text), "all", "ssh", "date"]


def test_inventory_line():
    refuse(inventory("[hosts]\nok = a\nlong = " + "x" * 250 + "\n"), 2, "bad.ini:3: ")
    refuse(inventory("[hosts]\nweb1 = a\nweb2 = b\nweb1 = c\n"), 2, "bad.ini:4: ", "web1")
    refuse(inventory("[hosts]\nweb[1-3] = a\nweb2 = b\n"), 2, "bad.ini:3: ", "web2")
    refuse(inventory("[hosts]\nweb1 = a port=ssh\n"), 2, "bad.ini:2: ", "port")
    refuse(inventory("[hosts]\nnonsense\n"), 2, "bad.ini:2: ")
    refuse(inventory("[hosts\nweb1 = a\n"), 2, "bad.ini:1: ")
    refuse(inventory("[nothing]\nx = y\n"), 2, "bad.ini:")
    refuse(inventory("[hosts]\n-oProxyCommand=x = a\n"), 2, "bad.ini:2: ")
    refuse(inventory("[hosts]\nweb1 = a user=-l\n"), 2, "bad.ini:2: ", "user")
    refuse(inventory("web1 linux\nweb1 linux\n", "bad.dtdb"), 2, "bad.dtdb:2: ", "web1")
    refuse(inventory("web1:99999 linux\n", "bad.dtdb"), 2, "bad.dtdb:1: ")
    refuse(["-D", home.join("none.ini"), "all", "ssh", "date"], 2, "none.ini")
    refuse(["-D", home.path, "all", "ssh", "date"], 2, home.path)


def test_names():
    for name in ("-oProxyCommand=touch x", "--", "a\nb", "a b;c", "a\x1b[31m", "a\tb", "x" * 256, "sys:-web"):
        refuse(["--", name, "ssh", "date"] if name.startswith("-") else [name, "ssh", "date"], 2, lines=0)
    for name in ("-l", "a\nb", "a -b", "a\x1b[31m", "$(id)x;", "a|b", "a\\"):
        refuse(["-u", name, "-D", hosts, "all", "ssh", "date"], 2, "user", lines=0)
    refuse(["out:", "ssh", "date"], 2, lines=0, stdin="web1\n-oProxyCommand=x\n")
    refuse(["file:" + home.write("names", "web1\na\x1bb\n"), "ssh", "date"], 2, lines=0)
    refuse(["-J", "-oProxyCommand=x", "-D", hosts, "all", "ssh", "date"], 2, lines=0)


def test_key():
    refuse(["-I", home.join("nokey"), "-D", hosts, "all", "ssh", "date"], 2, "nokey")
    refuse(["-I", home.write("broken", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", 0o600), "-D", hosts, "all", "ssh",
            "date"], 2, "broken")
    refuse(["-I", home.path, "-D", hosts, "all", "ssh", "date"], 2, home.path)


def test_configuration_files():
    broken = home.write("broken_config", "Host *\n  Prot 22\n  NoSuchKeyword yes\n")
    # ssh(1) refuses it too, so no host is tried.
    done = home.dt("-F", broken, "-D", hosts, "all", "ssh", "date")
    check(done.returncode == 2 and "broken_config" in done.stderr, done.returncode, done.stderr)
    refuse(["-F", home.join("no_config"), "-D", hosts, "all", "ssh", "date"], 2, "no_config")


def test_store():
    # A store that is a folder, and one below a file: nobody can write there, root neither.
    os.makedirs(home.join("odd/dt/inventory.db"))
    refuse(["new", "add"], 2, "inventory.db", env={"XDG_DATA_HOME": home.join("odd")})
    home.write("plain", "x")
    refuse(["new", "add"], 2, env={"XDG_DATA_HOME": home.join("plain")})
    if os.geteuid() != 0:
        os.makedirs(home.join("closed/dt"), mode=0o755)
        os.chmod(home.join("closed/dt"), 0o555)
        refuse(["new", "add"], 2, env={"XDG_DATA_HOME": home.join("closed")})
    # A file that is no database.
    home.write("junk/dt/inventory.db", b"SQLite format 3\0" + b"\xff" * 4096)
    refuse(["new", "add"], 2, env={"XDG_DATA_HOME": home.join("junk")})
    # A wrong word among good ones changes nothing.
    refuse(["kept", "tag", "good", "b$d"], 3, lines=0)
    refuse(["kept", "set", "port=22", "port"], 3, lines=0)
    refuse(["kept", "set", "port=high"], 3, lines=0)
    refuse(["kept", "set", "user=-l"], 3, lines=0)


def test_words():
    refuse(["jobs", "often"], 2, "dt jobs verify")
    refuse(["help", "a", "b"], 2)
    refuse(["help", "selectoin"], 2 if "selection" in home.dt("help", "selectoin").stderr else 3)
    refuse(["completion", "tcsh"], 2, "tcsh")
    refuse(["inventory"], 2)
    refuse(["inventory", "import"], 2)
    refuse(["inventory", "import", home.join("none.ini")], 2, "none.ini")
    refuse(["trust"], 2)
    refuse(["why"], 2)


def test_import_keeps_the_store():
    bad = home.write("import.ini", "[hosts]\nnew1 = a\nnew2 = b port=x\n")
    refuse(["inventory", "import", bad], 2, "import.ini:3: ")


def test_empty_selection():
    refuse(["-D", hosts, "tag:none", "ssh", "date"], 7, "tag:none")
    refuse(["-D", hosts, "nil", "ssh", "date"], 7)
    refuse(["out:", "ssh", "date"], 7, stdin="")


def test_listener_counts():
    """What the others rely on: a host that is contacted is counted."""
    before = listener.calls
    done = home.dt("-T", "2s", "-D", hosts, "web1", "ssh", "true")
    equal(done.returncode, 4, done.stderr)
    check(listener.calls > before, "the listener was not asked")


def test_named_pipes():
    """A FIFO that nobody writes to: dt does not wait."""
    pipe = home.join("pipe")
    os.mkfifo(pipe)
    refuse(["-D", pipe, "web1", "ssh", "date"], 2, pipe, "named pipe")
    refuse(["-D", hosts, "--known-hosts", pipe, "web1", "ssh", "date"], 2, pipe, "named pipe")
    refuse(["-D", hosts, "-I", pipe, "web1", "ssh", "date"], 2, pipe)
    refuse(["-D", hosts, "-F", pipe, "web1", "ssh", "date"], 2, pipe, "named pipe")
    refuse(["-D", hosts, "web1", "script", pipe], 3, pipe, "named pipe")
    refuse(["-D", hosts, "file:" + pipe, "ssh", "date"], 2, pipe, "named pipe")
    os.remove(pipe)


def test_scopes():
    """Names of sections that an export could not say."""
    for section, word in (("domain a b", "domain"), ("domain a[b", "domain"), ("tag a b", "tag")):
        bad = home.write("bad.ini", "[%s]\nuser = x\n[hosts]\nh = x\n" % section)
        refuse(["-D", "ini:" + bad, "h", "ssh", "date"], 2, "bad.ini:", word)
    bad = home.write("bad.ini", "[hosts]\nh = note=a\u202eb\n")
    refuse(["-D", bad, "h", "ssh", "date"], 2, "bad.ini:2", "control character")


if __name__ == "__main__":
    main(globals())
