#!/usr/bin/env -S python3 -B
"""Logins in several steps, and what hosts say to those that they do not let in."""
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed  # noqa: E402
from daemons import ME, Accounts, Sshd, keygen, public  # noqa: E402
from testing import check, ended, equal, has, main  # noqa: E402

PASSWORD = "correct horse"
bed = Bed()
second = keygen(bed.join("second"))
stranger = keygen(bed.join("stranger"))
accounts = Accounts(PASSWORD) if Accounts.possible() else None
USER = Accounts.USER if accounts else ME
KEYS = [public(bed.key), public(second)]
BOTH = ("libssh2", "openssh")
if accounts:
    accounts.authorize(KEYS)
else:
    print("# no mount namespace can be made here: nothing of PAM")


def pam(*lines):
    """Words before a command that has a PAM configuration of its own for sshd, in its mount namespace alone."""
    folder = bed.join("pam%d" % len(pam.made))
    pam.made.append(folder)
    os.mkdir(folder, 0o755)
    for name in os.listdir("/etc/pam.d"):
        with open(os.path.join("/etc/pam.d", name)) as old, open(os.path.join(folder, name), "w") as new:
            new.write("".join(line + "\n" for line in lines) if name == "sshd" else old.read())
    return accounts.wrap + ["sh", "-c", "mount --bind %s /etc/pam.d && exec \"$@\"" % folder, "sh"]


pam.made = []
PERMIT = [kind + " required pam_permit.so" for kind in ("auth", "account", "session")]
UNIX = ["auth required pam_unix.so", *PERMIT[1:]]


def sshd(*options, wrap=(), **kw):
    server = Sshd(KEYS, options=["LogLevel VERBOSE", *options], wrap=wrap, **kw)
    bed.write("known", server.known_hosts())
    return server


def login(server, *args, **kw):
    args = list(args)
    if "-I" not in args:
        args += ["-I", bed.key]
    return super(Bed, bed).dt("--no-journal", "-u", USER, "--known-hosts", bed.join("known"), "--port", str(server.port), *args,
                              "127.0.0.1", "ssh", "echo $LOGNAME", **kw)


def test_key_and_no_question():
    """publickey, then keyboard-interactive that asks nothing."""
    if not accounts:
        return
    server = sshd("UsePAM yes", "KbdInteractiveAuthentication yes", "AuthenticationMethods publickey,keyboard-interactive",
                  wrap=pam(*PERMIT))
    has(ended(login(server), 0).stdout, ":" + USER)
    server.stop()


def test_key_and_question():
    """One that asks: told as it is, no wrong answer is given, and -k answers it."""
    if not accounts:
        return
    server = sshd("UsePAM yes", "KbdInteractiveAuthentication yes", "AuthenticationMethods publickey,keyboard-interactive",
                  wrap=pam(*UNIX))
    for transport in BOTH:
        done = ended(login(server, "--transport", transport), 4)
        has(done.stdout, ":auth: key accepted; the host also wants: keyboard-interactive")
    has(ended(login(server), 4).stdout, "; it asks: Password")
    check("Failed keyboard-interactive" not in server.log(), server.log())
    has(ended(login(server, "-k", stdin=PASSWORD + "\n"), 0).stdout, ":" + USER)
    done = ended(login(server, "-k", stdin="wrong\n"), 4)
    has(done.stdout, ":auth: key accepted; the host also wants: keyboard-interactive")
    check("wrong" not in done.stdout + done.stderr)
    server.stop()


def test_key_and_password():
    if not accounts:
        return
    server = sshd("UsePAM yes", "PasswordAuthentication yes", "AuthenticationMethods publickey,password", wrap=pam(*UNIX))
    has(ended(login(server, "-k", stdin=PASSWORD + "\n"), 0).stdout, ":" + USER)
    done = ended(login(server), 4)
    has(done.stdout, ":auth: key accepted; the host also wants: password")
    # a wrong one is tried once
    before = server.log().count("Failed password")
    has(ended(login(server, "-k", stdin="wrong\n"), 4).stdout, ":auth: key accepted; the host also wants: password")
    equal(server.log().count("Failed password"), before + 1)
    server.stop()
    server = sshd("UsePAM yes", "PasswordAuthentication yes", "KbdInteractiveAuthentication yes",
                  "AuthenticationMethods password,keyboard-interactive", wrap=pam(*UNIX))
    # the password is the answer to one question, not to whatever comes then
    done = ended(login(server, "-k", "-I", stranger, stdin=PASSWORD + "\n"), 4)
    has(done.stdout, ":auth: password accepted; the host also wants: keyboard-interactive; it asks: Password")
    server.stop()


def test_two_keys():
    server = sshd("AuthenticationMethods publickey,publickey", *([] if not accounts else ["UsePAM no"]), wrap=accounts.wrap if accounts else ())
    for transport in BOTH:
        has(ended(login(server, "-I", bed.key, "-I", second, "--transport", transport), 0).stdout, ":" + USER)
        has(ended(login(server, "-I", stranger, "-I", second, "-I", bed.key, "--transport", transport), 0).stdout, ":" + USER)
        done = ended(login(server, "--transport", transport), 4)
        has(done.stdout, ":auth: key accepted; the host also wants: publickey")
    server.stop()


def test_no_key_at_all():
    """What the host takes is told, and a host that takes nothing at all lets in."""
    server = sshd(wrap=accounts.wrap if accounts else ())
    done = ended(login(server, "-I", stranger, "--transport", "libssh2"), 4)
    has(done.stdout, ":auth: no key accepted for %s (1 offered); the host takes: publickey" % USER)
    server.stop()
    if not accounts:
        return
    server = sshd("UsePAM yes", "KbdInteractiveAuthentication yes", "AuthenticationMethods keyboard-interactive", wrap=pam(*PERMIT))
    has(ended(login(server, "-I", stranger), 0).stdout, ":" + USER)
    server.stop()


def test_banner_and_nologin():
    """What a login is refused with comes before the end of the connection, or as a banner."""
    banner = bed.write("banner", "Authorised \033[31muse only\nof this host\n" + "x" * 500)
    server = sshd("Banner " + banner, wrap=accounts.wrap if accounts else ())
    for transport in BOTH:
        done = ended(login(server, "-I", stranger, "--transport", transport), 4)
        has(done.stdout, "; the host says: Authorised ")
        check("\033" not in done.stdout and "x" * 250 not in done.stdout, done.stdout)
        check("Authorised" not in ended(login(server, "--transport", transport), 0).stdout)
    server.stop()
    if not accounts:
        return
    why = bed.write("nologin", "Going down for maintenance until 18:00\n")
    server = sshd("UsePAM yes", wrap=pam(PERMIT[0], "account required pam_nologin.so file=" + why, *PERMIT[1:]))
    for transport in BOTH:
        done = ended(login(server, "--transport", transport), 4)
        has(done.stdout, ":auth: key accepted, but no login: ")
        has(done.stdout, "; the host says: Going down for maintenance until 18:00")
    server.stop()


class Says:
    """A port that says something to everybody and hangs up, or waits."""

    def __init__(self, text, waits=False):
        self.text = text
        self.waits = waits
        self.calls = []
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        peers = []
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            self.calls.append(time.monotonic())
            peer.sendall(self.text)
            if self.waits:
                peers.append(peer)
            else:
                peer.shutdown(socket.SHUT_WR)
                peer.recv(1000)
                peer.close()


def test_no_ssh():
    """What stands in place of SSH is told, in the line that says so."""
    for text, waits, words in ((b"Exceeded MaxStartups\r\n", False, ["Exceeded MaxStartups"]),
                               (b"SSH-1.5-old\n", True, ["SSH-1.5-old"]),
                               (b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", False, ["HTTP/1.1 400 Bad Request"]),
                               (b"\x1b[2Jboo\n", False, ["boo"])):
        server = Says(text, waits)
        for transport in BOTH:
            since = time.monotonic()
            done = ended(login(server, "-T", "5", "--transport", transport), 4)
            check(time.monotonic() - since < (5 if transport == "libssh2" or not waits else 8), "it took too long")
            has(done.stdout, ":connect: ")
            for word in words:
                has(done.stdout, word)
            check("\x1b" not in done.stdout, done.stdout)
        server.socket.close()
    # lines before the version are allowed
    server = sshd(wrap=accounts.wrap if accounts else ())
    target = ("127.0.0.1", server.port)
    front = socket.create_server(("127.0.0.1", 0))

    def carry():
        peer, _ = front.accept()
        peer.sendall(b"Welcome to this host\r\nSSH: be nice\r\n")
        behind = socket.create_connection(target)

        def copy(a, b):
            try:
                while data := a.recv(65536):
                    b.sendall(data)
                b.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        threading.Thread(target=copy, args=(behind, peer), daemon=True).start()
        copy(peer, behind)

    threading.Thread(target=carry, daemon=True).start()
    port = front.getsockname()[1]
    bed.write("known", server.known_hosts().replace(":%d " % server.port, ":%d " % port))
    server.port, kept = port, server.port
    has(ended(login(server), 0).stdout, ":" + USER)
    server.port = kept
    server.stop()


if __name__ == "__main__":
    main(globals())
