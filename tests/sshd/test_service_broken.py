#!/usr/bin/env -S python3 -B
"""service where a host has what is broken or strange: files, names, rights, and named pipes that nobody reads."""
import fcntl
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from daemons import Accounts, Sshd, wait_for  # noqa: E402
from supervisors import Services, bed, folders, host, one, rows  # noqa: E402
from testing import ROOT, check, ended, equal, has, main  # noqa: E402

server = Sshd(bed.authorized)
host("broken", Services(), server)


def status_file(pid=4711, want=b"u", state=1):
    since = (int(time.time()) + 2 ** 62 + 10).to_bytes(8, "big")
    return since + bytes(4) + pid.to_bytes(4, "little") + b"\0" + want + b"\0" + bytes([state])


def pipes(name, *pipe, status=None):
    """A service without a supervisor, and with these named pipes."""
    folder = folders["broken"]
    shutil.rmtree(folder.join(name), ignore_errors=True)
    folder.put(name + "/run", "#!/bin/sh\n")
    os.mkdir(folder.join(name, "supervise"))
    for p in pipe:
        os.mkfifo(folder.join(name, "supervise", p), 0o600)
    if status is not None:
        folder.put(name + "/supervise/status", status, 0o644)


def reader(name, pipe):
    """A reader that stands still."""
    return os.open(folders["broken"].join(name, "supervise", pipe), os.O_RDONLY | os.O_NONBLOCK)


def content(fd):
    try:
        return os.read(fd, 65536)
    except BlockingIOError:
        return b""


def test_status_files():
    sizes = {0: "of 0 bytes", 19: "of 19 bytes", 21: "of 21 bytes", 4096: "of 64 bytes"}
    for size, text in sizes.items():
        pipes("bad", "ok", "control", status=(status_file() * 300)[:size])
        fds = [reader("bad", "ok"), reader("bad", "control")]
        line = one("broken", "status", "bad", status=5)
        equal(line, "bad unknown: its status file, %s: it is of no known length" % text)
        equal(rows("list", "bad", hosts="broken")["broken"]["bad"]["state"], "unknown")
        for verb in ("up", "restart", "check"):
            has(one("broken", verb, "bad", "--wait", "1s", status=5), "bad unknown: ")
        equal([content(fd) for fd in fds], [b"", b""])
        for fd in fds:
            os.close(fd)
    for status, text in ((status_file(state=0), "it is down and has a process"),
                         (status_file(pid=0), "it runs and has no process"), (b"\xff" * 20, "its pid is none"),
                         (b"\x7f" + status_file()[1:], "its time lies in the future"),
                         (status_file(want=b"x"), "it makes no sense"), (os.urandom(17) + b"\xee\xee\xee", "")):
        pipes("bad", "ok", "control", status=status)
        fds = [reader("bad", "ok"), reader("bad", "control")]
        has(one("broken", "status", "bad", status=5), "bad unknown: its status file, of 20 bytes: " + text)
        for fd in fds:
            os.close(fd)
    # the file is a folder, a pipe, a link that leads nowhere, or none
    for make in (lambda p: os.mkdir(p), lambda p: os.mkfifo(p), lambda p: os.symlink("nowhere", p), lambda p: None):
        pipes("bad", "ok", "control")
        make(folders["broken"].join("bad/supervise/status"))
        fd = reader("bad", "ok")
        has(one("broken", "status", "bad", status=5), "bad unknown: its status file, of 0 bytes: there is none")
        os.close(fd)
    shutil.rmtree(folders["broken"].join("bad"))


def test_nobody_reads():
    """A named pipe without a reader: at once, and nothing is left on the host."""
    for name, made in (("none", ()), ("both", ("ok", "control")), ("s6", ("control",))):
        pipes(name, *made, status=status_file())
        for args in (("status",), ("up",), ("restart", "--wait", "5s"), ("check", "--wait", "5s"), ("hup",)):
            began = time.monotonic()
            equal(one("broken", *args, name, status=5), name + " unsupervised")
            check(time.monotonic() - began < 4, name, args)
        equal(one("broken", "exit", name), name + " unsupervised")
        shutil.rmtree(folders["broken"].join(name))
    # a file and a folder in its place are none
    pipes("odd", status=status_file())
    folders["broken"].put("odd/supervise/ok", "x", 0o644)
    os.mkdir(folders["broken"].join("odd/supervise/control"))
    for verb in ("status", "up"):
        equal(one("broken", verb, "odd", status=5), "odd unsupervised")
    with open(folders["broken"].join("odd/supervise/ok")) as f:
        equal(f.read(), "x")
    shutil.rmtree(folders["broken"].join("odd"))
    nothing_left()


def fill(fd, path):
    """Until not one byte more goes into the pipe, which then has nobody who writes."""
    fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, 4096)
    writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    try:
        while True:
            os.write(writer, b"\n")
    except BlockingIOError:
        os.close(writer)


def working():
    """Processes of ours on the host: they work in its folder."""
    folder = folders["broken"].path
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.readlink("/proc/%s/cwd" % name).startswith(folder):
                found.append(name)
        except OSError:
            pass
    return found


def nothing_left():
    wait_for(lambda: not working(), "the end of all on the host", seconds=1)


def test_reader_stands_still():
    """A supervisor that is stopped: a command waits in its pipe; in a full one there is no room, and that is said."""
    pipes("still", "ok", "control", status=status_file())
    ok, control = reader("still", "ok"), reader("still", "control")
    has(one("broken", "status", "still"), "still run pid=4711")
    equal((content(ok), content(control)), (b"", b""))  # to look leaves nothing behind
    has(one("broken", "hup", "still"), "sent=hup")
    has(one("broken", "restart", "still", "--wait", "1s", status=5), "fault=timeout")
    equal((content(ok), content(control)), (b"", b"htcu"))
    fill(control, folders["broken"].join("still/supervise/control"))
    began = time.monotonic()
    has(one("broken", "up", "still", status=5), "still run pid=4711")
    has(one("broken", "up", "still", status=5), "fault=stuck: its supervisor takes no command")
    check(time.monotonic() - began < 12, time.monotonic() - began)
    # s6 has one pipe alone: it lives, though it does nothing
    pipes("alone", "control", status=status_file())
    fd = reader("alone", "control")
    has(one("broken", "status", "alone"), "alone run pid=4711")
    fill(fd, folders["broken"].join("alone/supervise/control"))
    has(one("broken", "status", "alone"), "alone run pid=4711")
    for fd in (ok, control, fd):
        os.close(fd)
    nothing_left()


def shell_text(*names):
    """As the Makefile makes it."""
    text = ""
    for name in names:
        with open(os.path.join(ROOT, "modules/service", name)) as f:
            text += "".join(line.strip() + " " for line in f if line.strip() and not line.lstrip().startswith("#"))
    return text


def test_shells():
    """All of that is so in every shell that a /bin/sh is."""
    shutil.rmtree(folders["broken"].path)
    os.mkdir(folders["broken"].path)
    for name, made in (("a b", ("ok", "control")), ("nobody", ("ok", "control")), ("s6", ("control",)), ("none", ())):
        pipes(name, *made, status=status_file())
    fds = [reader("a b", "ok"), reader("a b", "control"), reader("s6", "control")]
    digits = status_file().hex()[24:]
    for shell in (["dash"], ["bash"], ["bash", "--posix"], ["busybox", "sh"]):
        for name, args, marks in (("look.sh", [], "----"), ("act.sh", ["up", "u", "u", "0", "*"], "sggs"),
                                  ("act.sh", ["pause", "p", "p", "500", "[!x]*"], "lggl")):
            text = shell_text("common.sh", name)
            done = subprocess.run([*shell, "-c", text, "dt-service", folders["broken"].path, *args],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  timeout=60, check=True)
            found = re.findall(r"^S (.) u [0-9a-f]{24}%s - - - (.) (.*)/$" % digits, done.stdout, re.M)
            alive = "ynny"
            equal(found, list(zip(alive, marks, ["a b", "nobody", "none", "s6"])), shell)
            equal(done.stderr, "", shell)
            has(done.stdout, "\ndt-service end\n")
            nothing_left()
        equal([content(fd).replace(b"\n", b"") for fd in fds], [b"", b"up", b"up"], shell)
    for fd in fds:
        os.close(fd)


def test_names():
    """No host hears of a name that is none."""
    before = server.log()
    for name in ("", "a/b", "..", ".", ".hidden", "-x", "a\nb", "a\tb", "\x7f", "x" * 256, "/var/service/web"):
        for verb in ("status", "up", "log", "enable"):
            done = bed.dt("broken", "service", verb, "--", name)
            ended(done, 3)
            has(done.stderr, "service")
    for option in (("--dir", "relative"), ("--dir", "/a\nb"), ("--wait", "soon"), ("--wait", "-1s"), ("--from", "x")):
        ended(bed.dt("broken", "service", "enable" if option[0] == "--from" else "up", *option, "web"), 3)
    ended(bed.dt("broken", "service", "up"), 3)
    ended(bed.dt("broken", "service", "sleep", "web"), 3)
    equal(server.log(), before)


def test_strange_names():
    """What a host's folders are called is its own affair."""
    folder = folders["broken"]
    names = ["a b", "a\nS y u - - - - - b", "$(touch x)", "-n", "*", "[x]", "'q\"", "\\x41", "caf\u00e9",
             "dt-service end"]
    shutil.rmtree(folder.path)
    os.mkdir(folder.path)
    for name in names:
        folder.put(name + "/run", "#!/bin/sh\n")
    folder.put("file", "no service", 0o644)
    found = rows("list", hosts="broken", status=0)["broken"]
    equal(sorted(found), sorted(names))
    equal({row["state"] for row in found.values()}, {"unsupervised"})
    equal(list(rows("list", "a b", hosts="broken")["broken"]), ["a b"])
    equal(list(rows("list", "*n*", hosts="broken")["broken"]), [n for n in sorted(names) if "n" in n])
    equal(sorted(os.listdir(folder.path)), sorted(names + ["file"]))
    has(bed.dt("broken", "service", "list").stdout, "a\\nS y u - - - - - b unsupervised")


def test_permission():
    """Another user may not see whether it lives; root may, through sudo."""
    if not Accounts.possible() or not shutil.which("sudo"):
        print("# no sudo, or no mount namespace can be made here")
        return
    accounts = Accounts("sesame")
    accounts.authorize(bed.authorized)
    there = Sshd(bed.authorized, wrap=accounts.wrap)
    folder = Services().service("web").start()
    folders["user"] = folder
    bed.host("user", there, "user=%s service_dir=%s" % (accounts.USER, folder.path), address="127.0.0.8")
    for verb in ("status", "hup"):
        line = one("user", verb, "web", status=5)
        equal(line, "web closed: this user may not see or command its supervisor (--sudo)")
    has(one("user", "disable", "web", status=5), "web not changed: ")
    os.chmod(folder.path, 0o700)
    has(one("user", "status", "web", status=5), "the service folder may not be entered")
    os.chmod(folder.path, 0o755)
    done = ended(bed.dt("-K", "user", "service", "status", "--sudo", "web", stdin="sesame\n"), 0)
    has(done.stdout, "web run pid=%d" % folder.pid("web"))


main(globals())
