/*
 * Random configurations and look-ups beside "ssh -G", whose word is right.
 * DT_TEST_SEED=N tries that one alone, and shows it where it fails.
 */
#include "tests/unit/test.h"

#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dt/base/buf.h"
#include "dt/base/util.h"
#include "dt/ssh/resolve.h"
#include "dt/ssh/ssh_config.h"
#include "dt/ssh/ssh_config_tree.h"

enum { ROUNDS = 1000 };

static char dir[] = "/tmp/dt-conf-XXXXXX";
static char file[64];
static const char *user, *home;
static const struct ssh_env env = { .cancel_fd = -1, .ssh_program = "ssh" };

/* ---- ssh's answer ---- */

/* Its lines, or false where it refuses.  options: words for its command line. */
static bool ssh_answer(const char *from, const char *options, const char *host, struct strs *lines)
{
	char cmd[600], *line = NULL;
	size_t size = 0;
	FILE *p;

	(void)snprintf(cmd, sizeof(cmd), "exec ssh -G -T -F %s %s -- '%s' 2>/dev/null </dev/null", from, options, host);
	p = popen(cmd, "r");
	while (p && getline(&line, &size, p) > 0) {
		line[strcspn(line, "\n")] = '\0';
		CHECK_INT(strs_add(lines, line), 0);
	}
	free(line);
	return p && pclose(p) == 0;
}

/* All values of a keyword, joined by '|'. */
static const char *answer(const struct strs *lines, const char *keyword, char *out, size_t size)
{
	size_t len = strlen(keyword), used = 0;

	*out = '\0';
	for (size_t i = 0; i < lines->n; i++)
		if (str_starts(lines->v[i], keyword) && lines->v[i][len] == ' ')
			used += (size_t)snprintf(out + used, size - used, "%s%s", used ? "|" : "",
						 lines->v[i] + len + 1);
	return out;
}

static const char *plain(const char *value)
{
	return strcmp(value, "true") == 0 ? "yes" : strcmp(value, "false") == 0 ? "no" : value;
}

static void join(const struct strs *l, char sep, char *out, size_t size)
{
	size_t used = 0;

	*out = '\0';
	for (size_t i = 0; i < l->n; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s", i ? (char[]){ sep, '\0' } : "",
					 l->v[i]);
}

/* ---- the comparison ---- */

static void compare_flag(const struct strs *lines, const char *keyword, const struct ssh_value *ours, const char *def)
{
	char theirs[4000];

	answer(lines, keyword, theirs, sizeof(theirs));
	/* "none" and 0 are the same time */
	CHECK_STR(!ours->value || (strcmp(ours->value, "none") == 0 && strcmp(theirs, "0") == 0) ? def : ours->value, plain(theirs));
}

/* Lists with a sign are about ssh's own defaults: it says itself what they come to. */
static void compare_list(const struct strs *lines, const char *keyword, const struct ssh_value *ours)
{
	static struct strs defaults;
	char theirs[4000], want[4000], option[3000];
	/* what ssh said before: "keyword=list", and the answer */
	static struct strs known;
	struct strs alone = { 0 };

	answer(lines, keyword, theirs, sizeof(theirs));
	if (!ours->value) {
		CHECK(defaults.n || ssh_answer("none", "", "x", &defaults));
		CHECK_STR(answer(&defaults, keyword, want, sizeof(want)), theirs);
		return;
	}
	if (!strchr("+-^", *ours->value)) {
		CHECK_STR(ours->value, theirs);
		return;
	}
	(void)snprintf(option, sizeof(option), "-o '%s=%s'", keyword, ours->value);
	for (size_t i = 0; i < known.n; i += 2)
		if (strcmp(known.v[i], option) == 0) {
			CHECK_STR(known.v[i + 1], theirs);
			return;
		}
	CHECK(ssh_answer("none", option, "x", &alone));
	CHECK_STR(answer(&alone, keyword, want, sizeof(want)), theirs);
	CHECK(strs_add(&known, option) == 0 && strs_add(&known, want) == 0);
	strs_release(&alone);
}

/* ssh -G leaves ~ and tokens in IdentityFile. */
static void compare_identities(const struct strs *lines, const struct ssh_host_config *h, const struct conf_tokens *t)
{
	char theirs[4000], ours[4000], want[4000], *save = NULL;
	struct strs expanded = { 0 };
	bool known = true;

	answer(lines, "identityfile", theirs, sizeof(theirs));
	if (!h->identityfile.n) {
		CHECK(str_starts(theirs, "~/.ssh/id_rsa|") || h->openssh_because);
		return;
	}
	for (char *word = strtok_r(theirs, "|", &save); word; word = strtok_r(NULL, "|", &save)) {
		struct buf b;

		if (strcmp(word, "none") == 0)
			continue;
		buf_init(&b, 4000);
		known &= conf_expand(t, word, true, CONF_FILE_TOKENS, &b) == 0;
		if (!strs_has(&expanded, b.data))
			CHECK_INT(strs_add(&expanded, b.data), 0);
		buf_release(&b);
	}
	/* beside others it means nothing */
	join(&expanded, '|', want, sizeof(want));
	if (!expanded.n)
		(void)snprintf(want, sizeof(want), "none");
	join(&h->identityfile, '|', ours, sizeof(ours));
	if (known)
		CHECK_STR(ours, want);
	strs_release(&expanded);
}

static void compare_known_hosts(const struct strs *lines, const struct ssh_host_config *h)
{
	char theirs[4000], global[2000], ours[4000];
	struct strs both = { 0 };
	char *save = NULL;

	answer(lines, "userknownhostsfile", theirs, sizeof(theirs));
	if (!h->known_hosts_files.n) {
		/* or a token that ssh alone expands, which hands the host to it */
		CHECK(strstr(theirs, "/.ssh/known_hosts ") || h->openssh_because);
		return;
	}
	(void)snprintf(theirs + strlen(theirs), sizeof(theirs) - strlen(theirs), " %s",
		       answer(lines, "globalknownhostsfile", global, sizeof(global)));
	/* "none": new keys go to no file, and there is none to look at */
	if (str_starts(theirs, "none ") && !h->no_user_hosts)
		CHECK_INT(strs_add(&both, "/dev/null"), 0);
	for (char *word = strtok_r(theirs, " ", &save); word; word = strtok_r(NULL, " ", &save))
		if (strcmp(word, "none") != 0 && !strs_has(&both, word))
			CHECK_INT(strs_add(&both, word), 0);
	if (!both.n)
		CHECK_INT(strs_add(&both, "/dev/null"), 0);
	join(&both, ' ', theirs, sizeof(theirs));
	join(&h->known_hosts_files, ' ', ours, sizeof(ours));
	CHECK_STR(ours, theirs);
	strs_release(&both);
}

static void compare_values(const struct strs *lines, const struct ssh_host_config *h, const char *host,
			   const struct ssh_config_told *told)
{
	char text[4000], hostname[400], port[24];
	struct ssh_value name = { told->hostname, "" };
	char settled[400];
	struct conf_tokens t = { .home = home, .local_user = user, .original = host, .host = hostname };

	answer(lines, "hostname", hostname, sizeof(hostname));
	host_standard(name.value ? name.value : h->hostname_expanded ? h->hostname_expanded : host, settled, sizeof(settled));
	/* an address of another family is none to ssh, and stays as it is written */
	if (strcmp(answer(lines, "addressfamily", text, sizeof(text)), "any") == 0)
		CHECK_STR(settled, hostname);
	(void)snprintf(port, sizeof(port), "%d", told->port);
	t.port = atoi(told->port ? port : h->port.value ? h->port.value : "22");
	CHECK_STR(told->port ? port : h->port.value ? h->port.value : "22", answer(lines, "port", text, sizeof(text)));
	t.user = told->user ? told->user : h->user.value ? h->user.value : user;
	CHECK_STR(t.user, answer(lines, "user", text, sizeof(text)));
	t.jump = h->proxyjump.value ? h->proxyjump.value : "";
	CHECK_STR(t.jump, answer(lines, "proxyjump", text, sizeof(text)));
	t.alias = h->hostkeyalias.value ? h->hostkeyalias.value : host;
	CHECK_STR(h->hostkeyalias.value ? h->hostkeyalias.value : "", answer(lines, "hostkeyalias", text, sizeof(text)));
	answer(lines, "connecttimeout", text, sizeof(text));
	CHECK_STR(h->connecttimeout.value ? h->connecttimeout.value : "none", strcmp(text, "0") == 0 ? "none" : text);
	compare_flag(lines, "identitiesonly", &h->identitiesonly, "no");
	compare_flag(lines, "hashknownhosts", &h->hashknownhosts, "no");
	compare_flag(lines, "stricthostkeychecking", &h->stricthostkeychecking, "ask");
	/* -T stands on the command line of the judge */
	compare_identities(lines, h, &t);
	compare_known_hosts(lines, h);
}

/* What needs ssh(1) there, by ssh's own word. */
static void compare_reasons(const struct strs *lines, const struct ssh_host_config *h)
{
	static const struct { const char *keyword, *harmless; } needs[] = {
		{ "proxycommand", "" }, { "addressfamily", "any" }, { "rekeylimit", "0 0" }, { "requiredrsasize", "1024" },
		{ "bindaddress", "" }, { "setenv", "" }, { "remotecommand", "" }, { "certificatefile", "" },
		{ "checkhostip", "no" }, { "connectionattempts", "1" }, { "sessiontype", "default" },
		{ "nohostauthenticationforlocalhost", "no" }, { "proxyusefdpass", "no" },
	};
	char text[4000];
	bool needed = false;

	for (size_t i = 0; i < ARRAY_LEN(needs); i++) {
		answer(lines, needs[i].keyword, text, sizeof(text));
		if (*text && strcmp(plain(text), needs[i].harmless) != 0) {
			needed = true;
			if (!h->openssh_because && !h->refused)
				CHECK_STR(needs[i].keyword, "named as a reason for ssh");
		}
	}
	answer(lines, "pubkeyacceptedalgorithms", text, sizeof(text));
	needed |= h->openssh_because && (strstr(h->openssh_because, "Algorithms at ") || strstr(h->openssh_because, "File at ") ||
					 strstr(h->openssh_because, "ForwardAgent at ") || strstr(h->openssh_because, "ProxyJump at ") ||
					 strstr(h->openssh_because, "CanonicalizeHostname at ") ||
					 strstr(h->openssh_because, "Match at "));
	if (h->openssh_because && !needed)
		CHECK_STR(h->openssh_because, "needed");
}

static int decided, asked;

/* For one host; false where both refuse. */
static bool compare(const char *host, const struct ssh_config_told *told, const char *options)
{
	struct strs lines = { 0 };
	struct dt_err err = DT_ERR_INIT;
	struct ssh_host_config h = { .openssh_because = NULL };
	struct ssh_config *c = ssh_config_load(file, &err);
	bool we = c && ssh_config_lookup(c, host, told, &h, &err) == 0;
	bool they = ssh_answer(file, options, host, &lines);

	/* it says so itself */
	if (we && h.undecided) {
		CHECK_STR(h.user.value, NULL);
		we = ssh_config_ask(c, &env, host, told, &h, &err) == 0;
		asked += we;
		CHECK_STR(we ? h.user.where : "ssh -G", "ssh -G");
	} else if (we && they) {
		decided++;
		compare_list(&lines, "kexalgorithms", &h.kexalgorithms);
		compare_list(&lines, "ciphers", &h.ciphers);
		compare_list(&lines, "macs", &h.macs);
		compare_list(&lines, "hostkeyalgorithms", &h.hostkeyalgorithms);
		compare_flag(&lines, "serveraliveinterval", &h.serveraliveinterval, "0");
		compare_flag(&lines, "serveralivecountmax", &h.serveralivecountmax, "3");
	}
	if (we != they) {
		test_faults++;
		(void)fprintf(stderr, "ssh %s, dt %s: %s\n", they ? "reads it" : "refuses",
			      we ? "reads it" : "refuses", err.msg);
	}
	if (we && they) {
		compare_values(&lines, &h, host, told);
		compare_reasons(&lines, &h);
	}
	strs_release(&lines);
	if (c)
		ssh_host_config_release(&h);
	ssh_config_free(c);
	return we && they;
}

/* ---- what is compared ---- */

static const char *const host_words[] = {
	"web",	 "WEB",	    "db",   "w?b",    "*",    "!web", "!db", "*.x", "h1", "10.0.0.1", "*.y",
	"web.x", "\"web\"", "'d'b", "web,db", "!*.x", "#c",   "w*",
};
static const char *const values[][18] = {
	{ "User", "a", "b", "\"c d\"", "'e\"f'", "g # h", "i\\ j", "k#l", NULL },
	{ "Port", "1", "22", "2222", "ssh", "\"33\"", "65535", "022", NULL },
	{ "HostName", "h1", "H2.X", "%h.y", "a-%h", "10.0.0.1", "10.1", "0x0a.1", "::1", "0::1", "fe80::1%lo", "p%%q", NULL },
	{ "IdentityFile", "~/k1", "/k2", "%d/k3-%h", "k4-%r%%", "~/k1", "'k 5'", "/%u-%n-%k-%p", "/%i/%l/%L", "/%C",
	  "${DT_TEST_CONF}/k", "none", NULL },
	{ "ProxyJump", "j1", "u@j2:22", "j3,j4", "none", "NONE", "[::1]:22,j5", NULL },
	{ "ProxyCommand", "none", "nc %h %p", "\"x y\" z", NULL },
	{ "UserKnownHostsFile", "~/f1", "/f2 /f3", "'/f4' /f5_%h", "%d/f6-%r", "/%n/%k /%p%%", "/%i/%l/%L", "/%C", "/%u",
	  "${DT_TEST_CONF}/f", "none", NULL },
	{ "GlobalKnownHostsFile", "/g1", "~/g2", "/g3-%h /g4", "none", NULL },
	{ "HostKeyAlias", "A1", "a2", NULL },
	{ "ConnectTimeout", "1", "0", "none", "1h", "2m3s", "1w2D", "9H9", NULL },
	{ "IdentitiesOnly", "yes", "NO", "true", "False", NULL },
	{ "HashKnownHosts", "yes", "no", NULL },
	{ "StrictHostKeyChecking", "yes", "no", "OFF", "ask", "accept-new", "true", NULL },
	{ "Compression", "yes", "no", NULL },
	{ "ServerAliveInterval", "10", "1m", "none", "0", NULL },
	{ "ServerAliveCountMax", "1", "7", NULL },
	{ "KexAlgorithms", "curve25519-sha256,ecdh-sha2-nistp256", "+diffie-hellman-group14-sha1", "-*nistp*",
	  "^diffie-hellman-group16-sha512", "sntrup761x25519-sha512@openssh.com", NULL },
	{ "Ciphers", "aes256-ctr,aes128-ctr", "chacha20-poly1305@openssh.com", "-*cbc*,*gcm*", "+aes128-cbc", NULL },
	{ "MACs", "hmac-sha2-512", "^hmac-sha1", "hmac-sha2-256-etm@openssh.com,hmac-sha2-256", NULL },
	{ "HostKeyAlgorithms", "ssh-ed25519", "ecdsa-sha2-nistp256,ssh-ed25519", "+ssh-rsa", "-*cert*", NULL },
	{ "PubkeyAcceptedAlgorithms", "ssh-ed25519", "+ssh-rsa", NULL },
	{ "PubkeyAcceptedKeyTypes", "ssh-ed25519", "-ecdsa*", NULL },
	{ "CASignatureAlgorithms", "ssh-ed25519", NULL },
	{ "AddressFamily", "any", "inet", "inet6", NULL },
	{ "RekeyLimit", "default", "1G 1h", NULL },
	{ "BindAddress", "127.0.0.1", NULL },
	{ "RequiredRSASize", "2048", NULL },
	{ "SetEnv", "A=b", NULL },
	{ "RemoteCommand", "none", "uptime", NULL },
	{ "CertificateFile", "~/c", NULL },
	{ "CheckHostIP", "yes", "no", NULL },
	{ "ConnectionAttempts", "1", "3", NULL },
	{ "ProxyUseFdpass", "no", NULL },
	{ "NoHostAuthenticationForLocalhost", "yes", "no", NULL },
	{ "ForwardAgent", "no", "yes", "/a/b", NULL },
	{ "LogLevel", "QUIET", "VERBOSE", NULL },
};
static const char *const rare[] = {
	"CanonicalizeHostname no", "SessionType default", "SessionType none", "VisualHostKey yes", "ControlPath /c-%C",
	"LocalForward 1 a:2", "IPQoS none",
};
static const char *const wrong[] = {
	"Port 0",
	"Port x",
	"Port 1 2",
	"User",
	"User \"",
	"User ''",
	"IdentitiesOnly perhaps",
	"ConnectTimeout -1",
	"Bogus x",
	"IgnoreUnknown BOG*",
	"IgnoreUnknown x",
	"Host",
	"Host ''",
	"HostName %p",
	"Include ''",
	"HostName a b",
	"UserKnownHostsFile a none",
	"\"User\" q",
	"User=x=y",
	"User==z",
	" =User z",
	"Port=7",
	"Port = 8 #",
	"User # c",
	"Port +5",
	"Host # c",
	"Include ~nouser/x",
	"StrictHostKeyChecking maybe",
	"UserKnownHostsFile /a '' /b",
	"\"User x",
	"User \"x y",
	"ServerAliveCountMax x",
	"ServerAliveCountMax -1",
	"RequestTTY maybe",
	"Match",
	"Match # x",
	"Match host",
	"Match host # x",
	"Match hots x",
	"Match host web user",
	"Match all host web",
	"Match host web user x all",
	"Match host web all",
	"Match final all",
	"Match !all",
	"Match host=web",
	"Match \"host\" \"web\"",
	"Match canonical host web",
	"Match exec false host",
};

static const char *pick(const char *const *list, size_t n)
{
	return list[(size_t)random() % n];
}
#define PICK(list) pick(list, ARRAY_LEN(list))

static void random_match(FILE *f)
{
	static const char *const hosts[] = { "web", "*", "h1", "w*,!web", "*.x,*.y", "10.0.0.*", "WEB", "db,a-*" };
	static const char *const users[] = { "a", "a,b", "*", "!a,*", "root,mine" };
	static const char *const alone[] = { "all", "ALL", "!all", "final", "canonical", "!final", "!canonical", "final all" };

	if (random() % 4 == 0) {
		fprintf(f, "Match %s", PICK(alone));
		return;
	}
	fputs("Match", f);
	for (long k = 1 + random() % 3; k > 0; k--) {
		const char *not = random() % 5 ? "" : "!";
		const char *quote = random() % 6 ? "" : "\"";

		switch (random() % 13) {
		case 0: case 1: case 2:
			fprintf(f, " %shost %s%s%s", not, quote, PICK(hosts), quote);
			break;
		case 3: case 4: case 5:
			fprintf(f, " %soriginalhost %s%s%s", not, quote, PICK(hosts), quote);
			break;
		case 6: case 7:
			fprintf(f, " %suser %s", not, PICK(users));
			break;
		case 8:
			fprintf(f, " %slocaluser %s", not, PICK(users));
			break;
		case 9: case 10:
			fprintf(f, " %s%s", not, random() % 2 ? "final" : "Canonical");
			break;
		case 11:
			fprintf(f, " %sexec \"%s\"", not, random() % 2 ? "true" : "test %n = web");
			break;
		default:
			fprintf(f, " %suser=%s", not, PICK(users));
		}
	}
}

static void random_lines(FILE *f, long n, int depth)
{
	static const char *const separators[] = { " ", "\t", "=", " = ", "  ", " =" };

	while (n-- > 0) {
		long what = random() % 1000;

		if (random() % 6 == 0)
			fputs(random() % 2 ? "\t " : "  ", f);
		if (what < 180) {
			fputs("Host", f);
			fputs(PICK(separators), f);
			for (long k = 1 + random() % 3; k > 0; k--)
				fprintf(f, "%s%s", PICK(host_words), k > 1 ? " " : "");
		} else if (what < 280) {
			random_match(f);
		} else if (what < 288) {
			fputs(PICK(wrong), f);
		} else if (what < 350 && depth) {
			fprintf(f, "Include %s/%s", dir, random() % 3 ? random() % 2 ? "?.inc" : "d/*" : "1.inc");
		} else if (what < 365) {
			fputs(random() % 2 ? "# User hidden" : "", f);
		} else if (what < 380) {
			fputs(PICK(rare), f);
		} else {
			/* the first ones oftener */
			size_t among = random() % 2 ? 15 : ARRAY_LEN(values), count = 1;
			const char *const *v = values[(size_t)random() % among];

			while (v[count + 1])
				count++;
			if (random() % 4)
				fputs(v[0], f);
			else
				for (const char *p = v[0]; *p; p++)
					fputc(random() % 2 ? *p | 0x20 : *p & ~0x20, f);
			fputs(PICK(separators), f);
			fputs(v[1 + (size_t)random() % count], f);
		}
		fputs(random() % 8 ? "\n" : random() % 2 ? " \r\n" : "\t\n", f);
	}
}

static void random_file(const char *name, long lines, int depth)
{
	char path[100];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	CHECK(f);
	if (!f)
		return;
	random_lines(f, lines, depth);
	(void)fclose(f);
	CHECK_INT(chmod(path, 0600), 0);
}

static bool try_seed(unsigned seed)
{
	static const char *const hosts[] = { "web", "db", "web.x", "WEB", "wab", "10.1" };
	static const struct {
		struct ssh_config_told told;
		const char *options;
	} tolds[] = {
		{ { NULL, NULL, NULL, 0 }, "" },
		{ { NULL, NULL, NULL, 0 }, "" },
		{ { "a", NULL, NULL, 0 }, "-o User=a" },
		{ { NULL, "h1", NULL, 0 }, "-o HostName=h1" },
		{ { "mine", NULL, NULL, 77 }, "-o User=mine -o Port=77" },
	};
	size_t told;

	srandom(seed);
	random_file("conf", 2 + random() % 22, 1);
	random_file("1.inc", random() % 6, 1);
	random_file("2.inc", random() % 5, 0);
	random_file("d/a", random() % 4, 0);
	random_file("d/b", random() % 4, 0);
	told = (size_t)random() % ARRAY_LEN(tolds);
	return compare(PICK(hosts), &tolds[told].told, tolds[told].options);
}

static void test_random(void)
{
	const char *only = getenv("DT_TEST_SEED");
	unsigned from = only ? (unsigned)strtoul(only, NULL, 10) : 0, until = only ? from + 1 : ROUNDS;
	int accepted = 0;
	char cmd[300];

	for (unsigned i = from; i < until; i++) {
		int before = test_faults;

		accepted += try_seed(i);
		if (test_faults == before)
			continue;
		(void)fprintf(stderr, "DT_TEST_SEED=%u:\n", i);
		(void)snprintf(cmd, sizeof(cmd), "cd %s && tail -n +1 conf ?.inc d/? >&2", dir);
		(void)!system(cmd);
		break;
	}
	printf("%d of %u random configurations were valid; dt knew %d by itself, and asked ssh for %d\n", accepted,
	       until - from, decided, asked);
	if (!only)
		CHECK(accepted > ROUNDS / 2 && decided > ROUNDS / 2 && asked > 10);
}

/* Every wrong line alone: told by both or by neither. */
static void test_wrong(void)
{
	static const struct ssh_config_told nothing;

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		int before = test_faults;
		FILE *f = fopen(file, "w");

		CHECK(f);
		if (!f)
			return;
		fprintf(f, "%s\nPort 5\n", wrong[i]);
		CHECK_INT(fclose(f), 0);
		(void)compare("web", &nothing, "");
		if (test_faults != before)
			(void)fprintf(stderr, "%s\n", wrong[i]);
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = { TEST(test_random), TEST(test_wrong), { NULL, NULL } };
	struct passwd *pw = getpwuid(getuid());
	char text[100];
	int r;

	if (!pw || !mkdtemp(dir))
		return 1;
	user = strdup(pw->pw_name);
	home = strdup(pw->pw_dir); /* ssh asks the password database, not HOME */
	(void)setenv("HOME", home, 1);
	(void)setenv("DT_TEST_CONF", "/of/the/test", 1);
	(void)unsetenv("SSH_AUTH_SOCK");
	(void)snprintf(file, sizeof(file), "%s/conf", dir);
	/* folders that Include finds */
	(void)snprintf(text, sizeof(text), "mkdir -p %s/d/folder %s/3.inc", dir, dir);
	(void)!system(text);
	r = test_main(tests, argc, argv);
	(void)snprintf(text, sizeof(text), "rm -rf %s", dir);
	(void)!system(text);
	free((void *)(uintptr_t)user);
	free((void *)(uintptr_t)home);
	return r;
}
