#!/usr/bin/env -S python3 -B
"""This machine as a host, and runs that ask all hosts first: three hosts that are this machine."""
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from testing import BUILD, DT, Home, check, ended, equal, has, main  # noqa: E402

home = Home()
home.write("hosts", "[hosts]\n" + "".join("h%d = transport=local\n" % i for i in (1, 2, 3)) +
           "far = address=127.0.0.1 port=1\n")
modules = home.join("modules")
os.mkdir(modules, 0o755)
home.write("modules/survey.so", open(os.path.join(BUILD, "tests/modules/survey.so"), "rb").read(), 0o755)
conf = {"DT_CONF": home.write("dt.conf", "[modules]\ndir = %s\n" % modules)}
SEEN = "echo $0 >> %s" % home.join("seen")


def dt(*args, status=0, **more):
    return ended(home.dt("-D", home.join("hosts"), *args, env=conf, **more), status)


def outcomes(done):
    return {e["host"]: e for e in map(json.loads, done.stdout.splitlines()) if e["event"] == "end"}


def test_commands():
    done = dt("local:", "ssh", "pwd; echo $SSH_CONNECTION", status=0)
    equal(done.stdout, "okay::dt:ssh:localhost:%s\\n\n" % home.path)
    for status in (1, 85, 170, 254, 255):
        equal(dt("local:", "ssh", "exit %d" % status, status=5).stdout, "fail::dt:ssh:localhost:exit %d: \n" % status)
    end = outcomes(dt("-o", "jsonl", "local:", "ssh", "echo a; echo b >&2"))["localhost"]
    equal((end["stdout"], end["stderr"], end["transport"], end["status"]), ("a\n", "b\n", "local", "ok"))
    equal(dt("-C", "1", "h1,h3", "ssh", "echo x").stdout, "okay::dt:ssh:h1:x\nokay::dt:ssh:h3:x\n")
    has(dt("-p", "local:", "ssh", "x").stdout, "on this machine")
    has(dt("trust", "local:", status=4).stdout, "it needs no host key")
    equal(dt("local: and nil", "ssh", "x", status=7).stdout, "")


def test_user():
    has(dt("-u", "another", "h1", "ssh", "id", status=2).stderr, "host h1: -u another: it is this machine")
    login = dt("h1", "ssh", "id -un").stdout.strip().rsplit(":", 1)[1]
    dt("-u", login, "h1", "ssh", "true")


def test_files():
    text = os.urandom(300000)
    home.write("from", text)
    dt("local:", "push", home.join("from"), home.join("to"))
    equal(home.read("to"), text)
    dt("local:", "pull", home.join("to"), home.join("got"))
    equal(home.read("got/localhost/to"), text)


def test_ended():
    mark = "dt-local-%d" % os.getpid()
    done = dt("--command-timeout", "300ms", "local:", "ssh", "sh -c 'sleep 77; :' %s" % mark, status=4)
    equal(done.stdout, "fail::dt:ssh:localhost:timeout: the command did not end in time; ended on the host\n")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                check(mark.encode() not in f.read().split(b"\0"), pid)
        except (FileNotFoundError, ProcessLookupError):
            pass


def test_survey():
    end = outcomes(dt("-o", "jsonl", "h1,h2,h3", "survey", "echo first", "echo second"))
    for host in ("h1", "h2", "h3"):
        equal(end[host]["stdout"], "second\n", "what a survey says is not the outcome's")
        equal(end[host]["rows"], [
            {"text": {"base64": "YSAiYiIb/w=="}, "none": None, "number": -5, "time": 1.25, "yes": True},
            {"text": "", "none": None, "number": None, "time": None, "yes": False}])


def seen():
    text = home.read("seen", b"").decode()
    home.write("seen", "")
    return text


def test_objection():
    for more in ((), ("--batch", "1"), ("-C", "1")):
        done = dt("-o", "jsonl", *more, "h1,h2,h3", "survey", "if mkdir %s; then exit 9; fi 2>/dev/null" % home.join("d"),
                  SEEN, status=6)
        os.rmdir(home.join("d"))
        end = outcomes(done)
        bad = [h for h in end if end[h]["status"] == "failed"]
        equal((len(bad), end[bad[0]]["rc"]), (1, 9), done.stdout)
        for host in set(end) - set(bad):
            equal((end[host]["status"], end[host]["reason"]),
                  ("skipped", "skipped: %s cannot do this, so no host began" % bad[0]))
        equal((len(end), seen()), (3, ""))
    done = dt("-C", "1", "h1,h2", "survey", "exit 9", SEEN, status=6)
    equal(done.stdout, "fail::dt:survey:h1:exit 9: \nfail::dt:survey:h2:exit 9: \n")
    equal(seen(), "")


def test_refusal():
    done = dt("h1,h2", "survey", "--refuse", "true", SEEN, status=6)
    equal(sorted(done.stdout.splitlines()), ["fail::dt:survey:%s:skipped: they do not agree" % h for h in ("h1", "h2")])
    equal(seen(), "")


def test_unreached():
    """Who is not reached has no say, and the others begin; it counts as failed."""
    end = outcomes(dt("-o", "jsonl", "far,h1,h2", "survey", "true", SEEN, status=4))
    equal([end[h]["status"] for h in ("far", "h1", "h2")], ["unreachable", "ok", "ok"])
    equal(len(seen().split()), 2)
    end = outcomes(dt("-o", "jsonl", "--max-fail", "0", "far,h1,h2", "survey", "true", SEEN, status=6))
    equal([end[h]["status"] for h in ("far", "h1", "h2")], ["unreachable", "skipped", "skipped"])
    equal(end["h1"]["reason"], "skipped: 1 host failed, and --max-fail is 0")
    dt("far", "survey", "--refuse", "true", SEEN, status=4)  # nobody is left to agree
    dt("--max-fail", "1", "far,h1,h2", "survey", "true", SEEN, status=4)
    equal(len(seen().split()), 2)


def test_interrupted():
    process = subprocess.Popen([DT, "-F", "/dev/null", "-D", home.join("hosts"), "-o", "jsonl", "-C", "2", "h1,h2,h3", "survey",
                                "echo up >> %s; sleep 60" % home.join("up"), SEEN], env=dict(home.env, **conf),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(1000):
        if home.read("up", b"").count(b"up") == 2:
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    end = {e["host"]: e["status"] for e in map(json.loads, out.splitlines()) if e["event"] == "end"}
    equal((process.returncode, sorted(end.values())), (130, ["killed", "killed", "skipped"]))
    equal(seen(), "")


def test_secret():
    equal(dt("h1", "survey", "--ask", "true", "echo fine", stdin="right\n").returncode, 0)
    dt("h1", "survey", "--ask", "true", SEEN, status=3, stdin="wrong\n")
    has(dt("h1", "survey", "--ask", "true", SEEN, status=3, stdin="").stderr, "no terminal")


if __name__ == "__main__":
    main(globals())
