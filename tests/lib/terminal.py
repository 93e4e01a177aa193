"""A pseudo-terminal for a program, and the screen that a person would see there."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

from testing import check

ESCAPE = re.compile(rb"\033\[[0-9;]*([A-Za-z])")


class Screen:
    """What stands on a terminal after some bytes; it knows what dt uses, and nothing else."""

    def __init__(self, columns=80):
        self.columns = columns
        self.lines = [[]]
        self.row = self.column = 0
        self.wraps = 0

    def feed(self, data):
        at = 0
        while at < len(data):
            match = ESCAPE.match(data, at)
            if match:
                check(match.group(1) in b"Km", "an escape sequence that is not expected", match.group())
                if match.group(1) == b"K":
                    del self.lines[self.row][self.column:]
                at = match.end()
                continue
            self.put(data[at:at + 1])
            at += 1

    def put(self, byte):
        if byte == b"\r":
            self.column = 0
        elif byte == b"\n":
            self.down()
        else:
            check(b" " <= byte and byte != b"\x7f", "a control byte", byte)
            if self.column == self.columns:
                self.wraps += 1
                self.down()
                self.column = 0
            line = self.lines[self.row]
            line.extend([b" "] * (self.column - len(line)))
            line[self.column:self.column + 1] = [byte]
            self.column += 1

    def down(self):
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append([])

    @property
    def text(self):
        return "\n".join(b"".join(line).decode(errors="replace").rstrip() for line in self.lines).rstrip("\n")


class Terminal:
    """command on a pseudo-terminal of its own; with stdout (a file descriptor), that goes there instead."""

    def __init__(self, command, env, columns=80, stdout=None):
        self.columns = columns
        self.data = b""
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
                if stdout is not None:
                    os.dup2(stdout, 1)
                os.execvpe(command[0], command, env)
            finally:
                os._exit(99)

    def read(self, until=None, seconds=60):
        """To the end, or until condition(self) or a text has come; all that was read."""
        end = time.monotonic() + seconds
        while not (until and (until(self) if callable(until) else until.encode() in self.data)):
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
                check(False, "waited %d s at a terminal that shows" % seconds, repr(self.data[-500:]))
            if not select.select([self.fd], [], [], 0.5)[0]:
                continue
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            if not data:
                check(not until, "the program ended:", repr(self.data[-500:]))
                break
            self.data += data
        return self.data

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        """The exit status, when all is read."""
        self.read()
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        self.status = os.waitstatus_to_exitcode(status)
        return self.status

    @property
    def screen(self):
        screen = Screen(self.columns)
        screen.feed(self.data)
        return screen
