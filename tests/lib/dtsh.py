"""dtsh for tests: lines through a pipe, or typed at a terminal."""
import os
import resource
import subprocess
import termios
import time

from terminal import Terminal
from testing import BUILD, LIMIT, check

DTSH = os.path.join(BUILD, "bin/dtsh")


def command(bed, *words):
    return [DTSH, *bed.command()[1:], *words]


def lines(bed, *words, text, status=0, env=None):
    """What dtsh prints for these lines: (stdout, stderr)."""
    done = subprocess.run(command(bed, *words), input=text.encode(), env=dict(bed.env, **(env or {})), cwd=bed.path,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT, check=False)
    out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    check(done.returncode == status, "dtsh: exit %d, not %d" % (done.returncode, status), out, err)
    check("Sanitizer" not in err and "runtime error" not in err, err)
    return out, err


class Piped:
    """dtsh that gets lines one by one."""

    def __init__(self, bed, *words, limit=None):
        """limit: of open files, RLIMIT_NOFILE."""
        self.process = subprocess.Popen(
            command(bed, *words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=bed.env,
            cwd=bed.path, text=True,
            preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))) if limit else None)

    def line(self, text, count):
        """The count lines of output that follow it, sorted."""
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return sorted(self.process.stdout.readline().rstrip("\n") for _ in range(count))

    def end(self):
        """(exit status, rest of stdout, stderr)"""
        out, err = self.process.communicate(timeout=LIMIT)
        check("Sanitizer" not in err and "runtime error" not in err, err)
        return self.process.returncode, out, err


class Typed(Terminal):
    """dtsh at a terminal of its own."""

    def __init__(self, bed, *words, env=None):
        super().__init__(command(bed, *words), dict(bed.env, TERM="xterm", **(env or {})))
        self.seen = 0

    def until(self, text):
        """Reads until text comes behind all that was read so far; what came up to then."""
        self.read(lambda t: text.encode() in t.data[self.seen:])
        end = self.data.index(text.encode(), self.seen) + len(text.encode())
        found, self.seen = self.data[self.seen:end].decode(errors="replace"), end
        return found

    def keys(self, text):
        """Types it once dtsh reads keys: then the terminal echoes nothing by itself."""
        end = time.monotonic() + 30
        while termios.tcgetattr(self.fd)[3] & termios.ECHO:
            check(time.monotonic() < end, "dtsh does not wait for keys", self.data[-300:])
            time.sleep(0.005)
        self.type(text)
