#!/usr/bin/env -S python3 -B
"""What dt says of hosts is so: outcomes, exit statuses, and no okay where the end was not seen."""
import os
import re
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from bed import BUILD, HEAVY, Bed  # noqa: E402
from daemons import Simfleet, Sshd, wait_for  # noqa: E402
from testing import check, ended, equal, has, main  # noqa: E402

MANY = 25 * HEAVY
# The session process of sshd, above whatever the command runs under.
FIND_SSHD = "p=$$; until grep -q '^sshd' /proc/$p/comm; do p=$(cut -d' ' -f4 /proc/$p/stat); done; "


def three():
    bed = Bed()
    servers = [Sshd(bed.authorized) for _ in range(3)]
    for i, server in enumerate(servers):
        bed.host("web%d" % i, server, "linux")
    return bed, servers


def test_first_example():
    bed, servers = three()
    done = ended(bed.dt("tag:linux", "ssh", "date"), 0)
    lines = sorted(done.stdout.splitlines())
    equal(len(lines), 3)
    for i, line in enumerate(lines):
        check(re.fullmatch(r"okay::dt:ssh:web%d:\w.*\d\d:\d\d:\d\d.*" % i, line), line)
    servers[1].stop()
    done = ended(bed.dt("tag:linux", "ssh", "date"), 4)
    lines = sorted(done.stdout.splitlines())
    equal(lines[0], "fail::dt:ssh:web1:connect: connection refused")
    equal([line[:15] for line in lines[1:]], ["okay::dt:ssh:we"] * 2)
    servers[1].start()
    done = ended(bed.dt("tag:linux", "ssh", "false"), 5)
    equal(sorted(done.stdout.splitlines()), ["fail::dt:ssh:web%d:exit 1: " % i for i in range(3)])
    done = ended(bed.dt("tag:none", "ssh", "date"), 7)
    equal(done.stdout, "")


def no_okay(ends, count, statuses):
    equal(len(ends), count)
    for host, end in ends.items():
        check(end["status"] in statuses, host, end)
        check(end["rc"] != 0, host, end)


def test_command_killed():
    bed = Bed()
    bed.hosts("h", MANY, Sshd(bed.authorized))
    for transport in ("libssh2", "openssh"):
        n = MANY if transport == "libssh2" else 20
        ends = bed.outcomes("--transport", transport, "h[1-%d]" % n, "ssh", "echo before; kill -9 $$", status=5)
        no_okay(ends, n, ["killed"])
        equal({(e["stdout"], e["stderr"]) for e in ends.values()}, {("before\n", "")})
        # The session process of sshd: the command goes on for all that is known.
        ends = bed.outcomes("--transport", transport, "h[1-%d]" % n, "ssh", "echo before; kill -9 $PPID", status=4)
        no_okay(ends, n, ["lost"])
        # What ssh(1) says of it is not the host's.
        equal({e["stderr"] for e in ends.values()}, {""})


def test_session_killed():
    bed = Bed()
    bed.hosts("h", MANY, Sshd(bed.authorized))
    for transport in ("libssh2", "openssh"):
        n = MANY if transport == "libssh2" else 20
        ends = bed.outcomes("--transport", transport, "h[1-%d]" % n, "ssh", "echo before; " + FIND_SSHD +
                            "kill -9 $p", status=4)
        no_okay(ends, n, ["lost"])
        # What sshd had not sent yet is lost with it.
        check({e["stdout"] for e in ends.values()} <= {"before\n", ""}, ends)


def test_sshd_stopped_mid_output():
    bed = Bed()
    server = Sshd(bed.authorized)
    bed.hosts("h", MANY, server)
    ready = bed.join("ready")
    os.mkdir(ready)
    result = {}
    thread = threading.Thread(target=lambda: result.update(
        bed.outcomes("h[1-%d]" % MANY, "ssh", "touch %s/$$; while :; do echo output; sleep 1; done" % ready)))
    thread.start()
    wait_for(lambda: len(os.listdir(ready)) == MANY, "all commands", 120)
    server.stop()
    thread.join()
    no_okay(result, MANY, ["lost"])


def test_channel_without_status():
    bed = Bed()
    server = Simfleet(BUILD)
    bed.hosts("h", MANY, server)
    # What a sound end looks like here: else the rest would prove nothing.
    ends = bed.outcomes("h1", "ssh", "fault=none", status=0)
    equal(ends["h1"]["stdout"], "half of an answer\n")
    for fault in ("no-status", "no-eof", "eof-reset", "status-reset"):
        ends = bed.outcomes("h[1-%d]" % (MANY if fault == "no-status" else 20), "ssh", "fault=" + fault, status=4)
        no_okay(ends, len(ends), ["lost"])
    ends = bed.outcomes("--transport", "openssh", "h[1-10]", "ssh", "fault=no-status", status=4)
    no_okay(ends, 10, ["lost"])
    for transport in ("libssh2", "openssh"):
        ends = bed.outcomes("--transport", transport, "h[1-20]", "ssh", "fault=signal", status=5)
        no_okay(ends, 20, ["killed"])
    no_okay(bed.outcomes("h1", "ssh", "fault=refuse-exec"), 1, ["failed", "unreachable", "lost"])
    no_okay(bed.outcomes("-u", "nochannel", "h1", "ssh", "true", status=4), 1, ["failed", "unreachable", "lost"])
    ends = bed.outcomes("--command-timeout", "1s", "h1", "ssh", "fault=silent-exec", status=4)
    no_okay(ends, 1, ["timeout"])


def test_every_status():
    bed = Bed()
    bed.host("h", Sshd(bed.authorized))
    for transport in ("libssh2", "openssh"):
        for status in (0, 1, 2, 84, 85, 86, 126, 127, 128, 137, 169, 170, 171, 254, 255):
            end = bed.outcomes("--transport", transport, "h", "ssh", "exit %d" % status)["h"]
            equal((end["status"], end["rc"]), ("ok" if status == 0 else "failed", status), transport)
    done = bed.dt("-S", "h", "ssh", "exit 42")
    equal(done.returncode, 42)
    has(done.stdout, "fail::dt:ssh:h:exit 42: ")


def test_odd_ends():
    """Statuses of 32 bits, two of them, one with a signal, one behind the close: whatever comes, no okay without a 0."""
    bed = Bed()
    bed.hosts("h", MANY, Simfleet(BUILD))
    for transport in ("libssh2", "openssh"):
        n = MANY if transport == "libssh2" else 5
        hosts = "h[1-%d]" % n
        for fault in ("two-statuses", "status-signal", "signal-status", "late-status", "forged"):
            ends = bed.outcomes("--transport", transport, hosts, "ssh", "fault=" + fault)
            no_okay(ends, n, ["lost", "killed"] if "signal" in fault else ["lost"])
            equal({e["stdout"] for e in ends.values()}, {"half of an answer\n"}, fault)
        for status, told in ((0, (0,)), (1, (1,)), (255, (255,)), (256, (255,)), (257, (1,)), (0x5ad0c0de, (None, 222)),
                             (4294967040, (255, None)), (4294967295, (255, None))):
            ends = bed.outcomes("--transport", transport, hosts, "ssh", "sim:status=%d" % status)
            for e in ends.values():
                check(e["rc"] in told and (e["status"] == "ok") == (status == 0), transport, status, e)


def test_forged_log():
    """Words that ssh(1) would log, in the banner, the command, its output: they prove nothing."""
    words = "debug1: client_input_channel_req: channel 0 rtype exit-status reply 0\ndebug1: Exit status 0\n" \
            "debug2: Received exit status from master 0\n"
    bed = Bed()
    banner = bed.write("banner", words)
    bed.hosts("h", 10, Sshd(bed.authorized, options=["Banner " + banner]))
    for transport in ("libssh2", "openssh"):
        for how, statuses in ((FIND_SSHD + "kill -9 $p", ["lost"]), ("kill -9 $$", ["killed"]), ("exit 7", ["failed"])):
            ends = bed.outcomes("--transport", transport, "all", "ssh",
                                ": '\n%s'\ncat %s; cat %s >&2; %s" % (words.replace("'", ""), banner, banner, how))
            no_okay(ends, 10, statuses)
        end = bed.outcomes("--transport", transport, "h1", "ssh", "cat %s >&2" % banner, status=0)["h1"]
        equal(end["stderr"], words, transport)


def test_a_process_left_behind():
    """It keeps nobody waiting where it has let go of the streams."""
    bed = Bed()
    bed.host("h", Sshd(bed.authorized))
    end = bed.outcomes("h", "ssh", "sleep 3 </dev/null >/dev/null 2>&1 & echo done", status=0)["h"]
    check(end["seconds"] < 3, end)


if __name__ == "__main__":
    main(globals())
