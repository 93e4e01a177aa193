#include "tests/unit/test.h"

#include <pwd.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dt/base/buf.h"
#include "dt/base/util.h"
#include "dt/ssh/ssh_config.h"
#include "dt/ssh/ssh_config_tree.h"

static char dir[] = "/tmp/dt-conf-XXXXXX";
static char file[64];
static const char *user, *home;

static __attribute__((format(printf, 2, 3))) void put(const char *path, const char *fmt, ...)
{
	FILE *f = fopen(path, "w");
	va_list ap;

	CHECK(f);
	if (!f)
		return;
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	CHECK_INT(fclose(f), 0);
	CHECK_INT(chmod(path, 0600), 0);
}

/* What the text in file says of a host; faults are counted where there is an error. */
static struct ssh_config *config;
static struct ssh_host_config found;

static void done(void)
{
	ssh_host_config_release(&found);
	ssh_config_free(config);
	config = NULL;
}

static void look(const char *host, const char *text)
{
	struct dt_err err = DT_ERR_INIT;

	done();
	put(file, "%s", text);
	config = ssh_config_load(file, &err);
	if (!config || ssh_config_lookup(config, host, NULL, &found, &err) != 0) {
		test_faults++;
		(void)fprintf(stderr, "%s\n", err.msg);
	}
}

static const char *because(const char *text)
{
	look("web", text);
	return found.openssh_because;
}

/* The error of the text, without its path. */
static const char *fault(const char *text)
{
	static struct dt_err err;
	const char *p;

	done();
	memset(&err, 0, sizeof(err));
	put(file, "%s", text);
	config = ssh_config_load(file, &err);
	if (config && ssh_config_lookup(config, "web", NULL, &found, &err) == 0)
		return "none";
	CHECK_INT(err.code, ERR_USAGE);
	p = strrchr(err.msg, '/');
	return p ? p + 1 : err.msg;
}

static void test_lexing(void)
{
	look("web", "#\n# x\n\n  User =  bob\r\nPORT\t2222 # trailing\nhostname=\"10.0.0.1\"\nHostKeyAlias "
		    "'Al'\\ ias\f\n"
		    "\"ConnectTimeout\" 1h30m");
	CHECK_STR(found.user.value, "bob");
	CHECK_HAS(found.user.where, "/conf:4");
	CHECK_STR(found.port.value, "2222");
	CHECK_STR(found.hostname.value, "10.0.0.1");
	CHECK_STR(found.hostname_expanded, "10.0.0.1");
	CHECK_STR(found.hostkeyalias.value, "al ias");
	CHECK_STR(found.connecttimeout.value, "5400");
	CHECK(!found.openssh_because);
	done();
}

static void test_first_wins(void)
{
	look("web",
	     "Host db\nUser no\nHost !web *\nUser no2\nHost w?b \"x y\"\nUser one\nPort ssh\nIdentityFile ~/a\n"
	     "Host *\nUser two\nIdentityFile ~/b\nIdentityFile ~/a\nIdentitiesOnly TRUE\nHostName %h.X\n");
	CHECK_STR(found.user.value, "one");
	CHECK_STR(found.port.value, "22");
	CHECK_STR(found.identitiesonly.value, "yes");
	CHECK_STR(found.hostname_expanded, "web.x");
	CHECK_INT(found.identityfile.n, 2);
	CHECK(str_starts(found.identityfile.v[0], home) && str_ends(found.identityfile.v[0], "/a"));
	CHECK(str_ends(found.identityfile.v[1], "/b"));
	done();
}

static void test_tokens(void)
{
	char want[300];
	struct dt_err err = DT_ERR_INIT;

	look("WEB", "HostName %h.example.org\nUser deploy\nIdentityFile %d/%h-%r-%u%%\nUserKnownHostsFile "
		    "~/kh_%h \"b c\"\n");
	(void)snprintf(want, sizeof(want), "%s/web.example.org-deploy-%s%%", home, user);
	CHECK_STR(found.identityfile.v[0], want);
	CHECK_INT(found.known_hosts_files.n, 4);
	(void)snprintf(want, sizeof(want), "%s/kh_web.example.org", home);
	CHECK_STR(found.known_hosts_files.v[0], want);
	CHECK_STR(found.known_hosts_files.v[1], "b c");
	CHECK_STR(found.known_hosts_files.v[2], "/etc/ssh/ssh_known_hosts");
	CHECK_STR(found.userknownhostsfile.value, "~/kh_%h \"b c\"");
	ssh_host_config_release(&found);
	CHECK_INT(ssh_config_lookup(config, "x", &(struct ssh_config_told){ .user = "other" }, &found, &err), 0);
	(void)snprintf(want, sizeof(want), "%s/x.example.org-other-%s%%", home, user);
	CHECK_STR(found.identityfile.v[0], want);

	look("web", "GlobalKnownHostsFile none\nUserKnownHostsFile none\nIdentityFile none\n");
	CHECK_INT(found.known_hosts_files.n, 1);
	CHECK_STR(found.known_hosts_files.v[0], "/dev/null");
	CHECK_INT(found.identityfile.n, 1);
	CHECK_STR(found.identityfile.v[0], "none");
	look("web", "IdentityFile none\nIdentityFile /k\n");
	CHECK_INT(found.identityfile.n, 1);
	CHECK_STR(found.identityfile.v[0], "/k");
	CHECK_STR(because("HostName x\nPort 7\nIdentityFile /k-%n%p\nIdentityFile ${HOME}/j\n"), NULL);
	CHECK_STR(found.identityfile.v[0], "/k-web7");
	CHECK(str_starts(found.identityfile.v[1], home) && str_ends(found.identityfile.v[1], "/j"));
	CHECK_HAS(because("IdentityFile /k-%j\nIdentityFile /j\n"), "IdentityFile at ");
	CHECK_INT(found.identityfile.n, 1);
	CHECK_HAS(because("UserKnownHostsFile /a /b-%t\n"), "UserKnownHostsFile at ");
	CHECK_INT(found.known_hosts_files.n, 0);
	CHECK_HAS(because("UserKnownHostsFile ${DT_NOT_SET_VAR}/x\n"), "UserKnownHostsFile at ");
	/* ssh takes these as they are */
	look("web", "GlobalKnownHostsFile ~/x-%h\nUserKnownHostsFile /k-%k\nHostKeyAlias al\n");
	CHECK_STR(found.known_hosts_files.v[0], "/k-al");
	CHECK_STR(found.known_hosts_files.v[1], "~/x-%h");
	CHECK_HAS(because("UserKnownHostsFile ~no-such-user/x\n"), "UserKnownHostsFile at ");
	done();
}

static void test_forces(void)
{
	CHECK_STR(because("User x\nForwardX11 yes\nControlMaster auto\nControlPath /x\nCompression yes\n"),
		  NULL);
	CHECK_STR(because("Match all\nUser bob\n"), NULL);
	CHECK_STR(found.user.value, "bob");
	CHECK_HAS(because("ProxyCommand nc %h %p\n"), "ProxyCommand at ");
	CHECK_STR(because("ProxyCommand none\nProxyCommand nc\n"), NULL);
	CHECK_STR(because("Host db\nProxyCommand nc\n"), NULL);
	CHECK_STR(because("ProxyJump a,b@c:22\nProxyCommand nc\n"), NULL);
	CHECK_STR(found.proxyjump.value, "a,b@c:22");
	CHECK_STR(because("ProxyCommand none\nProxyJump a\n"), NULL);
	CHECK_STR(found.proxyjump.value, NULL);
	CHECK_STR(because("ProxyJump none\nProxyJump a\n"), NULL);
	CHECK_STR(found.proxyjump.value, NULL);
	CHECK_HAS(because("ProxyJump ssh://a\n"), "ProxyJump at ");
	CHECK_STR(found.proxyjump.value, NULL);
	CHECK_STR(because("AddressFamily any\n"), NULL);
	CHECK_HAS(because("AddressFamily inet6\n"), "AddressFamily at ");
	CHECK_HAS(because("CertificateFile none\nCertificateFile ~/c\n"), "CertificateFile at ");
	CHECK_STR(because("PKCS11Provider none\nPKCS11Provider /x\n"), NULL);
	CHECK_STR(because("RequestTTY yes\n"), NULL);
	CHECK_STR(found.requesttty.value, "yes");
	CHECK_STR(because("VerifyHostKeyDNS ask\n"), NULL);
	CHECK_HAS(because("VerifyHostKeyDNS YES\n"), "VerifyHostKeyDNS at ");
	CHECK_STR(because("PreferredAuthentications publickey,password\n"), NULL);
	CHECK_HAS(because("PreferredAuthentications password\n"), "PreferredAuthentications at ");
	CHECK_HAS(because("CanonicalizeHostname always\n"), "CanonicalizeHostname at ");
	CHECK_STR(because("IdentityAgent none\n"), NULL);
	CHECK_STR(found.identityagent.value, "none");
	CHECK_STR(because("IdentityAgent ~/agent\n"), NULL);
	CHECK_HAS(because("IdentityAgent $SOCK\n"), "IdentityAgent at ");
	CHECK_STR(found.identityagent.value, NULL);
	CHECK_STR(because("StrictHostKeyChecking Off\n"), NULL);
	CHECK_STR(found.stricthostkeychecking.value, "no");
	done();
}

/* The port that lines behind a Match have for web, asked for by user u; "-": not theirs; "?": ssh's to find out. */
static const char *matched(const char *criteria)
{
	static char text[300];

	(void)snprintf(text, sizeof(text), "User u\nHostName real.example\nMatch %s\nPort 7\n", criteria);
	if (because(text))
		return found.undecided && !found.user.value ? "?" : "wrong";
	return found.port.value ? found.port.value : "-";
}

static void test_match(void)
{
	char mine[200];

	CHECK_STR(matched("host real.*"), "7");
	CHECK_STR(matched("host REAL.EXAMPLE"), "7");
	CHECK_STR(matched("host web"), "-");
	CHECK_STR(matched("originalhost web,db"), "7");
	CHECK_STR(matched("!originalhost web,db"), "-");
	CHECK_STR(matched("originalhost *,!web"), "-");
	CHECK_STR(matched("user u host real* # why"), "7");
	CHECK_STR(matched("user=u host \"real*\""), "7");
	CHECK_STR(matched("!user u"), "-");
	CHECK_STR(matched("!user x originalhost web"), "7");
	(void)snprintf(mine, sizeof(mine), "localuser %s", user);
	CHECK_STR(matched(mine), "7");
	CHECK_STR(matched("all"), "7");
	CHECK_STR(matched("!all"), "-");
	CHECK_STR(matched("originalhost db all"), "-");
	CHECK_STR(matched("canonical"), "-");
	CHECK_STR(matched("!canonical"), "7");
	CHECK_STR(matched("final"), "7");
	CHECK_STR(matched("final host real.example"), "7");
	CHECK_STR(matched("exec true"), "?");
	CHECK_STR(matched("user u exec \"test -d / && true\""), "?");
	CHECK_STR(matched("user x exec true"), "-");
	CHECK_STR(matched("exec true user x"), "-");
	CHECK_STR(matched("exec \"echo \\\"x\\\"\""), "?");
	CHECK_STR(matched("user x exec \"echo \\\"x\\\"\""), "-");
	CHECK_STR(matched("localnetwork 10.0.0.0/8"), "?");
	CHECK_STR(matched("!tagged x"), "?");
	CHECK_STR(matched("originalhost db tagged x"), "-");
	/* the second pass: Host lines are about the name that was found, and first values stay */
	look("web", "Host web\nHostName a.example\nHost a.example\nPort 7\nUser x\nMatch final\nUser y\n");
	CHECK_STR(found.port.value, "7");
	CHECK_STR(found.user.value, "x");
	look("web", "Host web\nHostName a.example\nHost a.example\nPort 7\n");
	CHECK_STR(found.port.value, NULL);
	look("0x7f.1", "Match final host 127.0.0.1\nPort 7\n");
	CHECK_STR(found.port.value, "7");
	CHECK_HAS(because("CanonicalizeHostname yes\nUser x\n"), "CanonicalizeHostname at ");
	CHECK(found.undecided && !found.user.value);
	CHECK_HAS(fault("Match\n"), "no argument after keyword");
	CHECK_STR(fault("Match # x\n"), "conf:1: Match: one or more attributes required");
	CHECK_STR(fault("Match host\n"), "conf:1: Match: missing argument of host");
	CHECK_STR(fault("Host db\nMatch hots x\n"), "conf:2: Match: unsupported attribute hots");
	CHECK_STR(fault("Match all host x\n"), "conf:1: Match: all cannot be combined with other attributes");
	CHECK_STR(fault("Match host a user b all\n"), "conf:1: Match: all cannot be combined with other attributes");
	done();
}

/* What dt's own command line and inventory say goes before the files, for Match and tokens too. */
static void test_told(void)
{
	static const char text[] = "User x\nPort 1\nMatch user mine host there\nIdentityFile /%r-%h-%p-%n\n";
	const struct ssh_config_told told = { .user = "mine", .hostname = "there", .port = 9 };
	struct dt_err err = DT_ERR_INIT;

	look("web", text);
	CHECK_INT(found.identityfile.n, 0);
	ssh_host_config_release(&found);
	CHECK_INT(ssh_config_lookup(config, "web", &told, &found, &err), 0);
	CHECK_STR(found.identityfile.n ? found.identityfile.v[0] : "", "/mine-there-9-web");
	done();
}

static void test_sessions(void)
{
	CHECK_STR(because("SessionType default\n"), NULL);
	CHECK_HAS(because("SessionType subsystem\n"), "SessionType at ");
	CHECK_STR(because("SessionType none\n"), NULL);
	CHECK_HAS(found.refused, "SessionType none at ");
	CHECK_INT(setenv("SSH_AUTH_SOCK", dir, 1), 0);
	CHECK_HAS(because("ForwardAgent yes\n"), "ForwardAgent at ");
	CHECK_STR(because("ForwardAgent no\nForwardAgent yes\n"), NULL);
	CHECK_INT(setenv("SSH_AUTH_SOCK", "/nonexistent/agent", 1), 0);
	CHECK_STR(because("ForwardAgent yes\n"), NULL);
	CHECK_HAS(because("ForwardAgent /x/agent\n"), "ForwardAgent at ");
	CHECK_INT(unsetenv("SSH_AUTH_SOCK"), 0);
	/* other names of the same keyword */
	CHECK_STR(because("PubkeyAuthentication yes\nDSAAuthentication no\n"), NULL);
	CHECK_HAS(because("DSAAuthentication no\nPubkeyAuthentication yes\n"), "PubkeyAuthentication at ");
	CHECK_STR(because("IdentityFile2 /k\n"), NULL);
	CHECK_INT(found.identityfile.n, 1);
	done();
}

static void test_environment(void)
{
	CHECK_INT(setenv("DT_TEST_VAR", "1", 1), 0);
	CHECK_INT(setenv("LC_ALL", "C", 1), 0);
	CHECK_HAS(because("SendEnv LANG LC_*\nSendEnv COLORTERM NO_COLOR\n"), "SendEnv at ");
	CHECK_STR(because("SendEnv LC_*\nSendEnv -LC_*\n"), NULL);
	CHECK_INT(unsetenv("LC_ALL"), 0);
	CHECK(!conf_env_sends("LC_ALL", false));
	CHECK_INT(setenv("LC_ALL", "C", 1), 0);
	CHECK(conf_env_sends("LC_*", false));
	CHECK(!conf_env_sends("LC_*", true));
	CHECK_INT(setenv("LC_TICKET", "1", 1), 0);
	CHECK(conf_env_sends("LC_*", true));
	CHECK_INT(unsetenv("LC_TICKET"), 0);
	CHECK_INT(unsetenv("LC_ALL"), 0);
	CHECK_HAS(because("SendEnv LANG DT_TEST_*\n"), "SendEnv at ");
	CHECK_STR(because("SendEnv DT_NO_SUCH_*\n"), NULL);
	CHECK_HAS(because("SetEnv A=b\n"), "SetEnv at ");
	CHECK_INT(setenv("KRB5CCNAME", "FILE:/x", 1), 0);
	CHECK_HAS(because("GSSAPIAuthentication yes\n"), "GSSAPIAuthentication at ");
	CHECK_STR(because("GSSAPIAuthentication no\n"), NULL);
	CHECK_INT(unsetenv("KRB5CCNAME"), 0);
	if (access("/tmp/krb5cc_0", F_OK) != 0 && getuid() == 0)
		CHECK_STR(because("GSSAPIAuthentication yes\n"), NULL);
	done();
}

static void test_include(void)
{
	char text[1000], path[100];

	(void)snprintf(path, sizeof(path), "%s/a.inc", dir);
	put(path, "User a\nHost db\nPort 1\n");
	(void)snprintf(path, sizeof(path), "%s/b.inc", dir);
	put(path, "Port 2\nHostKeyAlias b\n");
	(void)snprintf(text, sizeof(text), "Include %s/none %s/*.inc\nPort 3\n", dir, dir);
	look("web", text);
	CHECK_STR(found.user.value, "a");
	CHECK_STR(found.port.value, "2");
	CHECK_HAS(found.port.where, "/b.inc:1");
	(void)snprintf(text, sizeof(text), "Host db\nInclude %s/*.inc\nUser c\nHost *\nPort 3\n", dir);
	look("web", text);
	CHECK_STR(found.user.value, NULL);
	CHECK_STR(found.port.value, "3");
	/* A Host in an included file ends with it. */
	(void)snprintf(text, sizeof(text), "Include %s/a.inc\nPort 4\n", dir);
	look("web", text);
	CHECK_STR(found.port.value, "4");
	/* folders are empty files to ssh */
	(void)snprintf(path, sizeof(path), "%s/c.inc", dir);
	CHECK_INT(mkdir(path, 0755), 0);
	(void)snprintf(text, sizeof(text), "Include %s/*.inc\nPort 3\n", dir);
	look("web", text);
	CHECK_STR(found.port.value, "2");
	CHECK_INT(chmod(path, 0777), 0);
	CHECK_HAS(fault(text), "bad owner or permissions");
	CHECK_INT(rmdir(path), 0);
	(void)snprintf(path, sizeof(path), "%s/b.inc", dir);
	/* which file that is, ssh knows */
	CHECK_HAS(because("Include ~/.ssh/%h.conf\n"), "Include at ");
	CHECK(found.undecided);
	CHECK_STR(because("Host db\nInclude ${HOME}/x\n"), NULL);
	put(path, "Match exec true\n");
	(void)snprintf(text, sizeof(text), "Host web\nInclude %s/b.inc\n", dir);
	CHECK_HAS(because(text), "/b.inc:1");
	(void)snprintf(text, sizeof(text), "Host db\nInclude %s/b.inc\n", dir);
	CHECK_STR(because(text), NULL);
	CHECK_INT(chmod(path, 0666), 0);
	CHECK_HAS(fault(text), "bad owner or permissions");
	put(path, "Include %s/b.inc\n", dir);
	CHECK_HAS(fault(text), "too many recursive");
	put(path, "\nPort x\n");
	CHECK_HAS(fault(text), "b.inc:2: Port: ");
	(void)snprintf(text, sizeof(text), "rm %s/*.inc", dir);
	CHECK_INT(system(text), 0);
	done();
}

static void test_faults_told(void)
{
	CHECK_STR(fault("\nBogus x\n"), "conf:2: Bad configuration option: bogus");
	CHECK_STR(fault("Host db\nBogus x\n"), "conf:2: Bad configuration option: bogus");
	CHECK_STR(fault("IgnoreUnknown x,BOG*\nBogus x\n"), "none");
	CHECK_STR(fault("Host db\nIgnoreUnknown BOG*\nHost *\nBogus x\n"),
		  "conf:4: Bad configuration option: bogus");
	CHECK_STR(fault("User\n"), "conf:1: no argument after keyword \"User\"");
	CHECK_STR(fault("User \"\"\n"), "conf:1: User: empty argument");
	CHECK_STR(fault("User a b\n"), "conf:1: User: extra arguments at end of line");
	CHECK_STR(fault("User \"a\n"), "conf:1: User: invalid quotes");
	CHECK_STR(fault("\"User a\n"), "none"); /* as ssh reads it, or does not */
	CHECK_STR(fault("Port 0\n"), "conf:1: Port: not a port from 1 to 65535");
	CHECK_STR(fault("Host db\nPort 65536\n"), "conf:2: Port: not a port from 1 to 65535");
	CHECK_STR(fault("ConnectTimeout 5x\n"), "conf:1: ConnectTimeout: not a time");
	CHECK_STR(fault("IdentitiesOnly maybe\n"), "conf:1: IdentitiesOnly: neither yes nor no");
	CHECK_STR(fault("UserKnownHostsFile a none\n"), "conf:1: UserKnownHostsFile: none must stand alone");
	CHECK_STR(fault("Host a \"\"\n"), "conf:1: Host: empty argument");
	CHECK_STR(fault("HostName %p\n"), "conf:1: HostName: only %h and %% can be expanded");
	CHECK_STR(fault("Host db\nHostName %p\n"), "none");
	done();
}

static void test_files(void)
{
	struct dt_err err = DT_ERR_INIT;
	struct ssh_config *c = ssh_config_load("none", &err);
	char path[100];

	CHECK(c);
	CHECK_INT(ssh_config_lookup(c, "web", NULL, &found, &err), 0);
	CHECK(!found.user.value && !found.openssh_because && !found.hostname_expanded);
	ssh_host_config_release(&found);
	ssh_config_free(c);
	CHECK(!ssh_config_load("/nonexistent/config", &err));
	CHECK_INT(err.code, ERR_USAGE);
	CHECK_HAS(err.msg, "/nonexistent/config: ");

	/* The user's own file. */
	(void)snprintf(path, sizeof(path), "%s/.ssh", dir);
	CHECK_INT(mkdir(path, 0700), 0);
	CHECK_INT(setenv("HOME", dir, 1), 0);
	(void)snprintf(path, sizeof(path), "%s/.ssh/more", dir);
	put(path, "Port 99\n");
	(void)snprintf(path, sizeof(path), "%s/.ssh/config", dir);
	put(path, "User mine\nInclude more\nIdentityFile ~/key\n");
	c = ssh_config_load(NULL, &err);
	CHECK(c);
	if (c) {
		CHECK_INT(ssh_config_lookup(c, "web", NULL, &found, &err), 0);
		CHECK_STR(found.user.value, "mine");
		CHECK_STR(found.port.value, "99");
		CHECK(found.identityfile.n && str_starts(found.identityfile.v[0], dir));
		ssh_host_config_release(&found);
		ssh_config_free(c);
	}
	CHECK_INT(chmod(path, 0602), 0);
	CHECK(!ssh_config_load(NULL, &err));
	CHECK_HAS(err.msg, "bad owner or permissions");
	CHECK_INT(setenv("HOME", home, 1), 0);
}

/* Debian's own file must not send every host through ssh(1). */
static void test_system_file(void)
{
	char path[100];

	CHECK_INT(setenv("HOME", dir, 1), 0);
	(void)snprintf(path, sizeof(path), "%s/.ssh/config", dir);
	put(path, "# nothing");
	if (access("/etc/ssh/ssh_config", R_OK) == 0 &&
	    system("! grep -rqsE '^[^#]*(Match|ProxyCommand)' /etc/ssh/ssh_config "
		   "/etc/ssh/ssh_config.d") == 0) {
		struct dt_err err = DT_ERR_INIT;
		struct ssh_config *c = ssh_config_load(NULL, &err);

		CHECK(c);
		if (!c)
			return;
		CHECK_INT(ssh_config_lookup(c, "web", NULL, &found, &err), 0);
		CHECK_STR(found.openssh_because, NULL);
		ssh_host_config_release(&found);
		ssh_config_free(c);
	}
	CHECK_INT(setenv("HOME", home, 1), 0);
}

/* Keywords that this ssh knows and the table does not would be errors where ssh has none. */
static void test_keywords(void)
{
	static const char *const newer[] = { "RefuseConnection",       "ChannelTimeout",
					     "ObscureKeystrokeTiming", "Tag",
					     "VersionAddendum",	       "WarnWeakCrypto" };
	char cmd[300], *line = NULL;
	size_t size = 0, n = 0;
	FILE *p;

	for (const struct conf_keyword *k = conf_keywords; k->name; k++) {
		bool is_newer = false;

		for (size_t i = 0; i < ARRAY_LEN(newer); i++)
			is_newer |= strcmp(k->name, newer[i]) == 0;
		if (conf_keyword_find(k->name) != k)
			CHECK_STR(k->name, "twice in the table");
		put(file, "%s x\n", k->name);
		(void)snprintf(cmd, sizeof(cmd),
			       "ssh -G -F %s web 2>&1 </dev/null | grep -q 'Bad configuration option'", file);
		if (!is_newer && system(cmd) == 0)
			CHECK_STR(k->name, "unknown to ssh");
	}
	p = popen("ssh -G -F none web 2>/dev/null </dev/null | cut -d' ' -f1", "r");
	while (p && getline(&line, &size, p) > 0) {
		line[strcspn(line, "\n")] = '\0';
		n++;
		if (!conf_keyword_find(line))
			CHECK_STR(line, "in the table");
	}
	CHECK(p && pclose(p) == 0 && n > 50);
	free(line);
}

static const char *section(enum conf_treat treat)
{
	return treat <= CONF_INCLUDE ? "HONOURED" : treat < CONF_UNUSED ? "HANDED TO SSH" : "NOT USED";
}

/* dt-ssh_config(5) has each keyword, and no other, in the section of what dt does with it. */
static void test_manual(void)
{
	FILE *f = fopen("man/dt-ssh_config.5", "r");
	const char *where[CONF_KEYWORDS_MAX] = { NULL };
	char line[300], now[100] = "", name[100];

	CHECK(f);
	while (f && fgets(line, sizeof(line), f)) {
		const struct conf_keyword *k;

		if (sscanf(line, ".Sh %99[^\n]", now) == 1 || sscanf(line, ".It Cm %99s", name) != 1)
			continue;
		k = conf_keyword_find(name);
		if (!k || k->alias_of || strcmp(k->name, name) != 0) {
			CHECK_STR(name, "in the table of keywords");
			continue;
		}
		CHECK_STR(where[k - conf_keywords], NULL);
		where[k - conf_keywords] = section(k->treat);
		CHECK_STR(now, section(k->treat));
	}
	for (const struct conf_keyword *k = conf_keywords; k->name; k++)
		if (!k->alias_of && !where[k - conf_keywords])
			CHECK_STR(k->name, "in man/dt-ssh_config.5");
	if (f)
		CHECK_INT(fclose(f), 0);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_lexing),
		TEST(test_first_wins),
		TEST(test_tokens),
		TEST(test_forces),
		TEST(test_match),
		TEST(test_told),
		TEST(test_sessions),
		TEST(test_environment),
		TEST(test_include),
		TEST(test_faults_told),
		TEST(test_files),
		TEST(test_system_file),
		TEST(test_keywords),
		TEST(test_manual),
		{ NULL, NULL },
	};
	struct passwd *pw = getpwuid(getuid());
	char cmd[100];
	int r;

	if (!pw || !mkdtemp(dir))
		return 1;
	user = strdup(pw->pw_name);
	home = strdup(pw->pw_dir); /* ssh asks the password database, not HOME */
	(void)setenv("HOME", home, 1);
	(void)snprintf(file, sizeof(file), "%s/conf", dir);
	r = test_main(tests, argc, argv);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	(void)!system(cmd);
	free((void *)(uintptr_t)user);
	free((void *)(uintptr_t)home);
	return r;
}
