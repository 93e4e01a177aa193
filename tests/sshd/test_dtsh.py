#!/usr/bin/env -S python3 -B
"""dtsh: lines on a context, over connections that stay open."""
import fcntl
import json
import os
import select
import signal
import stat
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import HEAVY, Bed  # noqa: E402
from daemons import Proxy, Sshd, children, keygen, wait_for  # noqa: E402
from dtsh import Piped, Typed, command, lines  # noqa: E402
from testing import check, equal, has, main  # noqa: E402

LOGIN = "Accepted publickey"


def nap(seconds):
    """A command that only this program's own hosts run."""
    return "sleep %d.%d" % (seconds, os.getpid())


def bed_with(count=2, **sshd):
    bed = Bed()
    bed.server = Sshd(bed.authorized, **sshd)
    bed.hosts("web", count, bed.server, "www")
    return bed


def test_lines():
    bed = bed_with()
    out, err = lines(bed, "tag:www", text="""
        echo one
        # a comment
        ssh echo "a   b" | tr a c
        list
        -C 1 --stream echo two
        exit 3
        """, status=5)
    said = sorted(out.splitlines())
    for host in ("web1", "web2"):
        for line in ("okay::dt:ssh:%s:one", "okay::dt:ssh:%s:c   b", "info::dt:ssh:%s:two", "fail::dt:ssh:%s:exit 3: "):
            check(line % host in said, line, out, err)
        has(out, "okay::dt:list:%s:www " % host)
    equal(bed.server.log().count(LOGIN), 2)
    equal(err, "")


def test_a_module_in_the_context():
    bed = bed_with(1)
    out, _ = lines(bed, "web1", "ssh", text="echo \"it's two\"  words; echo $((1 + 1))\n")
    equal(out, "okay::dt:ssh:web1:it's two words\\n2\n")
    out, _ = lines(bed, "web1", "local", text="echo $DT_HOST\n")
    equal(out, "okay::dt:local:web1:web1\n")
    has(lines(bed, "web1", "tag", text="+new\n", status=2)[1], "are only read")
    out, err = lines(bed, "web1", "nosuch", text="x\n", status=3)
    equal(out, "")
    has(err, "nosuch")


def test_commands():
    bed = bed_with()
    text = """
        .context
        .hosts
        :context web1
        echo one
        @context 'tag:www and not web1'
        echo two
        .options -o pdsh
        echo three
        .options
        .options reset
        .filter sed 's/^/> /'
        echo four
        .filter
        .filter gather
        echo folded
        .filter none
        .options -o gather
        .diff last last-1
        .options reset
        echo five
        .jobs --limit 1
        .show last
        .help
        .help ssh
        .quit
        echo never
        """
    out, err = lines(bed, "tag:www", text=text)
    said = out.splitlines()
    equal(said[:8], ["tag:www: 2 hosts", "web[1-2]", "okay::dt:ssh:web1:one", "okay::dt:ssh:web2:two", "web2: three", said[5],
                     "> okay::dt:ssh:web2:four", "sed 's/^/> /'"])
    check(said[5].startswith("-F ") and said[5].endswith("-o pdsh"), said[5])
    equal(said[8:12], ["---------------", "web2", "---------------", "folded"])
    check("+four" in said or "-four" in said, ".diff has its own form, whatever -o says", out)
    check("okay::dt:ssh:web2:five" in said, out)
    has(out, "'tag:www and not web1' ssh -- 'echo five'")
    has(out, ".context [SELECTION [WORDS]]")
    has(out, ".reconcile JOB")
    has(out, "dt SELECTION ssh [OPTIONS] COMMAND...")
    check("never" not in out, out)
    equal(bed.server.log().count(LOGIN), 2, "each context logs in")
    has(err, "job ")  # the heading of .show


def test_bad_input():
    bed = bed_with(1)
    for text, status, word in ((".foo\n", 2, "no command .foo"), ("service 'x\n", 2, "a quote is not closed"),
                               (".context tag:nope\n", 7, "no host matches"), (".context\n-C\n", 2, "-C needs a value"),
                               (".context 'tag:\n", 2, "a quote"), (".options --nosuch\n", 2, "--nosuch"),
                               (".options word\n", 2, "word is no option"), ("-u nobody echo x\n", 2, "--user is for all lines"),
                               ("service status -u nobody\n", 2, "--user is for all lines"), ("-C 5\n", 2, "no module"),
                               (".context web1 nosuch\n", 3, "nosuch"), (".show 4711\n", 2, "4711")):
        out, err = lines(bed, "web1", text=text, status=status)
        has(err, word)
        out, _ = lines(bed, "web1", text=text + "echo still\n")
        has(out, "okay::dt:ssh:web1:still")
    equal(lines(bed, text="echo x\n", status=2)[1], "dt: no context yet: .context SELECTION\n")
    has(lines(bed, text=".context web1\necho x\n")[0], "okay::dt:ssh:web1:x")
    has(lines(bed, "tag:nope", text="echo x\n", status=7)[1], "no host matches")
    has(lines(bed, "--nosuch", "web1", text="", status=2)[1], "--nosuch")
    has(lines(bed, "--help", text="")[0], "dtsh [OPTIONS]")
    # lines are dtsh's standard input, and no module's
    has(lines(bed, "out:", text="web1\n", status=2)[1], "out:")
    has(lines(bed, "web1", text="ssh --stdin cat\necho x\n")[1], "standard input")


def test_settings_of_connections():
    bed = bed_with(1)
    other = keygen(bed.join("other"))
    out, _ = lines(bed, "web1", text="echo a\n.options -C 5\necho b\n.options -u nosuchuser\necho c\n.options reset\necho d\n",
                   env={"OTHER": other})
    equal([line.split(":")[0] + line[-1:] for line in out.splitlines()][:2], ["okaya", "okayb"])
    check(out.splitlines()[2].startswith("fail::dt:ssh:web1:auth: "), out)
    equal(out.splitlines()[3], "okay::dt:ssh:web1:d")
    equal(bed.server.log().count(LOGIN), 2)


def test_lines_that_are_none():
    bed = bed_with(1)
    for text, word in (("touch a\0b\n", "a line with a NUL byte is not run"), ("touch " + "x" * (5 << 20) + "\n", "a line is too long")):
        out, err = lines(bed, "web1", text=text, status=2)
        equal((out, err), ("", "dt: %s\n" % word))
        equal(lines(bed, "web1", text=text + "echo on")[0], "okay::dt:ssh:web1:on\n")
    out, _ = lines(bed, "web1", text="true %s\necho on\n" % ("x" * 40000))
    # what libssh2 cannot send, ssh(1) can
    equal(out.splitlines(), ["okay::dt:ssh:web1:", "okay::dt:ssh:web1:on"])


def test_streams_that_are_closed():
    """What is opened next must not take their place."""
    bed = bed_with(1)
    for fd, status in ((0, 0), (1, 1)):
        done = subprocess.run(command(bed, "web1"), input=b"echo a\n", env=bed.env, stderr=subprocess.PIPE, timeout=60, check=False,
                              preexec_fn=lambda: os.close(fd))
        equal((done.returncode, done.stderr), (status, b"dt: stdout: bad file descriptor\n" if fd else b""))


def test_a_signal_between_lines():
    bed = bed_with(1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        shell = Piped(bed, "web1")
        equal(shell.line("echo a", 1), ["okay::dt:ssh:web1:a"])
        shell.process.stdin.write("echo half of a line")
        shell.process.stdin.flush()
        wait_for(lambda: fcntl.ioctl(shell.process.stdin, termios.FIONREAD, b"    ") == b"\0\0\0\0", "it to be read")
        shell.process.send_signal(number)
        equal((shell.process.wait(30), shell.process.stdout.read()), (128 + number, ""))


def end_sessions(server):
    """Ends the processes of all connections; not the server."""
    gone = children(server.process.pid)
    for pid in gone:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    wait_for(lambda: not children(server.process.pid), "the sessions to end")


def test_a_connection_that_ended():
    bed = bed_with()
    shell = Piped(bed, "tag:www")
    equal(shell.line("echo a", 2), ["okay::dt:ssh:web1:a", "okay::dt:ssh:web2:a"])
    end_sessions(bed.server)
    equal(shell.line("echo b", 2), ["okay::dt:ssh:web1:b", "okay::dt:ssh:web2:b"])
    bed.server.stop()
    said = shell.line("echo c", 2)
    equal([line[:32] for line in said], ["fail::dt:ssh:web1:connect: conne", "fail::dt:ssh:web2:connect: conne"])
    bed.server.start()
    equal(shell.line("echo d", 2), ["okay::dt:ssh:web1:d", "okay::dt:ssh:web2:d"])
    equal(shell.end()[0], 0)
    equal(bed.server.log().count(LOGIN), 6)


def silent_bed(words, **sshd):
    """A host behind a proxy that can be told to let nothing more through to it."""
    bed = bed_with(0, **sshd)
    bed.silent = False
    proxy = Proxy(bed.server.port, lambda data, direction, offset: b"" if bed.silent and direction == "up" else data)
    bed.host("web1", bed.server, port=proxy.port)
    return bed, Piped(bed, *words, "web1")


def test_a_silent_connection():
    bed, shell = silent_bed(["-T", "1s"], options=["LogLevel DEBUG1"])  # some of which comes on stderr
    said = shell.line("echo a", 1)[0]
    check(said.startswith("okay::dt:ssh:web1:") and said.endswith("a"), said)
    wait_for(lambda: bed.server.log().count("server_input_channel_open: confirm session") == 2, "the channel of the next line")
    bed.silent = True
    equal(shell.line("echo b", 1), ["fail::dt:ssh:web1:timeout: start of the command: no answer in time; could not confirm "
                                    "that it ended on the host"])
    bed.silent = False
    equal(shell.line("echo c", 1)[0][-1], "c")
    equal(shell.end()[0], 0)


def test_a_connection_long_silent():
    """After 15 s it is tried first: nothing has begun, and so another one may do it.  (The time is all there is to wait for.)"""
    if HEAVY < 2:
        return
    bed, shell = silent_bed(["-T", "1s"])
    equal(shell.line("echo a", 1), ["okay::dt:ssh:web1:a"])
    time.sleep(16)
    equal(shell.line("echo b", 1), ["okay::dt:ssh:web1:b"])
    equal(bed.server.log().count(LOGIN), 1)
    time.sleep(16)
    bed.silent = True
    shell.process.stdin.write("echo c\n")
    shell.process.stdin.flush()
    time.sleep(0.9)
    bed.silent = False
    equal(shell.line("echo d", 2), ["okay::dt:ssh:web1:c", "okay::dt:ssh:web1:d"])
    equal(bed.server.log().count(LOGIN), 2)
    equal(shell.end()[0], 0)


def test_one_session_at_a_time():
    bed = bed_with(1, options=["MaxSessions 1"])
    out, _ = lines(bed, "web1", text="echo a\necho b\nexit 4\necho d\n")
    equal(out.splitlines(), ["okay::dt:ssh:web1:a", "okay::dt:ssh:web1:b", "fail::dt:ssh:web1:exit 4: ", "okay::dt:ssh:web1:d"])
    equal(bed.server.log().count(LOGIN), 1)


def masters(bed):
    """ssh(1)'s processes that have a control socket, of this bed."""
    return [p for p in processes().split("\n") if p.startswith("ssh: /") and bed.join("run") in p]


def test_over_ssh():
    """A host that libssh2 cannot speak to: ssh(1) stays connected."""
    bed = bed_with(2, options=["Ciphers chacha20-poly1305@openssh.com"])
    os.mkdir(bed.join("run"), 0o700)
    bed.env["XDG_RUNTIME_DIR"] = bed.join("run")
    shell = Piped(bed, "-o", "jsonl", "tag:www")
    for word in ("a", "b", "c; sh -c 'kill -9 $$'; exit $?", "d"):
        ends = [json.loads(line) for line in shell.line("echo " + word, 4) if '"end"' in line]
        equal([(e["transport"], e["stdout"], e["status"]) for e in ends],
              [("openssh", word[0] + "\n", "failed" if "kill" in word else "ok")] * 2)
        equal(len(masters(bed)), 2)
    equal(bed.server.log().count(LOGIN), 2)
    # A control master tells its clients of statuses, and not of signals: so that session is not trusted any more.
    ends = [json.loads(line) for line in shell.line("echo x; kill -9 $$", 4) if '"end"' in line]
    equal([(e["stdout"], e["status"]) for e in ends], [("x\n", "lost")] * 2)
    ends = [json.loads(line) for line in shell.line("echo y", 4) if '"end"' in line]
    equal([(e["stdout"], e["status"]) for e in ends], [("y\n", "ok")] * 2)
    equal(bed.server.log().count(LOGIN), 4)
    end_sessions(bed.server)
    wait_for(lambda: not masters(bed), "ssh to end")
    ends = [json.loads(line) for line in shell.line("echo e", 4) if '"end"' in line]
    equal([(e["stdout"], e["status"]) for e in ends], [("e\n", "ok")] * 2)
    equal(bed.server.log().count(LOGIN), 6)
    equal(shell.end()[0], 0)
    wait_for(lambda: not masters(bed), "ssh to end")
    equal(os.listdir(bed.join("run")), [])


def test_interrupt_over_ssh():
    bed = bed_with(1, options=["Ciphers chacha20-poly1305@openssh.com"])
    os.mkdir(bed.join("run"), 0o700)
    bed.env["XDG_RUNTIME_DIR"] = bed.join("run")
    t = Typed(bed, "web1")
    t.until("0/1> ")
    t.keys("echo a\n")
    t.until("1/1> ")
    t.keys("sleep $((4700 + 13)).%d\n" % os.getpid())  # what ssh(1) here has in its own words does not count
    wait_for(lambda: nap(4713) in processes(), "the command to run")
    t.type("\x03")
    has(t.until("web1 0/1> "), "killed: interrupted; ended on the host")
    check(nap(4713) not in processes(), "it runs on")
    t.keys("echo b\n")
    has(t.until("1/1> "), "web1:b")
    t.keys("\x04")
    equal(t.end(), 0)
    wait_for(lambda: not masters(bed), "ssh to end")
    equal(os.listdir(bed.join("run")), [])


def test_interrupt_before_it_tells():
    """What ssh(1) has been told to run may run before its first word has come."""
    bed = bed_with(0)
    began, go, ran = (bed.join(n) for n in ("began", "go", "ran"))
    script = bed.write("shell", "case $SSH_ORIGINAL_COMMAND in *later*) : >%s; while [ ! -e %s ]; do sleep 0.01; done;; esac\n"
                       "exec /bin/sh -c \"$SSH_ORIGINAL_COMMAND\"\n" % (began, go))
    bed.server.stop()
    bed.server.options = ["Ciphers chacha20-poly1305@openssh.com", "ForceCommand exec /bin/sh " + script]
    bed.server.start()
    bed.hosts("web", 1, bed.server)
    t = Typed(bed, "web1")
    t.until("0/1> ")
    t.keys("echo a\n")
    t.until("1/1> ")
    t.keys("touch %s # later\n" % ran)
    wait_for(lambda: os.path.exists(began), "the command to be told")
    t.type("\x03")
    has(t.until("0/1> "), "killed: interrupted; ended on the host")
    bed.write("go", "")
    check(script not in processes() and not os.path.exists(ran), "it runs on")
    t.keys("echo b\n")
    has(t.until("1/1> "), "web1:b")
    t.keys("\x04")
    equal(t.end(), 0)


def test_journal():
    bed = bed_with(1)
    lines(bed, "web1", text="echo a\nlist\n-C 7 echo b\n")
    out = bed.dt("jobs").stdout
    has(out, "web1 ssh -- 'echo a'")
    has(out, "web1 ssh -- 'echo b'")
    has(bed.dt("show", "last").stderr, "-C 7")


# ---- at a terminal ----

def test_terminal():
    bed = bed_with(2)
    t = Typed(bed, "tag:www")
    t.until("tag:www 0/2> ")
    t.keys("echo one\n")
    has(t.until("tag:www 2/2> "), "web2:one")
    t.keys("serv\t")
    t.until("ice ")
    t.keys("stat\t")
    t.until("us ")
    t.keys("\x03")
    t.until("tag:www 2/2> ")
    t.keys(".con\t")
    t.until("text ")
    t.keys("tag:w\t")
    t.until("ww ")
    t.keys("\x03")
    t.until("tag:www 2/2> ")
    t.keys("s\t")
    has(t.until("tag:www 2/2> "), "service")
    t.keys("\x15 echo not kept\n")
    t.until("tag:www 2/2> ")
    t.keys(".quit\n")
    equal(t.end(), 0)
    path = bed.join(".local/state/dt/dtsh_history")
    equal(open(path).read(), "echo one\n.quit\n")
    equal(stat.S_IMODE(os.stat(path).st_mode), 0o600)
    t = Typed(bed, "tag:www")
    t.until("0/2> ")
    t.keys("\x10\x10\n")  # Ctrl-P, twice
    has(t.until("2/2> "), "web1:one")
    t.keys("\x04")
    equal(t.end(), 0)


def test_interrupt():
    bed = bed_with(1)
    t = Typed(bed, "web1")
    t.until("0/1> ")
    t.keys("echo begun; %s\n" % nap(4711))
    wait_for(lambda: nap(4711) in processes(), "the command to run")
    t.type("\x03")
    has(t.until("web1 0/1> "), "killed: interrupted; ended on the host")
    check(nap(4711) not in processes(), "it runs on")
    t.keys("echo on\n")
    has(t.until("1/1> "), "web1:on")
    t.keys("half a line\x03")
    t.until("1/1> ")
    t.keys("exit 9\n")
    has(t.until("1/1> "), "exit 9")
    t.keys("\x04")
    equal(t.end(), 5)


def processes():
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open("/proc/%s/cmdline" % entry, "rb") as f:
                    found.append(f.read().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                pass
    return "\n".join(found)


def press_until(t, text):
    """Ctrl-C, until this has come."""
    for _ in range(10):
        t.type("\x03")
        end = time.monotonic() + 3
        while text.encode() not in t.data[t.seen:] and time.monotonic() < end:
            if select.select([t.fd], [], [], 0.1)[0]:
                t.data += os.read(t.fd, 65536)
        if text.encode() in t.data[t.seen:]:
            return t.until(text)
    return check(False, "Ctrl-C does not help", t.data[-300:])


def test_filters_that_hang():
    """One that reads nothing, and one that does not end: a second Ctrl-C ends it."""
    bed = bed_with(1)
    t = Typed(bed, "web1")
    t.until("0/1> ")
    for text in (nap(4714), "cat | cat >/dev/null; " + nap(4714)):
        t.keys(".filter %s\n" % text)
        t.until("/1> ")
        t.keys("head -c 300000 /dev/zero\n")
        wait_for(lambda: nap(4714) in [p.strip() for p in processes().split("\n")], "the filter")
        press_until(t, "/1> ")
        wait_for(lambda: nap(4714) not in [p.strip() for p in processes().split("\n")], "the filter to end")
        t.keys(".filter none\n")
        t.until("/1> ")
        t.keys("echo on\n")
        has(t.until("/1> "), "web1:on")
    t.keys("\x04")
    equal(t.end(), 0)


def test_bytes_that_are_no_characters():
    bed = bed_with(1)
    for locale, typed in (("C", "caf\u00e9"), ("C.UTF-8", "caf\udce9"), ("C.UTF-8", "\udcc3\u00e9")):
        t = Typed(bed, "web1", env={"LC_ALL": locale})
        t.until("0/1> ")
        t.keys("echo ")
        os.write(t.fd, typed.encode(errors="surrogateescape") + b"\n")
        has(t.until("0/1> "), "dt: not run: some of what was typed makes no characters here")
        t.keys("echo on\n")
        has(t.until("1/1> "), "web1:on")
        t.keys("\x04")
        equal(t.end(), 0)


def test_histories():
    """One that has grown, and one that is no file."""
    bed = bed_with(1)
    path = bed.write(".local/state/dt/dtsh_history", "".join("echo %d\n" % n for n in range(900000)), 0o600)
    t = Typed(bed, "web1")
    t.until("0/1> ")
    t.keys("\x10\n")
    has(t.until("1/1> "), "web1:899999")
    t.keys("\x04")
    equal(t.end(), 0)
    kept = open(path).read()
    check(len(kept) < 600000 and kept.startswith("echo ") and kept.endswith("\necho 899999\necho 899999\n"), len(kept), kept[-40:])
    os.unlink(path)
    os.mkfifo(path)
    t = Typed(bed, "web1")
    t.until("0/1> ")
    t.keys("echo on\n")
    has(t.until("1/1> "), "web1:on")
    t.keys("\x04")
    equal(t.end(), 0)


def test_signals():
    bed = bed_with(1)
    t = Typed(bed, "web1")
    t.until("0/1> ")
    t.keys("")
    os.kill(t.pid, signal.SIGTERM)
    equal(t.end(), 143)
    t = Typed(bed, "web1")
    t.until("0/1> ")
    t.keys(nap(4712) + "\n")
    wait_for(lambda: nap(4712) in processes(), "the command to run")
    os.kill(t.pid, signal.SIGHUP)
    equal(t.end(), 129)
    check(nap(4712) not in processes(), "it runs on")


def test_prompt_counts():
    bed = bed_with(2)
    t = Typed(bed, "tag:www")
    t.until("0/2> ")
    t.keys("echo a\n")
    t.until("2/2> ")
    end_sessions(bed.server)
    t.keys(".hosts\n")
    t.until("tag:www 0/2> ")
    t.keys("\x04")
    equal(t.end(), 0)


def test_two_at_once():
    bed = bed_with(1)
    shells = [Typed(bed, "web1") for _ in range(2)]
    for t in shells:
        t.until("0/1> ")
    for n in range(10):
        for i, t in enumerate(shells):
            t.keys("echo shell%d-%d\n" % (i, n))
            t.until("web1:shell%d-%d" % (i, n))
            t.until("1/1> ")
    for t in shells:
        t.keys("\x04")
        equal(t.end(), 0)
    kept = open(bed.join(".local/state/dt/dtsh_history")).read().splitlines()
    equal(sorted(kept), sorted("echo shell%d-%d" % (i, n) for i in range(2) for n in range(10)))


def test_hostile_names():
    bed = bed_with(1)
    t = Typed(bed, "tag:www and not exp:a\x1b]0;x\x07b")
    text = t.until("> ")
    has(text, "\\x1b]0;x")
    check("\x07" not in text and "\x1b]0" not in text, repr(text))
    t.keys("\x04")
    equal(t.end(), 0)


if __name__ == "__main__":
    main(globals())
