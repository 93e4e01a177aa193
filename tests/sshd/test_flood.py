#!/usr/bin/env -S python3 -B
"""Servers that never stop sending: bounded in time and memory, and nobody else waits for them."""
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed  # noqa: E402
from daemons import Sshd, wait_for  # noqa: E402
from testing import DT, check, equal, main  # noqa: E402

MEMORY_KIB = 64 * 1024


def packet(payload):
    """An SSH binary packet without encryption (RFC 4253, section 6)."""
    pad = 8 - (len(payload) + 5) % 8
    pad += 8 if pad < 4 else 0
    return struct.pack(">IB", len(payload) + pad + 1, pad) + payload + bytes(pad)


def text(s):
    return struct.pack(">I", len(s)) + s


HELLO = b"SSH-2.0-flood\r\n"
FLOODS = {  # what comes first, and then for ever
    "banner lines": (b"", b"once more\r\n" * 1000),
    "one banner line": (b"SSH-2.0-", b"x" * 10000),
    "nothing but NULs": (b"", bytes(10000)),
    "SSH_MSG_IGNORE": (HELLO, packet(b"\2" + text(b"x" * 30000)) * 4),
    "SSH_MSG_DEBUG": (HELLO, packet(b"\4\1" + text(b"shown") + text(b"")) * 500),
    "SSH_MSG_USERAUTH_BANNER": (HELLO, packet(b"\x35" + text(b"x" * 30000) + text(b"")) * 4),
    "an unknown message": (HELLO, packet(b"\x63" + b"x" * 30000) * 4),
    "SSH_MSG_KEXINIT": (HELLO, packet(b"\x14" + b"x" * 1000) * 50),
}


class Flood:
    def __init__(self, first, then):
        self.first, self.then, self.calls = first, then, 0
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
            threading.Thread(target=self.send, args=(peer,), daemon=True).start()

    def send(self, peer):
        try:
            peer.sendall(self.first)
            while True:
                peer.sendall(self.then)
        except OSError:
            peer.close()


bed = Bed()
sound = Sshd(bed.authorized)
bed.host("sound[1-5]", sound)
floods = {word: Flood(*what) for word, what in FLOODS.items()}
for number, flood in enumerate(floods.values()):
    bed.host("flood%d" % number, sound, port=flood.port)
COUNT = len(FLOODS)
# enough for a sound host while the floods are read, by a dt that sanitizers slow down too
SOON = "5s" if os.environ.get("DT_SANITIZE") else "2s"


def start(*args):
    return subprocess.Popen([DT, "-F", bed.join("ssh_config"), "-D", bed.join("hosts.ini"), "-I", bed.key,
                             "--known-hosts", bed.join("known_hosts"), *args], env=bed.env, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def test_timeout():
    since = time.monotonic()
    ends = bed.outcomes("-T", SOON, "all", "ssh", "true", status=4)
    check(time.monotonic() - since < 20, "it took %.1f s" % (time.monotonic() - since))
    for name, end in ends.items():
        if name.startswith("sound"):
            equal(end["status"], "ok", name)
        else:
            check(end["status"] in ("unreachable", "timeout"), name, end)


def test_deadline():
    since = time.monotonic()
    ends = bed.outcomes("--deadline", SOON, "-T", "60s", "all", "ssh", "true", status=4)
    check(time.monotonic() - since < 20)
    equal({e["status"] for n, e in ends.items() if n.startswith("sound")}, {"ok"})


def test_interrupt():
    calls = [f.calls for f in floods.values()]
    process = start("-T", "60s", "exp:flood", "ssh", "true")
    wait_for(lambda: all(f.calls > n for f, n in zip(floods.values(), calls)), "all connections")
    since = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    check(time.monotonic() - since < 10)
    equal(out.count(b"\n"), COUNT, err)


def test_memory():
    process = start("-T", "3s", "exp:flood", "ssh", "true")
    peak = 0
    while process.poll() is None:
        try:
            with open("/proc/%d/status" % process.pid) as f:
                peak = max([peak, *(int(l.split()[1]) for l in f if l.startswith("VmHWM"))])
        except OSError:
            pass
        time.sleep(0.02)
    process.communicate()
    print("# peak memory of %d floods at once: %d KiB" % (COUNT, peak))
    if "build-" not in DT:
        check(0 < peak < MEMORY_KIB, peak)


if __name__ == "__main__":
    main(globals())
