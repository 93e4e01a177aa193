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
from supervisors import (SHELLS, Services, bed, folders, host, one, pipes, reader, rows, service,  # noqa: E402
                         shell_text, status_file)
from testing import check, ended, equal, has, main  # noqa: E402

server = Sshd(bed.authorized)
host("broken", Services(), server)


def content(fd):
    try:
        return os.read(fd, 65536)
    except BlockingIOError:
        return b""


def test_status_files():
    folder = folders["broken"]
    bad = {}
    for size, text in {0: "of 0 bytes", 19: "of 19 bytes", 21: "of 21 bytes", 4096: "of 64 bytes"}.items():
        pipes(folder, "size%d" % size, "ok", "control", status=(status_file() * 300)[:size])
        bad["size%d" % size] = text + ": it is of no known length"
    for name, status, text in (("alive", status_file(state=0), "it is down and has a process"),
                               ("dead", status_file(pid=0), "it runs and has no process"),
                               ("pid", b"\xff" * 20, "its pid is none"),
                               ("ahead", b"\x7f" + status_file()[1:], "its time lies in the future"),
                               ("want", status_file(want=b"x"), "it makes no sense"),
                               ("random", os.urandom(17) + b"\xee\xee\xee", "")):
        pipes(folder, name, "ok", "control", status=status)
        bad[name] = "of 20 bytes: " + text
    # the file is a folder, a pipe, a link, or none
    folder.put("real", status_file(), 0o644)
    for name, make in (("folder", os.mkdir), ("pipe", os.mkfifo), ("nowhere", lambda p: os.symlink("nowhere", p)),
                       ("link", lambda p: os.symlink("../../real", p)), ("nothing", lambda p: None)):
        pipes(folder, name, "ok", "control")
        make(folder.join(name, "supervise/status"))
        bad[name] = "of 0 bytes: there is none"
    fds = [reader(folder, name, pipe) for name in bad for pipe in ("ok", "control")]
    lines = dict(line.split(" ", 1) for line in service("status", hosts="broken", status=5)["broken"])
    equal(sorted(lines), sorted(bad))
    for name, text in bad.items():
        check(lines[name].startswith("unknown: its status file, " + text), name, lines[name])
        check(name == "random" or lines[name].endswith(text), name, lines[name])
    equal({row["state"] for row in rows("list", hosts="broken")["broken"].values()}, {"unknown"})
    for verb in ("up", "restart", "check"):
        for line in service(verb, "size*", "--wait", "1s", hosts="broken", status=5)["broken"]:
            has(line, " unknown: ")
    equal([content(fd) for fd in fds], [b""] * len(fds))
    for fd in fds:
        os.close(fd)
    for name in [*bad, "real"]:
        shutil.rmtree(folder.join(name), ignore_errors=True)


def test_nobody_reads():
    """A named pipe without a reader: at once, and nothing is left on the host."""
    folder = folders["broken"]
    for name, made in (("none", ()), ("both", ("ok", "control")), ("s6", ("control",))):
        pipes(folder, name, *made, status=status_file())
    # a file and a folder in its place are none
    pipes(folder, "odd", status=status_file())
    folder.put("odd/supervise/ok", "x", 0o644)
    os.mkdir(folder.join("odd/supervise/control"))
    wanted = [name + " unsupervised" for name in ("both", "none", "odd", "s6")]
    for args in (("status",), ("up",), ("restart", "--wait", "9s"), ("check", "--wait", "9s"), ("hup",)):
        began = time.monotonic()
        equal(service(*args, "[!f]*", hosts="broken", status=5)["broken"], wanted)
        check(time.monotonic() - began < 8, args)
    equal(service("exit", "[!f]*", hosts="broken")["broken"], wanted)
    equal(bed.read(folder.join("odd/supervise/ok")), b"x")
    for name in ("none", "both", "s6", "odd"):
        shutil.rmtree(folder.join(name))
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
    pipes(folders["broken"], "still", "ok", "control", status=status_file())
    ok, control = reader(folders["broken"], "still", "ok"), reader(folders["broken"], "still", "control")
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
    pipes(folders["broken"], "alone", "control", status=status_file())
    fd = reader(folders["broken"], "alone", "control")
    has(one("broken", "status", "alone"), "alone run pid=4711")
    fill(fd, folders["broken"].join("alone/supervise/control"))
    has(one("broken", "status", "alone"), "alone run pid=4711")
    for fd in (ok, control, fd):
        os.close(fd)
    nothing_left()


def test_shells():
    """All of that is so in every shell that a /bin/sh is."""
    shutil.rmtree(folders["broken"].path)
    os.mkdir(folders["broken"].path)
    for name, made in (("a b", ("ok", "control")), ("nobody", ("ok", "control")), ("s6", ("control",)), ("none", ())):
        pipes(folders["broken"], name, *made, status=status_file())
    fds = [reader(folders["broken"], *of) for of in (("a b", "ok"), ("a b", "control"), ("s6", "control"))]
    digits = status_file().hex()[24:]
    for shell in SHELLS:
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
