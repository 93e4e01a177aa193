#!/usr/bin/env -S python3 -B
"""user: authorized_keys on roots of their own, also of a user who plants links."""
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from roots import HEAVY, bed, clear, hosts, key_line, keys, says, twice, user  # noqa: E402
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
