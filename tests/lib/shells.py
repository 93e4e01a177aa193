"""Interactive shells on a terminal, with dt's completion, and what they would call dt with."""
import os
import select
import signal
import subprocess
import termios
import time

from terminal import Terminal
from testing import BUILD, DT, check

# In place of dt: it completes, and of all else it says how it was called.
WRAPPER = """#!/bin/sh
if [ "$1" = completion ]; then
	exec "$DT_REAL" "$@"
fi
printf '%s\\0' "$@" >"$DT_CALL.new" && mv "$DT_CALL.new" "$DT_CALL"
"""


def command(shell, home, script, folder):
    """The shell's own command line, with nothing of the system's settings; script is read, or found in folder."""
    if shell == "bash":
        rc = home.write("rc.bash", "PS1='%%'\nbind 'set enable-bracketed-paste off' 'set bell-style none'\n. '%s'\n" % script)
        return ["bash", "--noprofile", "--rcfile", rc, "-i"]
    if shell == "zsh":
        home.write("zsh/.zshrc", "PS1='%%%%'\nunsetopt beep\n%sautoload -Uz compinit\ncompinit -u -D\n%s" %
                   ("fpath=('%s' $fpath)\n" % folder if folder else "", "" if folder else ". '%s'\n" % script))
        return ["zsh", "-d", "-i"]
    prompt = "function fish_prompt; echo -n '%'; end; function fish_greeting; end; function fish_title; end"
    return ["fish", "-C", prompt] if folder else ["fish", "--no-config", "-C", prompt + "; source '%s'" % script]


SHELLS = ("bash", "zsh", "fish")
INSTALLED = {"bash": "bash-completion/completions/dt", "zsh": "zsh/site-functions/_dt",
             "fish": "fish/vendor_completions.d/dt.fish"}


class Shell:
    """One interactive shell in a home; a line that is typed there is completed, and called."""

    def __init__(self, shell, home, env=None, installed=False):
        file = os.path.join(BUILD, "share", INSTALLED[shell])
        home.write("bin/dt", WRAPPER, 0o755)
        self.call = home.join("call")
        env = dict(home.env, DT_REAL=DT, DT_CALL=self.call, PATH=home.join("bin") + ":" + os.environ["PATH"], TERM="xterm",
                   ZDOTDIR=home.join("zsh"), COLUMNS="200", **(env or {}))
        if installed:
            env["XDG_DATA_DIRS"] = os.path.join(BUILD, "share") + ":/usr/share"
        else:
            file = home.write("completion." + shell, subprocess.run([DT, "completion", shell], env=home.env, check=True,
                                                                    stdout=subprocess.PIPE).stdout)
        self.terminal = Terminal(command(shell, home, file, installed and os.path.dirname(file)), env, columns=200)

    def wait(self, what):
        """Reads what the shell writes until something is so."""
        end = time.monotonic() + 60
        while not what():
            check(time.monotonic() < end, "waited 60 s at a terminal that shows", repr(self.terminal.data[-500:]))
            if select.select([self.terminal.fd], [], [], 0.01)[0]:
                self.terminal.data += os.read(self.terminal.fd, 65536)

    def edits(self):
        """Does the shell read keys?  Until then the terminal itself would edit the line."""
        return not termios.tcgetattr(self.terminal.fd)[3] & termios.ICANON

    def line(self, *keys, program="dt"):
        """Types keys and Enter; the arguments dt was called with."""
        if os.path.exists(self.call):
            os.unlink(self.call)
        self.wait(self.edits)
        self.terminal.type(program + " " + "".join(keys) + "\r")
        self.wait(lambda: os.path.exists(self.call))
        with open(self.call, "rb") as f:
            return f.read().decode().split("\0")[:-1]

    def shown(self, keys, until):
        """What the terminal shows behind keys, up to a text; the line stays as it is."""
        self.wait(self.edits)
        had = len(self.terminal.data)
        self.terminal.type("dt " + keys)
        self.wait(lambda: until.encode() in self.terminal.data[had:])
        return self.terminal.data[had:]

    def end(self):
        os.kill(self.terminal.pid, signal.SIGKILL)
        self.terminal.end()


__all__ = ["SHELLS", "Shell"]
