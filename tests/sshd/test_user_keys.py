#!/usr/bin/env -S python3 -B
"""user: authorized_keys on roots of their own, also of a user who plants links."""
import contextlib
import os
import shutil
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from roots import HEAVY, PATH, bed, clear, hosts, key_line, keys, says, twice, user  # noqa: E402
from testing import check, equal, has, main  # noqa: E402


def test_keys():
    """key-add and key-del, with options there and here; other lines stay byte for byte."""
    clear()
    says("kim: added uid=1000", "add", "kim")
    twice("kim: 2 keys added", "key-add", "kim", keys[0] + ".pub", keys[1] + ".pub")
    old = "# c\n\nno-pty " + key_line(0) + "nonsense \\n $x 'y'\n" + key_line(1).rstrip("\n")
    for h in hosts:
        h.write_keys("kim", 1000, old, 0o644)
    says("unchanged", "key-add", "kim", keys[0] + ".pub")
    equal([h.keys("kim") for h in hosts], [old] * 3)
    twice("kim: 1 key added", "key-add", "kim", keys[2] + ".pub")
    equal([h.keys("kim") for h in hosts], [old + "\n" + key_line(2)] * 3)
    twice("kim: 2 keys removed", "key-del", "kim", keys[0] + ".pub", keys[1] + ".pub")
    equal([h.keys("kim") for h in hosts], ["# c\n\nnonsense \\n $x 'y'\n" + key_line(2)] * 3)
    # with other options than there: those here
    path = bed.write("opt", "from=\"10.1.*\" " + key_line(2))
    twice("kim: 1 key changed", "key-add", "kim", path)
    equal([h.keys("kim") for h in hosts], ["# c\n\nnonsense \\n $x 'y'\nfrom=\"10.1.*\" " + key_line(2)] * 3)
    twice("kim: 1 key added, 2 keys removed", "key-add", "--exclusive", "kim", keys[0] + ".pub")
    equal([h.keys("kim") for h in hosts], ["# c\n\n" + key_line(0)] * 3)
    for h in hosts:
        equal([oct(os.stat(h.join("home/kim/.ssh", n)).st_mode & 0o7777) for n in ("", "authorized_keys")], ["0o700", "0o600"])


def test_links():
    """What a user has planted is refused, and nothing that it leads to is read or changed."""
    clear()
    says("mallory: added uid=1000, 1 key added", "add", "--key", keys[0] + ".pub", "mallory")
    cases = {
        "mallory: ~/.ssh is a symbolic link": (".ssh", "../../etc"),
        "mallory: ~/.ssh/authorized_keys is a symbolic link": (".ssh/authorized_keys", "/etc/shadow"),
        "mallory: its home /home/mallory is a symbolic link": ("", "/etc"),
    }
    for message, (name, target) in cases.items():
        for h in hosts:
            path = h.join("home/mallory", name).rstrip("/")
            os.rename(path, path + ".away")
            os.symlink(target, path)
        before = [h.tree() for h in hosts]
        for verb in ("key-add", "key-del"):
            says("exit 1: " + message, verb, "mallory", keys[verb == "key-add"] + ".pub", status=5)
        equal([h.tree() for h in hosts], before, message)
        for h in hosts:
            path = h.join("home/mallory", name).rstrip("/")
            os.remove(path)
            os.rename(path + ".away", path)
    for uid, message in ((1001, "its home /home/mallory belongs to uid 1001"),):
        for h in hosts:
            os.chown(h.join("home/mallory"), uid, uid)
        says("exit 1: mallory: " + message, "key-add", "mallory", keys[1] + ".pub", status=5)
        says("exit 1: mallory: " + message, "del", "--remove-home", "mallory", status=5)
    # a new account does not get a home that is a link, or another's
    clear()
    for h in hosts:
        os.symlink("/etc", h.join("home/nina"))
        os.mkdir(h.join("home/olga"))
        os.chown(h.join("home/olga"), 4242, 4242)
        os.mkdir(h.join("home/open"))
        os.chmod(h.join("home/open"), 0o777)
    before = [h.tree() for h in hosts]
    says("exit 1: nina: its home /home/nina is a symbolic link", "add", "nina", status=5)
    says("exit 1: olga: its home /home/olga belongs to uid 4242", "add", "olga", status=5)
    for h in hosts:
        os.rmdir(h.join("home/olga"))
    for message in user("add", "--home", "/home/open/x", "olga", status=5).values():
        has(message, "a home below a folder that others may write to")
    equal([os.listdir(h.join("home/open")) for h in hosts], [[]] * 3)


def test_one_user():
    """What a user puts into his own file is a fault of his on that host, and nobody else's."""
    clear()
    for name in ("kim", "mallory", "oscar"):
        user("add", name)
    text = {"nul": "ssh-x \0x\n", "big": "#" * 1000001, "lines": "\n" * 1000000}
    words = {"nul": "has a NUL byte in it", "big": "has more than 1000000 bytes", "lines": "has more than 1000000 bytes"}
    path = bed.write("two.ini", "[user oscar]\n[user mallory]\n[user kim]\nkeys = k0.pub\n")
    for kind, what in text.items():
        deb1 = hosts[0]
        for name, uid in (("mallory", 1001), ("oscar", 1002)):
            deb1.write_keys(name, uid, what)
        before = deb1.tree()
        found = user("key-add", "mallory", keys[0] + ".pub", status=5)
        has(found.pop("deb1"), "exit 1: mallory: ~/.ssh/authorized_keys " + words[kind])
        equal(found, {h.name: "mallory: 1 key added" for h in hosts[1:]}, kind)
        equal(deb1.tree(), before)
        says("kim: 1 key added", "apply", path)
        says("kim: 1 key removed", "key-del", "kim", keys[0] + ".pub")
        user("key-del", "mallory", keys[0] + ".pub", host="deb2,box")


def test_second_file():
    """sshd reads authorized_keys2 too: no other key is let in where it is gone."""
    clear()
    says("kim: added uid=1000", "add", "kim")
    hosts[0].put("home/kim/.ssh/authorized_keys2", key_line(1))
    os.chown(hosts[0].join("home/kim/.ssh"), 1000, 1000)
    says("kim: 1 key added", "key-add", "kim", keys[0] + ".pub")
    found = user("key-add", "--exclusive", "kim", keys[2] + ".pub", status=5)
    equal(found, {"deb1": "exit 1: kim: ~/.ssh/authorized_keys2 may let others in: remove it first",
                  "deb2": "kim: 1 key added, 1 key removed", "box": "kim: 1 key added, 1 key removed"})


def test_stopped():
    """A user stops what runs as him, and holds its output: the others wait for as long as a limit says."""
    clear()
    for name in ("kim", "mallory"):
        user("add", name)
    path = bed.write("all.ini", "[user mallory]\n[user kim]\nkeys = k0.pub\n")
    deb1 = hosts[0]
    tools = [deb1.root + shutil.which(name, path=PATH) for name in ("head", "timeout")]
    for tool in tools:
        os.rename(tool, tool + ".away")

    def held():
        path = deb1.join("tmp/held")
        return open(path).read().split() if os.path.exists(path) else []

    # it stands for any program that he stops; and 30 seconds are three here
    deb1.put(tools[0], "#!/bin/sh\n[ $(id -u) = 1001 ] || exec busybox head \"$@\"\n"
                       "setsid sleep 1000 & echo $! $$ >> /tmp/held; exec sleep 1000\n", 0o755)
    deb1.put(tools[1], "#!/bin/sh\n[ \"$1 $2 $3\" = \"-s KILL 30\" ] || exit 1\nshift 3\n"
                       "exec busybox timeout -s KILL 3 /bin/sh -c 'exec \"$@\"' sh \"$@\"\n", 0o755)
    hosts[0].write_keys("mallory", 1001, key_line(2))
    try:
        says("kim: 1 key added", "apply", path)
        found = user("key-add", "mallory", keys[0] + ".pub", status=5)
        has(found["deb1"], "mallory: neither setpriv(1) nor su(1) shows its keys, or not in 30 seconds")
        equal(found["box"], "mallory: 1 key added")
        check(held(), "nothing was stopped")
    finally:
        for tool in tools:
            os.rename(tool + ".away", tool)
        for pid in held():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


def test_flips():
    """~/.ssh turns into a link and back all the time: nothing outside the home is changed or shown."""
    clear()
    says("mallory: added uid=1000, 1 key added", "add", "--key", keys[0] + ".pub", "mallory")
    for h in hosts:
        h.put("root/precious/authorized_keys", "precious\n", 0o600)
        h.put("root/precious/.ssh/authorized_keys", "precious\n", 0o600)
        h.put("home/mallory/also/x", "")
        os.chown(h.join("home/mallory/also"), 1000, 1000)
    before = [{k: v for k, v in h.tree().items() if "/home/mallory" not in k} for h in hosts]
    stop = threading.Event()

    def flip(h):
        ssh, away, link = (h.join("home/mallory", n) for n in (".ssh", "away", "link"))
        os.symlink("/root/precious", link)
        file = os.path.join(ssh, "authorized_keys")
        while not stop.is_set():
            try:
                os.rename(ssh, away)
                os.rename(link, ssh)
                os.rename(ssh, link)
                os.rename(away, ssh)
                os.rename(file, file + "-")
                os.symlink("/root/precious/authorized_keys", file)
                os.rename(file + "-", file)
            except OSError:
                for old, new in ((ssh, link), (away, ssh)):
                    if os.path.islink(old) == (new == link) and os.path.lexists(old) and not os.path.lexists(new):
                        os.rename(old, new)
                os.makedirs(ssh, exist_ok=True)
                os.chown(ssh, 1000, 1000)

    threads = [threading.Thread(target=flip, args=(h,), daemon=True) for h in hosts]
    for thread in threads:
        thread.start()
    end, rounds, done = time.monotonic() + 4 * HEAVY, 0, 0
    while time.monotonic() < end:
        for verb in ("key-add", "key-del"):
            answer = bed.dt("all", "user", verb, "mallory", keys[1] + ".pub")
            check("precious\n" not in answer.stdout and answer.returncode in (0, 5), answer.stdout)
            done += answer.stdout.count("okay::")
            rounds += 3
    stop.set()
    for thread in threads:
        thread.join()
    equal([{k: v for k, v in h.tree().items() if "/home/mallory" not in k} for h in hosts], before)
    print("# flips: %d of %d were okay" % (done, rounds))


if __name__ == "__main__":
    main(globals())
