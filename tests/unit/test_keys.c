/* Keys from files and agents: made by ssh-keygen, their signatures verified by OpenSSL. */
#include "dt/ssh/keys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dt/base/child.h"
#include "dt/base/util.h"
#include "dt/ssh/blob.h"
#include "dt/ssh/key_file.h"
#include "dt/ssh/signer.h"
#include "tests/unit/random.h"
#include "tests/unit/test.h"

static char dir[64];
static const struct ssh_env plain = { .cancel_fd = -1 };
static const char data[] = "what a server would have us sign";

/* The key files of all tests, made once. */
static const struct key_case {
	const char *name, *make;	/* make: $f is the file */
	const char *algorithms[4];
} cases[] = {
	{ "ed25519", "ssh-keygen -q -N '' -C 'a comment' -t ed25519 -f $f", { "ssh-ed25519" } },
	{ "p256", "ssh-keygen -q -N '' -C c -t ecdsa -b 256 -f $f", { "ecdsa-sha2-nistp256" } },
	{ "p384", "ssh-keygen -q -N '' -C cc -t ecdsa -b 384 -f $f", { "ecdsa-sha2-nistp384" } },
	{ "p521", "ssh-keygen -q -N '' -C ccc -t ecdsa -b 521 -f $f", { "ecdsa-sha2-nistp521" } },
	{ "rsa", "ssh-keygen -q -N '' -C cccc -t rsa -b 2048 -f $f", { "rsa-sha2-256", "rsa-sha2-512", "ssh-rsa" } },
	{ "rsa.pem", "ssh-keygen -q -N '' -m PEM -t rsa -b 2048 -f $f", { "rsa-sha2-256", "rsa-sha2-512", "ssh-rsa" } },
	{ "rsa.pkcs8", "ssh-keygen -q -N '' -m PKCS8 -t rsa -b 1024 -f $f", { "rsa-sha2-256", "rsa-sha2-512" } },
	{ "p256.pem", "ssh-keygen -q -N '' -m PEM -t ecdsa -b 256 -f $f", { "ecdsa-sha2-nistp256" } },
	{ "p521.pkcs8", "ssh-keygen -q -N '' -m PKCS8 -t ecdsa -b 521 -f $f", { "ecdsa-sha2-nistp521" } },
	{ "p384.compressed",
	  "openssl ecparam -name secp384r1 -genkey -noout -conv_form compressed -out $f 2>/dev/null && chmod 600 $f && "
	  "ssh-keygen -y -f $f >$f.pub", { "ecdsa-sha2-nistp384" } },
};

static int run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int run(const char *fmt, ...)
{
	char command[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return system(command);
}

/* A path in the folder; up to four live at a time. */
static const char *at(const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *p = paths[next++ % 4];

	(void)snprintf(p, sizeof(paths[0]), "%s/%s", dir, name);
	return p;
}

static void put(const char *name, const char *text, size_t len, mode_t mode)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	CHECK(fd >= 0);
	CHECK_INT(write(fd, text, len), len);
	CHECK_INT(fchmod(fd, mode), 0);
	(void)close(fd);
}

/* A file's text, or what a command prints. */
static void get(struct buf *b, const char *path)
{
	struct dt_err err = DT_ERR_INIT;

	buf_init(b, 1 << 20);
	CHECK_INT(read_file(path, b, &err), 0);
}

static void output(struct buf *b, const char *command)
{
	FILE *f = popen(command, "re");
	struct dt_err err = DT_ERR_INIT;

	buf_init(b, 1 << 20);
	CHECK(f != NULL);
	CHECK_INT(read_fd(fileno(f), "output", b, &err), 0);
	CHECK_INT(pclose(f), 0);
}

/* The blob in a public key file, by OpenSSL's base64. */
static size_t public_blob(const char *name, unsigned char *out, size_t size)
{
	char path[128], *p, *end;
	struct buf b;
	int n = -1;

	(void)snprintf(path, sizeof(path), "%s.pub", name);
	get(&b, at(path));
	p = strchr(b.data, ' ');
	end = p ? p + 1 + strcspn(p + 1, " \n") : NULL;
	if (p && (size_t)(end - p) < size) {
		n = EVP_DecodeBlock(out, (unsigned char *)p + 1, (int)(end - p - 1));
		while (n > 0 && end[-1] == '=') {
			n--;
			end--;
		}
	}
	buf_release(&b);
	return n < 0 ? 0 : (size_t)n;
}

/* Is it a signature of data?  The public key comes from ssh-keygen, not from dt. */
static bool verifies(const char *name, const char *algorithm, const struct buf *sig)
{
	static const struct { const char *algorithm, *md; } mds[] = {
		{ "ecdsa-sha2-nistp256", "SHA256" }, { "ecdsa-sha2-nistp384", "SHA384" },
		{ "ecdsa-sha2-nistp521", "SHA512" }, { "rsa-sha2-256", "SHA256" }, { "rsa-sha2-512", "SHA512" },
		{ "ssh-rsa", "SHA1" },
	};
	unsigned char raw[1024], *der = NULL;
	const unsigned char *bytes = (const unsigned char *)sig->data;
	size_t len = sig->len, raw_len;
	EVP_PKEY *key = NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const char *md = NULL;
	bool good;

	if (strcmp(algorithm, "ssh-ed25519") == 0) {
		raw_len = public_blob(name, raw, sizeof(raw));
		key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw + raw_len - 32, 32);
	} else {
		char command[256];
		struct buf pem;
		BIO *bio;

		(void)snprintf(command, sizeof(command), "ssh-keygen -e -m PKCS8 -f %s/%s.pub", dir, name);
		output(&pem, command);
		bio = BIO_new_mem_buf(pem.data, (int)pem.len);
		key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
		BIO_free(bio);
		buf_release(&pem);
	}
	for (size_t i = 0; i < ARRAY_LEN(mds); i++)
		if (strcmp(algorithm, mds[i].algorithm) == 0)
			md = mds[i].md;
	if (str_starts(algorithm, "ecdsa")) {
		struct blob in = { bytes, len }, r = { bytes, 0 }, s = { bytes, 0 };
		ECDSA_SIG *pair = ECDSA_SIG_new();
		int n;

		CHECK_INT(blob_mpint(&in, &r), 0);
		CHECK_INT(blob_mpint(&in, &s), 0);
		CHECK_INT(in.left, 0);
		ECDSA_SIG_set0(pair, BN_bin2bn(r.p, (int)r.left, NULL), BN_bin2bn(s.p, (int)s.left, NULL));
		n = i2d_ECDSA_SIG(pair, &der);
		ECDSA_SIG_free(pair);
		bytes = der;
		len = n > 0 ? (size_t)n : 0;
	}
	good = key && EVP_DigestVerifyInit_ex(ctx, NULL, md, NULL, NULL, key, NULL) == 1 &&
	       EVP_DigestVerify(ctx, bytes, len, (const unsigned char *)data, sizeof(data)) == 1;
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return good;
}

static bool signs(const struct keyring *ring, const struct identity *id, const char *name, const char *algorithm)
{
	struct dt_err err = DT_ERR_INIT;
	struct buf sig;
	bool good;

	buf_init(&sig, 65536);
	good = identity_sign(ring, id, algorithm, data, sizeof(data), &sig, &plain, now_ms() + 30000, &err) == 0 &&
	       verifies(name, algorithm, &sig);
	if (!good)
		(void)fprintf(stderr, "%s, %s: %s\n", name, algorithm, err.msg);
	buf_release(&sig);
	return good;
}

static const struct identity *add(struct keyring *ring, const char *name, enum key_demand demand)
{
	struct dt_err err = DT_ERR_INIT;
	const struct identity *id;

	if (keyring_add_file(ring, at(name), demand, &id, NULL, &err) != 0)
		(void)fprintf(stderr, "%s\n", err.msg);
	return id;
}

static void check_refused(struct keyring *ring, const char *name, const char *message)
{
	struct dt_err err = DT_ERR_INIT;
	const struct identity *id = (const struct identity *)&err;
	const char *why = "";

	CHECK_INT(keyring_add_file(ring, at(name), KEY_REQUIRED, &id, &why, &err), -1);
	CHECK(id == NULL);
	CHECK_INT(err.code, ERR_USAGE);
	CHECK_HAS(err.msg, at(name));
	CHECK_HAS(err.msg, message);
	err = (struct dt_err)DT_ERR_INIT;
	CHECK_INT(keyring_add_file(ring, at(name), KEY_CONFIGURED, &id, &why, &err), 0);
	CHECK(id == NULL);
	CHECK(why != NULL && *why);
	CHECK_INT(err.code, ERR_NONE);
}

static void test_files(void)
{
	struct keyring *ring = keyring_new();

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned char blob[1024];
		size_t len = public_blob(cases[i].name, blob, sizeof(blob));
		const struct identity *id = add(ring, cases[i].name, KEY_REQUIRED);
		char command[256], print[64];
		struct buf said;

		CHECK(id != NULL);
		if (!id)
			continue;
		CHECK_STR(id->name, at(cases[i].name));
		CHECK_INT(id->blob_len, len);
		CHECK(id->blob_len == len && memcmp(id->blob, blob, len) == 0);
		CHECK(!id->from_agent && !id->certificate && !id->fido);
		CHECK_STR(id->type, str_starts(cases[i].name, "rsa") ? "ssh-rsa" : cases[i].algorithms[0]);
		key_fingerprint(id->blob, id->blob_len, print);
		(void)snprintf(command, sizeof(command), "ssh-keygen -lf %s/%s.pub", dir, cases[i].name);
		output(&said, command);
		CHECK_HAS(said.data, print);
		CHECK_INT(strlen(print), 50);
		buf_release(&said);
		for (size_t a = 0; a < 4 && cases[i].algorithms[a]; a++)
			CHECK(signs(ring, id, cases[i].name, cases[i].algorithms[a]));
		CHECK(add(ring, cases[i].name, KEY_DEFAULT) == id);
	}
	CHECK_INT(keyring_count(ring), ARRAY_LEN(cases));
	CHECK(keyring_get(ring, ARRAY_LEN(cases)) == NULL);
	keyring_free(ring);
	keyring_free(NULL);
}

/* RFC 8410's form, which ssh-keygen 9.2 does not read. */
static void test_pkcs8_ed25519(void)
{
	struct keyring *ring = keyring_new();
	const struct identity *id;
	struct buf der;
	char command[256];

	CHECK_INT(run("openssl genpkey -algorithm ed25519 -out %s/ed.pkcs8 2>/dev/null; chmod 600 %s/ed.pkcs8", dir, dir), 0);
	id = add(ring, "ed.pkcs8", KEY_REQUIRED);
	(void)snprintf(command, sizeof(command), "openssl pkey -in %s/ed.pkcs8 -pubout -outform DER", dir);
	output(&der, command);
	CHECK(id && id->blob_len == 51 && der.len > 32 &&
	      memcmp(id->blob + 51 - 32, der.data + der.len - 32, 32) == 0);
	buf_release(&der);
	keyring_free(ring);
}

static void test_wrong_algorithm(void)
{
	struct keyring *ring = keyring_new();
	const struct identity *ed = add(ring, "ed25519", KEY_REQUIRED), *p = add(ring, "p256", KEY_REQUIRED);
	struct dt_err err = DT_ERR_INIT;
	struct buf sig;

	buf_init(&sig, 65536);
	CHECK_INT(identity_sign(ring, ed, "rsa-sha2-256", data, 4, &sig, &plain, 0, &err), -1);
	CHECK_INT(err.code, ERR_AUTH);
	CHECK_HAS(err.msg, "rsa-sha2-256");
	CHECK_INT(identity_sign(ring, p, "ecdsa-sha2-nistp384", data, 4, &sig, &plain, 0, &err), -1);
	CHECK_INT(identity_sign(ring, p, "", data, 4, &sig, &plain, 0, &err), -1);
	CHECK_INT(sig.len, 0);
	keyring_free(ring);
}

static void test_refusals(void)
{
	struct keyring *ring = keyring_new();
	struct dt_err err = DT_ERR_INIT;
	const struct identity *id;
	const char *why;
	struct buf text;

	check_refused(ring, "missing", "no such file or directory");
	CHECK_INT(keyring_add_file(ring, at("missing"), KEY_DEFAULT, &id, &why, &err), 0);
	CHECK_STR(why, "no such file");
	check_refused(ring, ".", "is a directory");

	get(&text, at("ed25519"));
	put("open", text.data, text.len, 0644);
	check_refused(ring, "open", "permissions 0644 are too open");
	put("open", text.data, text.len, 0610);
	check_refused(ring, "open", "permissions 0610 are too open");
	put("open", text.data, text.len, 0400);
	CHECK(add(ring, "open", KEY_REQUIRED) != NULL);
	put("cut", text.data, text.len / 2, 0600);
	check_refused(ring, "cut", "broken");
	buf_release(&text);

	put("empty", "", 0, 0600);
	check_refused(ring, "empty", "not a key file");
	put("words", "hello there\n", 12, 0600);
	check_refused(ring, "words", "not a key file");
	put("zeros", (char[KEY_FILE_MAX + 1]){ 0 }, KEY_FILE_MAX + 1, 0600);
	check_refused(ring, "zeros", "larger than");
	CHECK_INT(run("openssl genpkey -algorithm ed448 -out %s/ed448 2>/dev/null; chmod 600 %s/ed448", dir, dir), 0);
	check_refused(ring, "ed448", "SSH does not use");
	CHECK_INT(run("openssl ecparam -name secp256k1 -genkey -noout -out %s/k1; chmod 600 %s/k1", dir, dir), 0);
	check_refused(ring, "k1", "SSH does not use");
	CHECK_INT(run("openssl genrsa -traditional -out %s/short 768 2>/dev/null; chmod 600 %s/short", dir, dir), 0);
	check_refused(ring, "short", "1024 bits");
	/* a public key that no agent has */
	check_refused(ring, "p256.pub", "no agent");
	keyring_free(ring);
}

static void test_certificate_beside(void)
{
	struct keyring *ring = keyring_new();
	const struct identity *with, *without;
	struct dt_err err = DT_ERR_INIT;

	CHECK_INT(run("cd %s && ssh-keygen -q -s ed25519 -I me -n root p384.pub 2>/dev/null", dir), 0);
	with = add(ring, "p384", KEY_REQUIRED);
	CHECK(with && !with->certificate);
	CHECK_INT(keyring_add_certificate(ring, at("p384"), &with, &err), 0);
	CHECK(with && with->certificate && !with->from_agent);
	CHECK_STR(with->type, "ecdsa-sha2-nistp384-cert-v01@openssh.com");
	CHECK_INT(keyring_add_certificate(ring, at("p256"), &without, &err), 0);
	CHECK(!without);
	CHECK_INT(unlink(at("p384-cert.pub")), 0);
	keyring_free(ring);
}

/* A FIDO key file, by PROTOCOL.u2f: its private part is only a handle. */
static void test_fido(void)
{
	static const char type[] = "sk-ssh-ed25519@openssh.com";
	struct keyring *ring = keyring_new();
	unsigned char text[2048];
	struct buf public, all, file, sig;
	const struct identity *id;
	struct dt_err err = DT_ERR_INIT;
	int n;

	buf_init(&public, 1024);
	buf_init(&all, 4096);
	buf_init(&file, 4096);
	buf_init(&sig, 4096);
	CHECK_INT(blob_put_string(&public, type, strlen(type)) | blob_put_string(&public, text, 32) |
		  blob_put_string(&public, "ssh:", 4), 0);
	CHECK_INT(buf_add(&all, "openssh-key-v1", 15) | blob_put_string(&all, "none", 4) |
		  blob_put_string(&all, "none", 4) | blob_put_string(&all, "", 0) | blob_put_u32(&all, 1) |
		  blob_put_string(&all, public.data, public.len) | blob_put_string(&all, text, 64), 0);
	n = EVP_EncodeBlock(text, (unsigned char *)all.data, (int)all.len);
	CHECK_INT(buf_addf(&file, "-----BEGIN OPENSSH PRIVATE KEY-----\n%.*s\n-----END OPENSSH PRIVATE KEY-----\n", n,
			   (char *)text), 0);
	put("fido", file.data, file.len, 0600);
	id = add(ring, "fido", KEY_REQUIRED);
	CHECK(id && id->fido && !id->from_agent);
	CHECK_STR(id ? id->type : NULL, type);
	CHECK(id && identity_sign(ring, id, type, data, 4, &sig, &plain, 0, &err) == -1);
	CHECK_INT(err.code, ERR_AUTH);
	buf_release(&public);
	buf_release(&all);
	buf_release(&file);
	keyring_free(ring);
}

/* Many threads, one identity. */
struct signing {
	const struct keyring *ring;
	const struct identity *id;
	const char *name, *algorithm;
	int rounds;
	atomic_int good;
};

static void *sign_often(void *arg)
{
	struct signing *s = arg;
	struct buf sig;
	struct dt_err err = DT_ERR_INIT;

	buf_init(&sig, 65536);
	for (int i = 0; i < s->rounds; i++) {
		buf_clear(&sig);
		if (identity_sign(s->ring, s->id, s->algorithm, data, sizeof(data), &sig, &plain, now_ms() + 60000, &err) == 0)
			atomic_fetch_add(&s->good, 1);
		else
			(void)fprintf(stderr, "%s: %s\n", s->name, err.msg);
	}
	/* the last one stands for all: to verify costs a process */
	if (sig.len && !verifies(s->name, s->algorithm, &sig))
		atomic_fetch_add(&s->good, -1000);
	buf_release(&sig);
	return NULL;
}

static void check_threads(const struct keyring *ring, const struct identity *id, const char *name,
			  const char *algorithm, int threads, int rounds)
{
	struct signing s = { .ring = ring, .id = id, .name = name, .algorithm = algorithm, .rounds = rounds };
	pthread_t t[64];

	for (int i = 0; i < threads; i++)
		CHECK_INT(pthread_create(&t[i], NULL, sign_often, &s), 0);
	for (int i = 0; i < threads; i++)
		CHECK_INT(pthread_join(t[i], NULL), 0);
	CHECK_INT(atomic_load(&s.good), threads * rounds);
}

static void test_threads(void)
{
	struct keyring *ring = keyring_new();

	check_threads(ring, add(ring, "ed25519", KEY_REQUIRED), "ed25519", "ssh-ed25519", 8, 50);
	check_threads(ring, add(ring, "p384", KEY_REQUIRED), "p384", "ecdsa-sha2-nistp384", 8, 10);
	check_threads(ring, add(ring, "rsa", KEY_REQUIRED), "rsa", "rsa-sha2-512", 8, 10);
	keyring_free(ring);
}

/* A real agent with these keys; SSH_AUTH_SOCK names it. */
static void agent_start(struct child *c, const char *keys)
{
	char sock[128], line[256];
	char *argv[] = { (char[]){ "ssh-agent" }, (char[]){ "-D" }, (char[]){ "-a" }, sock, NULL };
	struct dt_err err = DT_ERR_INIT;
	struct pollfd p;

	(void)snprintf(sock, sizeof(sock), "%s/agent.sock", dir);
	CHECK_INT(child_start(c, argv, NULL, &err), 0);
	p = (struct pollfd){ .fd = c->out, .events = POLLIN };
	CHECK_INT(poll(&p, 1, 20000), 1);
	CHECK(read(c->out, line, sizeof(line)) > 0);
	CHECK_INT(setenv("SSH_AUTH_SOCK", sock, 1), 0);
	CHECK_INT(run("cd %s && ssh-add -q %s", dir, keys), 0);
}

static void agent_stop(struct child *c)
{
	child_end(c);
	(void)unlink(getenv("SSH_AUTH_SOCK"));
	(void)unsetenv("SSH_AUTH_SOCK");
}

static void test_agent(void)
{
	static const char *const held[][3] = {
		{ "ed25519", "ssh-ed25519" }, { "rsa", "rsa-sha2-256", "rsa-sha2-512" }, { "p521", "ecdsa-sha2-nistp521" },
	};
	struct keyring *ring = keyring_new();
	struct dt_err err = DT_ERR_INIT;
	const struct identity *id;
	struct child agent;

	CHECK_INT(run("cd %s && ssh-keygen -q -s ed25519 -I me -n root p521.pub 2>/dev/null", dir), 0);
	agent_start(&agent, "ed25519 rsa p521");
	CHECK_INT(add(ring, "p256", KEY_REQUIRED) != NULL, 1);
	CHECK_INT(keyring_add_agent(ring, NULL, 10000, &err), 0);
	CHECK_INT(keyring_add_agent(ring, getenv("SSH_AUTH_SOCK"), 10000, &err), 0); /* twice: nothing new */
	CHECK_INT(keyring_count(ring), 5);
	CHECK_STR(keyring_get(ring, 0)->name, "a comment");
	CHECK(!keyring_get(ring, 4)->from_agent);
	for (size_t i = 0, c = 0; i < 4; i++) {
		id = keyring_get(ring, i);
		CHECK(id->from_agent);
		if (id->certificate) {
			CHECK_STR(id->type, "ecdsa-sha2-nistp521-cert-v01@openssh.com");
			c++;
			continue;
		}
		CHECK(i - c < ARRAY_LEN(held));
		for (size_t a = 1; a < 3 && held[i - c][a]; a++)
			CHECK(signs(ring, id, held[i - c][0], held[i - c][a]));
		check_threads(ring, id, held[i - c][0], held[i - c][1], 48, 2);
	}
	/* a public key file stands for the agent's key */
	id = add(ring, "rsa.pub", KEY_REQUIRED);
	CHECK(id && id->from_agent);
	/* so does the private file, and memory signs then: also when the agent is gone */
	id = add(ring, "p521", KEY_REQUIRED);
	CHECK(id && id->from_agent);
	CHECK_INT(keyring_count(ring), 5);
	agent_stop(&agent);
	CHECK(signs(ring, id, "p521", "ecdsa-sha2-nistp521"));
	(void)unlink(at("p521-cert.pub"));
	keyring_free(ring);
}

static void test_agent_has_encrypted(void)
{
	struct keyring *ring = keyring_new();
	struct dt_err err = DT_ERR_INIT;
	const struct identity *id;
	struct child agent;

	/* the agent has the key; its file is encrypted, and nobody may be asked */
	CHECK_INT(setenv("SSH_ASKPASS", "/bin/false", 1), 0);
	CHECK_INT(setenv("SSH_ASKPASS_REQUIRE", "force", 1), 0);
	agent_start(&agent, "ed25519 rsa.pem");
	CHECK_INT(run("cd %s && cp ed25519 locked && cp rsa.pem locked.pem && cp rsa.pem.pub locked.pem.pub && "
		      "ssh-keygen -q -p -P '' -N secret -f locked >/dev/null && "
		      "ssh-keygen -q -p -m PEM -P '' -N secret -f locked.pem >/dev/null", dir), 0);
	CHECK_INT(keyring_add_agent(ring, NULL, 10000, &err), 0);
	id = add(ring, "locked", KEY_REQUIRED);		/* it shows its public key */
	CHECK(id && id->from_agent && signs(ring, id, "ed25519", "ssh-ed25519"));
	id = add(ring, "locked.pem", KEY_REQUIRED);	/* the file beside it does */
	CHECK(id && id->from_agent && signs(ring, id, "rsa.pem", "rsa-sha2-512"));
	CHECK_INT(unlink(at("locked.pem")), 0);
	CHECK(add(ring, "locked.pem", KEY_REQUIRED) == id);
	agent_stop(&agent);
	keyring_free(ring);
	(void)unsetenv("SSH_ASKPASS");
	(void)unsetenv("SSH_ASKPASS_REQUIRE");
}

static void test_no_agent(void)
{
	struct keyring *ring = keyring_new();
	struct dt_err err = DT_ERR_INIT;

	CHECK_INT(unsetenv("SSH_AUTH_SOCK"), 0);
	CHECK_INT(keyring_add_agent(ring, NULL, 10000, &err), 0);
	CHECK_INT(keyring_add_agent(ring, at("nothing"), 10000, &err), 0);
	CHECK_INT(keyring_add_agent(ring, at("ed25519"), 10000, &err), 0);
	CHECK_INT(keyring_add_agent(ring, (char[200]){ [0 ... 198] = 'x' }, 10000, &err), 0);
	CHECK_INT(keyring_count(ring), 0);
	CHECK_INT(err.code, ERR_NONE);
	keyring_free(ring);
}

/* An agent that lists one key and then answers as it is told. */
struct liar {
	int fd;
	const char *list, *answer;
	size_t list_len, answer_len;
	atomic_int held;	/* a connection that it keeps open in silence */
};

static void *liar_main(void *arg)
{
	struct liar *l = arg;
	int fd, kept = -1;
	char in[4096];

	while ((fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		const char *out = l->answer;
		size_t len = l->answer_len;

		if (read(fd, in, sizeof(in)) > 4 && in[4] == 11) {
			out = l->list;
			len = l->list_len;
		}
		if (out) {
			(void)!write(fd, out, len);
			(void)close(fd);
		} else {
			kept = fd;
		}
	}
	if (kept >= 0)
		(void)close(kept);
	return NULL;
}

static void liar_start(struct liar *l, pthread_t *t)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/liar", dir);
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_INT(bind(l->fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	CHECK_INT(listen(l->fd, 10), 0);
	CHECK_INT(pthread_create(t, NULL, liar_main, l), 0);
}

static void liar_stop(struct liar *l, pthread_t t)
{
	(void)shutdown(l->fd, SHUT_RDWR);
	CHECK_INT(pthread_join(t, NULL), 0);
	(void)close(l->fd);
	CHECK_INT(unlink(at("liar")), 0);
}

#define BYTES(s) s, sizeof(s) - 1

static void test_agent_lies(void)
{
	static const struct { const char *bytes; size_t len; const char *message; } answers[] = {
		{ BYTES(""), "closed the connection" },
		{ BYTES("\0\0"), "closed the connection" },
		{ BYTES("\0\0\0\0"), "nonsense" },
		{ BYTES("\xff\xff\xff\xff\x0e"), "nonsense" },
		{ BYTES("\0\4\0\1\x0e"), "nonsense" },
		{ BYTES("\0\0\0\5\x0e"), "closed the connection" },
		{ BYTES("\0\0\0\1\5"), "refused" },
		{ BYTES("\0\0\0\1\x0e"), "nonsense" },
		{ BYTES("\0\0\0\5\x0e\0\0\0\0"), "cannot sign with" },
		{ BYTES("\0\0\0\5\x0e\0\0\0\1"), "nonsense" },
		{ BYTES("\0\0\0\x14\x0e\0\0\0\x0f\0\0\0\x0bssh-ed25519"), "nonsense" },
		{ BYTES("\0\0\0\x10\x0e\0\0\0\x0b\0\0\0\7ssh-rsa"), "cannot sign with" },
	};
	/* one key: 19 bytes with a type, and the comment */
	static const char list[] = "\0\0\0\x24\x0c\0\0\0\1\0\0\0\x13\0\0\0\x0bssh-ed25519\0\0\0\0\0\0\0\4" "abcd";
	struct keyring *ring = keyring_new();
	struct dt_err err = DT_ERR_INIT;
	const struct identity *id;
	struct ssh_env env = plain;
	struct liar l = { .list = list, .list_len = sizeof(list) - 1 };
	uint64_t one = 1;
	struct buf sig;
	pthread_t t;

	buf_init(&sig, 4096);
	liar_start(&l, &t);
	CHECK_INT(keyring_add_agent(ring, at("liar"), 10000, &err), 0);
	CHECK_INT(keyring_count(ring), 1);
	id = keyring_get(ring, 0);
	CHECK_STR(id ? id->name : NULL, "abcd");
	for (size_t i = 0; id && i < ARRAY_LEN(answers); i++) {
		l.answer = answers[i].bytes;
		l.answer_len = answers[i].len;
		CHECK_INT(identity_sign(ring, id, "ssh-ed25519", data, 4, &sig, &plain, now_ms() + 20000, &err), -1);
		CHECK_INT(err.code, ERR_AUTH);
		CHECK_HAS(err.msg, answers[i].message);
		CHECK_INT(sig.len, 0);
	}
	/* silence: the deadline, and a cancel */
	l.answer = NULL;
	CHECK(id && identity_sign(ring, id, "ssh-ed25519", data, 4, &sig, &plain, now_ms() + 50, &err) == -1);
	CHECK_INT(err.code, ERR_TIMEOUT);
	env.cancel_fd = eventfd(0, EFD_CLOEXEC);
	CHECK_INT(write(env.cancel_fd, &one, sizeof(one)), sizeof(one));
	CHECK(id && identity_sign(ring, id, "ssh-ed25519", data, 4, &sig, &env, now_ms() + 20000, &err) == -1);
	CHECK_INT(err.code, ERR_SKIPPED);
	(void)close(env.cancel_fd);
	keyring_free(ring);

	/* lists that are cut, or promise more than they have */
	for (size_t len = 0; len < sizeof(list) - 1; len++) {
		ring = keyring_new();
		l.list_len = len;
		CHECK_INT(keyring_add_agent(ring, at("liar"), 10000, &err), 0);
		CHECK_INT(keyring_count(ring), 0);
		keyring_free(ring);
	}
	liar_stop(&l, t);
}

/* SSH_ASKPASS: it counts how often it was asked. */
static void askpass(const char *passphrase)
{
	char text[256];
	int n = snprintf(text, sizeof(text), "#!/bin/sh\necho >>%s/asked\necho '%s'\n", dir, passphrase);

	put("askpass", text, (size_t)n, 0700);
	CHECK_INT(setenv("SSH_ASKPASS", at("askpass"), 1), 0);
	CHECK_INT(setenv("SSH_ASKPASS_REQUIRE", "force", 1), 0);
}

static long long asked(void)
{
	struct stat st;

	return stat(at("asked"), &st) == 0 ? (long long)st.st_size : 0;
}

/* Folders of private agents in TMPDIR, which is ours. */
static int agent_folders(char *first, size_t size)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d)) != NULL)
		if (str_starts(e->d_name, "dt-") && n++ == 0 && first)
			(void)snprintf(first, size, "%s/%s", dir, e->d_name);
	(void)closedir(d);
	return n;
}

static void test_encrypted(void)
{
	struct keyring *ring = keyring_new();
	struct dt_err err = DT_ERR_INIT;
	const struct identity *id, *pem;
	char folder[512];
	const char *why;
	struct stat st;

	askpass("secret");
	id = add(ring, "enc", KEY_CONFIGURED);
	CHECK(id && !id->from_agent && signs(ring, id, "ed25519", "ssh-ed25519"));
	CHECK_INT(agent_folders(folder, sizeof(folder)), 1);
	CHECK(stat(folder, &st) == 0 && (st.st_mode & 0777) == 0700);
	CHECK_INT(asked(), 1);
	CHECK(add(ring, "enc", KEY_REQUIRED) == id);
	CHECK_INT(asked(), 1);
	/* forms that do not show their public key */
	pem = add(ring, "enc.pem", KEY_DEFAULT);
	CHECK(pem && signs(ring, pem, "rsa.pem", "rsa-sha2-256"));
	CHECK_STR(pem ? pem->name : NULL, at("enc.pem"));
	pem = add(ring, "enc.asn1", KEY_REQUIRED);
	CHECK(pem && signs(ring, pem, "p256", "ecdsa-sha2-nistp256"));
	CHECK_INT(asked(), 3);
	CHECK_INT(keyring_count(ring), 3);
	CHECK_INT(agent_folders(NULL, 0), 1);
	/* the same key by another path */
	CHECK_INT(run("cp %s/enc.pem %s/enc.again", dir, dir), 0);
	CHECK(add(ring, "enc.again", KEY_REQUIRED) == keyring_get(ring, 1));
	CHECK_INT(asked(), 4);
	/* no passphrase: asked once, and not again */
	askpass("");
	CHECK_INT(keyring_add_file(ring, at("enc.no"), KEY_CONFIGURED, &id, &why, &err), 0);
	CHECK(id == NULL);
	CHECK_STR(why, "its passphrase was not given");
	CHECK_INT(asked(), 5);
	check_refused(ring, "enc.no", "its passphrase was not given");
	CHECK_INT(asked(), 5);
	keyring_free(ring);
	CHECK_INT(agent_folders(NULL, 0), 0);
	(void)unlink(at("asked"));
}

/* In a session of its own there is no terminal. */
static int without_terminal(void)
{
	struct keyring *ring = keyring_new();
	struct dt_err err = DT_ERR_INIT;
	const struct identity *id;
	const char *why = NULL;
	int r;

	(void)unsetenv("SSH_ASKPASS_REQUIRE");
	r = keyring_add_file(ring, at("enc"), KEY_DEFAULT, &id, &why, &err);
	if (r != 0 || id || !why || !strstr(why, "no terminal") || asked())
		return 1;
	(void)setenv("SSH_ASKPASS_REQUIRE", "force", 1);
	r = keyring_add_file(ring, at("enc"), KEY_DEFAULT, &id, &why, &err);
	keyring_free(ring);
	return r == 0 && id ? 0 : 2;
}

static void test_no_terminal(void)
{
	int status = -1;
	pid_t pid;

	askpass("secret");
	(void)unlink(at("asked"));
	pid = fork();
	if (pid == 0) {
		(void)setsid();
		_exit(without_terminal());
	}
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
	(void)unlink(at("asked"));
}

/* On a terminal, whatever standard input is, ssh-add asks there. */
static int at_terminal(const char *tty)
{
	struct keyring *ring = keyring_new();
	struct dt_err err = DT_ERR_INIT;
	const struct identity *id;
	int fd, null = open("/dev/null", O_RDWR | O_CLOEXEC), r;

	(void)setsid();
	fd = open(tty, O_RDWR | O_CLOEXEC);	/* the first one becomes the controlling terminal */
	if (fd < 0 || null < 0 || dup2(null, 0) != 0)
		return 3;
	(void)unsetenv("SSH_ASKPASS_REQUIRE");
	(void)unsetenv("SSH_ASKPASS");
	r = keyring_add_file(ring, at("enc"), KEY_DEFAULT, &id, NULL, &err);
	keyring_free(ring);
	return r == 0 && id ? 0 : 2;
}

static void test_terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), status = -1;
	int64_t end = now_ms() + 30000;
	struct pollfd p = { .fd = master, .events = POLLIN };
	bool answered = false;
	struct buf said;
	pid_t pid;

	CHECK(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	buf_init(&said, 65536);
	(void)unlink(at("asked"));
	pid = fork();
	if (pid == 0)
		_exit(at_terminal(ptsname(master)));
	while (waitpid(pid, &status, WNOHANG) == 0 && now_ms() < end) {
		char text[256];
		ssize_t n;

		if (poll(&p, 1, 10) <= 0 || (n = read(master, text, sizeof(text))) <= 0)
			continue;
		CHECK_INT(buf_add(&said, text, (size_t)n), 0);
		if (!answered && strstr(said.data, "assphrase for")) {
			CHECK_INT(write(master, "secret\n", 7), 7);
			answered = true;
		}
	}
	CHECK(answered);
	CHECK_INT(status, 0);
	CHECK_HAS(said.data, at("enc"));
	CHECK(!strstr(said.data, "secret"));
	CHECK_INT(asked(), 0);
	buf_release(&said);
	(void)close(master);
}

/* A private agent dies with dt, however dt dies, and its folder goes too. */
static void test_killed(void)
{
	char folder[512], socket_path[600];
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int64_t end;
	int fds[2], fd;
	pid_t pid;
	char c;

	askpass("secret");
	CHECK_INT(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct keyring *ring = keyring_new();

		c = add(ring, "enc", KEY_CONFIGURED) ? 'y' : 'n';
		(void)!write(fds[1], &c, 1);
		for (;;)
			(void)pause();
	}
	CHECK_INT(read(fds[0], &c, 1), 1);
	CHECK_INT(c, 'y');
	CHECK_INT(agent_folders(folder, sizeof(folder)), 1);
	(void)snprintf(socket_path, sizeof(socket_path), "%s/agent", folder);
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%.100s", socket_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_INT(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	CHECK_INT(kill(pid, SIGKILL), 0);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
	/* our connection ends when the agent does */
	CHECK_INT(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 20000), 1);
	CHECK(read(fd, &c, 1) <= 0);
	for (end = now_ms() + 20000; agent_folders(NULL, 0) && now_ms() < end;)
		(void)poll(NULL, 0, 1);
	CHECK_INT(agent_folders(NULL, 0), 0);
	(void)close(fd);
	(void)close(fds[0]);
	(void)close(fds[1]);
	(void)unlink(at("asked"));
}

/* What dt's children see of its descriptors: nothing but 0, 1, 2. */
static void test_descriptors(void)
{
	struct keyring *ring = keyring_new();
	char path[4096], text[256];
	struct dt_err err = DT_ERR_INIT;
	const struct identity *id;
	struct buf seen;
	int n;

	CHECK_INT(mkdir(at("bin"), 0700), 0);
	n = snprintf(text, sizeof(text), "#!/bin/sh\nexec >%s/seen\nls -l /proc/$$/fd\nexit 1\n", dir);
	put("bin/ssh-add", text, (size_t)n, 0700);
	(void)snprintf(path, sizeof(path), "%s/bin:%s", dir, getenv("PATH"));
	askpass("secret");
	char *before = strdup(getenv("PATH"));

	CHECK_INT(setenv("PATH", path, 1), 0);
	CHECK_INT(keyring_add_file(ring, at("enc"), KEY_CONFIGURED, &id, NULL, &err), 0);
	CHECK(id == NULL);
	CHECK_INT(setenv("PATH", before, 1), 0);
	free(before);
	get(&seen, at("seen"));
	CHECK_HAS(seen.data, " 0 -> ");
	for (char *line = strtok(seen.data, "\n"); line; line = strtok(NULL, "\n")) {
		char *arrow = strstr(line, " -> ");
		char *number = arrow;

		while (number && number > line && number[-1] != ' ')
			number--;
		/* above 2 is only the shell's own: its script */
		if (number && atoi(number) > 2)
			CHECK_HAS(arrow, "bin/ssh-add");
	}
	buf_release(&seen);
	keyring_free(ring);
}

/* One text as a key file: whatever it is, nothing breaks, and a key that is found signs. */
static bool feed(const char *text, size_t len, const struct digests *d)
{
	char *copy = malloc(len ? len : 1);	/* so that a byte past the end is seen */
	struct key_file f;
	const char *why;
	bool key = false;

	memcpy(copy, text, len);
	if (key_file_parse(copy, len, &f, &why) == 0 && f.key) {
		struct signer *s = signer_new(f.key, d, &why);

		f.key = NULL;
		key = s != NULL;
		signer_free(s);
	}
	key_file_release(&f);
	free(copy);
	return key;
}

static bool feed_binary(const unsigned char *bytes, size_t len, const struct digests *d)
{
	unsigned char base64[8192];
	struct buf text;
	bool key;
	int n = EVP_EncodeBlock(base64, bytes, (int)len);

	buf_init(&text, 65536);
	CHECK_INT(buf_addf(&text, "-----BEGIN OPENSSH PRIVATE KEY-----\n%.*s\n-----END OPENSSH PRIVATE KEY-----\n", n,
			   (char *)base64), 0);
	key = feed(text.data, text.len, d);
	buf_release(&text);
	return key;
}

static void test_fuzz(void)
{
	long flips = random_rounds(300);
	struct digests d;
	uint64_t seed;

	random_start();
	seed = random_state;
	CHECK_INT(digests_init(&d), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf text, raw;
		bool openssh;

		get(&text, at(cases[i].name));
		openssh = str_starts(text.data, "-----BEGIN OPENSSH");
		CHECK(feed(text.data, text.len, &d));
		for (size_t len = 0; len < text.len; len += 1 + len / 100)
			(void)feed(text.data, len, &d);
		for (long round = 0; round < flips / 5; round++) {
			size_t where = random_below(text.len);
			char was = text.data[where];

			text.data[where] = (char)random_below(256);
			(void)feed(text.data, text.len, &d);
			text.data[where] = was;
		}
		buf_init(&raw, 65536);
		if (openssh) {
			const char *body = strchr(text.data, '\n'), *end = strstr(body, "-----END");
			int faults = 0;

			CHECK_INT(blob_base64(&raw, body, (size_t)(end - body)), 0);
			CHECK(feed_binary((unsigned char *)raw.data, raw.len, &d));
			/* nothing less than all of it is a key */
			for (size_t len = 0; len < raw.len; len++)
				faults += feed_binary((unsigned char *)raw.data, len, &d);
			CHECK_INT(faults, 0);
			for (long round = 0; round < flips; round++) {
				size_t where = random_below(raw.len);
				char was = raw.data[where];

				raw.data[where] = (char)(was ^ (1 << random_below(8)));
				(void)feed_binary((unsigned char *)raw.data, raw.len, &d);
				raw.data[where] = was;
			}
			/* lengths: the ends of what they can be */
			for (size_t where = 0; where + 4 <= raw.len; where += where < 120 ? 1 : 7) {
				static const unsigned char ends[][4] = {
					{ 0xff, 0xff, 0xff, 0xff }, { 0, 0, 0, 0 }, { 0x7f, 0xff, 0xff, 0xff },
				};
				char was[4];

				memcpy(was, raw.data + where, 4);
				for (size_t k = 0; k < ARRAY_LEN(ends); k++) {
					memcpy(raw.data + where, ends[k], 4);
					(void)feed_binary((unsigned char *)raw.data, raw.len, &d);
				}
				memcpy(raw.data + where, was, 4);
			}
		}
		buf_release(&raw);
		buf_release(&text);
	}
	digests_release(&d);
	if (test_faults)
		random_again(seed);
}

static void test_types(void)
{
	char out[64];

	key_type("\0\0\0\7ssh-rsa\0\0", 13, out);
	CHECK_STR(out, "ssh-rsa");
	key_type("\0\0\0\7ssh-rs", 10, out);
	CHECK_STR(out, "");
	key_type("\0\0\0\4s\nh-", 8, out);
	CHECK_STR(out, "");
	key_type("\xff\xff\xff\xff", 4, out);
	CHECK_STR(out, "");
	key_type("", 0, out);
	CHECK_STR(out, "");
	key_type((char[104]){ 0, 0, 0, 100, [4 ... 103] = 'x' }, 104, out);
	CHECK_STR(out, "");
}

static void test_base64(void)
{
	static const struct { const char *text, *bytes; } good[] = {
		{ "", "" }, { "YQ==", "a" }, { "YWI=", "ab" }, { "YWJj", "abc" }, { "Y W\nJ\r\njZA==", "abcd" },
	};
	static const char *const bad[] = { "Y", "YQ", "YQ=", "YQ==YQ==", "YR==", "YWJ=", "====", "Y===", "Y*==", "YQ==\x80" };
	struct buf b;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		buf_init(&b, 100);
		CHECK_INT(blob_base64(&b, good[i].text, strlen(good[i].text)), 0);
		CHECK_STR(b.data, good[i].bytes);
		buf_release(&b);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		buf_init(&b, 100);
		CHECK_INT(blob_base64(&b, bad[i], strlen(bad[i])), -1);
		buf_release(&b);
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(test_types), TEST(test_base64), TEST(test_files), TEST(test_pkcs8_ed25519),
		TEST(test_wrong_algorithm), TEST(test_refusals), TEST(test_certificate_beside), TEST(test_fido),
		TEST(test_threads), TEST(test_agent), TEST(test_agent_has_encrypted), TEST(test_no_agent),
		TEST(test_agent_lies), TEST(test_encrypted), TEST(test_no_terminal), TEST(test_terminal), TEST(test_killed),
		TEST(test_descriptors), TEST(test_fuzz), { NULL, NULL }
	};
	int r;

	/* what this program was started with is not dt's */
	for (int fd = 3; fd < 256; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void)snprintf(dir, sizeof(dir), "/tmp/test-keys-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	(void)setenv("TMPDIR", dir, 1);
	(void)unsetenv("SSH_AUTH_SOCK");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (run("f=%s/%s; %s", dir, cases[i].name, cases[i].make) != 0)
			(void)fprintf(stderr, "%s was not made\n", cases[i].name);
	if (run("cd %s && cp ed25519 enc && cp rsa.pem enc.pem && cp p256 enc.asn1 && cp p384 enc.no && "
		"for f in enc enc.no; do ssh-keygen -q -p -P '' -N secret -f $f; done >/dev/null && "
		"ssh-keygen -q -p -m PEM -P '' -N secret -f enc.pem >/dev/null && "
		"ssh-keygen -q -p -m PKCS8 -P '' -N secret -f enc.asn1 >/dev/null", dir) != 0)
		(void)fprintf(stderr, "encrypted keys were not made\n");
	r = test_main(tests, argc, argv);
	(void)run("rm -rf %s", dir);
	return r;
}
