#!/usr/bin/env -S python3 -B
"""dt set: attributes into the store, and out of it with an empty value."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from testing import Home, ended, equal, has, main  # noqa: E402

home = Home()


def dt(*args, status=0):
    return ended(home.dt(*args), status)


def shown():
    return dt("inventory", "export").stdout.split("\n")[1]


def test_empty_deletes():
    dt("h1", "add", "web", "user=root", "port=22", "via=gw", "transport=openssh", "rack=7")
    equal(shown(), "h1 = web user=root port=22 via=gw transport=openssh rack=7")
    has(dt("h1", "set", "user=", "port=", "rack=8").stdout, "set user= port= rack=8")
    equal(shown(), "h1 = web via=gw transport=openssh rack=8")
    dt("h1", "set", "via=", "transport=", "address=", "shell=", "connect_timeout=")
    equal(shown(), "h1 = web rack=8")
    has(dt("h1", "set", "user=", "rack=8").stdout, "unchanged")


def test_refused():
    before = home.store
    has(dt("h1", "set", "1x=", status=3).stderr, "1x=: has a key that begins with no letter")
    has(dt("h1", "set", "user=-x", status=3).stderr, "user=-x: begins with '-'")
    equal(home.store, before, "the store")


if __name__ == "__main__":
    main(globals())
