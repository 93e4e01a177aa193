"""What test programs share: dt in a home of its own, and how a program ends."""
import atexit
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("DT_BUILD", os.path.join(ROOT, "build"))
DT = os.path.join(BUILD, "bin/dt")
LIMIT = 120  # seconds for one call; the slowest takes a few

# What would lead dt to the tester's own things.
STRANGERS = ("SSH_AUTH_SOCK", "DT_CONF", "DT_MODULE_PATH", "NO_COLOR", "XDG_RUNTIME_DIR", "XDG_STATE_HOME")


class Home:
    """A temporary home; dt() runs in it.  Removed at the end of the program."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="dt-test-")
        atexit.register(shutil.rmtree, self.path, ignore_errors=True)
        self.env = {k: v for k, v in os.environ.items() if k not in STRANGERS}
        self.env.update(HOME=self.path, XDG_CONFIG_HOME=self.join("config"), XDG_DATA_HOME=self.join("data"),
                        LC_ALL="C.UTF-8")
        self.write("ssh_config", "")

    def join(self, *names):
        return os.path.join(self.path, *names)

    def write(self, name, text, mode=0o644):
        path = self.join(name)
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        with open(path, "wb" if isinstance(text, bytes) else "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def read(self, name, default=None):
        try:
            with open(self.join(name), "rb") as f:
                return f.read()
        except FileNotFoundError:
            return default

    @property
    def store(self):
        return self.read("data/dt/inventory.db", b"")

    def dt(self, *args, stdin=None, stdout=subprocess.PIPE, env=None, text=True, program=DT, preexec_fn=None):
        """Runs dt; the result has returncode, stdout, stderr."""
        data = stdin if not text or stdin is None else stdin.encode()
        process = subprocess.Popen([program, "-F", self.join("ssh_config"), *args] if program == DT else
                                   [program, *args], env=dict(self.env, **(env or {})), cwd=self.path,
                                   stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                                   stdout=stdout, stderr=subprocess.PIPE, start_new_session=True, preexec_fn=preexec_fn)
        try:
            out, err = process.communicate(data, timeout=LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        if text:
            out = out.decode(errors="surrogateescape") if out is not None else None
            err = err.decode(errors="surrogateescape")
        return subprocess.CompletedProcess(args, process.returncode, out, err)


class Listener:
    """A port on loopback that counts who comes, and says nothing to them."""

    def __init__(self):
        self.calls = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            self.calls += 1
            peer.close()


class Fault(Exception):
    pass


def check(condition, *about):
    if not condition:
        raise Fault(" ".join(str(a) for a in about) or "not so")


def equal(got, wanted, about=""):
    if got != wanted:
        raise Fault("%s%r, not %r" % (str(about) + ": " if about else "", got, wanted))


def has(text, part):
    if part not in text:
        raise Fault("%r is without %r" % (text, part))


def ended(done, status):
    """dt ended so; and no sanitizer had a word to say."""
    if done.returncode != status:
        raise Fault("dt %s: exit %d, not %d\nstdout: %.3000s\nstderr: %.9000s" %
                    (" ".join(map(str, done.args)), done.returncode, status, done.stdout, done.stderr))
    err = done.stderr if isinstance(done.stderr, str) else done.stderr.decode(errors="replace")
    for word in ("Sanitizer", "runtime error:"):
        if word in err:
            raise Fault("dt %s: %s" % (" ".join(map(str, done.args)), err))
    return done


SLOW = 5  # seconds; a test that takes longer says so


def main(names):
    """Runs each function test_*; names is globals()."""
    passed = failed = 0
    chosen = sys.argv[1:]
    for name, test in list(names.items()):
        if not name.startswith("test_") or not callable(test) or (chosen and name not in chosen):
            continue
        began = time.monotonic()
        try:
            test()
            passed += 1
        except Fault as fault:
            failed += 1
            where = traceback.extract_tb(sys.exc_info()[2])
            line = next((f.lineno for f in reversed(where) if not f.filename.endswith("testing.py")), 0)
            print("FAIL %s (line %d): %s" % (name, line, fault))
        except Exception:
            failed += 1
            print("FAIL %s" % name)
            traceback.print_exc(file=sys.stdout)
        if time.monotonic() - began > SLOW:
            print("# %s: %.1f s" % (name, time.monotonic() - began))
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed or not passed else 0)
