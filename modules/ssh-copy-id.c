/*
 * ssh-copy-id - public keys into ~/.ssh/authorized_keys on every host, or out of it.
 *
 * The format is that of sshd(8), AUTHORIZED_KEYS FILE FORMAT; a key is known
 * by its type and base64 text, whatever options or comment stand beside it.
 */
#include "dt_module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * stdin: keys, a line each.  $1 add or remove, $2 check or "-".  A new file is
 * written beside the old one and moved over it: sshd never reads half of one.
 */
static const char script[] =
	"umask 077; cd || exit 1; "
	"f=.ssh/authorized_keys; "
	"if [ -L $f ]; then f=$(readlink -f $f) || exit 1; fi; "
	"t=$f.dt-$$; trap \"rm -f $t\" EXIT; trap \"exit 1\" HUP INT TERM PIPE; "
	"was=0; is=0; "
	"if [ $2 = check ]; then t=/dev/null; elif [ $1 = add ] || [ -f $f ]; then "
	"mkdir -p .ssh && chmod go-w .ssh . || exit 1; "
	"if [ -f $f ]; then cp -p $f $t && chmod go-w $t; else : > $t; fi || exit 1; "
	"if [ -s $t ] && [ \"$(tail -c 1 $t | tr \"\\n\" x)\" != x ]; then echo >> $t || exit 1; fi; fi; "
	"while read -r type blob comment; do "
	"if grep -qF -e \"$type $blob\" $f 2>/dev/null; then was=$((was+1)); "
	"if [ $1 = remove ] && [ $2 != check ]; then grep -vF -e \"$type $blob\" $t > $t.x; [ $? -le 1 ] && cat $t.x > $t || exit 1; "
	"rm -f $t.x; fi; "
	"else is=$((is+1)); if [ $1 = add ]; then printf \"%s\\n\" \"$type $blob${comment:+ $comment}\" >> $t || exit 1; fi; fi; "
	"done; "
	"if [ $1 = add ]; then n=$is; else n=$was; fi; "
	"if [ $2 != check ] && [ $n -gt 0 ]; then { sync $t 2>/dev/null || sync; } && mv -f $t $f || exit 1; fi; "
	"echo $n";

struct keys {
	char *text;		/* the lines that are sent */
	size_t len, count;
};

static const char *const types[] = {
	"ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
	"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", "ssh-dss", NULL,
};

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

/* One line of a key file: "TYPE BASE64 [COMMENT]".  NULL, or what is wrong with it. */
static const char *fault(const char *line, size_t len)
{
	size_t type = strcspn(line, " \t"), blob;
	bool known = false;

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < ' ' && line[i] != '\t')
			return "a control byte";
	for (const char *const *t = types; *t; t++)
		known |= strlen(*t) == type && strncmp(*t, line, type) == 0;
	if (!known || type >= len)
		return strstr(line, "PRIVATE KEY") ? "a private key; its public half is in the file with .pub"
						   : "no public key in a line of its own";
	blob = strspn(line + type + 1, base64);
	if (blob < 40 || (line[type + 1 + blob] != ' ' && line[type + 1 + blob] != '\0'))
		return "a public key that is cut short, or not base64";
	return NULL;
}

/* Is it there already, with whatever comment? */
static bool has_key(const struct keys *k, const char *line)
{
	size_t type = strcspn(line, " \t"), len = type + 1 + strspn(line + type + 1, base64);

	return k->len && memmem(k->text, k->len, line, len) != NULL;
}

/* Adds the keys of a file.  DT_OK, or DT_FAIL after refuse(). */
static int add_file(struct dt_call *call, const struct dt_services *dt, struct keys *k, const char *path)
{
	size_t len, count = k->count;
	const char *text = dt->read_file(call, path, &len);
	char *copy, *rest, *line, *grown;
	bool seen = false;

	if (!text)
		return DT_FAIL;
	copy = memchr(text, '\0', len) ? NULL : strdup(text);
	grown = realloc(k->text, k->len + len + 2);
	if (grown)
		k->text = grown;
	if (!copy || !grown) {
		free(copy);
		dt->refuse(call, "%s: not a file of public keys", path);
		return DT_FAIL;
	}
	rest = copy;
	for (int number = 1; (line = strsep(&rest, "\n")) != NULL; number++) {
		const char *wrong;
		size_t n;

		line += strspn(line, " \t");
		if (*line && line[strlen(line) - 1] == '\r')
			line[strlen(line) - 1] = '\0';
		if (!*line || *line == '#')
			continue;
		wrong = fault(line, strlen(line));
		if (wrong) {
			dt->refuse(call, "%s:%d: %s", path, number, wrong);
			free(copy);
			return DT_FAIL;
		}
		seen = true;
		if (has_key(k, line))
			continue;
		n = strlen(line);
		memcpy(k->text + k->len, line, n);
		memcpy(k->text + k->len + n, "\n", 2);
		k->len += n + 1;
		k->count++;
	}
	free(copy);
	if (k->count > count || (seen && k->count))
		return DT_OK;
	dt->refuse(call, "%s: no public key in it", path);
	return DT_FAIL;
}

/* Our own keys, where none is named. */
static int add_own(struct dt_call *call, const struct dt_services *dt, struct keys *k)
{
	static const char *const names[] = { "id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk", NULL };
	const char *home = getenv("HOME");
	char path[4096];
	int r = DT_OK;

	for (const char *const *name = names; home && *name && r == DT_OK; name++)
		if (snprintf(path, sizeof(path), "%s/.ssh/%s.pub", home, *name) < (int)sizeof(path) && access(path, R_OK) == 0)
			r = add_file(call, dt, k, path);
	if (r == DT_OK && !k->count) {
		dt->refuse(call, "no public key in ~/.ssh; name a file");
		return DT_FAIL;
	}
	return r;
}

static int copy_prepare(struct dt_call *call, const struct dt_services *dt)
{
	struct keys *k = calloc(1, sizeof(*k));
	const char *const *files;
	int r = DT_OK;
	size_t n;

	if (!k) {
		dt->refuse(call, "out of memory");
		return DT_FAIL;
	}
	dt->set_state(call, k);
	dt->waits_in_services(call);
	files = dt->arg_list(call, "files", &n);
	for (size_t i = 0; i < n && r == DT_OK; i++)
		r = add_file(call, dt, k, files[i]);
	return r == DT_OK && !n ? add_own(call, dt, k) : r;
}

/* The script's count, and what went wrong. */
struct answer {
	struct {
		char text[400];
		size_t len;
	} number, said;
};

static void output(void *arg, int stream, const char *data, size_t len)
{
	struct answer *a = arg;
	char *text = stream == DT_STDOUT ? a->number.text : a->said.text;
	size_t *n = stream == DT_STDOUT ? &a->number.len : &a->said.len;

	for (; len && *n < sizeof(a->said.text) - 1; len--)
		text[(*n)++] = *data++;
}

static int copy_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	const struct keys *k = dt->state(call);
	bool del = dt->arg_number(call, "remove") != 0, check = dt->arg_number(call, "check") != 0;
	const char *argv[] = { "/bin/sh", "-c", script, "dt-keys", del ? "remove" : "add", check ? "check" : "-" };
	struct answer a = { .number = { .len = 0 } };
	struct dt_exec exec = { .in = k->text, .in_len = k->len };
	struct dt_exit end;
	unsigned long n;
	int r;

	exec.command = dt->quote(task, argv, sizeof(argv) / sizeof(*argv));
	if (!exec.command)
		return DT_FAIL;
	exec.output = output;
	exec.arg = &a;
	r = dt->exec(task, &exec, &end);
	if (r != DT_OK)
		return r;
	if (end.status != 0)
		return dt->fail(task, end.status > 0 ? end.status : 1, "authorized_keys was not changed: %s", a.said.text);
	n = strtoul(a.number.text, NULL, 10);
	if (n)
		dt->message(task, "%s%lu key%s %s", check ? "would be: " : "", n, n == 1 ? "" : "s", del ? "removed" : "added");
	else
		dt->message(task, "unchanged");
	return DT_OK;
}

static int copy_finish(struct dt_call *call, const struct dt_services *dt)
{
	struct keys *k = dt->state(call);

	if (k)
		free(k->text);
	free(k);
	return DT_OK;
}

static const struct dt_param copy_params[] = {
	{ .name = "remove", .type = DT_BOOL, .flags = DT_OPTION, .help = "take the keys out of authorized_keys" },
	{ .name = "check", .type = DT_BOOL, .flags = DT_OPTION, .help = "change nothing; say what would change" },
	{ .name = "files", .type = DT_FILE, .flags = DT_MANY,
	  .help = "files of public keys; without one, those in ~/.ssh" },
	{ 0 }
};

static const struct dt_verb copy_verbs[] = {
	{
		.name = "",
		.kind = DT_ACTION,
		.summary = "add public keys to authorized_keys of the login user",
		.params = copy_params,
		.prepare = copy_prepare,
		.run = copy_run,
		.finish = copy_finish,
	},
	{ 0 }
};

const struct dt_module dt_module = {
	.abi = DT_MODULE_ABI,
	.name = "ssh-copy-id",
	.summary = "add public keys to authorized_keys of the login user",
	.verbs = copy_verbs,
};
