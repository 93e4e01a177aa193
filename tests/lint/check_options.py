#!/usr/bin/env python3
"""The table of options, dt(1), dt.conf(5), dt --help and completion say the same."""
import re

from lint import Lint, code_only, dt, read


def table():
    """{name: (letter, argument, in_conf)} from dt/cli/options.c."""
    text = code_only(read("dt/cli/options.c"), strings=True)
    body = text[text.index("option_table[] = {"):]
    body = body[:body.index("{ .name = NULL }")]
    found = {}
    for entry in body.split("{ OPT(")[1:]:
        name = re.match(r'"([\w-]+)"', entry).group(1)
        letter = re.match(r'"[\w-]+",\s*(?:\'(.)\'|0)', entry).group(1)
        arg = re.search(r'\.arg = "([^"]*)"', entry)
        found[name] = (letter, arg.group(1) if arg else None, ".in_conf = true" in entry)
    return found


def manual():
    """The same from dt(1): each .It of Fl."""
    found = {}
    for line in re.findall(r"^\.It (Fl .*)$", read("man/dt.1"), re.M):
        long = re.search(r"Fl -([a-z][\w-]*)", line)
        letter = re.search(r"Fl (\w)(?:\s|$)", line)
        arg = re.search(r"Ar (\S+)", line)
        found[long.group(1) if long else line] = (letter.group(1) if letter else None, arg.group(1) if arg else None)
    return found


def conf_keys():
    """Keys of [dt] in dt.conf(5)."""
    text = read("man/dt.conf.5")
    section = text[text.index(".Ss Section dt"):]
    section = section[:re.search(r"^\.S[sh] ", section[5:], re.M).start() + 5]
    return set(re.findall(r"^\.It Cm ([\w-]+)", section, re.M))


lint = Lint()
options, page = table(), manual()
lint.check("" if len(options) > 20 else "the table in dt/cli/options.c cannot be read")
for name, (letter, arg, _) in options.items():
    if name not in page:
        lint.check("--%s is not in man/dt.1" % name)
    else:
        lint.check("" if page[name] == (letter, arg) else
                   "--%s: the table has %s, man/dt.1 %s" % (name, (letter, arg), page[name]))
for name in page:
    lint.check("" if name in options else "man/dt.1: %s is not in the table" % name)

wanted = {name for name, (_, _, in_conf) in options.items() if in_conf}
lint.check(["man/dt.conf.5: %s is missing" % n for n in sorted(wanted - conf_keys())])
lint.check(["man/dt.conf.5: %s is no key" % n for n in sorted(conf_keys() - wanted)])

usage = dt("--help")
lint.check("" if usage.returncode == 0 else "dt --help: exit %d: %s" % (usage.returncode, usage.stderr))
shown = dict((m.group(2), (m.group(1), m.group(3))) for m in
             re.finditer(r"^  (?:-(\w), |    )--([\w-]+)(?: ([A-Z=]+))?(?: |$)", usage.stdout, re.M))
for name, (letter, arg, _) in options.items():
    lint.check("" if shown.get(name) == (letter, arg) else "dt --help has %s for --%s" % (shown.get(name), name))
lint.check(["dt --help: --%s is not in the table" % n for n in sorted(set(shown) - set(options))])

completed = set(dt("completion", "words", "dt --").stdout.split())
lint.check(["completion lacks --%s" % n for n in sorted(set(options) - {c[2:] for c in completed})])
lint.check(["completion has %s" % c for c in sorted(completed) if c[2:] not in options])
for name in options:
    answer = dt("help", "--" + name)
    lint.check("" if answer.returncode == 0 and "--" + name in answer.stdout else "dt help --%s" % name)

words = set(re.findall(r'\.name = "(\w+)", \.args', read("dt/cli/wordlist.c")))
told = set(re.findall(r"^\.It Cm (\w+)", read("man/dt.1"), re.M))
lint.check(["man/dt.1: the word %s is missing" % w for w in sorted(words - told)])
lint.check(["dt --help: the word %s is missing" % w for w in sorted(words) if not re.search(r"^  %s " % w, usage.stdout, re.M)])
lint.end()
