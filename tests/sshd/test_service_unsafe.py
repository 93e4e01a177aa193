#!/usr/bin/env -S python3 -B
"""service where others may change what it looks at, while it looks: nothing of theirs is written, run or waited for."""
import contextlib
import ctypes
import os
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import HEAVY  # noqa: E402
from daemons import Sshd  # noqa: E402
from supervisors import SHELLS, Services, bed, host, one, pipes, reader, shell_text, status_file  # noqa: E402
from testing import Fault, check, equal, has, main  # noqa: E402

LIBC = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, RENAME_EXCHANGE = -100, 2
NOBODY = 65534
ROUNDS = 12 * HEAVY
UNTRUSTED = " untrusted: others may change what is in its folder supervise (log in as whom it belongs to)"
folder = Services()
host("host", folder, Sshd(bed.authorized))


@contextlib.contextmanager
def exchanging(*pairs):
    """Each pair of names is exchanged, again and again, meanwhile."""
    end = threading.Event()
    count = [0]

    def work():
        names = [[os.fsencode(folder.join(n)) for n in pair] for pair in pairs]
        while not end.is_set():
            for one_name, other in names:
                if LIBC.renameat2(AT_FDCWD, one_name, AT_FDCWD, other, RENAME_EXCHANGE) == 0:
                    count[0] += 1
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
    check(count[0] > 100, "only %d exchanges" % count[0])


def run(shell, script, *args, change=("", "")):
    """What a host says; it has to come soon."""
    text = shell_text("common.sh", script)
    check(not change[0] or change[0] in text, change)
    try:
        done = subprocess.run([*shell, "-c", text.replace(*change), "dt-service", folder.path, *args], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=15,
                              check=True)
    except subprocess.TimeoutExpired as e:
        raise Fault("%s %s hangs" % (shell, script)) from e
    has(done.stdout, "\ndt-service end\n")
    return done.stdout


def victims():
    """Files that a link leads to: one that is there, one that is not."""
    return bed.write("victim", "precious"), bed.join("made")


def unharmed():
    equal(bed.read("victim"), b"precious")
    check(not os.path.exists(bed.join("made")), "a file was made")


def traps(name, others=True):
    """Pipes, and links beside them that lead to the victims."""
    pipes(folder, name, "ok", "control", status=status_file())
    for pipe, victim in zip(("ok", "control"), victims()):
        os.symlink(victim, folder.join(name, "supervise", pipe + ".link"))
    if others:
        os.chmod(folder.join(name, "supervise"), 0o777)
    return [(name + "/supervise/" + p, name + "/supervise/" + p + ".link") for p in ("ok", "control")]


def test_exchanged_pipes():
    """A pipe that is a link by the time it is opened: what that leads to is neither emptied nor made."""
    pairs = traps("web")
    fds = [reader(folder, "web", p) for p in ("ok", "control")]
    with exchanging(*pairs):
        for _ in range(ROUNDS):
            for shell in SHELLS:
                has(run(shell, "look.sh", "web"), "S x u - - - - - web/")
            has(run(SHELLS[0], "act.sh", "hup", "h", "h", "0", "web"), "S x u - - - - x web/")
        equal(one("host", "status", "web", status=5), "web" + UNTRUSTED)
        equal(one("host", "hup", "web", status=5), "web" + UNTRUSTED)
    unharmed()
    equal([os.read(fd, 100) for fd in fds], [b"", b""])
    for fd in fds:
        os.close(fd)


def test_exchanged_folders():
    """The folder that was found safe, and another in its place at once."""
    traps("good", others=False)
    traps("evil")
    fd = reader(folder, "good", "ok")
    for pipe in ("ok", "control"):
        os.rename(folder.join("evil/supervise", pipe + ".link"), folder.join("evil/supervise", pipe))
    found = set()
    with exchanging(("good/supervise", "evil/supervise")):
        for _ in range(ROUNDS):
            for shell in SHELLS:
                found.update(re.findall("^S (.) .* good/$", run(shell, "look.sh", "good"), re.M))
    os.close(fd)
    unharmed()
    check(found <= {"x", "y", "n"}, found)


def test_whose_folder():
    """Ours or root's, and nobody else may write there; the pipes themselves may be anybody's."""
    pipes(folder, "web", "ok", "control", status=status_file())
    where = folder.join("web/supervise")
    fd = reader(folder, "web", "ok")
    for mode, said in ((0o700, "y"), (0o755, "y"), (0o775, "x"), (0o757, "x"), (0o1777, "x")):
        os.chmod(where, mode)
        for shell in SHELLS:
            has(run(shell, "look.sh", "web"), "S %s u " % said)
    os.chmod(where, 0o755)
    if os.geteuid() == 0:
        os.chown(where + "/ok", NOBODY, NOBODY)
        has(one("host", "status", "web"), "web run pid=4711")
        os.chown(where, NOBODY, NOBODY)
        equal(one("host", "status", "web", status=5), "web" + UNTRUSTED)
    os.close(fd)


def test_somebody_reads_and_writes():
    """Who was given the pipe takes what is written to it, and keeps it open: the look waits for nothing."""
    pipes(folder, "web", "ok", "control", status=status_file())
    fd = os.open(folder.join("web/supervise/ok"), os.O_RDWR)
    end = threading.Event()

    def take():
        while not end.is_set():
            os.read(fd, 4096)
    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        began = time.monotonic()
        has(one("host", "status", "web"), "web run pid=4711")
        check(time.monotonic() - began < 10, time.monotonic() - began)
        for shell in SHELLS:
            has(run(shell, "look.sh", "web"), "S y u ")
    finally:
        end.set()
        while any(thread.is_alive() for thread in threads):
            os.write(fd, b"\n")
            time.sleep(0.01)
        os.close(fd)


def test_pipes_for_files():
    """A pipe where a file is looked for, from the beginning or all at once."""
    pipes(folder, "web", "ok", "control", "pid", status=status_file())
    os.mkdir(folder.join("web/log"))
    os.rename(folder.join("web/supervise"), folder.join("web/log/supervise"))
    equal(one("host", "log", "web", status=5), "web: no log found")
    for mode in (0o700, 0o777):
        os.chmod(folder.join("web/log/supervise"), mode)
        for shell in SHELLS:
            has(run(shell, "log.sh", "3", "web"), "L web/\n")
    # whose the log is may do with its file as he likes
    folder.put("web/log/main/current", "line 1\nline 2\n", 0o644)
    os.mkfifo(folder.join("web/log/main/pipe"))
    with exchanging(("web/log/main/current", "web/log/main/pipe")):
        for shell in SHELLS * HEAVY:
            said = run(shell, "log.sh", "1", "web", change=("bound 60", "bound 1"))
            check("F web/\n line 2\n" in said or "R web/\n" in said or "L web/\n" in said, said)


def test_check_of_others():
    """What others may have written is not run."""
    pipes(folder, "web", "ok", "control", status=status_file())
    fd = reader(folder, "web", "ok")
    folder.put("web/check", "#!/bin/sh\ntouch ran\n")
    for mode, runs in ((0o777, False), (0o755, True)):
        os.chmod(folder.join("web"), mode)
        for shell in SHELLS:
            said = run(shell, "act.sh", "check", "", "", "300", "web")
            has(said, " %s web/" % ("o" if runs else "l"))
            equal(os.path.exists(folder.join("web/ran")), runs)
            if runs:
                os.remove(folder.join("web/ran"))
    os.close(fd)


main(globals())
