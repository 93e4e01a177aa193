#!/usr/bin/env -S python3 -B
"""Ansible inventories: the same hosts, groups and ways to them as ansible-inventory says; or refused by name."""
import getpass
import json
import os
import random
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
from testing import ROOT, Home, check, ended, equal, has, main  # noqa: E402

home = Home()
COUNT = int(os.environ.get("DT_TEST_INVENTORIES", "200"))
PEER = shutil.which("ansible-inventory")


def plan(text, *options, selection="all", module=("ssh", "id"), status=0, fmt="", name="inv"):
    """What dt would do, by host; or what it says where it refuses."""
    path = home.write(name, text)
    done = ended(home.dt("--no-journal", "-D", fmt + path, *options, "-p", "-o", "jsonl", selection, *module), status)
    if status:
        return done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    return {e["host"]: e for e in events if e["event"] == "plan"}


def tags(text, name="inv"):
    path = home.write(name, text)
    done = ended(home.dt("-D", path, "all", "list", "-o", "jsonl"), 0)
    found = {}
    for line in done.stdout.splitlines():
        event = json.loads(line)
        if event["event"] == "end":
            words = event["stdout"].split()
            found[event["host"]] = {w for w in words if "=" not in w}
    return found


# ---- what each variable does ----

def one(variables, **about):
    """The plan for one host with these variables."""
    return plan("[web]\nh1 %s\n[web:vars]\nx=1\n" % variables, **about)["h1"]


def refused(variables, *parts, fmt="", module=("ssh", "id")):
    said = plan("[web]\nh1 %s\nh2\n" % variables, status=2, fmt=fmt, module=module)
    for part in ("host h1 is refused", "/inv:2: ", *parts):
        has(said, part)
    # another host of the inventory is not touched by it
    check("h2" in plan("[web]\nh1 %s\nh2\n" % variables, selection="h2"))


def test_honoured():
    e = one("ansible_host=10.0.0.1 ansible_port=22022 ansible_user='CORP\\alice'")
    equal((e["address"], e["port"], e["user"], e["transport"]), ("10.0.0.1", 22022, "CORP\\alice", "libssh2"))
    equal(one("ansible_user=alice@corp.example.com")["user"], "alice@corp.example.com")
    equal(one("ansible_connection=local")["transport"], "local")
    for way in ("ssh", "smart", "paramiko", "ansible.builtin.ssh"):
        equal(one("ansible_connection=%s" % way)["transport"], "libssh2", way)
    for args in ("-J alice@gw:2222", "-Jalice@gw:2222", "-o ProxyJump=alice@gw:2222", "-oProxyJump=alice@gw:2222",
                 '-o \\"ProxyJump alice@gw:2222\\"'):
        equal(one('ansible_ssh_common_args="%s"' % args)["via"], ["gw"], args)
    equal(one("ansible_ssh_extra_args='-p 2022 -l bob'")["port"], 2022)
    # Ansible's order: ssh_args, the variables, common_args, extra_args
    equal(one("ansible_user=bob ansible_ssh_common_args='-l eve'")["user"], "bob")
    equal(one("ansible_user=bob ansible_ssh_args='-C -o ControlMaster=auto -l eve'")["user"], "eve")
    equal(one("ansible_ssh_common_args='-l eve' ansible_ssh_extra_args='-l bob'")["user"], "eve")
    equal(one("ansible_ssh_user=old ansible_user=new")["user"], "old")
    for args in ("-o ProxyCommand='nc %h %p'", "-o Ciphers=aes128-ctr", "-4", "-o IdentitiesOnly=yes", "-A"):
        e = one('ansible_ssh_common_args="%s"' % args)
        equal(e["transport"], "openssh", args)
        has(e["because"], "ssh_options: ")
    equal(one("ansible_ssh_args='-C -q -o ControlPersist=60s -o ServerAliveInterval=30'")["transport"], "libssh2")


def test_a_missing_key():
    """It is the failure of its host, which nobody logs in to with another key; the others are reached."""
    path = home.write("inv", "h1 ansible_host=127.0.0.1 ansible_port=1 ansible_ssh_private_key_file=/nowhere/key\n"
                             "h2 ansible_host=127.0.0.1 ansible_port=1\n")
    done = ended(home.dt("--no-journal", "-D", path, "all", "ssh", "id"), 4)
    said = {line.split(":")[4]: line.split(":", 5)[5] for line in done.stdout.splitlines()}
    equal(said, {"h1": "auth: /nowhere/key: no such file or directory", "h2": "connect: connection refused"})


def test_refused():
    for name, value in (("ansible_connection", "docker"), ("ansible_connection", "winrm"),
                        ("ansible_connection", "network_cli"), ("ansible_host", '"{{ internal }}"'),
                        ("ansible_user", '"{{ admin }}"'), ("ansible_user", "'a;b'"), ("ansible_port", "ssh"),
                        ("ansible_port", "0"), ("ansible_port", "22.5"), ("ansible_host", "'a b'"),
                        ("ansible_ssh_executable", "/opt/ssh"), ("ansible_shell_executable", "/opt/wrapper"),
                        ("ansible_shell_type", "nushell"), ("ansible_ssh_pkcs11_provider", "/usr/lib/p11.so"),
                        ("ansible_ssh_common_args", '"-F /etc/other"'), ("ansible_ssh_common_args", '"-w 0:0"'),
                        ("ansible_ssh_common_args", '"-o LocalCommand=x"'), ("ansible_ssh_extra_args", '"-D 1080"'),
                        ("ansible_ssh_args", '"-o ProxyJump=a -o ProxyCommand=b"'),
                        ("ansible_ssh_common_args", "\"-o 'ProxyCommand=x\""), ("ansible_ssh_common_args", "gw"),
                        ("ansible_ssh_common_args", '"{{ jump }}"'), ("ansible_ssh_common_args", '"-p 0"')):
        refused("%s=%s" % (name, value), name, fmt="ansible:")
    refused("ansible_become=yes ansible_become_user=postgres", "ansible_become_user=postgres", module=("sudo", "id"))
    refused("ansible_become=yes ansible_become_method=su", "ansible_become_method=su", module=("sudo", "id"))
    refused("ansible_connection=paramiko ansible_paramiko_proxy_command=x", "ansible_paramiko_proxy_command")
    # what a group says and its host cannot
    for text in ("[a]\nh\n[a:vars]\nansible_user='x;y'\n[all:vars]\nansible_user=root\n",
                 "h ansible_user=\n[all:vars]\nansible_user=root\n",
                 "[a]\nh\n[b]\nh\n[a:vars]\nansible_user=root\n[b:vars]\nansible_user=None\n",
                 "[ungrouped]\nh\n[ungrouped:vars]\nansible_connection=docker\n"):
        has(plan(text, status=2), "host h is refused: %s:" % home.join("inv"))
    # and the group that counts says otherwise
    check("h" in plan("[a]\nh\n[b]\nh\n[a:vars]\nansible_connection=docker\n[b:vars]\nansible_connection=ssh\n"))
    check("h" in plan("h ansible_connection=ssh\n[all:vars]\nansible_connection=docker\n"))


def test_as_root_and_passwords():
    text = "[web]\nh1 ansible_become=true ansible_become_pass=geheim\n"
    said = plan(text, status=2)
    has(said, "host h1: its inventory says become")
    has(said, "module sudo")
    check("geheim" not in ended(home.dt("-D", home.join("inv"), "all", "list"), 0).stdout)
    check("h1" in plan(text, module=("sudo", "id")))
    has(plan(text, status=2, module=("pull", "/etc/hostname", "/tmp")), "--sudo")
    check("h1" in plan(text, module=("pull", "--sudo", "/etc/hostname", "/tmp")))
    check("h1" in plan("h1 ansible_become=no\n"))
    said = plan("h1 ansible_password=geheim\n", status=2)
    has(said, "-k asks for it")
    check("geheim" not in said)


def test_not_an_attribute_of_ours():
    """A variable that is called like one of dt's attributes means nothing to Ansible."""
    e = one("ansible_host=10.0.0.1 port=8080 user=www via=proxy transport=local refuse=x")
    equal((e["port"], e["user"], e["via"], e["transport"]), (22, getpass.getuser(), [], "libssh2"))
    equal(one("dt_via=gw ansible_host=10.0.0.1")["via"], ["gw"])


def test_what_a_file_is():
    check("h1" in plan("h1 ansible_host=10.0.0.1\nh2\n"))
    equal(plan("h1 ansible_host=10.0.0.1\nh2\n")["h1"]["address"], "10.0.0.1")
    equal(plan("\ufeff[web]\nh1 ansible_port=2222\n")["h1"]["port"], 2222)
    for text, what in (("all:\n  hosts:\n    h1:\n", "YAML"), ("---\nall:\n", "YAML"), ("- h1\n", "YAML"),
                       ("plugin: aws_ec2\n", "YAML"), ('{"_meta": {}}\n', "JSON"), ('[\n  "h1"\n]\n', "JSON"), ("{}", "JSON")):
        path = home.write("alien", text)
        for source in (path, "ansible:" + path, "names:" + path):
            has(ended(home.dt("-D", source, "all", "list"), 2).stderr, "this is a %s file" % what)
        has(ended(home.dt("file:" + path, "list"), 2).stderr, "this is a %s file" % what)


def test_bounds():
    """What cost minutes or gigabytes costs nothing, or is refused."""
    wide = ["[a0]", "h"]
    for i in range(1, 31):
        for side in "ab":
            wide += ["[%s%d:children]" % (side, i), "a%d" % (i - 1)] + (["b%d" % (i - 1)] if i > 1 else [])
    found = tags("\n".join(wide) + "\n")
    equal(len(found["h"]), 61)
    deep = ["[g0]", "h"] + ["[g%d:children]\ng%d" % (i, i - 1) for i in range(1, 1200)]
    path = home.write("inv", "\n".join(deep) + "\n")
    has(ended(home.dt("-D", path, "all", "list"), 2).stderr, "more than 1000")
    loop = home.write("inv", "[a]\nh\n[b:children]\na\n[c:children]\nb\n[a:children]\nc\n")
    has(ended(home.dt("-D", loop, "all", "list"), 2).stderr, "stands in itself")
    for text in ("".join("%s[0:999999]\n" % c for c in "abcdefghij"),
                 "[hosts]\n" + "".join("%s[0-999999]=\n" % c for c in "abcdefghij")):
        path = home.write("flood", text)
        source = path if "hosts" in text else "ansible:" + path
        has(ended(home.dt("-D", source, "a5", "list"), 2).stderr, "more than 1000000 hosts in all")


# ---- beside Ansible ----

def names_of(r, k):
    kind = r.randrange(9)
    if kind == 0:
        return "n%d-[01:%02d].example.org" % (k, r.randrange(1, 6))
    if kind == 1:
        return "n%d[a:%s]" % (k, r.choice("acf"))
    if kind == 2:
        return "n%d-[1:9:%d]x[0:1]" % (k, r.randrange(1, 5))
    if kind == 3:
        return "[2001:db8::%x]:%d" % (k + 1, r.randrange(1, 65536))
    if kind == 4:
        return "2001:db8:1::%x" % (k + 1)
    if kind == 5:
        return "10.1.%d.[8:11]:%d" % (k, r.randrange(1, 65536))
    if kind == 6:
        return "n%d:%d" % (k, r.randrange(1, 65536))
    return "n%d" % k


def variable(r, k):
    name = r.choice(("ansible_host", "ansible_port", "ansible_port", "ansible_user", "ansible_user", "ansible_connection",
                     "level", "level", "note"))
    value = {"ansible_host": lambda: r.choice(("10.0.%d.%d" % (r.randrange(9), k % 250), "a%d.example.org" % k)),
             "ansible_port": lambda: str(r.randrange(1, 65536)),
             "ansible_user": lambda: r.choice(("root", "deploy", "u%d" % r.randrange(9), "a@b.c", "CORP\\\\x", "al$")),
             "ansible_connection": lambda: r.choice(("ssh", "local", "smart", "ssh")),
             "level": lambda: r.choice(("low", "high", "7", "1")),
             "note": lambda: r.choice(("'two words'", '"a b"', "two\\ words", "x=y", "a\\#b", "'#'", '"it\'s"'))}[name]()
    return name, value


def quoted(r, value):
    return value if value[0] in "'\"" or "\\" in value else r.choice((value, value, "'%s'" % value, '"%s"' % value))


def inventory(r):
    """A random inventory of up to nine groups in three layers."""
    groups = r.sample(["web", "db", "eu", "us-east", "prod", "a", "z9", "b_1", "m.n"], r.randrange(1, 10))
    lines, pool = [], [names_of(r, k) for k in range(r.randrange(1, 12))]

    def host():
        k = r.randrange(len(pool))
        words = [pool[k]]
        for _ in range(r.choice((0, 0, 1, 2))):
            name, value = variable(r, k)
            words.append("%s=%s" % (name, quoted(r, value)))
        return r.choice(("", "  ")) + " ".join(words) + r.choice(("", "", "  # why", " #", "\t"))

    blocks = [["[%s]%s" % (g, r.choice(("", "", " # c")))] + [host() for _ in range(r.randrange(4))] for g in groups]
    for i, g in enumerate(groups):
        below = [c for c in groups[i + 1:] if r.random() < 0.3]
        if below:
            blocks.append(["[%s:children]" % g] + [c + r.choice(("", " # c")) for c in below])
    for g in groups + ["all", "ungrouped"]:
        if r.random() < 0.5:
            block = ["[%s:vars]" % g]
            for _ in range(r.randrange(1, 4)):
                name, value = variable(r, 3)
                if name == "note":
                    continue
                value = value.replace("\\\\", "\\")
                value = value + r.choice(("", "", " # c")) if value.isdigit() else quoted(r, value)
                block.append(name + r.choice(("=", " = ", "= ")) + value)
            if g not in ("all", "ungrouped") and r.random() < 0.3:
                block.append("ansible_group_priority=%d" % r.randrange(1, 12))
            blocks.append(block)
    r.shuffle(blocks)
    lines += [host() for _ in range(r.randrange(3))]
    for block in blocks:
        lines += [r.choice(("", "# c", "; c"))] + block
    return "\n".join(lines) + "\n"


def judged(answer):
    """By host: its groups, and the way to it."""
    parents = {}
    for group, about in answer.items():
        for child in about.get("children", ()) if group != "_meta" else ():
            parents.setdefault(child, set()).add(group)

    def above(group):
        found = {group}
        for parent in parents.get(group, ()):
            found |= above(parent)
        return found

    hosts = {}
    for group, about in answer.items():
        for name in about.get("hosts", ()) if group != "_meta" else ():
            hosts.setdefault(name, set()).update(above(group))
    found = {}
    for name, groups in hosts.items():
        v = answer["_meta"]["hostvars"].get(name, {})
        found[name] = (groups - {"all", "ungrouped"},
                       {"address": str(v.get("ansible_host", name)), "port": int(v.get("ansible_port", 22)),
                        "user": str(v.get("ansible_user", getpass.getuser())),
                        "local": v.get("ansible_connection") == "local"}, v)
    return found


def compare(path, answer):
    about = "%s:\n%s" % (path, open(path).read())
    wanted = judged(answer)
    done = ended(home.dt("--no-journal", "-D", "ansible:" + path, "-p", "-o", "jsonl", "all", "ssh", "id"), 0 if wanted else 7)
    ways = {e["host"]: e for e in map(json.loads, done.stdout.splitlines()) if e["event"] == "plan"}
    equal(set(ways), set(wanted), about)
    for name, (_, way, _) in wanted.items():
        e = ways[name]
        got = {"address": e["address"], "port": e["port"] or 22, "user": e["user"], "local": e["transport"] == "local"}
        if way["local"]:
            # nobody logs in there, and the command runs as who calls
            got["user"] = way["user"] = got["port"] = way["port"] = got["address"] = way["address"] = None
        equal(got, way, "%s: %s" % (name, about))
    done = ended(home.dt("-D", "ansible:" + path, "all", "list", "-o", "jsonl"), 0 if wanted else 7)
    for e in map(json.loads, done.stdout.splitlines()):
        if e["event"] == "end":
            # a tag has no "="; a word of a value in quotes may have none either
            words = {w for w in e["stdout"].split() if "=" not in w and '"' not in w}
            equal(words & set(answer), wanted[e["host"]][0], "tags of %s: %s" % (e["host"], about))
    there = {n for n, (_, _, v) in wanted.items() if str(v.get("level")) == "high"}
    done = ended(home.dt("-D", "ansible:" + path, "var:level=high", "list", "-o", "jsonl"), 0 if there else 7)
    equal({e["host"] for e in map(json.loads, done.stdout.splitlines()) if e["event"] == "end"}, there, "level=high: " + about)
    return len(wanted)


def test_beside_ansible():
    if not PEER:
        print("# ansible-inventory is not here: %d inventories not compared with it" % COUNT)
        return
    seed = int(os.environ.get("DT_TEST_SEED", "12"))
    r = random.Random(seed)
    paths = [home.write("random/%03d" % i, inventory(r)) for i in range(COUNT)]
    env = dict(home.env, ANSIBLE_CONFIG=home.write("ansible.cfg", ""), ANSIBLE_INVENTORY_ENABLED="ini", ANSIBLE_INVENTORY_UNPARSED_FAILED="1")
    with open(PEER) as f:
        python = f.readline()[2:].split()
    judge = subprocess.run([*python, "-B", os.path.join(ROOT, "tests/lib/ansible_judge.py"), *paths], env=env, check=False,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    equal(judge.returncode, 0, judge.stderr)
    answers = json.loads(judge.stdout)
    # the judge is the program itself
    for path in (paths[0], paths[-1]):
        done = subprocess.run([PEER, "-i", path, "--list"], env=env, check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        equal(json.loads(done.stdout), answers[path])
    hosts = sum(compare(path, answers[path]) for path in paths)
    print("# seed %d: %d inventories, %d hosts, equal" % (seed, len(paths), hosts))


main(globals())
