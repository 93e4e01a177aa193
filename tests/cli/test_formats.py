#!/usr/bin/env -S python3 -B
"""Ways to read results: -o gather, diff, host, status, compact and table, on hosts that are this machine."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from daemons import wait_for  # noqa: E402
from terminal import Terminal  # noqa: E402
from testing import BUILD, DT, Home, check, ended, equal, has, main  # noqa: E402

home = Home()
COUNT = 12
NAMES = ["w%02d" % i for i in range(1, COUNT + 1)]
home.write("hosts", "[hosts]\n" + "".join("%s = transport=local\n" % n for n in NAMES) +
           "far = address=127.0.0.1 port=1\n")
modules = home.join("modules")
os.mkdir(modules, 0o755)
with open(os.path.join(BUILD, "tests/modules/survey.so"), "rb") as module:
    home.write("modules/survey.so", module.read(), 0o755)
home.env["DT_CONF"] = home.write("dt.conf", "[modules]\ndir = %s\n" % modules)
RULE = "-" * 15 + "\n"
# Which host one is: a file each that only one can take.
TAKE = "n=0; until mkdir %s/$n 2>/dev/null; do n=$((n + 1)); done; " % home.join("taken")
for name in ("DT_COLORS", "DTOOLS_COLORS"):
    home.env.pop(name, None)


def dt(*args, status=0, **more):
    shutil.rmtree(home.join("taken"), ignore_errors=True)
    os.mkdir(home.join("taken"))
    return ended(home.dt("-D", home.join("hosts"), *args, **more), status)


def blocks(text):
    """{heading: body} in their order."""
    parts = text.split(RULE)
    equal(parts[0], "")
    return dict(zip((p.rstrip("\n") for p in parts[1::2]), parts[2::2]))


def test_gather():
    done = dt("-o", "gather", "exp:w", "ssh", "echo same; echo too")
    equal(done.stdout, RULE + "w[01-12] (12)\n" + RULE + "same\ntoo\n")
    command = TAKE + "case $n in 0) echo odd;; 1|2) echo e >&2; exit 3;; *) echo a;; esac"
    done = dt("-o", "gather", "all", "ssh", command, status=4)
    found = blocks(done.stdout)
    heads = list(found)
    equal(len(heads), 4)
    check(heads[0].endswith(" (9)") and ":" not in heads[0], heads)
    equal(list(found.values())[:3], ["a\n", "odd\n", "-- stderr\ne\n"])
    check(heads[2].endswith(" (2): exit 3"), heads)
    has(heads[3], "far: connect: ")
    equal(done.stderr, "")


def test_streams():
    """The order in which both streams arrive makes no other group; which stream it was does."""
    done = dt("-o", "gather", "exp:w", "ssh",
              TAKE + "if test $n -gt 5; then echo o; echo e >&2; else echo e >&2; echo o; fi")
    equal(done.stdout, RULE + "w[01-12] (12)\n" + RULE + "o\n-- stderr\ne\n")
    done = dt("-o", "gather", "exp:w", "ssh", TAKE + "if test $n -gt 5; then echo o >&2; else echo o; fi")
    equal(len(blocks(done.stdout)), 2)


def test_mask():
    command = TAKE + 'echo "up 3.$n days, 10.0.0.$n at 12:0$n:0$n"; test $n = 4 && echo more'
    equal(len(blocks(dt("-o", "gather", "w01,w02,w03,w04", "ssh", command + "; :").stdout)), 4)
    found = blocks(dt("-o", "gather", "--mask", "exp:w0", "ssh", command + "; :").stdout)
    equal(list(found.values()), ["up <n> days, <ip> at <time>\n", "up <n> days, <ip> at <time>\nmore\n"])
    check(list(found)[0].endswith("(8)"), found)
    # the statuses are not masked
    equal(len(blocks(dt("-o", "gather", "--mask", "w01,w02", "ssh", TAKE + "exit $((n + 1))", status=5).stdout)), 2)
    # nor does it do anything elsewhere
    equal(dt("--mask", "w01", "ssh", "echo 7").stdout, "okay::dt:ssh:w01:7\n")


def test_diff():
    command = TAKE + "seq 1 9; test $n = 0 && echo ten; test $n = 1 || echo last"
    done = dt("-o", "diff", "exp:w", "ssh", command + "; :")
    parts = done.stdout.split(RULE)
    equal(len(parts), 7)
    check(parts[1].endswith(" (10)\n"), parts)
    equal(parts[2], "".join("%d\n" % i for i in range(1, 10)) + "last\n")
    most = parts[1].rstrip("\n")
    seen = set()
    for name, body in zip(parts[3::2], parts[4::2]):
        equal(body.split("@@ ")[0], "--- %s\n+++ %s" % (most, name))
        seen.add(body.split("\n", 2)[2])
    equal(seen, {"@@ -7,4 +7,5 @@\n 7\n 8\n 9\n+ten\n last\n", "@@ -7,4 +7,3 @@\n 7\n 8\n 9\n-last\n"})


def test_patched():
    """The difference, given to patch(1), makes the other output of the most common one."""
    command = TAKE + "for i in 1 2 3 4 5 6 7 8 9; do echo line $i; test $n = $i && echo here $i; :; done"
    done = dt("-o", "diff", "exp:w", "ssh", command)
    parts = done.stdout.split(RULE)
    for name, body in zip(parts[3::2], parts[4::2]):
        base = home.write("base", parts[2])
        patched = subprocess.run(["patch", "-s", "-o", "-", base], input=body, stdout=subprocess.PIPE, text=True,
                                 check=True).stdout
        i = int(re.search(r"^\+here (\d)$", body, re.M).group(1))
        equal(patched, "".join("line %d\n%s" % (k, "here %d\n" % k if k == i else "") for k in range(1, 10)), name)
    equal(len(parts), 3 + 2 * 9)


def test_streamed():
    """Live lines first, then the groups."""
    for name in ("gather", "diff"):
        done = dt("--stream", "-o", name, "w01,w02", "ssh", "echo out; echo err >&2")
        live, rest = done.stdout.split(RULE, 1)
        equal(sorted(live.splitlines()), ["w01: out", "w02: out"])
        equal(sorted(done.stderr.splitlines()), ["w01: err", "w02: err"])
        equal(rest, "w[01-02] (2)\n" + RULE + "out\n-- stderr\nerr\n")
    done = dt("--stream", "-o", "compact", "w01", "ssh", "echo out; exit 1", status=5)
    equal(done.stdout, "info::dt:ssh:w01:out\n!\n\nTotal:         1\nOkay:          0  [  0.0%]\n"
                       "Fail:          1  [100.0%]\n\nFailed:\nfail::dt:ssh:w01:exit 1: \n")
    equal(dt("--stream", "-o", "host", "w01", "ssh", "echo out").stdout, "info::dt:ssh:w01:out\nokay::dt:ssh:w01:\n\n")
    equal(dt("--stream", "-o", "status", "w01", "ssh", "echo out").stdout, "info::dt:ssh:w01:out\nokay:\n\tw01:\n\n")


def test_lines():
    done = dt("-o", "host", "w01,far", "ssh", "printf 'a\\nb\\tc\\n'", status=4)
    entries = sorted(done.stdout.split("\n\n"))
    equal(entries[1:][1:], ["okay::dt:ssh:w01:\n\ta\n\tb\\tc"])
    has(entries[1], "fail::dt:ssh:far:\n\tconnect: ")
    done = dt("-o", "status", "w01,w02,far", "ssh", "printf 'a\\nb\\n'", status=4)
    okay, fail, rest = done.stdout.split("\n\n")
    equal(sorted(okay.splitlines()), ["\tw01:a\\nb", "\tw02:a\\nb", "okay:"])
    has(fail, "fail:\n\tfar:connect: ")
    equal(rest, "")
    done = dt("-o", "compact", "w01,w02,far", "ssh", "true", status=4)
    dots, counts, failed = done.stdout.split("\n\n")
    equal(sorted(dots), ["!", ".", "."])
    equal(counts, "Total:         3\nOkay:          2  [ 66.6%]\nFail:          1  [ 33.3%]")
    has(failed, "Failed:\nfail::dt:ssh:far:connect: ")


def test_same_as_filters():
    """-o X, and omni through dtX, say the same of one host."""
    command = "printf 'a:b\\n\\n\\\\n\\t\\033[1m'; exit 4"
    omni = dt("w01", "ssh", command, status=5).stdout
    for name in ("host", "status", "compact", "gather"):
        through = ended(home.dt(stdin=omni, program=DT + name), 0).stdout
        equal(dt("-o", name, "w01", "ssh", command, status=5).stdout, through, name)


def test_table():
    done = dt("-o", "table", "w01,w02,far", "ssh", "echo first; echo second", status=4)
    lines = done.stdout.splitlines()
    equal(lines[:3], ["host  status       output", "w01   okay         first", "w02   okay         first"])
    check(lines[3].startswith("far   unreachable  connect: "), lines)
    lines = dt("-o", "table", "w02,w01,far", "survey", "true", "echo not shown", status=4).stdout.splitlines()
    equal(lines[:5], ["host  text           none  number   time  yes",
                      "w01   a \"b\"\\x1b\\xff  -         -5  1.250  yes",
                      "w01                  -          -      -  no",
                      "w02   a \"b\"\\x1b\\xff  -         -5  1.250  yes",
                      "w02                  -          -      -  no"])
    equal(len(lines), 6)
    check(lines[5].startswith("far   unreachable  connect: "), lines)
    # one that fails behind its rows has both
    lines = dt("-o", "table", "w01", "survey", "true", "echo why; exit 4", status=5).stdout.splitlines()
    equal((len(lines), lines[3]), (4, "w01   failed  exit 4: why"))


def test_interrupted():
    """What is known by then is told.  Two at a time: when two are at work, the third has ended."""
    mark = home.join("mark")
    command = "if mkdir %s 2>/dev/null; then echo fine; else echo half; touch %s.$$; sleep 60; fi" % (mark, mark)
    process = subprocess.Popen([DT, "-F", "/dev/null", "-D", home.join("hosts"), "-C", "2", "-o", "gather",
                                "w01,w02,w03", "ssh", command], env=home.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: sum(n.startswith("mark.") for n in os.listdir(home.path)) == 2, "two hosts at work")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    equal(process.returncode, 130)
    found = blocks(out)
    equal(list(found.values()), ["fine\n", "half\n"])
    has(list(found)[1], " (2): killed: interrupted")


def test_dots_on_a_terminal():
    """No line of progress is drawn over them."""
    for progress in ("auto", "always"):
        terminal = Terminal([DT, "-F", home.join("ssh_config"), "-D", home.join("hosts"), "-N", "--progress", progress,
                             "-C", "1", "-o", "compact", "w01,w02,w03", "ssh", "sleep 0.7"],
                            dict(home.env, TERM="xterm"))
        equal(terminal.end(), 0)
        equal(terminal.screen.text.split("\n")[0], "...")


def test_safe():
    """No control byte of a host, in any format, unless --raw."""
    nasty = "printf '%b' '\\033[2J\\007\\0201\\r\\0377x\\0302\\0233y\\n\\033]0;t\\007'; printf '\\033[31m' >&2; exit 9"
    for name in ("omni", "pdsh", "gather", "diff", "host", "status", "compact", "table"):
        for stream in ((), ("--stream",)):
            done = dt(*stream, "-o", name, "w01", "ssh", nasty, status=5, text=False)
            for out in (done.stdout, done.stderr):
                text = out.decode()  # and it is UTF-8
                kept = "\n\t" if name in ("host", "status") else "\n"
                found = [c for c in text if ord(c) < 32 and c not in kept]
                equal(found, [], (name, stream))
                check(not any(0x7f <= ord(c) <= 0x9f for c in text), name, text)
    done = dt("--raw", "-o", "gather", "w01", "ssh", nasty, status=5, text=False)
    has(done.stdout, b"\033[2J\007")


def test_jsonl_unchanged():
    done = dt("-o", "jsonl", "w01", "ssh", "echo a")
    equal([json.loads(line)["event"] for line in done.stdout.splitlines()], ["start", "end", "summary"])


def test_colors():
    def shown(env, *options):
        env = dict(home.env, TERM="xterm", **env)
        terminal = Terminal([DT, "-F", home.join("ssh_config"), "-D", home.join("hosts"), "--progress", "never",
                             *options, "w01", "ssh", "true"], env)
        equal(terminal.end(), 0)
        return terminal.data

    red = shown({})
    has(red, b"\033[32mokay\033[0m::dt:ssh:w01:")
    has(shown({"DT_COLORS": "okay=1;34"}), b"\033[1;34mokay\033[0m::")
    has(shown({"DTOOLS_COLORS": "ok=35:host=4"}, "-o", "host"), b"\033[35mokay\033[0m::dt:ssh:\033[4mw01\033[0m:")
    has(shown({"DTOOLS_COLORS": "ok=35", "DT_COLORS": "ok=36"}, "-o", "compact"), b"\033[36m.\033[0m")
    has(shown({"DT_COLORS": "host=7"}, "-o", "gather"), b"\033[7mw01\033[0m\r\n")
    has(shown({"DT_COLORS": "ok=\033[2J"}), b"\033[32mokay\033[0m::")
    for out in (shown({"DT_COLORS": "ok="}), shown({"NO_COLOR": "1", "DT_COLORS": "ok=3"}), shown({}, "-N")):
        check(b"\033[" not in out, out)
    check("\033" not in dt("-o", "gather", "w01", "ssh", "true", env={"DT_COLORS": "ok=3"}).stdout)


def test_large():
    """Outputs beyond what is kept in memory go through a file, and come back whole."""
    done = dt("-o", "gather", "--max-output", "12M", "exp:w", "ssh",
              TAKE + "echo $n; head -c 7000000 /dev/zero | tr '\\0' x; echo")
    found = blocks(done.stdout)
    equal(sorted(int(body.split("\n")[0]) for body in found.values()), list(range(COUNT)))
    for body in found.values():
        equal(len(body), len(body.split("\n")[0]) + 7000002)
    done = dt("-o", "gather", "--max-output", "12M", "exp:w", "ssh", TAKE + "echo $n; head -c 7000000 /dev/zero; echo",
              status=1, env={"TMPDIR": "/nowhere/at/all"})
    has(done.stderr, "temporary file: no such file or directory")


def test_cut():
    done = dt("-o", "gather", "--max-output", "3", "w01,w02", "ssh", "echo abcdef")
    equal(done.stdout, RULE + "w[01-02] (2): output cut at 3 bytes\n" + RULE + "abc\n")


def test_closed():
    """Output that cannot be written is an error, said once."""
    with open("/dev/full", "w") as full:
        for name in ("gather", "diff", "host", "status", "compact", "table"):
            done = ended(home.dt("-D", home.join("hosts"), "-o", name, "w01", "ssh", "echo x", stdout=full), 1)
            has(done.stderr, "stdout: no space left on device")


def test_usage():
    done = dt("-o", "gathr", "all", "ssh", "x", status=2)
    has(done.stderr, "did you mean gather?")


main(globals())
