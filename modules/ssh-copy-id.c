/*
 * ssh-copy-id - public keys into ~/.ssh/authorized_keys on every host, or out of it.
 */
#include "dt_module.h"

#include "lib/public_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * stdin: keys, a line each.  $1 add or remove, $2 check or "-", $3 the awk
 * program.  A new file is written beside the old one and moved over it: sshd
 * never reads half of one.  What awk writes goes through cat: busybox awk says
 * nothing of a full disk.
 */
static const char script[] =
	"umask 077; cd || exit 1; "
	"todo=$1; check=$2; others=$3; f=.ssh/authorized_keys; "
	"die() { printf \"%s\\n\" \"$*\" >&2; exit 1; }; "
	"clean() { rm -f -- \"$t\" \"$t.x\"; }; "
	"others() { LC_ALL=C awk -v type=\"$type\" -v blob=\"$blob\" \"$others\" \"$1\"; }; "
	"if [ -L \"$f\" ]; then f=$(readlink -f \"$f\") || die .ssh/authorized_keys: a link that leads nowhere; fi; "
	"[ -f \"$f\" ] || [ ! -e \"$f\" ] || die \"$f: not a regular file\"; "
	"old=$f; [ -f \"$f\" ] || old=/dev/null; "
	"t=$f.dt-$$; trap clean EXIT; trap \"exit 1\" HUP INT TERM PIPE; "
	"if [ \"$check\" != check ] && { [ \"$todo\" = add ] || [ -f \"$f\" ]; }; then "
	"mkdir -p .ssh && chmod go-w .ssh . || exit 1; "
	"if [ -f \"$f\" ]; then cp -p \"$f\" \"$t\" && chmod go-w \"$t\"; else : > \"$t\"; fi || exit 1; "
	"if [ -s \"$t\" ] && [ \"$(tail -c 1 \"$t\" | tr \"\\n\" x)\" != x ]; then echo >> \"$t\" || exit 1; fi; fi; "
	"n=0; while read -r type blob comment; do "
	"others \"$old\" > /dev/null; case $? in 0) there=remove;; 9) there=add;; *) exit 1;; esac; "
	"[ \"$todo\" = \"$there\" ] || continue; n=$((n+1)); [ \"$check\" != check ] || continue; "
	"if [ \"$todo\" = add ]; then printf \"%s\\n\" \"$type $blob${comment:+ $comment}\" >> \"$t\"; "
	"else { others \"$t\" || kill $$; } | cat > \"$t.x\" && cat \"$t.x\" > \"$t\"; fi || exit 1; "
	"done; "
	"if [ \"$check\" != check ] && [ \"$n\" -gt 0 ]; then "
	"{ sync \"$t\" 2>/dev/null || sync; } && mv -f \"$t\" \"$f\" || exit 1; fi; "
	"echo \"$n\"";

/*
 * The lines without the key; 0 where it was there, 9 where not.  As in sshd, a
 * line is TYPE BASE64, or that behind options, whose blanks are in quotes.
 */
static const char others[] =
	"{ line = $0; sub(/\\r$/, \"\") } "
	"/^[ \\t]*#/ { print line; next } "
	"$1 != type || $2 != blob { gsub(/\\\\\"/, \"\"); sub(/^[ \\t]*([^ \\t\"]|\"[^\"]*\")*[ \\t]+/, \"\") } "
	"$1 == type && $2 == blob { there = 1; next } "
	"{ print line } "
	"END { exit there ? 0 : 9 }";

struct keys {
	char *text;		/* the lines that are sent */
	size_t len, count;
};

/* Adds a line "TYPE BASE64 [COMMENT]", unless its key is there. */
static const char *add_line(void *arg, const char *line)
{
	struct keys *k = arg;
	struct public_key key;
	const char *wrong = public_key_parse(&key, line, false);
	size_t room = strlen(line) + 2;	/* with one blank for many it grows no longer */
	char *text, *end;
	int len;

	if (wrong)
		return wrong;
	text = realloc(k->text, k->len + room);
	if (!text)
		return "out of memory";
	k->text = text;
	end = text + k->len;
	len = snprintf(end, room, "%.*s %.*s", (int)key.type_len, key.type, (int)key.blob_len, key.blob);
	if (memmem(text, k->len, end, (size_t)len))
		return NULL;
	len += snprintf(end + len, room - (size_t)len, "%s%s\n", *key.comment ? " " : "", key.comment);
	k->len += (size_t)len;
	k->count++;
	return NULL;
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
			r = public_key_file(call, dt, path, add_line, k);
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
		r = public_key_file(call, dt, files[i], add_line, k);
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

	for (; len; len--, data++) {
		if (stream == DT_STDOUT && *n && (text[*n - 1] == '\n' || *n == sizeof(a->said.text) - 1))
			*n = 0;
		if (*n < sizeof(a->said.text) - 1)
			text[(*n)++] = *data;
		text[*n] = '\0';
	}
}

static int copy_run(struct dt_task *task, const struct dt_call *call, const struct dt_services *dt)
{
	const struct keys *k = dt->state(call);
	bool del = dt->arg_number(call, "remove") != 0, check = dt->arg_number(call, "check") != 0;
	const char *argv[] = { "dt-keys", del ? "remove" : "add", check ? "check" : "-", others };
	struct answer a = { .number = { .len = 0 } };
	struct dt_exec exec = { .in = k->text, .in_len = k->len };
	struct dt_exit end;
	unsigned long n;
	char *rest;
	int r;

	exec.output = output;
	exec.arg = &a;
	r = dt->sh(task, &exec, script, argv, sizeof(argv) / sizeof(*argv), &end);
	if (r != DT_OK)
		return r;
	if (end.status != 0)
		return dt->fail(task, end.status > 0 ? end.status : 1, "authorized_keys was not changed: %s", a.said.text);
	n = strtoul(a.number.text, &rest, 10);
	if (rest == a.number.text || strcmp(rest, "\n") != 0)
		return dt->fail(task, 1, "no count of keys in the answer: %s", a.number.text);
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
