#!/usr/bin/env -S python3 -B
"""ssh-copy-id: public keys into authorized_keys and out of it, on OpenSSH and dropbear; then they let in."""
import os
import shutil
import stat
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import Bed  # noqa: E402
from daemons import Accounts, Busybox, Dropbear, Sshd, keygen, public  # noqa: E402
from testing import Fault, check, ended, equal, has, main  # noqa: E402

BOTH = ("libssh2", "openssh")
PASSWORD = "sesame 'open' \"$1\" \\n"
os.umask(0o022)
bed = Bed()
os.chmod(bed.path, 0o755)
keys = [keygen(bed.join("new%d" % i), comment="a comment of $(two) 'words'") for i in range(3)]
rsa = keygen(bed.join("rsa"), "rsa", 3072)
ecdsa = keygen(bed.join("ecdsa"), "ecdsa")


class Place:
    """A host, and the home of its user as this machine sees it."""

    def __init__(self, name, server, user, home, uid):
        self.name, self.server, self.user, self.home, self.uid = name, server, user, home, uid
        bed.host(name, server, "user=" + user, address="127.0.0.%d" % (len(places) + 2))

    def join(self, name=""):
        return os.path.join(self.home, name)

    def clear(self, text=None, mode=0o600, folder=0o700):
        """A home with that authorized_keys, or without one."""
        for entry in os.listdir(self.home):
            path = self.join(entry)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.remove(path)
        os.chown(self.home, self.uid, self.uid)
        os.chmod(self.home, 0o755)
        if text is not None:
            self.put(".ssh/authorized_keys", text, mode)
            os.chmod(self.join(".ssh"), folder)

    def put(self, name, text, mode=0o600):
        path, below = self.join(name), self.home
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        for part in name.split("/"):
            below = os.path.join(below, part)
            os.lchown(below, self.uid, self.uid)

    def text(self, name=".ssh/authorized_keys"):
        try:
            with open(self.join(name), newline="") as f:
                return f.read()
        except FileNotFoundError:
            return None

    def mode(self, name):
        return oct(stat.S_IMODE(os.stat(self.join(name)).st_mode))

    def tidy(self, names=("authorized_keys",)):
        equal(sorted(os.listdir(self.join(".ssh"))), sorted(names), self.name)

    def copy(self, *args, status=0, options=(), password=True, **kw):
        """The message of a run, which logs in with the password."""
        done = ended(bed.dt(*options, *(["-k"] if password else []), self.name, "ssh-copy-id", *args,
                            stdin=PASSWORD + "\n" if password else None, **kw), status)
        head = "%s::dt:ssh-copy-id:%s:" % ("okay" if status == 0 else "fail", self.name)
        check(done.stdout.startswith(head) and done.stdout.count("\n") == 1, done.stdout)
        return done.stdout.removesuffix("\n").removeprefix(head)

    def lets_in(self, key):
        """With that key alone."""
        done = bed.dt("-I", key, self.name, "ssh", "id -un")
        return done.stdout == "okay::dt:ssh:%s:%s\n" % (self.name, self.user)


places = []
accounts = Accounts(PASSWORD) if Accounts.possible() else None
if accounts:
    # sshd(8) reads it below the home, as it does in life, and checks the modes
    places.append(Place("sshd", Sshd(wrap=accounts.wrap, options=[
        "AuthorizedKeysFile .ssh/authorized_keys", "StrictModes yes", "PasswordAuthentication yes", "SetEnv DT_TEST=1"]),
        accounts.USER, accounts.home, accounts.UID))
    others = Accounts(PASSWORD)
    places.append(Place("dropbear", Dropbear(wrap=others.wrap), others.USER, others.home, others.UID))
else:
    print("# no mount namespace can be made here: no user with a password")


def line(key, comment=None):
    """A key as a line, with its own comment."""
    with open(key + ".pub") as f:
        return f.read() if comment is None else public(key) + comment + "\n"


def test_first_key():
    """Folder and file are made, for their owner alone; the key lets in, another does not."""
    for p in places:
        p.clear()
        equal(p.lets_in(keys[0]), False, "before")
        equal(p.copy(keys[0] + ".pub"), "1 key added")
        equal(p.text(), line(keys[0]))
        equal((p.mode(".ssh"), p.mode(".ssh/authorized_keys")), ("0o700", "0o600"))
        equal(os.stat(p.join(".ssh/authorized_keys")).st_uid, p.uid)
        p.tidy()
        equal((p.lets_in(keys[0]), p.lets_in(keys[1])), (True, False), p.name)
        inode = os.stat(p.join(".ssh/authorized_keys")).st_ino
        equal(p.copy(keys[0] + ".pub"), "unchanged")
        equal((p.text(), os.stat(p.join(".ssh/authorized_keys")).st_ino), (line(keys[0]), inode))


def test_several_keys():
    """Of several files, or of one, with comments, empty lines and doubles between them."""
    for p in places:
        p.clear()
        equal(p.copy(keys[0] + ".pub", rsa + ".pub", ecdsa + ".pub"), "3 keys added")
        equal(p.text(), line(keys[0]) + line(rsa) + line(ecdsa))
        equal([p.lets_in(k) for k in (keys[0], rsa, ecdsa, keys[1])], [True, True, True, False], p.name)
        many = bed.write("many", "# mine\n\n  " + line(keys[0], " other words") + line(keys[1]).rstrip("\n") + "\r\n\n" +
                         line(keys[1], "") + public(keys[2]))
        equal(p.copy(many), "2 keys added")
        equal(p.text(), line(keys[0]) + line(rsa) + line(ecdsa) + line(keys[1]) + public(keys[2]) + "\n")
        p.tidy()
        check(all(p.lets_in(k) for k in keys), p.name)


def test_doubles():
    """A key is the same with options, another comment or other blanks, wherever it stands."""
    olds = (line(keys[0], ""), line(keys[0], " other"), 'no-pty,command="echo \'a b\' \\"x\\"" ' + line(keys[0]),
            "# first\n\n" + line(keys[1]) + line(keys[0], " x"), line(keys[0]).rstrip("\n"), "   " + line(keys[0]))
    for p in places:
        for old in olds:
            p.clear(old)
            equal(p.copy(keys[0] + ".pub"), "unchanged", repr(old))
            equal(p.text(), old)
        # beside a new one
        p.clear(olds[2])
        equal(p.copy(keys[1] + ".pub", keys[0] + ".pub"), "1 key added")
        equal(p.text(), olds[2] + line(keys[1]))
        p.tidy()


def test_doubles_of_other_blanks():
    for p in places[:1]:
        old = public(keys[0]).replace(" ", "  ") + "\tx\n"
        p.clear(old)
        check(p.lets_in(keys[0]), "sshd knows that line")
        equal(p.copy(keys[0] + ".pub"), "unchanged")
        equal(p.text(), old)
        # those of the file are made one
        p.clear()
        equal(p.copy(bed.write("blanks", "\t" + old), keys[0] + ".pub"), "1 key added")
        equal(p.text(), public(keys[0]) + " x\n")


def test_a_key_in_options():
    """Text in quotes is no key; what stands behind it is."""
    for p in places:
        for text in ('command="x %s y" %s' % (public(keys[0]), line(keys[1])),
                     'command="\\"x %s \\" y" \t%s' % (public(keys[0]), line(keys[1])),
                     'command="x \\"",environment="A=\t %s" %s' % (public(keys[0]), line(keys[1])),
                     line(keys[1]).rstrip("\n") + " " + line(keys[0])):
            p.clear(text)
            equal(p.copy("--remove", keys[0] + ".pub"), "unchanged", text)
            equal(p.copy(keys[0] + ".pub"), "1 key added", text)
            equal(p.text(), text + line(keys[0]))
            equal(p.copy("--remove", keys[1] + ".pub"), "1 key removed", text)
            equal(p.text(), line(keys[0]))


def test_lines_of_another_system():
    """sshd takes a key with CR LF."""
    for p in places[:1]:
        old = public(keys[0]) + "\r\n" + public(keys[1]) + " x\r\n"
        p.clear(old)
        check(p.lets_in(keys[0]), "sshd takes it")
        equal(p.copy(keys[0] + ".pub", keys[1] + ".pub"), "unchanged")
        equal(p.copy("--remove", keys[0] + ".pub"), "1 key removed")
        equal(p.text(), public(keys[1]) + " x\r\n")


def test_a_comment_is_no_key():
    """One that is commented out lets nobody in."""
    for p in places:
        p.clear("#" + line(keys[0]) + "# " + line(keys[0]))
        equal(p.copy("--check", keys[0] + ".pub"), "would be: 1 key added")
        equal(p.copy(keys[0] + ".pub"), "1 key added")
        check(p.lets_in(keys[0]), p.name)
        equal(p.text(), "#" + line(keys[0]) + "# " + line(keys[0]) + line(keys[0]))
        equal(p.copy("--remove", keys[0] + ".pub"), "1 key removed")
        equal(p.text(), "#" + line(keys[0]) + "# " + line(keys[0]))


def test_no_final_newline():
    for p in places:
        p.clear(line(keys[1]).rstrip("\n"))
        equal(p.copy(keys[0] + ".pub"), "1 key added")
        equal(p.text(), line(keys[1]) + line(keys[0]))
        equal((p.lets_in(keys[0]), p.lets_in(keys[1])), (True, True))
        p.clear("")
        equal(p.copy(keys[0] + ".pub"), "1 key added")
        equal(p.text(), line(keys[0]))


def test_modes():
    """Those that are there stay, but nobody else may write; sshd would not read it else."""
    for p in places:
        for mode, folder, wanted in ((0o644, 0o755, ("0o755", "0o644")), (0o664, 0o775, ("0o755", "0o644")),
                                     (0o600, 0o700, ("0o700", "0o600")), (0o666, 0o777, ("0o755", "0o644")),
                                     (0o640, 0o750, ("0o750", "0o640"))):
            p.clear(line(keys[1]), mode, folder)
            os.chmod(p.home, 0o775)
            equal(p.copy(keys[0] + ".pub"), "1 key added")
            equal((p.mode(".ssh"), p.mode(".ssh/authorized_keys")), wanted)
            equal(p.mode(""), "0o755")
            check(p.lets_in(keys[0]), p.name, oct(mode))
            p.tidy()


def test_link():
    """A linked authorized_keys stays a link, and what it points to gets the key."""
    for p in places:
        for target, name in (("real", ".ssh/real"), (p.join("else/keys"), "else/keys"), ("../else/keys", "else/keys")):
            for old in (line(keys[1]), None):
                p.clear(line(keys[1]))
                os.remove(p.join(".ssh/authorized_keys"))
                p.put(name, old or "", 0o640)
                if old is None:
                    os.remove(p.join(name))
                os.symlink(target, p.join(".ssh/authorized_keys"))
                equal(p.copy("--check", keys[0] + ".pub"), "would be: 1 key added")
                equal(p.copy(keys[0] + ".pub"), "1 key added")
                equal(os.readlink(p.join(".ssh/authorized_keys")), target)
                equal(p.text(name), (old or "") + line(keys[0]))
                equal(p.mode(name), "0o640" if old else "0o600")
                equal([n for n in os.listdir(os.path.dirname(p.join(name))) if ".dt-" in n], [])
                check(p.lets_in(keys[0]), p.name)
                equal(p.copy("--remove", keys[0] + ".pub"), "1 key removed")
                equal(p.text(name), old or "")


def test_link_to_a_name_with_blanks():
    """No other file is touched, least of all one that is called as its first word."""
    for p in places:
        for name in ("my keys", "a;touch x", "it's $HOME", "*"):
            p.clear(line(keys[1]))
            os.remove(p.join(".ssh/authorized_keys"))
            p.put(".ssh/" + name, line(keys[1]))
            p.put(".ssh/my", "precious")
            os.symlink(name, p.join(".ssh/authorized_keys"))
            equal(p.copy(keys[0] + ".pub"), "1 key added", name)
            equal(p.text(".ssh/my"), "precious", name)
            equal(p.text(".ssh/" + name), line(keys[1]) + line(keys[0]), name)
            p.tidy(("authorized_keys", name, "my"))
            equal(os.listdir(p.home), [".ssh"])


def test_precious():
    """A failure with such a link removes nothing of others."""
    for p in places:
        p.clear(line(keys[1]))
        os.remove(p.join(".ssh/authorized_keys"))
        p.put(".ssh/my keys", line(keys[1]))
        p.put(".ssh/my", "precious")
        os.symlink("my keys", p.join(".ssh/authorized_keys"))
        bed.dt("-k", p.name, "ssh-copy-id", keys[0] + ".pub", stdin=PASSWORD + "\n")
        equal(p.text(".ssh/my"), "precious")


def test_linked_folder():
    for p in places:
        p.clear()
        p.put("else/x", "")
        os.chmod(p.join("else"), 0o700)
        os.remove(p.join("else/x"))
        os.symlink("else", p.join(".ssh"))
        equal(p.copy(keys[0] + ".pub"), "1 key added")
        equal(p.text("else/authorized_keys"), line(keys[0]))
        check(os.path.islink(p.join(".ssh")) and p.lets_in(keys[0]), p.name)


def test_remove():
    """With options, comments and doubles; what is not named stays, byte for byte."""
    for p in places:
        stays = "# a comment\n\n" + line(keys[1]) + "nonsense \\n $x\n"
        p.clear(line(keys[0]) + stays + "no-pty " + line(keys[0], " other") + line(rsa).rstrip("\n"))
        equal(p.copy("--remove", keys[2] + ".pub"), "unchanged")
        equal(p.copy("--remove", "--check", keys[0] + ".pub", keys[2] + ".pub"), "would be: 1 key removed")
        check(p.lets_in(keys[0]))
        equal(p.copy("--remove", keys[0] + ".pub", keys[2] + ".pub"), "1 key removed")
        equal(p.text(), stays + line(rsa))
        equal((p.lets_in(keys[0]), p.lets_in(keys[1])), (False, True), p.name)
        equal(p.copy("--remove", keys[0] + ".pub"), "unchanged")
        equal(p.copy("--remove", keys[1] + ".pub", rsa + ".pub"), "2 keys removed")
        equal(p.text(), "# a comment\n\nnonsense \\n $x\n")
        p.clear(line(keys[0]), 0o640)
        equal(p.copy("--remove", keys[0] + ".pub"), "1 key removed")
        equal((p.text(), p.mode(".ssh/authorized_keys")), ("", "0o640"))
        p.tidy()
        # nothing is made to take something out of it
        p.clear()
        equal(p.copy("--remove", keys[0] + ".pub"), "unchanged")
        equal(os.listdir(p.home), [])


def about(path):
    """All but the time of the last look."""
    st = os.stat(path)
    return st.st_ino, st.st_mode, st.st_uid, st.st_gid, st.st_nlink, st.st_size, st.st_mtime_ns, st.st_ctime_ns


def test_check():
    """Nothing is made, and nothing changed: no mode either."""
    for p in places:
        p.clear()
        equal(p.copy("--check", keys[0] + ".pub", keys[1] + ".pub"), "would be: 2 keys added")
        equal(p.copy("--check", "--remove", keys[0] + ".pub"), "unchanged")
        equal(os.listdir(p.home), [])
        p.clear(line(keys[1]).rstrip("\n"), 0o664, 0o775)
        before = about(p.join(".ssh/authorized_keys"))
        equal(p.copy("--check", keys[0] + ".pub", keys[1] + ".pub"), "would be: 1 key added")
        equal(p.copy("--check", keys[1] + ".pub"), "unchanged")
        equal(p.copy("--check", "--remove", keys[1] + ".pub"), "would be: 1 key removed")
        equal(about(p.join(".ssh/authorized_keys")), before)
        equal((p.text(), p.mode(".ssh")), (line(keys[1]).rstrip("\n"), "0o775"))
        p.tidy()


def refused(*args, env=None):
    """No host is asked; what stderr says."""
    done = bed.dt("-k", "sshd" if places else "127.0.0.1", "ssh-copy-id", *args, env=env, stdin=PASSWORD + "\n")
    equal((done.returncode, done.stdout), (3, ""), args)
    check(len(done.stderr.splitlines()) == 1, done.stderr)
    check("Sanitizer" not in done.stderr, done.stderr)
    return done.stderr


BAD_FILES = {  # what it holds, the line that is wrong, words about it
    "a private key": (lambda: open(keys[0]).read(), 1, "private key"),
    "a private key, PEM": (lambda: open(keygen(bed.join("pem"), "rsa", 3072, form="PEM")).read(), 1, "private key"),
    "junk": (lambda: "junk\n", 1, ""),
    "a key, then junk": (lambda: line(keys[0]) + "\n# x\njunk\n", 4, ""),
    "an empty file": (lambda: "", None, "no public key"),
    "comments only": (lambda: "# x\n\n", None, "no public key"),
    "a line of authorized_keys with options": (lambda: "no-pty " + line(keys[0]), 1, ""),
    "a certificate's type": (lambda: line(keys[0]).replace("ssh-ed25519 ", "ssh-ed25519-cert-v01@openssh.com "), 1, ""),
    "a type alone": (lambda: "ssh-ed25519\n", 1, ""),
    "cut very short": (lambda: line(keys[0])[:40] + "\n", 1, ""),
    "not base64": (lambda: line(keys[0]).replace("AAAA", "AA!!", 1), 1, ""),
    "a control byte": (lambda: line(keys[0]).replace("two", "\x1b[1m"), 1, "control"),
    "a NUL byte": (lambda: line(keys[0]).replace("two", "\0"), None, ""),
    "random bytes": (lambda: os.urandom(3000), None, ""),
}
BAD_KEYS = {  # each of these is a key that sshd skips
    "two keys on a line": (lambda: line(keys[0]).rstrip("\n") + " " + line(keys[1]), 1, ""),
    "two keys on a line, without comments": (lambda: public(keys[0]) + " " + public(keys[1]) + "\n", 1, ""),
    "cut short": (lambda: public(keys[0])[:-6] + "\n", 1, ""),
    "RSA, cut short": (lambda: public(rsa)[:300] + "\n", 1, ""),
    "another type than its key's": (lambda: public(keys[0]).replace("ssh-ed25519", "ssh-rsa") + "\n", 1, ""),
    "zeros": (lambda: "ssh-ed25519 " + "A" * 68 + "\n", 1, ""),
    "base64 with = inside": (lambda: public(keys[0])[:50] + "==" + public(keys[0])[52:] + "\n", 1, ""),
}


def each_refused(files):
    faults = []
    for what, (make, number, words) in files.items():
        path = bed.write("bad file", make())
        try:
            err = refused(path)
            has(err, path + (":%d: " % number if number else ""))
            has(err, words)
            # nothing of a good file beside it either
            refused(keys[0] + ".pub", path)
        except Fault as fault:
            faults.append("%s: %s" % (what, fault))
    check(not faults, "\n".join(faults))


def test_bad_files():
    for p in places[:1]:
        p.clear()
    each_refused(BAD_FILES)
    for path in (bed.join("none"), bed.path, ""):
        has(refused(path), path)
    for p in places[:1]:
        equal(os.listdir(p.home), [])


def test_bad_keys():
    """What no sshd would take as this key."""
    each_refused(BAD_KEYS)


def test_own_keys():
    """Without a file: those of ~/.ssh here."""
    if not places:
        return
    home = bed.join("user")
    os.makedirs(home + "/.ssh", exist_ok=True)
    has(refused(env={"HOME": home}), "no public key")
    for i, key in (("ed25519", keys[0]), ("rsa", rsa), ("ecdsa", ecdsa)):
        shutil.copy(key + ".pub", home + "/.ssh/id_%s.pub" % i)
    shutil.copy(keys[1] + ".pub", home + "/.ssh/other.pub")
    for p in places:
        p.clear()
        equal(p.copy(env={"HOME": home}), "3 keys added")
        equal(sorted(p.text().splitlines()), sorted((line(keys[0]) + line(rsa) + line(ecdsa)).splitlines()))
        equal(p.copy("--remove", env={"HOME": home}), "3 keys removed")
    with open(home + "/.ssh/id_rsa.pub", "w") as f:
        f.write("junk\n")
    has(refused(env={"HOME": home}), home + "/.ssh/id_rsa.pub:1: ")
    shutil.rmtree(home)


def test_with_a_key():
    """Who is let in by one key brings another, without a password."""
    for p in places:
        for transport in BOTH:
            p.clear(public(bed.key) + "\n")
            run = dict(password=False, options=["--transport", transport])
            equal(p.copy(keys[0] + ".pub", **run), "1 key added")
            equal((p.lets_in(keys[0]), p.lets_in(bed.key)), (True, True))
            # ... and may lock itself out
            equal(p.copy("--remove", bed.key + ".pub", **run), "1 key removed")
            equal((p.lets_in(keys[0]), p.lets_in(bed.key)), (True, False))


def test_password():
    """A wrong one changes nothing, and none is asked for where there is none."""
    for p in places:
        p.clear()
        for options, text in ((["-k"], "wrong\n"), ([], None)):
            done = bed.dt(*options, p.name, "ssh-copy-id", keys[0] + ".pub", stdin=text)
            equal(done.returncode, 4)
            check(done.stdout.startswith("fail::dt:ssh-copy-id:%s:auth: " % p.name), done.stdout)
        equal(os.listdir(p.home), [])


def test_several_hosts():
    """At once, and one of them has it already."""
    if len(places) < 2:
        return
    places[0].clear(line(keys[0]))
    places[1].clear()
    done = ended(bed.dt("-k", "sshd,dropbear", "ssh-copy-id", keys[0] + ".pub", stdin=PASSWORD + "\n"), 0)
    equal(sorted(done.stdout.splitlines()), ["okay::dt:ssh-copy-id:dropbear:1 key added", "okay::dt:ssh-copy-id:sshd:unchanged"])


def test_no_right_to_write():
    """A home or a folder of someone else: the host's words, and nothing half."""
    for p in places:
        p.clear()
        os.chown(p.home, 0, 0)
        for args in ((), ("--check",)):
            if args:
                equal(p.copy(*args, keys[0] + ".pub"), "would be: 1 key added")
            else:
                message = p.copy(keys[0] + ".pub", status=5)
                check(message.startswith("exit ") and "Permission denied" in message, message)
                has(message, "not changed")
            equal(os.listdir(p.home), [])
        p.clear(line(keys[1]))
        for name, mode in ((".ssh", 0o755), (".ssh/authorized_keys", 0o644)):
            os.chown(p.join(name), 0, 0)
            os.chmod(p.join(name), mode)
        for args in ((), ("--remove",)):
            key = keys[1] if args else keys[0]
            message = p.copy(*args, key + ".pub", status=5)
            check(message.startswith("exit ") and "not permitted" in message, message)
            equal(p.text(), line(keys[1]))
            p.tidy()
        # a file in the folder's place
        p.clear()
        p.put(".ssh", "a file")
        message = p.copy(keys[0] + ".pub", status=5)
        has(message, "File exists")
        equal(p.text(".ssh"), "a file")


def test_folder_in_the_place_of_the_file():
    """Nothing goes into it, and that is no okay."""
    for p in places:
        p.clear(line(keys[1]))
        os.remove(p.join(".ssh/authorized_keys"))
        os.mkdir(p.join(".ssh/authorized_keys"))
        os.chown(p.join(".ssh/authorized_keys"), p.uid, p.uid)
        for args in ((), ("--check",), ("--remove",)):
            has(p.copy(*args, keys[0] + ".pub", status=5), ".ssh/authorized_keys: not a regular file")
        equal(os.listdir(p.join(".ssh/authorized_keys")), [])
        p.tidy()
        os.rmdir(p.join(".ssh/authorized_keys"))
        os.symlink("/dev/null", p.join(".ssh/authorized_keys"))
        has(p.copy(keys[0] + ".pub", status=5), "/dev/null: not a regular file")
        os.remove(p.join(".ssh/authorized_keys"))
        os.symlink("none/none", p.join(".ssh/authorized_keys"))
        has(p.copy(keys[0] + ".pub", status=5), "a link that leads nowhere")
        p.tidy()


def test_no_room():
    """A full disk: the old file is whole, and nothing is left beside it."""
    if not accounts:
        return
    old = line(keys[1]) * 20
    full = accounts.dir + "/full"
    *unshare, line_, name = accounts.wrap
    wrap = [*unshare, "mkdir -p %s && mount -t tmpfs -o size=8k,uid=%d tmpfs %s && %s" % (full, accounts.UID, full, line_), name]
    server = Sshd(wrap=wrap, options=["AuthorizedKeysFile .ssh/authorized_keys", "StrictModes no", "PasswordAuthentication yes",
                                      "SetEnv HOME=%s/full" % accounts.dir])
    bed.host("full", server, "user=" + accounts.USER, address="127.0.0.20")
    root = "/proc/%d/root%s/full/" % (server.process.pid, accounts.dir)
    os.mkdir(root + ".ssh", 0o700)
    with open(root + ".ssh/authorized_keys", "w") as f:
        f.write(old)
    for path in (root + ".ssh", root + ".ssh/authorized_keys"):
        os.chown(path, accounts.UID, accounts.UID)
    for args in (["--remove", keys[1] + ".pub"], [rsa + ".pub"]):
        with open(root + "fill", "wb", 0) as f:
            try:
                while True:
                    f.write(b"x" * 512)
            except OSError:
                pass
        done = ended(bed.dt("-k", "full", "ssh-copy-id", *args, stdin=PASSWORD + "\n"), 5)
        has(done.stdout, "No space left")
        with open(root + ".ssh/authorized_keys") as f:
            equal(f.read(), old)
        equal(os.listdir(root + ".ssh"), ["authorized_keys"])
        os.remove(root + "fill")
    server.stop()


def test_busybox():
    """A host of nothing but busybox, logged in to with a key it has."""
    if not Busybox.possible():
        print("# not root, or no device files can be made here: no busybox")
        return
    box = Busybox(bed.authorized)
    p = Place("busybox", box, box.USER, os.path.join(box.root, "home", box.USER), box.UID)
    for transport in BOTH:
        p.clear(public(bed.key), 0o644, 0o755)
        run = dict(password=False, options=["--transport", transport])
        equal(p.copy("--check", keys[0] + ".pub", rsa + ".pub", **run), "would be: 2 keys added")
        equal(p.copy(keys[0] + ".pub", rsa + ".pub", **run), "2 keys added")
        equal(p.text(), public(bed.key) + "\n" + line(keys[0]) + line(rsa))
        equal((p.mode(".ssh"), p.mode(".ssh/authorized_keys")), ("0o755", "0o644"))
        equal(p.copy(keys[0] + ".pub", **run), "unchanged")
        check(p.lets_in(keys[0]) and p.lets_in(rsa))
        equal(p.copy("--remove", keys[0] + ".pub", **run), "1 key removed")
        equal(p.text(), public(bed.key) + "\n" + line(rsa))
        p.tidy()


if __name__ == "__main__":
    main(globals())
