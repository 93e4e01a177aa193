"""What the project's targets ask for besides the cases: start-up, memory; and the verdicts."""
import math
import os

from files import file_targets
from measure import Simulated, middle, run
from testing import DT, Home, equal

ROUND_TRIPS = 7  # handshake 3, publickey 2, channel 1, exec 1; TCP's own takes no time on the simulated fleet
START_UP = {"store 10k, nil": "dt nil: list, 10,000 hosts in the store",
            "store 10k, tag": "dt tag:x list for ten of them",
            "store 1M, nil": "dt nil: list, 1,000,000 hosts in the store",
            "store 1M, tag": "dt tag:x list for ten of them",
            "text 50k, nil": "dt -D TEXT nil: list, 50,000 lines",
            "text 50k, tag": "dt -D TEXT tag:x list for ten of them"}


def inventory(bed, n):
    step = n // 10
    return bed.write("inventory-%d" % n, "[hosts]\n" + "".join(
        "host%07d.example.org = linux rack=r%02d%s\n" % (i, i % 40, " x" if i % step == 0 else "") for i in range(n)))


def start_up(quick):
    found, bed = {}, Home()

    def time(key, *options, env=None):
        equal(len(bed.dt(*options, "tag:x", "list", env=env).stdout.splitlines()), 10, key)
        for what, selection in (("nil", "nil:"), ("tag", "tag:x")):
            runs = [run([DT, "-F", "/dev/null", *options, selection, "list"], bed, env) for _ in range(5 if quick else 15)]
            m = middle(runs)
            if m.status in (0, 7):  # 7: nil: selects no host
                found["%s, %s" % (key, what)] = m.wall

    for key, n in (("store 10k", 10000), ("store 1M", 1000000))[:1 if quick else 2]:
        env = {"XDG_DATA_HOME": bed.join("data-%d" % n)}
        text = inventory(bed, n)
        if run([DT, "--yes", "inventory", "import", text], bed, env, 300).status == 0:
            time(key, env=env)
        os.remove(text)
    time("text 50k", "-D", inventory(bed, 50000))
    return found


def memory(quick):
    """Peaks of dt: with 1,000 and with 10 hosts in flight that sleep; with 10,000 and 100 hosts."""
    found = {}

    def peak(site, hosts, at_a_time, command):
        f = site.files(hosts)
        r = run([DT, "-F", "/dev/null", "-D", f["inventory"], "-I", site.bed.key, "--known-hosts", f["known"], "-C",
                 str(at_a_time), "all", "ssh", command], site.bed, server=site)
        if r.status == 0:
            return r
        return None

    hosts = 200 if quick else 1000
    site = Simulated(0)
    few, _ = peak(site, hosts, 10, "sim: sleep=50ms"), site.counted()
    many, (_, flying, _) = peak(site, hosts, hosts, "sim: sleep=%ds" % (2 if quick else 5)), site.counted()
    if few and many:
        found["peak with 10 hosts in flight"] = few.mib, "MiB"
        found["peak with %d hosts in flight" % flying] = many.mib, "MiB"
        found["a host in flight"] = (many.mib - few.mib) * 1024 / (flying - 10), "KiB"
    # a sleep, so that a hundred are in flight in both
    least = None if quick else peak(site, 100, 100, "sim: sleep=100ms")
    most = peak(site, 10000, 100, "sim: sleep=100ms") if least else None
    if most:
        found["peak with 100 hosts, all in flight"] = least.mib, "MiB"
        found["peak with 10000 hosts, 100 in flight"] = most.mib, "MiB"
        found["a host waiting or done"] = (most.mib - least.mib) * 1024 / 9900, "KiB"
    single = [middle([run_one(Simulated(rtt)) for _ in range(3)]).wall for rtt in (0, 100)]
    found["round trips of one host (at 100 ms)"] = (single[1] - single[0]) / 0.1, ""
    return found


def run_one(site):
    f = site.files(1)
    return run([DT, "-F", "/dev/null", "-D", f["inventory"], "-I", site.bed.key, "--known-hosts", f["known"], "all", "ssh",
                "true"], site.bed)


def targets(results, starts, spaces, pushes):
    """A line for each target: reached or missed, the figure, the target."""
    by_name = {r["name"]: r for r in results}

    def verdict(what, figure, target, unit, scale=1.0):
        if figure is None:
            return "%-8s %s" % ("not run", what)
        return "%-8s %-74s %9.2f %-4s target %.2f" % ("reached" if figure <= target else "MISSED", what, figure * scale, unit,
                                                   target * scale)

    def figure(case, tool, field):
        r = by_name.get(case, {"tools": {}})["tools"].get(tool)
        return r[field] if r and not r["fault"] else None

    def ratio(case, one, other):
        a, b = figure(case, one, "cpu"), figure(case, other, "cpu")
        return a / b if a and b else None

    for case in [n for n, r in by_name.items() if r["command"] == "true" and r["rtt"] == 0]:
        yield verdict("CPU of dt / of the floor; " + case, ratio(case, "dt", "floor"), 1.25, "")
        for peer in ("pdsh", "clush"):
            if peer in by_name[case]["tools"]:
                yield verdict("CPU of %s / of dt, at least; %s" % (peer, case), inverse(ratio(case, "dt", peer)), -15, "", -1)
    for case in [n for n, r in by_name.items() if r["rtt"] < 0]:
        for peer in ("pdsh", "clush"):
            yield verdict("CPU of %s with ssh's defaults / of dt, at least; sshd" % peer,
                          inverse(ratio(case, "dt", peer + ", ssh's defaults")), -100, "", -1)
    for rtt in (0, 100):
        case = "10000 hosts, %d ms" % rtt
        wall, server, floor = figure(case, "dt", "wall"), figure(case, "floor", "server_cpu"), figure(case, "floor", "cpu")
        limit = (server + floor) / os.cpu_count() if server and floor else None
        trips = ROUND_TRIPS * rtt / 1000 * math.ceil(10000 / 1000)
        which = "round trips" if limit and trips > limit else "(server CPU + floor CPU) / cores"
        yield verdict("wall, %s, against 1.3 x %s" % (case, which), wall if limit else None, 1.3 * max(limit or 0, trips),
                      "s")
    for key, target, in (("a host in flight", 120), ("a host waiting or done", 1)):
        yield verdict("memory of " + key, spaces.get(key, (None,))[0], target, "KiB")
    yield verdict("round trips of login + exec; one more is TCP's", spaces.get("round trips of one host (at 100 ms)", (None,))[0],
                  ROUND_TRIPS + 0.5, "")
    for key, what in START_UP.items():
        yield verdict(what + " (%s)" % key, starts.get(key), {"store 10k": .01, "store 1M": .15, "text 50k": .1}[key[:-5]],
                      "ms", 1000)
    for what, value, target, unit in file_targets(pushes):
        yield verdict(what, value, target, unit)


def inverse(x):
    return -1 / x if x else None
