#include "tests/unit/inventory.h"

#include <sys/stat.h>

/* "value (origin)" of a host's setting. */
static const char *setting(struct inventory *inv, const char *host, const char *key)
{
	static char text[512];
	const char *origin = "?", *value;
	struct host *h;

	CHECK_INT(inventory_name(inv, host, &h, &err), 0);
	value = inventory_setting(inv, h, key, &origin);
	(void)snprintf(text, sizeof(text), "%s (%s)", value ? value : "-", origin ? origin : "-");
	return text;
}

/* ---- the rules ---- */

static char *repeat(int c, size_t n)
{
	static char text[8192];

	memset(text, c, n);
	text[n] = '\0';
	return text;
}

static void test_names(void)
{
	static const char *const good[] = {
		"a", "web-01.example.org", "::1", "fe80::1%eth0", "_x", "\xc3\xa9t\xc3\xa9", "9",
	};
	static const char *const bad[] = {
		"", "-a", "a b", "a@b", "a/b", "a;b", "a\"b", "a[1]", "a,b", "a=b", "\xff", "a\x7f", "a\n", "a#",
		"a\xe2\x80\xaey", "a\xc2\x85", "\xc2\xa0", "\xef\xbb\xbf" "a",
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		CHECK_STR(host_name_fault(good[i]), NULL);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (!host_name_fault(bad[i]))
			CHECK_STR(bad[i], "refused");
	CHECK_STR(host_name_fault(repeat('a', 255)), NULL);
	CHECK_STR(host_name_fault(repeat('a', 256)), "is too long");
	CHECK_STR(host_name_fault("-a"), "begins with '-'");
}

static void test_tags_and_users(void)
{
	static const char *const tags[] = { "a", "a/b", "a@b", "a.b-c_d", "\xc3\xa9" };
	static const char *const bad_tags[] = {
		"", "-a", "+a", "a b", "a:b", "a,b", "a=b", "#a", "\xff", "a;",
	};
	static const char *const users[] = {
		"root", "a.b+c", "_x", "CORP\\alice", "alice@corp.example.com", "alice$", "\xc3\xa9lise", "a b", "a:b", "a/b",
		"$x", "a#b", "~a", "a,b", "a=b", "a*?!^%[]",
	};
	static const char *const bad_users[] = {
		"", "-l", "a;b", "a'b", "a\"b", "a\nb", "a`b", "a&b", "a<b", "a>b", "a|b", "a(b", "a)b", "a{b", "a}b", "a -b",
		"a\\", "a\x7f", "\xff", "a\xe2\x80\xaey", "a\tb",
	};

	for (size_t i = 0; i < ARRAY_LEN(tags); i++)
		CHECK_STR(tag_fault(tags[i]), NULL);
	for (size_t i = 0; i < ARRAY_LEN(bad_tags); i++)
		if (!tag_fault(bad_tags[i]))
			CHECK_STR(bad_tags[i], "refused");
	for (size_t i = 0; i < ARRAY_LEN(users); i++)
		CHECK_STR(user_name_fault(users[i]), NULL);
	for (size_t i = 0; i < ARRAY_LEN(bad_users); i++)
		if (!user_name_fault(bad_users[i]))
			CHECK_STR(bad_users[i], "refused");
	CHECK_STR(tag_fault(repeat('t', 255)), NULL);
	CHECK_STR(tag_fault(repeat('t', 256)), "is too long");
	CHECK_STR(user_name_fault(repeat('u', 255)), NULL);
	CHECK_STR(user_name_fault(repeat('u', 256)), "is too long");
}

static void test_attributes(void)
{
	static const char *const good[][2] = {
		{ "rack", "a b;c='d'=" }, { "_x-1", "" }, { "port", "1" }, { "port", "65535" },
		{ "address", "::1" }, { "user", "root" }, { "transport", "openssh" }, { "shell", "no" },
		{ "connect_timeout", "500ms" }, { "via", "none" }, { "via", "a@b:22,[::1]:2222,c" },
		{ "n", "\xc3\xa9" }, { "via", "CORP\\a@b:22,x@y.z@[10.0.0.1]:22" }, { "user", "alice@corp.example.com" },
		{ "ssh_options", "Ciphers=x ProxyCommand='nc %h %p' setenv=A=b" }, { "refuse", "gone" }, { "become", "yes" }, { "via", "fe80::1" }, { "via", "a:1,u@b:65535" }, { "identity", "~/.ssh/x" },
		{ "known_hosts", "/k" }, { "hostkey_alias", "a" }, { "sudo_user", "-x" },
	};
	static const char *const bad[][2] = {
		{ "", "x" }, { "1a", "x" }, { "-a", "x" }, { "a.b", "x" }, { "a b", "x" }, { "a", "x\ny" },
		{ "a", "\"" }, { "a", "\t" }, { "a", "\xff" }, { "port", "0" }, { "port", "65536" },
		{ "port", "22x" }, { "port", "" }, { "address", "-x" }, { "user", "-x" },
		{ "transport", "ssh" }, { "shell", "sh" }, { "connect_timeout", "0" },
		{ "connect_timeout", "soon" }, { "via", "" }, { "via", "a,,b" }, { "via", "-oProxyCommand=x" },
		{ "via", "[::1" }, { "via", "a;b@c" }, { "via", "[::1]x" }, { "via", "a," },
		{ "via", "a:0" }, { "via", "a:65536" }, { "via", "a:" }, { "via", "a:22x" }, { "via", "[::1]:" },
		{ "via", "b,[::1]:0" }, { "via", "u@:22" }, { "via", "[]:22" }, { "identity", "-i" },
		{ "known_hosts", "-k" }, { "hostkey_alias", "-a" }, { "address", "[::1]:22" }, { "address", "a:22" },
		{ "ssh_options", "" }, { "ssh_options", "Ciphers" }, { "ssh_options", "User=x" }, { "ssh_options", "Ciphers='" },
		{ "ssh_options", "LocalCommand=x" }, { "ssh_options", "StrictHostKeyChecking=no" }, { "ssh_options", "-v" },
		{ "become", "root" }, { "ask_password", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		CHECK_STR(attr_fault(good[i][0], good[i][1]), NULL);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (!attr_fault(bad[i][0], bad[i][1]))
			CHECK_STR(bad[i][1], "refused");
	CHECK_STR(attr_fault("a", repeat('v', 4096)), NULL);
	CHECK_STR(attr_fault("a", repeat('v', 4097)), "is too long");
}

/* ---- sources ---- */

static void test_ini(void)
{
	char text[512];

	CHECK_STR(text_hosts("",
			     "# a comment\n[hosts]\nb = web linux port=22\n  db note=\"a ; b\" ; why\n"
			     "a[1-2] =\nfe80::1=x\n"),
		  "b web linux db port=22 note=a ; b\na1\na2\nfe80::1 x\n");
	CHECK_STR(text_hosts("ini:", "[hosts]\nx = a a e= q=\"\"\n[hosts]\ny: b\n"), "x a e= q=\ny b\n");
	CHECK_STR(text_hosts("ini:", ""), "");
	CHECK_STR(text_fault("", "[hosts]\na = x\nb = x\na = y\nc = z\n"),
		  "f:4: a is named twice, first at f:2");
	CHECK_STR(text_fault("", "[hosts]\nw[1-3] = x\nw2 = y\n"), "f:3: w2 is named twice, first at f:2");
	CHECK_STR(text_fault("", "[hosts]\n-a = x\n[defaults]\nb = c\n"),
		  "f:2: the host name \"-a\" begins with '-'");
	CHECK_HAS(text_fault("", "[hosts]\nw[2-1] =\n\tx\nb = c\n"),
		  "f:2: the range runs backwards\n  w[2-1]\n    ^");
	CHECK_STR(text_fault("", "[hosts]\na = x\n  port=x\n"), "f:3: port=x is no port (1 to 65535)");
	CHECK_STR(text_fault("", "[hosts]\na = k=1\n\tk=2\n"), "f:3: k is set twice");
	CHECK_STR(text_fault("", "[hosts]\na = +b\n"), "f:2: the tag \"+b\" begins with '-' or '+'");
	CHECK_STR(text_fault("", "[hosts]\na = k=\"b c\nd =\n"), "f:2: a quote has no end");
	CHECK_HAS(text_fault("", "[hosts]\na = b\n[tag -x]\n"), "f:3: the tag \"-x\" begins");
	CHECK_HAS(text_fault("", "[defaults]\nk = 1\nk = 2\n"), "f:3: k is set already, at f:2 [defaults]");
	CHECK_HAS(text_fault("", "[defaults]\nk = 1\n  2\n"), "f:3: the value of k cannot go on");
	CHECK_HAS(text_fault("", "[host]\na = b\n"), "f:1: unknown section [host]");
	CHECK_HAS(text_fault("ini:", "a = b\n"), "f:1: before the first section");
	(void)snprintf(text, sizeof(text), "[hosts]\na = b\nc = %0300d\n", 0);
	CHECK_HAS(text_fault("", text), "f:3: the line has 304 bytes, 198 are the most");
}

static void test_lines(void)
{
	char *big = malloc((1UL << 20) + 16);

	CHECK_STR(text_hosts("",
			     "# c\nroot@a:22|gw web k=\"a #b\" # c # d\n\n  b\t# c # d\r\nc #\n[::1]:2222\n"
			     "fe80::2 x\nw[1-2]:80 y"),
		  "a web user=root port=22 via=gw k=a #b\nb\nc\n::1 port=2222\nfe80::2 x\nw1 y port=80\n"
		  "w2 y port=80\n");
	CHECK_STR(text_hosts("names:", "b\na{x,y}\n"), "b\nax\nay\n");
	CHECK_STR(text_hosts("dtdb:", ""), "");
	CHECK_STR(text_fault("", "a\nb\na\n"), "f:3: a is named twice, first at f:1");
	CHECK_STR(text_fault("", "\nu@ web\n"), "f:2: no host name in the line");
	CHECK_STR(text_fault("", "a:0\n"), "f:1: \"a:0\" has what is no port (1 to 65535) behind ':'");
	CHECK_STR(text_fault("", "-x@a\n"), "f:1: \"-x@a\" has a user name that is not allowed before '@'");
	CHECK_HAS(text_fault("", "a|-oProxyCommand=x\n"), "f:1: via=-oProxyCommand=x holds what is no jump host");
	CHECK_HAS(text_fault("names:", "[hosts]\n"), "f:1: neither a number nor a range");
	if (!big)
		abort();
	(void)snprintf(big, (1UL << 20) + 16, "a\n%01048577d\n", 0);
	CHECK_STR(text_fault("dtdb:", big), "f:2: the line has more than 1048576 bytes");
	free(big);
}

static void test_known_hosts(void)
{
	static const char text[] = "# c\n|1|abc=|def= ssh-rsa AAAAB3\n@cert-authority *.x ssh-rsa AAAAB3\n"
		"*.y,z ssh-rsa AAAAB3\n"
		"b,10.0.0.1 ssh-ed25519 AAAAC3 a comment\nb ssh-rsa AAAAB3\n"
		"[c]:2222 ecdsa-sha2-nistp256 AAAAE2\n"
		"[::1]:22,x sk-ssh-ed25519@openssh.com AAAAG\n!d ssh-rsa AAAAB3\n";

	CHECK_STR(text_hosts("", text), "b\nc port=2222\n::1 port=22\n");
	CHECK_STR(text_hosts("known_hosts:", text), "b\nc port=2222\n::1 port=22\n");
	CHECK_STR(text_hosts("", "@revoked * ssh-rsa AAAAB3\n"), "");
	CHECK_STR(text_fault("known_hosts:", "\n-x ssh-rsa AAAAB3\n"),
		  "f:2: the host name \"-x\" begins with '-'");
	CHECK_STR(text_fault("known_hosts:", "[a]:b ssh-rsa AAAAB3\n"),
		  "f:1: port=b is no port (1 to 65535)");
	/* ssh knows no ranges there */
	CHECK_HAS(text_fault("known_hosts:", "web[1-3],x ssh-rsa AAAAB3\n"), "f:1: the host name \"web[1-3]\" holds");
	CHECK_HAS(text_fault("known_hosts:", "web{a,b} ssh-rsa AAAAB3\n"), "f:1: the host name \"web{a\" holds");
	/* a tag that looks like a key's type is no key */
	CHECK_STR(text_hosts("", "a ssh-prod ssh-gw\n"), "a ssh-prod ssh-gw\n");
	CHECK_STR(text_hosts("", "[hosts]\na = ssh-prod x\n"), "a ssh-prod x\n");
}

static const char ansible[] =
	"lone ansible_port=2200\n[web]\nw[01:03] ansible_user=root  # c\nw02 rack='a b' ansible_user=nobody\n"
	"; c\n[db]\n"
	"d:2222 ansible_host=::1\nw[03:04]\nw[1:2].x:80\n[prod:children]\nweb\ndb # c\n[all:vars]\n"
	"ntp = 'x y'\n[prod:vars]\n"
	"level=prod\nzone=eu\n[web:vars]\nlevel=web\n[ungrouped]\nlone rack=1\n";

static void test_ansible(void)
{
	struct inventory *inv;
	char text[9100];

	CHECK_STR(text_hosts("", ansible),
		  "lone rack=1 port=2200\nw01 web prod user=root\nw02 web prod rack=a b user=nobody\n"
		  "w03 web prod db user=root\nd db prod address=::1 port=2222\nw04 db prod\n"
		  "w1.x db prod port=80\nw2.x db prod port=80\n");
	inv = from("f", NULL);
	CHECK_STR(setting(inv, "w03", "level"), "web (f:19)");
	CHECK_STR(setting(inv, "w04", "level"), "prod (f:16)");
	CHECK_STR(setting(inv, "lone", "level"), "- (-)");
	CHECK_STR(setting(inv, "lone", "ntp"), "x y (f:14)");
	CHECK_STR(setting(inv, "w01", "user"), "root (f:3)");
	CHECK_STR(setting(inv, "lone", "port"), "2200 (f:1)");
	CHECK_STR(setting(inv, "lone", "rack"), "1 (f:21)");
	inventory_free(inv);
	CHECK_STR(text_hosts("ansible:", "a\n"), "a\n");
	CHECK_STR(text_hosts("", "[hosts]\na\n[hosts:vars]\nx = 1\n"), "a hosts\n");
	CHECK_STR(text_hosts("", "a\n[hosts]\nb\n"), "a\nb hosts\n");
	CHECK_STR(text_hosts("ansible:",
			     "[v6] # c\n[2001:db8::1]:22\n[2001:db8::2]:2222 ansible_user=root rack=a[1]\n"
			     "2001:db8::3\n[fe80::1%eth0]\n[::1] rack=1\n[r]; c\n[1:2].x.org:80\n[01:02]x\n"
			     "[r:vars]\nk=[1]\n"),
		  "2001:db8::1 v6 port=22\n2001:db8::2 v6 rack=a[1] port=2222 user=root\n2001:db8::3 v6\n"
		  "fe80::1%eth0 v6\n::1 v6 rack=1\n1.x.org r port=80\n2.x.org r port=80\n01x r\n02x r\n");
	CHECK_STR(text_fault("ansible:", "[::1]:\n"), "f:1: \"[::1]:\" has what is no port (1 to 65535) behind ':'");
	CHECK_HAS(text_fault("ansible:", "[web]x\n"), "f:1: a range is [LOW:HIGH]");
	CHECK_HAS(text_fault("", "[a]\nx\n[b:children]\na\n[a:children]\nb\n"),
		  "f:1: the group a stands in itself, over others");
	CHECK_STR(text_fault("", "[a]\nx y\n"), "f:2: \"y\" is no NAME=VALUE");
	CHECK_STR(text_fault("", "[a:vars]\nx\n"), "f:2: \"x\" is no NAME=VALUE");
	CHECK_STR(text_fault("", "[a:foo]\nx\n"), "f:1: unknown section [a:foo]");
	CHECK_STR(text_fault("", "[a b]\nx\n"), "f:1: \"[a b]\" is no section");
	CHECK_STR(text_fault("", "[a b:vars]\nx=1\n"), "f:1: \"[a b:vars]\" is no section");
	CHECK_HAS(text_fault("", "[a+b]\nx y=1\n[a:vars]\n"), "f:1: the group \"a+b\" can be no tag");
	CHECK_HAS(text_fault("", "[a]\nx[3:1]\n"), "f:2: the range [3:1] runs backwards");
	(void)snprintf(text, sizeof(text), "[a]\nx k=%09000d\n", 0);
	CHECK_HAS(text_fault("", text), "f:2: the line has 9004 bytes, 8191 are the most");
}

static void test_exec(void)
{
	put_file("run", "#!/bin/sh\necho 'a web'\necho b\n");
	CHECK_HAS(fault("exec:run"), "run");
	CHECK_INT(chmod("run", 0755), 0);
	CHECK_STR(hosts_of("run", NULL), "a web\nb\n");
	CHECK_STR(hosts_of("exec:./run", NULL), "a web\nb\n");
	CHECK_HAS(fault("dtdb:run"), "run:2: ");
	put_file("run", "#!/bin/sh\nprintf '[hosts]\\na = x\\na = y\\n'\n");
	CHECK_STR(fault("run"), "run:3: a is named twice, first at run:2");
	put_file("run", "#!/bin/sh\necho a\nexit 3\n");
	CHECK_STR(fault("run"), "./run: exit 3");
	put_file("run", "#!/bin/sh\nkill -9 $$\n");
	CHECK_STR(fault("run"), "./run: ended by signal 9");
	put_file("run", "#!/no/such/program\n");
	CHECK_HAS(fault("run"), "run");
}

static void test_paths(void)
{
	static const char names[] = "a-name-that-is-long x\nb y\n";
	char spec[64];
	int fd[2];

	CHECK_STR(fault("none"), "none: no such file or directory");
	CHECK_STR(fault("ini:none"), "none: no such file or directory");
	CHECK_STR(fault("."), ".: a folder, no inventory");
	CHECK_STR(hosts_of("store:none", NULL), "");
	/* what is looked at is not lost */
	CHECK_INT(pipe(fd), 0);
	CHECK_INT(write(fd[1], names, sizeof(names) - 1), sizeof(names) - 1);
	CHECK_INT(close(fd[1]), 0);
	(void)snprintf(spec, sizeof(spec), "/dev/fd/%d", fd[0]);
	CHECK_STR(hosts_of(spec, NULL), names);
	CHECK_INT(close(fd[0]), 0);
}

static void test_merging(void)
{
	struct inventory *inv;
	struct host *h, *again;

	put_file("one", "[hosts]\na = web k=1\nb =\n[defaults]\nd = 1\n");
	put_file("two", "c x\na db web k=2 l=3\n");
	CHECK_STR(hosts_of("one", "two"), "a web db k=1 l=3\nb\nc x\n");
	CHECK_STR(hosts_of("two", "ini:one"), "c x\na db web k=2 l=3\nb\n");
	inv = from("one", "two");
	CHECK_INT(inventory_find(inv, "a", &h, &err), 0);
	CHECK_STR(h->source, "one:2");
	CHECK_STR(setting(inv, "a", "k"), "1 (one:2)");
	CHECK_STR(setting(inv, "a", "l"), "3 (two:2)");
	CHECK_INT(inventory_find(inv, "nobody", &h, &err), 0);
	CHECK(!h);
	CHECK_INT(inventory_name(inv, "-x", &h, &err), -1);
	CHECK_STR(err.msg, "the host name \"-x\" begins with '-'");
	CHECK_INT(inventory_name(inv, "adhoc", &h, &err), 0);
	CHECK(h && h->ad_hoc);
	CHECK_INT(inventory_name(inv, "adhoc", &again, &err), 0);
	CHECK(again == h);
	CHECK_INT(inventory_find(inv, "adhoc", &h, &err), 0);
	CHECK(!h);
	CHECK_STR(dump(inv), "a web db k=1 l=3\nb\nc x\n");
	inventory_free(inv);
}

static void test_precedence(void)
{
	struct inventory *inv;
	struct hostset set = { 0 };

	put_file("f", "[tag two]\nk = t2\nn = 2\n[tag one]\nk = t1\n[domain x.org]\nk = d1\nm = d1\n"
		 "[domain .a.x.org]\nm = d2\n"
		 "[defaults]\nk = def\nm = def\nn=def\no = def ; c\np = \"q ; r\"\n[hosts]\n"
		 "h.a.x.org = one two k=own\n"
		 "i.a.x.org = one two\nj.x.org =\nx.org =\nbx.org =\n");
	put_file("g", "[defaults]\nk = g\nr = g\n[tag one]\ns = 1\n[hosts]\nj.x.org = one\n");
	inv = from("f", "g");
	CHECK_STR(setting(inv, "h.a.x.org", "k"), "own (f:18)");
	CHECK_STR(setting(inv, "i.a.x.org", "k"), "t2 (f:2 [tag two])");
	CHECK_STR(setting(inv, "i.a.x.org", "n"), "2 (f:3 [tag two])");
	CHECK_STR(setting(inv, "i.a.x.org", "m"), "d2 (f:10 [domain .a.x.org])");
	CHECK_STR(setting(inv, "j.x.org", "m"), "d1 (f:8 [domain x.org])");
	CHECK_STR(setting(inv, "j.x.org", "k"), "t1 (f:5 [tag one])");
	CHECK_STR(setting(inv, "j.x.org", "n"), "def (f:14 [defaults])");
	CHECK_STR(setting(inv, "j.x.org", "s"), "1 (g:5 [tag one])");
	CHECK_STR(setting(inv, "x.org", "k"), "def (f:12 [defaults])");
	CHECK_STR(setting(inv, "bx.org", "m"), "def (f:13 [defaults])");
	CHECK_STR(setting(inv, "bx.org", "o"), "def (f:15 [defaults])");
	CHECK_STR(setting(inv, "bx.org", "p"), "q ; r (f:16 [defaults])");
	CHECK_STR(setting(inv, "bx.org", "r"), "g (g:3 [defaults])");
	CHECK_STR(setting(inv, "bx.org", "none"), "- (-)");
	CHECK_STR(setting(inv, "nobody.x.org", "k"), "d1 (f:7 [domain x.org])");
	CHECK_INT(inventory_var(inv, "m", "def", &set, &err), 0);
	CHECK_INT(set.n, 2);
	hostset_release(&set);
	inventory_free(inv);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_names), TEST(test_tags_and_users), TEST(test_attributes), TEST(test_ini),
		TEST(test_lines), TEST(test_known_hosts), TEST(test_ansible), TEST(test_exec),
		TEST(test_paths), TEST(test_merging), TEST(test_precedence), { NULL, NULL },
	};

	return inventory_test_main(tests, argc, argv);
}
