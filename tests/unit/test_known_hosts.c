#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dt/base/buf.h"
#include "dt/base/util.h"
#include "dt/ssh/known_hosts.h"

#define KEY_TEXT_MAX 800

static char dir[] = "/tmp/dt-kh-XXXXXX";
static char file[64], file2[64];

/* A key made here: a blob and its text in base64. */
struct key {
	unsigned char blob[512];
	size_t len;
	char type[64], text[KEY_TEXT_MAX];
};

static void key_text(struct key *k)
{
	(void)EVP_EncodeBlock((unsigned char *)k->text, k->blob, (int)k->len);
}

static void key_string(struct key *k, const void *s, size_t len)
{
	unsigned char *p = k->blob + k->len;

	p[0] = p[1] = 0;
	p[2] = (unsigned char)(len >> 8);
	p[3] = (unsigned char)len;
	memcpy(p + 4, s, len);
	k->len += 4 + len;
}

/* Any 32 bytes will do as an ed25519 key for a table. */
static struct key ed25519(unsigned seed)
{
	struct key k = { .len = 0, .type = "ssh-ed25519" };
	unsigned char bytes[32];

	for (size_t i = 0; i < sizeof(bytes); i++) {
		seed = seed * 1103515245u + 12345u;
		bytes[i] = (unsigned char)(seed >> 16);
	}
	key_string(&k, k.type, strlen(k.type));
	key_string(&k, bytes, sizeof(bytes));
	key_text(&k);
	return k;
}

static struct key rsa(unsigned seed, size_t bits)
{
	struct key k = { .len = 0, .type = "ssh-rsa" };
	unsigned char n[300];

	memset(n, (int)(seed | 1), sizeof(n));
	n[0] = 0;
	n[1] = 0x80;
	key_string(&k, k.type, strlen(k.type));
	key_string(&k, "\1\0\1", 3);
	key_string(&k, n, bits / 8 + 1);
	key_text(&k);
	return k;
}

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
}

static char *get(const char *path)
{
	struct dt_err err = DT_ERR_INIT;
	struct buf b;

	buf_init(&b, 100 << 20);
	CHECK_INT(read_file(path, &b, &err), 0);
	return buf_steal(&b);
}

static __attribute__((format(printf, 1, 2))) int run(const char *fmt, ...)
{
	char cmd[2000];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	return system(cmd);
}

static struct known_hosts *load(const char *a, const char *b)
{
	const char *paths[] = { a, b };
	struct dt_err err = DT_ERR_INIT;
	struct known_hosts *kh = known_hosts_load(paths, b ? 2 : 1, &err);

	CHECK_STR(err.msg, "");
	return kh;
}

static enum hostkey_verdict check(const char *name, const struct key *k)
{
	struct known_hosts *kh = load(file, NULL);
	enum hostkey_verdict v = known_hosts_check(kh, name, false, k->blob, k->len, NULL);

	known_hosts_free(kh);
	return v;
}

static void test_name(void)
{
	char out[64], tiny[8];

	known_hosts_name("Web01.Example.ORG", 22, out, sizeof(out));
	CHECK_STR(out, "web01.example.org");
	known_hosts_name("WEB", 2222, out, sizeof(out));
	CHECK_STR(out, "[web]:2222");
	known_hosts_name("::1", 22, out, sizeof(out));
	CHECK_STR(out, "::1");
	known_hosts_name("::1", 1022, out, sizeof(out));
	CHECK_STR(out, "[::1]:1022");
	known_hosts_name("longer.name", 22, tiny, sizeof(tiny));
	CHECK_STR(tiny, "");
}

static void test_verdicts(void)
{
	struct key a = ed25519(1), b = ed25519(2), r = rsa(3, 2048);

	put(file, "# comment\n\nweb01,10.0.0.1 %s %s a comment\nDB.example.org\t%s\t%s\n[alt]:2222 %s %s\n",
	    a.type, a.text, b.type, b.text, a.type, a.text);
	CHECK_INT(check("web01", &a), HOSTKEY_OK);
	CHECK_INT(check("10.0.0.1", &a), HOSTKEY_OK);
	CHECK_INT(check("WEB01", &a), HOSTKEY_OK);
	CHECK_INT(check("web01,10.0.0.1", &a), HOSTKEY_UNKNOWN);
	CHECK_INT(check("web0", &a), HOSTKEY_UNKNOWN);
	CHECK_INT(check("web011", &a), HOSTKEY_UNKNOWN);
	CHECK_INT(check("", &a), HOSTKEY_UNKNOWN);
	CHECK_INT(check("web01", &b), HOSTKEY_CHANGED);
	CHECK_INT(check("web01", &r), HOSTKEY_OTHER_TYPE);
	CHECK_INT(check("db.example.org", &b), HOSTKEY_OK);
	CHECK_INT(check("[alt]:2222", &a), HOSTKEY_OK);
	CHECK_INT(check("[alt]:2222", &b), HOSTKEY_CHANGED);
	CHECK_INT(check("alt", &a), HOSTKEY_UNKNOWN);
	/* As ssh: the name without its port may vouch, not condemn. */
	CHECK_INT(check("[web01]:2222", &a), HOSTKEY_OK);
	CHECK_INT(check("[web01]:2222", &b), HOSTKEY_UNKNOWN);

	/* A HostKeyAlias of that form is a name like any other. */
	struct known_hosts *kh = load(file, NULL);

	CHECK_INT(known_hosts_check(kh, "[web01]:2222", true, a.blob, a.len, NULL), HOSTKEY_UNKNOWN);
	CHECK_INT(known_hosts_check(kh, "[alt]:2222", true, a.blob, a.len, NULL), HOSTKEY_OK);
	known_hosts_free(kh);
}

static void test_several_keys(void)
{
	struct key a = ed25519(1), b = ed25519(2), c = ed25519(3);

	put(file, "web %s %s\nweb %s %s\n", a.type, a.text, b.type, b.text);
	put(file2, "web %s %s\n", c.type, c.text);
	CHECK_INT(check("web", &a), HOSTKEY_OK);
	CHECK_INT(check("web", &b), HOSTKEY_OK);
	CHECK_INT(check("web", &c), HOSTKEY_CHANGED);

	struct known_hosts *kh = load(file, file2);
	struct kh_where where;

	CHECK_INT(known_hosts_check(kh, "web", false, c.blob, c.len, &where), HOSTKEY_OK);
	CHECK_STR(where.path + strlen(dir), "/two");
	CHECK_INT(where.line, 1);
	CHECK_INT(known_hosts_check(kh, "web", false, b.blob, b.len, &where), HOSTKEY_OK);
	CHECK_STR(where.path + strlen(dir), "/one");
	CHECK_INT(where.line, 2);
	CHECK(where.len == b.len && memcmp(where.blob, b.blob, b.len) == 0);
	known_hosts_free(kh);
	kh = load("/nonexistent/file", file2);
	CHECK_INT(known_hosts_check(kh, "web", false, c.blob, c.len, NULL), HOSTKEY_OK);
	known_hosts_free(kh);
}

static void test_patterns(void)
{
	struct key a = ed25519(1), b = ed25519(2);

	put(file, "!bad.x,*.X %s %s\n*.y %s %s\n!only.z %s %s\n", a.type, a.text, b.type, b.text, a.type,
	    a.text);
	CHECK_INT(check("good.x", &a), HOSTKEY_OK);
	CHECK_INT(check("bad.x", &a), HOSTKEY_UNKNOWN);
	CHECK_INT(check("q.y", &b), HOSTKEY_OK);
	CHECK_INT(check("q.y", &a), HOSTKEY_CHANGED);
	CHECK_INT(check("other.z", &a), HOSTKEY_UNKNOWN);
}

static void test_revoked(void)
{
	struct key a = ed25519(1), b = ed25519(2);

	put(file, "web %s %s\n@revoked * %s %s\n", a.type, a.text, a.type, a.text);
	CHECK_INT(check("web", &a), HOSTKEY_REVOKED);
	CHECK_INT(check("other", &a), HOSTKEY_REVOKED);
	CHECK_INT(check("[web]:22000", &a), HOSTKEY_REVOKED);
	CHECK_INT(check("web", &b), HOSTKEY_CHANGED);
	CHECK_INT(check("other", &b), HOSTKEY_UNKNOWN);
	put(file, "@revoked\tweb %s %s\nweb %s %s\n", a.type, a.text, a.type, a.text);
	CHECK_INT(check("web", &a), HOSTKEY_REVOKED);
	put(file, "@revoked db %s %s\nweb %s %s\n", a.type, a.text, a.type, a.text);
	CHECK_INT(check("web", &a), HOSTKEY_OK);
	put(file2, "@revoked web %s %s\n", a.type, a.text);
	CHECK_INT(run("ssh-keygen -q -H -f %s >/dev/null 2>&1 && rm -f %s.old", file2, file2), 0);

	struct known_hosts *kh = load(file, file2);

	CHECK_INT(known_hosts_check(kh, "web", false, a.blob, a.len, NULL), HOSTKEY_REVOKED);
	known_hosts_free(kh);
}

static void test_ca(void)
{
	struct key a = ed25519(1), b = ed25519(2);

	put(file, "@cert-authority *.x %s %s\nplain.x %s %s\n", a.type, a.text, b.type, b.text);
	CHECK_INT(check("web.x", &b), HOSTKEY_CA);
	CHECK_INT(check("web.x", &a), HOSTKEY_CA);
	CHECK_INT(check("plain.x", &b), HOSTKEY_OK);
	CHECK_INT(check("[web.x]:2222", &b), HOSTKEY_CA);
	CHECK_INT(check("web.y", &b), HOSTKEY_UNKNOWN);
}

static void test_junk(void)
{
	struct key a = ed25519(1), r = rsa(3, 2048), small = rsa(3, 768);

	put(file, "%s",
	    "junk\n@marker web ssh-ed25519 AAAA\nweb ssh-ed25519\nweb ssh-ed25519 ????\nweb ssh-ed25519 AAA\n"
	    "|1|short|hash ssh-ed25519 AAAA\n|2|x ssh-ed25519 AAAA\nweb 1024 35 1234567\n@revoked\n@revoked "
	    "web\n");
	run("printf 'web %s %s\\nweb ssh-foo %s\\nweb ssh-rsa %s\\nweb ssh-ed25519 %s=\\n' >>%s", small.type,
	    small.text, a.text, a.text, a.text, file);
	CHECK_INT(check("web", &a), HOSTKEY_UNKNOWN);
	/* The rest is still read; CRLF, a NUL, no last newline. */
	run("printf 'web\\000 x\\n\\r\\n  web rsa-sha2-512 %s\\r\\n last\\t%s   %s' >>%s", r.text, a.type,
	    a.text, file);
	CHECK_INT(check("web", &r), HOSTKEY_OK);
	CHECK_INT(check("last", &a), HOSTKEY_OK);
}

static void test_hashed(void)
{
	struct key a = ed25519(1), b = ed25519(2), r = rsa(3, 2048);
	struct known_hosts *kh;
	struct strs types = { NULL, 0, 0 };
	bool ca;

	put(file, "web %s %s\n[web]:2222 %s %s\ndb %s %s\n", a.type, a.text, b.type, b.text, a.type, a.text);
	kh = load(file, NULL);
	CHECK(!known_hosts_hashed(kh));
	known_hosts_free(kh);
	CHECK_INT(run("ssh-keygen -q -H -f %s >/dev/null 2>&1 && rm -f %s.old && ! grep -q web %s", file, file,
		      file),
		  0);
	CHECK_INT(check("web", &a), HOSTKEY_OK);
	CHECK_INT(check("Web", &a), HOSTKEY_OK);
	CHECK_INT(check("db", &a), HOSTKEY_OK);
	CHECK_INT(check("dbx", &a), HOSTKEY_UNKNOWN);
	CHECK_INT(check("web", &b), HOSTKEY_CHANGED);
	CHECK_INT(check("web", &r), HOSTKEY_OTHER_TYPE);
	CHECK_INT(check("[web]:2222", &b), HOSTKEY_OK);
	CHECK_INT(check("[web]:2222", &a), HOSTKEY_CHANGED);
	kh = load(file, NULL);
	CHECK(known_hosts_hashed(kh));
	CHECK_INT(known_hosts_types(kh, "web", false, &types, &ca), 0);
	CHECK_INT(types.n, 0);
	CHECK_INT(known_hosts_types(kh, "web", true, &types, &ca), 0);
	CHECK_INT(types.n, 1);
	strs_release(&types);
	known_hosts_free(kh);
}

static void test_types(void)
{
	struct key a = ed25519(1), b = ed25519(2), r = rsa(3, 2048);
	struct strs types = { NULL, 0, 0 };
	struct known_hosts *kh;
	bool ca;

	put(file, "*.x %s %s\nweb.x %s %s\nweb.x %s %s\n@cert-authority web.* %s %s\n", r.type, r.text, a.type,
	    a.text, b.type, b.text, b.type, b.text);
	kh = load(file, NULL);
	CHECK_INT(known_hosts_types(kh, "Web.x", false, &types, &ca), 0);
	CHECK(ca);
	CHECK_INT(types.n, 2);
	CHECK_STR(types.v[0], "ssh-rsa");
	CHECK_STR(types.v[1], "ssh-ed25519");
	strs_release(&types);
	CHECK_INT(known_hosts_types(kh, "db.x", false, &types, &ca), 0);
	CHECK(!ca);
	CHECK_INT(types.n, 1);
	strs_release(&types);
	known_hosts_free(kh);
	put(file, "web %s %s\nweb %s %s\n@revoked * %s %s\n", r.type, r.text, a.type, a.text, r.type, r.text);
	kh = load(file, NULL);
	CHECK_INT(known_hosts_types(kh, "web", false, &types, &ca), 0);
	CHECK_INT(types.n, 1);
	CHECK_STR(types.v[0], "ssh-ed25519");
	strs_release(&types);
	known_hosts_free(kh);
	/* of two keys of a type the first one counts, as with ssh */
	put(file, "web %s %s\nweb %s %s\n@revoked * %s %s\n", a.type, a.text, b.type, b.text, a.type, a.text);
	kh = load(file, NULL);
	CHECK_INT(known_hosts_types(kh, "web", false, &types, &ca), 0);
	CHECK_INT(types.n, 0);
	known_hosts_free(kh);
}

static void test_unreadable(void)
{
	const char *paths[] = { dir };
	struct dt_err err = DT_ERR_INIT;

	CHECK(!known_hosts_load(paths, 1, &err));
	CHECK_INT(err.code, ERR_USAGE);
	CHECK_HAS(err.msg, dir);
}

/* ---- against ssh itself: an sshd on a pipe, so that any name and port can be asked for ---- */

static struct key server_key, other_key;

static struct key read_key(const char *path)
{
	char *text = get(path), type[64], b64[KEY_TEXT_MAX];
	struct key k = { .len = 0 };
	int n;

	if (sscanf(text, "%63s %799s", type, b64) == 2) {
		(void)snprintf(k.type, sizeof(k.type), "%s", type);
		(void)snprintf(k.text, sizeof(k.text), "%s", b64);
		n = EVP_DecodeBlock(k.blob, (unsigned char *)b64, (int)strlen(b64));
		k.len = (size_t)n - (str_ends(b64, "==") ? 2 : str_ends(b64, "=") ? 1 : 0);
	}
	CHECK(k.len > 0);
	free(text);
	return k;
}

static void make_server(void)
{
	char path[128];

	CHECK_INT(run("ssh-keygen -q -t ed25519 -N '' -f %s/host && ssh-keygen -q -t ed25519 -N '' -f %s/other",
		      dir, dir),
		  0);
	(void)snprintf(path, sizeof(path), "%s/host.pub", dir);
	server_key = read_key(path);
	(void)snprintf(path, sizeof(path), "%s/other.pub", dir);
	other_key = read_key(path);
	(void)snprintf(path, sizeof(path), "%s/sshd_config", dir);
	put(path, "HostKey %s/host\nPidFile none\nUsePAM no\nStrictModes no\nAuthorizedKeysFile none\n", dir);
	if (getuid() == 0)
		(void)mkdir("/run/sshd", 0755);
}

/* Does ssh take the server's key under this name? */
static bool ssh_takes(const char *host, int port)
{
	char *log;
	char path[128];
	bool refused, denied;

	(void)snprintf(path, sizeof(path), "%s/ssh.log", dir);
	(void)run("ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile='%s' "
		  "-o GlobalKnownHostsFile='%s' -o KexAlgorithms=curve25519-sha256 -o "
		  "PreferredAuthentications=none "
		  "-o ProxyCommand='/usr/sbin/sshd -i -f %s/sshd_config 2>/dev/null' -p %d nobody@'%s' true "
		  "</dev/null >/dev/null 2>%s",
		  file, file2, dir, port, host, path);
	log = get(path);
	refused = strstr(log, "Host key verification failed") != NULL;
	denied = strstr(log, "Permission denied") != NULL;
	if (refused == denied) {
		test_faults++;
		(void)fprintf(stderr, "ssh neither took nor refused the key of %s: %s\n", host, log);
	}
	free(log);
	return denied;
}

static void compare(const char *host, int port)
{
	struct known_hosts *kh = load(file, file2);
	enum hostkey_verdict v;
	char name[300], *text, *text2;
	bool taken = ssh_takes(host, port);

	known_hosts_name(host, port, name, sizeof(name));
	v = known_hosts_check(kh, name, false, server_key.blob, server_key.len, NULL);
	if (taken != (v == HOSTKEY_OK)) {
		text = get(file);
		text2 = get(file2);
		test_faults++;
		(void)fprintf(stderr, "%s: ssh %s, verdict %d\n%s--\n%s", name, taken ? "takes" : "refuses",
			      (int)v, text, text2);
		free(text);
		free(text2);
	}
	known_hosts_free(kh);
}

static void test_against_ssh_table(void)
{
	static const char *const rows[] = {
		/* S is the server's key, O another of its type, R an RSA key, each with its type before it */
		"web.x S",
		"WEB.x S",
		"web.x O",
		"web.x R",
		"other S",
		"[web.x]:2222 S",
		"[web.x]:2222 O\nweb.x S",
		"web.x S\n@revoked * S",
		"@revoked web.x S\nweb.x S",
		"@revoked other S\nweb.x S",
		"@cert-authority * S",
		"@cert-authority * O\nweb.x S",
		"web.x O\nweb.x S",
		"web.x R\nweb.x S",
		"*.x S",
		"!web.x,*.x S",
		"*.x,!web.x S",
		"w?b.x S",
		"web.x,other S",
		",web.x, S",
		"  web.x   S   comment",
		"\tweb.x S",
		"#web.x S",
		"junk\nweb.x S",
		"web.x T rsa\nweb.x S",
		"@bad web.x S",
		"@revoked @cert-authority web.x S\nweb.x S",
		"web.x S\r",
		"\r\nweb.x S",
		"web.x Q",
		"[web.x]:* S",
		"* S",
		"*:2222 S",
		"web.x P",
		"web.x L",
		"@revoked web.x S\n[web.x]:2222 S",
	};
	struct key r = rsa(5, 2048);

	make_server();
	put(file2, "%s", "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf b;

		buf_init(&b, 100000);
		for (const char *p = rows[i]; *p; p++) {
			bool word = (p == rows[i] || p[-1] == ' ') && (!p[1] || strchr(" \n\r", p[1]));

			if (word && *p == 'S')
				buf_addf(&b, "%s %s", server_key.type, server_key.text);
			else if (word && *p == 'O')
				buf_addf(&b, "%s %s", other_key.type, other_key.text);
			else if (word && *p == 'R')
				buf_addf(&b, "%s %s", r.type, r.text);
			else if (word && *p == 'T')
				buf_addf(&b, "ssh-rsa %s", server_key.text);
			else if (word && *p == 'Q')
				buf_addf(&b, "\"%s\" %s", server_key.type, server_key.text);
			else if (word && *p == 'P')
				buf_addf(&b, "%s %s=", server_key.type, server_key.text);
			else if (word && *p == 'L')
				buf_addf(&b, "ED25519 %s", server_key.text);
			else
				buf_addc(&b, *p);
		}
		put(file, "%s", b.data);
		compare("web.x", 22);
		compare("web.x", 2222);
		put(file, "%s\n", b.data);
		CHECK_INT(run("ssh-keygen -q -H -f %s >/dev/null 2>&1; rm -f %s.old", file, file), 0);
		compare("web.x", 2222);
		buf_release(&b);
	}
}

static const char *pick(const char *const *list, size_t n)
{
	return list[(size_t)random() % n];
}

static void test_against_ssh_random(void)
{
	static const char *const markers[] = { "", "", "", "", "", "@revoked ", "@cert-authority " };
	static const char *const names[] = { "web.x", "WEB.X", "[web.x]:2222", "*.x",	  "!web.x",
					     "db.x",  "*",     "w?b*",	       "[*]:2222" };
	char path[128];
	int rounds = 60;

	srandom(7);
	(void)snprintf(path, sizeof(path), "%s/lines", dir);
	for (int i = 0; i < rounds; i++) {
		const char *files[] = { file, file2 };

		for (int k = 0; k < 2; k++) {
			FILE *f = fopen(files[k], "w");
			long lines = random() % 3;

			while (f && lines-- > 0) {
				const struct key *key = random() % 2 ? &server_key : &other_key;

				(void)fprintf(f, "%s%s", pick(markers, ARRAY_LEN(markers)),
					      pick(names, ARRAY_LEN(names)));
				if (random() % 3 == 0)
					(void)fprintf(f, ",%s", pick(names, ARRAY_LEN(names)));
				(void)fprintf(f, " %s %s\n", key->type, key->text);
			}
			if (f)
				(void)fclose(f);
			if (random() % 3 == 0)
				run("ssh-keygen -q -H -f %s >/dev/null 2>&1; rm -f %s.old", files[k], files[k]);
		}
		compare("web.x", random() % 2 ? 22 : 2222);
	}
}

/* ---- writing ---- */

static size_t write_keys(const char *path, const struct known_host_line *lines, size_t n, bool hash,
			 bool replace)
{
	struct dt_err err = DT_ERR_INIT;
	size_t added;

	CHECK_INT(known_hosts_write(path, lines, n, hash ? 1 : -1, replace, &added, &err), 0);
	CHECK_STR(err.msg, "");
	return added;
}

static bool keygen_finds(const char *path, const char *name, const struct key *k)
{
	return run("ssh-keygen -F '%s' -f %s | grep -qF '%s %s'", name, path, k->type, k->text) == 0;
}

static void test_write_new(void)
{
	struct key a = ed25519(1), r = rsa(3, 2048);
	struct known_host_line lines[] = { { "Web", a.blob, a.len },
					   { "[web]:2222", r.blob, r.len },
					   { "web", a.blob, a.len } };
	char path[128], *text, want[2000];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/new/.ssh/known_hosts", dir);
	CHECK_INT(write_keys(path, lines, 3, false, false), 2);
	text = get(path);
	(void)snprintf(want, sizeof(want), "web %s %s\n[web]:2222 %s %s\n", a.type, a.text, r.type, r.text);
	CHECK_STR(text, want);
	free(text);
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_mode & 07777, 0600);
	*strrchr(path, '/') = '\0';
	CHECK_INT(stat(path, &st), 0);
	CHECK_INT(st.st_mode & 07777, 0700);
	CHECK_INT(run("test $(ls -A %s | wc -l) = 1", path), 0);
	strcat(path, "/known_hosts");
	CHECK(keygen_finds(path, "web", &a));
	CHECK(keygen_finds(path, "[web]:2222", &r));
	CHECK_INT(write_keys(path, lines, 3, true, true), 0); /* all there: nothing is written */
}

static void test_write_hashed(void)
{
	struct key a = ed25519(1), r = rsa(3, 2048), c = ed25519(4);
	struct known_host_line lines[] = { { "web", a.blob, a.len }, { "[web]:2222", r.blob, r.len } };
	struct known_host_line more = { "DB", c.blob, c.len }, plain = { "plain", c.blob, c.len };
	struct dt_err err = DT_ERR_INIT;
	size_t added;
	char *text;

	(void)unlink(file);
	CHECK_INT(write_keys(file, lines, 2, true, false), 2);
	CHECK_INT(run("grep -q web %s", file) != 0, 1);
	CHECK(keygen_finds(file, "web", &a));
	CHECK(keygen_finds(file, "[web]:2222", &r));
	CHECK(!keygen_finds(file, "web", &r));
	CHECK_INT(write_keys(file, lines, 2, false, false), 0);
	/* HashKnownHosts no */
	CHECK_INT(known_hosts_write(file, &plain, 1, 0, false, &added, &err), 0);
	CHECK_INT(run("grep -q '^plain ' %s", file), 0);
	/* The file's habit is followed. */
	CHECK_INT(write_keys(file, &more, 1, false, false), 1);
	text = get(file);
	CHECK(!strstr(text, "db ") && !strstr(text, "DB "));
	free(text);
	CHECK(keygen_finds(file, "db", &c));
	CHECK_INT(check("db", &c), HOSTKEY_OK);
	CHECK_INT(check("web", &a), HOSTKEY_OK);
	/* A changed key under a hashed name. */
	lines[0].blob = c.blob;
	lines[0].len = c.len;
	CHECK_INT(write_keys(file, lines, 2, false, true), 1);
	CHECK_INT(check("web", &c), HOSTKEY_OK);
	CHECK_INT(check("web", &a), HOSTKEY_CHANGED);
	CHECK_INT(check("[web]:2222", &r), HOSTKEY_OK);
	CHECK_INT(check("db", &c), HOSTKEY_OK);
}

static void test_write_keeps_bytes(void)
{
	struct key a = ed25519(1), b = ed25519(2), c = ed25519(3);
	struct known_host_line line = { "web", c.blob, c.len };
	static const char head[] = "# note\r\n\n\x80\xff junk\nweb\n";
	char want[8000], *text, real[128];
	struct stat st;

	/* Without replace all stays, and the line without its newline gets one. */
	put(file, "%sweb,db %s %s", head, a.type, a.text);
	CHECK_INT(write_keys(file, &line, 1, false, false), 1);
	text = get(file);
	(void)snprintf(want, sizeof(want), "%sweb,db %s %s\nweb %s %s\n", head, a.type, a.text, c.type, c.text);
	CHECK_STR(text, want);
	free(text);
	/* With it the changed plain line goes; wildcards, marks, other names and ports stay. */
	put(file,
	    "%sweb,db %s %s\n@revoked web %s %s\n*eb %s %s\nwebx %s %s\n[web]:2222 %s %s\nWEB %s "
	    "%s\n@cert-authority web %s %s",
	    head, a.type, a.text, a.type, a.text, b.type, b.text, b.type, b.text, b.type, b.text, b.type,
	    b.text, b.type, b.text);
	(void)snprintf(want, sizeof(want),
		       "%s@revoked web %s %s\n*eb %s %s\nwebx %s %s\n[web]:2222 %s %s\n@cert-authority web %s "
		       "%s\nweb %s %s\n",
		       head, a.type, a.text, b.type, b.text, b.type, b.text, b.type, b.text, b.type, b.text,
		       c.type, c.text);
	(void)snprintf(real, sizeof(real), "%s/real", dir);
	CHECK_INT(rename(file, real), 0);
	CHECK_INT(chmod(real, 0644), 0);
	CHECK_INT(symlink("real", file), 0);
	if (getuid() == 0)
		CHECK_INT(chown(real, 65534, 12345), 0);
	CHECK_INT(write_keys(file, &line, 1, false, true), 1);
	text = get(real);
	CHECK_STR(text, want);
	free(text);
	CHECK_INT(lstat(file, &st), 0);
	CHECK(S_ISLNK(st.st_mode));
	CHECK_INT(stat(real, &st), 0);
	CHECK_INT(st.st_mode & 07777, 0644);
	if (getuid() == 0) {
		CHECK_INT(st.st_uid, 65534);
		CHECK_INT(st.st_gid, 12345);
	}
	CHECK_INT(unlink(file), 0);
}

static void test_write_refuses(void)
{
	static const char *const bad[] = { "",	       "a b", "a,b", "*",    "we?b", "|1|x",
					   "@revoked", "#x",  "!x",  "a\nb", "a\x1b" };
	struct key a = ed25519(1);
	struct known_host_line line = { "web", a.blob, a.len };
	struct dt_err err = DT_ERR_INIT;
	size_t added;

	put(file, "keep\n");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		line.name = bad[i];
		CHECK_INT(known_hosts_write(file, &line, 1, -1, false, &added, &err), -1);
		CHECK_INT(err.code, ERR_USAGE);
	}
	line.name = "web";
	line.len = 3;
	CHECK_INT(known_hosts_write(file, &line, 1, -1, false, &added, &err), -1);
	line.len = a.len;
	CHECK_INT(known_hosts_write(dir, &line, 1, -1, false, &added, &err), -1);
	CHECK_INT(known_hosts_write("/dev/null", &line, 1, -1, false, &added, &err), 0);
	CHECK_INT(added, 1);

	char *text = get(file);

	CHECK_STR(text, "keep\n");
	free(text);
}

/* Many writers at a time: no line is lost, none is torn, nothing is left lying about. */
static void test_write_concurrently(void)
{
	enum { WRITERS = 6, EACH = 15 };
	struct known_hosts *kh;
	int status;

	put(file, "%s", "");
	for (unsigned i = 0; i < WRITERS; i++) {
		if (fork() != 0)
			continue;
		for (unsigned k = 0; k < EACH; k++) {
			struct key key = ed25519(100 + i * EACH + k);
			char name[32];
			struct known_host_line line = { name, key.blob, key.len };

			(void)snprintf(name, sizeof(name), "host%u-%u", i, k);
			if (write_keys(file, &line, 1, i % 2, false) != 1)
				_exit(1);
		}
		_exit(test_faults != 0);
	}
	for (unsigned i = 0; i < WRITERS; i++)
		CHECK(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	kh = load(file, NULL);
	for (unsigned i = 0; i < WRITERS * EACH; i++) {
		struct key key = ed25519(100 + i);
		char name[32];

		(void)snprintf(name, sizeof(name), "host%u-%u", i / EACH, i % EACH);
		CHECK_INT(known_hosts_check(kh, name, false, key.blob, key.len, NULL), HOSTKEY_OK);
	}
	known_hosts_free(kh);
	CHECK_INT(run("test $(wc -l <%s) = %d && test $(ls %s.* 2>/dev/null | wc -l) = 0", file, WRITERS * EACH,
		      file),
		  0);
}

/* ---- speed ---- */

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void many_lines(const char *path, unsigned n, bool hashed)
{
	struct known_host_line *lines = calloc(n, sizeof(*lines));
	struct key *keys = calloc(n, sizeof(*keys));
	char(*names)[32] = calloc(n, sizeof(*names));

	for (unsigned i = 0; lines && keys && names && i < n; i++) {
		keys[i] = ed25519(i);
		(void)snprintf(names[i], sizeof(names[i]), "host%u.example.org", i);
		lines[i] = (struct known_host_line){ names[i], keys[i].blob, keys[i].len };
	}
	(void)unlink(path);
	CHECK_INT(write_keys(path, lines, n, hashed, false), n);
	CHECK_INT(write_keys(path, lines, n, hashed, false), 0);
	free(lines);
	free(keys);
	free(names);
}

static void test_speed(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	const double slack = 20;
#else
	const double slack = 1;
#endif
	struct known_hosts *kh;
	struct key k = ed25519(4321), unknown = ed25519(999999);
	double t = seconds(), plain, lookup, miss;
	enum { TURNS = 200 };

	many_lines(file, 50000, false);
	printf("write and write again 50,000 plain lines: %.0f ms\n", (seconds() - t) * 1e3);
	t = seconds();
	kh = load(file, NULL);
	plain = seconds() - t;
	CHECK_INT(known_hosts_check(kh, "host4321.example.org", false, k.blob, k.len, NULL), HOSTKEY_OK);
	known_hosts_free(kh);

	many_lines(file, 5000, true);
	kh = load(file, NULL);
	t = seconds();
	for (int i = 0; i < TURNS; i++)
		CHECK_INT(known_hosts_check(kh, "host4321.example.org", false, k.blob, k.len, NULL), HOSTKEY_OK);
	lookup = (seconds() - t) / TURNS;
	t = seconds();
	CHECK_INT(known_hosts_check(kh, "host4321.example.org", false, unknown.blob, unknown.len, NULL),
		  HOSTKEY_CHANGED);
	miss = seconds() - t;
	known_hosts_free(kh);
	printf("load of 50,000 plain lines: %.1f ms; a known key among 5,000 hashed lines: %.4f ms; another: "
	       "%.1f ms\n",
	       plain * 1e3, lookup * 1e3, miss * 1e3);
	CHECK(plain < 0.1 * slack);
	CHECK(lookup < 0.001 * slack);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_name),
		TEST(test_verdicts),
		TEST(test_several_keys),
		TEST(test_patterns),
		TEST(test_revoked),
		TEST(test_ca),
		TEST(test_junk),
		TEST(test_hashed),
		TEST(test_types),
		TEST(test_unreadable),
		TEST(test_against_ssh_table),
		TEST(test_against_ssh_random),
		TEST(test_write_new),
		TEST(test_write_hashed),
		TEST(test_write_keeps_bytes),
		TEST(test_write_refuses),
		TEST(test_write_concurrently),
		TEST(test_speed),
		{ NULL, NULL },
	};
	int r;

	if (!mkdtemp(dir))
		return 1;
	(void)snprintf(file, sizeof(file), "%s/one", dir);
	(void)snprintf(file2, sizeof(file2), "%s/two", dir);
	r = test_main(tests, argc, argv);
	(void)run("rm -rf %s", dir);
	return r;
}
