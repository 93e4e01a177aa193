#!/usr/bin/env -S python3 -B
"""Output: bit-exact, kept within bounds, apart or joined; whatever its size."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import HEAVY, Bed  # noqa: E402
from daemons import Sshd  # noqa: E402
from testing import DT, check, ended, equal, has, main  # noqa: E402

bed = Bed()
bed.hosts("h", 8, Sshd(bed.authorized))
GIGABYTE = 1000000000
SANITIZED = bool(os.environ.get("DT_SANITIZE"))
# A sanitizer keeps shadows of its own, and is slow: there less is printed, and memory is not judged.
SIZE = GIGABYTE if HEAVY > 1 and not SANITIZED else 100000000 if not SANITIZED else 10000000
ALL_BYTES = "i=0; while [ $i -lt 256 ]; do printf \"\\\\$(printf %o $i)\"; i=$((i+1)); done"
BOTH = ("libssh2", "openssh")


def unescape(text):
    """The decoding that dt-output(5) tells of, written anew."""
    out, i = bytearray(), 0
    raw = text.encode("utf-8", "surrogateescape")
    while i < len(raw):
        if raw[i] != 0x5c:
            out.append(raw[i])
            i += 1
        elif raw[i + 1:i + 2] == b"x":
            out.append(int(raw[i + 2:i + 4], 16))
            i += 4
        else:
            out += {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"\\": b"\\"}[raw[i + 1:i + 2]]
            i += 2
    return bytes(out)


def test_every_byte():
    import base64
    for transport in BOTH:
        done = ended(bed.dt("--transport", transport, "h1", "ssh", ALL_BYTES), 0)
        equal(unescape(done.stdout.removesuffix("\n").removeprefix("okay::dt:ssh:h1:")), bytes(range(256)), transport)
        check(not any(ord(c) < 32 for c in done.stdout.removesuffix("\n")), repr(done.stdout))
        end = bed.outcomes("--transport", transport, "h1", "ssh", ALL_BYTES + "; (" + ALL_BYTES + ") >&2",
                           status=0)["h1"]
        for stream in ("stdout", "stderr"):
            equal(base64.b64decode(end[stream]["base64"]), bytes(range(256)), stream)


def test_streams():
    for transport in BOTH:
        options = ["--transport", transport, "h1", "ssh"]
        end = bed.outcomes(*options, "echo out; sleep 0.1; echo err >&2; sleep 0.1; printf last")["h1"]
        equal((end["stdout"], end["stderr"]), ("out\nlast", "err\n"))
        done = bed.dt(*options, "echo out; sleep 0.1; echo err >&2; sleep 0.1; printf last")
        equal(done.stdout, "okay::dt:ssh:h1:out\\nerr\\nlast\n")
        done = bed.dt("--stream", *options, "echo one; sleep 0.1; echo two; exit 3")
        equal(done.stdout.splitlines(), ["info::dt:ssh:h1:one", "info::dt:ssh:h1:two", "fail::dt:ssh:h1:exit 3: "])
        done = bed.dt("-o", "pdsh", *options, "echo one; echo two")
        equal(done.stdout, "h1: one\nh1: two\n")


def test_stdin():
    for transport in BOTH:
        # Not dt's own, unless asked for.
        done = bed.dt("--transport", transport, "h[1-3]", "ssh", "cat", stdin="of dt\n")
        equal(sorted(done.stdout.splitlines()), ["okay::dt:ssh:h%d:" % i for i in (1, 2, 3)])
        data = os.urandom(3000000).hex()
        done = bed.dt("--transport", transport, "--max-output", "10M", "h[1-3]", "ssh", "--stdin", "md5sum", stdin=data)
        equal(len({line.split(":", 5)[5] for line in done.stdout.splitlines()}), 1, done.stdout)
        equal(done.stdout.count("okay::"), 3)


def test_truncated():
    end = bed.outcomes("--max-output", "1000", "h1", "ssh", "seq 1 100000", status=0)["h1"]
    check(end["truncated"] is True and len(end["stdout"]) <= 1000, end)
    done = bed.dt("--max-output", "1000", "h1", "ssh", "seq 1 100000")
    has(done.stdout, "truncated")
    end = bed.outcomes("h1", "ssh", "seq 1 1000", status=0)["h1"]
    check(end["truncated"] is False)


def peak(*args):
    """Peak memory of dt in MiB, its seconds, and what it printed."""
    code = ("import resource,subprocess,sys,time;t=time.time();"
            "r=subprocess.run(sys.argv[1:],stdin=subprocess.DEVNULL).returncode;"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss/1024,time.time()-t,file=sys.stderr);sys.exit(r)")
    done = subprocess.run([sys.executable, "-c", code, DT, "-F", bed.join("ssh_config"), "-D", bed.join("hosts.ini"),
                           "-I", bed.key, "--known-hosts", bed.join("known_hosts"), *args], env=bed.env, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    equal(done.returncode, 0, done.stderr[-1000:])
    mib, seconds = done.stderr.split()[-2:]
    return float(mib), float(seconds), done.stdout


def test_huge_output():
    for transport in BOTH if HEAVY > 1 else BOTH[:1]:
        for hosts, limit in (("h1", 64), ("h[1-8]", 96)):
            mib, seconds, out = peak("--transport", transport, "-o", "jsonl", hosts, "ssh", "head -c %d /dev/zero" % SIZE)
            ends = [json.loads(l) for l in out.splitlines() if b'"event":"end"' in l]
            check(all(e["truncated"] and e["status"] == "ok" for e in ends))
            print("# %s, %s: %d bytes each, peak %.1f MiB, %.1f s" % (transport, hosts, SIZE, mib, seconds))
            check(SANITIZED or mib < limit, hosts, mib)
    _, _, out = peak("h1", "ssh", "head -c %d /dev/zero" % SIZE)
    has(out.decode(), "truncated")


def test_endless_line_streamed():
    mib, _, out = peak("--stream", "h1", "ssh", "head -c 20000000 /dev/zero | tr '\\0' x")
    check(SANITIZED or mib < 64, mib)
    check(b"okay::dt:ssh:h1:" in out)


if __name__ == "__main__":
    main(globals())
