#!/usr/bin/env -S python3 -B
"""Questions at a terminal, below a shell that stops dt and lets it go on: asked again, without echo, and never the shell's."""
import os
import shlex
import shutil
import signal
import sys
import termios

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from daemons import children, keygen, wait_for  # noqa: E402
from terminal import Terminal  # noqa: E402
from testing import BUILD, DT, Home, check, equal, has, main  # noqa: E402

home = Home()
home.write("hosts", "[hosts]\nh1 = transport=local\nfar = address=127.0.0.1 port=1\n")
os.mkdir(home.join("modules"), 0o755)
home.write("modules/survey.so", open(os.path.join(BUILD, "tests/modules/survey.so"), "rb").read(), 0o755)
home.write("dt.conf", "[modules]\ndir = modules\n")
locked = keygen(home.join("locked"), passphrase="right")

# Shells with job control; what each needs to be quiet.
SHELLS = {"bash": ["bash", "--norc", "--noprofile", "-i"], "dash": ["dash", "-i"], "zsh": ["zsh", "-f", "-i"],
          "busybox": ["busybox", "sh", "-i"]}
# What is asked, how, and what comes of the answer "right".
MODULE = ("--no-journal h1 survey --ask true 'echo fi''ne'", "secret: ", "h1:fine")
PHRASE = ("--no-journal -I %s far ssh true" % locked, "passphrase for", "connect: connection refused")


def is_hidden(t):
    return not termios.tcgetattr(t.fd)[3] & termios.ECHO


class Shell(Terminal):
    """A shell at a terminal, and dt as its job."""

    def __init__(self, name):
        env = {k: v for k, v in home.env.items() if k != "SSH_ASKPASS"}
        super().__init__(SHELLS[name], dict(env, PS1="ready> ", PROMPT="ready> ", TERM="dumb", ENV="", DT_CONF=home.join("dt.conf")))
        self.seen = 0
        self.until("ready> ")
        self.line("PS1='re''ady> '", "ready> ")  # a system's own start-up file may have set it

    def until(self, text):
        """Reads until text comes behind all that was read so far; what came up to then."""
        self.read(lambda t: text.encode() in t.data[self.seen:])
        end = self.data.index(text.encode(), self.seen) + len(text)
        found, self.seen = self.data[self.seen:end].decode(errors="replace"), end
        return found

    def line(self, text, until):
        self.type(text + "\n")
        return self.until(until)

    def dt(self, words, program=DT):
        return " ".join(map(shlex.quote, [program, "-D", home.join("hosts"), "-F", "/dev/null", "-N"])) + " " + words

    def jobs(self):
        """The states of dt and what runs below it: "T" is stopped."""
        states = []
        for pid in children(self.pid):
            try:
                with open("/proc/%d/stat" % pid) as f:
                    name, rest = f.read().split("(", 1)[1].rsplit(")", 1)
            except OSError:
                continue
            if name in ("dt", "dtsh", "ssh-add"):
                states.append((pid, rest.split()[0]))
        return states

    def stopped(self):
        wait_for(lambda: self.jobs() and all(state == "T" for _, state in self.jobs()), "dt to be stopped")

    def usable(self):
        """The terminal is as it was, and lines are the shell's."""
        equal(self.line("echo with''out $(stty -a | grep -c ' -echo ') of th''ese", " of these\r\n").split("without ")[-1],
              "0 of these\r\n", self.data[-300:])
        self.until("ready> ")

    def asked(self, question):
        """The question stands there, and the answer is waited for: ssh-add is deaf between the two."""
        self.until(question)
        wait_for(lambda: is_hidden(self), "the echo to be off")
        wait_for(lambda: all(state == "S" for _, state in self.jobs()), "the answer to be waited for")

    def bye(self):
        self.type("exit\n")
        self.end()
        check(b"right" not in self.data and b"secre" + b"cy" not in self.data, "it was to be read", self.data)


def each(*asked):
    for name, words in SHELLS.items():
        if shutil.which(words[0]):
            for what in asked or (MODULE, PHRASE):
                t = Shell(name)
                yield t, *what
                t.bye()


def test_in_the_background():
    for t, words, question, answer in each():
        t.line(t.dt(words) + " &", "ready> ")
        t.stopped()
        # the terminal is the shell's meanwhile
        t.line("echo al''ive", "alive")
        t.usable()
        t.type("fg\n")
        t.asked(question)
        t.line("right", answer)
        t.until("ready> ")
        t.usable()


def test_suspended():
    for t, words, question, answer in each():
        t.type(t.dt(words) + "\n")
        t.asked(question)
        for resume in ("fg\n", "bg\n", "fg\n"):
            if resume == "fg\n":
                t.type("wro\x1a")  # what was typed of the answer is gone
                t.until("ready> ")
                t.stopped()
                t.usable()
                t.type(resume)
                t.asked(question)
            else:
                t.type("\x1a")
                t.until("ready> ")
                t.stopped()
                t.line(resume.strip(), "ready> ")
                t.stopped()
                t.usable()
                t.type("fg\n")
                t.asked(question)
        t.line("right", answer)
        t.until("ready> ")
        t.usable()


def test_stopped_from_elsewhere():
    """SIGSTOP leaves no time to put the echo back, and the shell has its own idea of the terminal."""
    for t, words, question, answer in each(MODULE):
        t.type(t.dt(words) + "\n")
        t.asked(question)
        for pid, _ in t.jobs():
            os.kill(pid, signal.SIGSTOP)
        t.until("ready> ")
        t.line("stty echo; echo he''re", "here")
        t.type("fg\n")
        t.asked(question)
        t.line("right", answer)
        t.until("ready> ")
        t.usable()


def test_interrupted():
    for t, words, question, _ in each():
        t.type(t.dt(words) + "\n")
        t.asked(question)
        t.type("secrecy\x03")
        t.until("ready> ")
        t.line("echo st=$?", "st=130")
        t.until("ready> ")
        t.usable()
        equal(t.jobs(), [])


def test_password_options():
    """-k and -K, and one after the other."""
    for t, words, question, _ in each(("--no-journal -k -K h1 ssh 'echo fi''ne'", "SSH password: ", "")):
        t.type(t.dt(words) + "\n")
        t.asked(question)
        t.type("\x1a")
        t.until("ready> ")
        t.stopped()
        t.type("fg\n")
        t.asked(question)
        t.type("right\n")
        t.asked("sudo password: ")
        t.type("\x1a")
        t.until("ready> ")
        t.stopped()
        t.usable()
        t.type("fg\n")
        t.asked("sudo password: ")
        t.line("right", "h1:fine")
        t.until("ready> ")
        t.usable()


def test_shell_asks():
    """dtsh has a thread that takes signals."""
    for t, words, question, _ in each(("--no-journal -k h1", "SSH password: ", "")):
        dtsh = t.dt(words, os.path.join(BUILD, "bin/dtsh"))
        t.type(dtsh + "\n")
        t.asked(question)
        t.type("secrecy\x03")
        t.until("ready> ")
        t.line("echo st=$?", "st=130")
        t.until("ready> ")
        t.usable()
        t.type(dtsh + "\n")
        t.asked(question)
        t.type("\x1a")
        t.until("ready> ")
        t.stopped()
        t.usable()
        t.type("fg\n")
        t.asked(question)
        t.line("right", "h1 0/1> ")
        t.line(".quit", "ready> ")
        t.usable()


def test_confirmation():
    """A question that is answered with echo."""
    for t, words, question, answer in each(("--confirm h1 ssh 'echo fi''ne'", "type their number: ", "h1:fine")):
        t.type(t.dt("--no-journal " + words) + "\n")
        t.until(question)
        t.type("\x1a")
        t.until("ready> ")
        t.stopped()
        t.type("fg\n")
        t.until(question)
        check(not is_hidden(t))
        t.line("1", answer)
        t.until("ready> ")
        t.type(t.dt("--no-journal " + words) + " &\n")
        t.until("ready> ")
        t.stopped()
        t.type("fg\n")
        t.until(question)
        t.type("\x03")
        t.until("ready> ")
        t.line("echo st=$?", "st=130")
        t.until("ready> ")


def test_without_terminal():
    done = home.dt("-D", home.join("hosts"), "--no-journal", "-k", "h1", "ssh", "cat", stdin="right\n", env={"DT_CONF": "/dev/null"})
    equal((done.returncode, done.stdout), (0, "okay::dt:ssh:h1:\n"), done.stderr)
    done = home.dt("-D", home.join("hosts"), "-k", "h1", "ssh", "true", env={"DT_CONF": "/dev/null"})
    equal(done.returncode, 2)
    has(done.stderr, "SSH password: no terminal, and no line on standard input")


if __name__ == "__main__":
    main(globals())
