#include "dt/files/push.h"

#include <stdio.h>
#include <string.h>

#include "dt/base/util.h"
#include "dt/files/send.h"

#define SAID_MAX 2000
#define TOLD_MAX 65536

static const char script[] =
#include "dt/files/receive.sh.h"
	;

/* ---- what differs, in words ---- */

/* The mark of an action before its path: as diff(1) and rsync(1) users read it. */
static const char *mark(enum send_action a)
{
	switch (a) {
	case SEND_NEW:
		return "+";
	case SEND_CONTENT:
		return "~";
	case SEND_COPY:
	case SEND_FOLDER:
		return "=";
	default:
		return NULL;
	}
}

static void list(const struct push *p, const struct files_host *h, const struct probe *probe, const struct send *s)
{
	struct buf path;

	buf_init(&path, 8192);
	for (size_t i = 0; i < p->set->n; i++)
		if (mark(send_action(s, i))) {
			buf_clear(&path);
			(void)fileset_path(p->set, i, p->root, &path);
			h->dt->message(h->task, "\n%s %s%s", mark(send_action(s, i)), path.data,
				       S_ISDIR(p->set->v[i].mode) ? "/" : "");
		}
	for (size_t i = 0; i < probe->extra.n; i++)
		h->dt->message(h->task, "\n- %s", probe->extra.v[i] + 1);
	buf_release(&path);
}

/* ---- the transfer ---- */

struct transfer {
	struct send *send;
	struct buf said;	/* on stderr */
	struct buf told;	/* on stdout: "I PATH//", what was written in place */
};

static size_t input(void *arg, char *room, size_t size)
{
	struct transfer *t = arg;

	return send_read(t->send, room, size);
}

static void output(void *arg, int stream, const char *data, size_t len)
{
	struct transfer *t = arg;
	struct buf *to = stream == DT_STDERR ? &t->said : &t->told;
	size_t room = to->max - to->len;

	(void)buf_add(to, data, len < room ? len : room);
}

/* What the host said, on one line with what follows. */
static const char *said(struct transfer *t)
{
	while (t->said.len && t->said.data[t->said.len - 1] == '\n')
		t->said.data[--t->said.len] = '\0';
	return t->said.data;
}

/* What could not be replaced, as a mount of its own, was written in place. */
static void add_in_place(const struct transfer *t, struct buf *words)
{
	for (const char *at = t->told.data, *end; str_starts(at, "I ") && (end = strstr(at, "//\n")) != NULL; at = end + 3)
		(void)buf_addf(words, "; %.*s: written in place", (int)(end - at) - 2, at + 2);
}

static int transfer(const struct push *p, const struct files_host *h, const struct probe *probe, struct send *s,
		    const char *folder, struct buf *in_place)
{
	struct transfer t = { .send = s };
	struct dt_exec e = { .input = input, .output = output, .arg = &t, .flags = h->flags };
	bool zstd = p->pack && probe->zstd;
	char digits[17], kib[24];
	const char *argv[] = { "dt-receive", folder, digits, p->mkdir ? "mkdir" : "-", zstd ? "zstd" : "-",
			       p->keep ? p->keep : "-", kib, p->run };
	struct dt_exit end;
	int r;

	random_hex(digits, 8);
	(void)snprintf(kib, sizeof(kib), "%llu", send_counts(s)->bytes / 1024);
	buf_init(&t.said, SAID_MAX);
	buf_init(&t.told, TOLD_MAX);
	if (send_counts(s)->bytes >= FILES_BULK)
		e.flags |= DT_EXEC_BULK;
	r = h->dt->sh(h->task, &e, script, argv, ARRAY_LEN(argv), &end);
	if (r == DT_OK && send_fault(s)->code != ERR_NONE)
		r = h->failed(h->arg, send_fault(s));
	else if (r == DT_OK && end.status != 0)
		r = h->dt->fail(h->task, end.status > 0 ? end.status : 1, "%s", said(&t));
	if (r == DT_OK)
		add_in_place(&t, in_place);
	buf_release(&t.said);
	buf_release(&t.told);
	return r;
}

static int transfers(const struct push *p, const struct files_host *h, const struct probe *probe, struct send *s,
		     struct buf *in_place)
{
	const char *folder;
	int r = DT_OK;

	if (p->keep && send_begin(s, 1, false))
		return h->dt->fail(h->task, 1, "%s: more than one file system there, which no undo takes", p->folder);
	h->expect(h->arg, send_counts(s)->bytes);
	for (size_t k = 0; r == DT_OK && (folder = send_begin(s, k, p->pack && probe->zstd)) != NULL; k++)
		r = transfer(p, h, probe, s, folder, in_place);
	return r;
}

static int refuse(const struct push *p, const struct files_host *h, const struct probe *probe)
{
	switch (probe->base) {
	case BASE_MISSING:
		return h->dt->fail(h->task, 1, "%s: no such folder there (--mkdir makes it)", p->folder);
	case BASE_CLOSED:
		return h->dt->fail(h->task, 1, "%s: permission denied there", p->folder);
	default:
		return h->dt->fail(h->task, 1, "%s: not a folder there", p->folder);
	}
}

static int probed(const struct push *p, const struct files_host *h, const struct probe *probe, struct dt_files_done *count)
{
	struct dt_err err = DT_ERR_INIT;
	struct buf in_place;
	struct send *s;
	int r;

	if (probe->base != BASE_FOLDER && (probe->base != BASE_MISSING || !p->mkdir))
		return refuse(p, h, probe);
	s = send_new(probe, p->backup, p->keep != NULL, &err);
	if (!s)
		return err.code == ERR_FAIL ? h->dt->fail(h->task, 1, "%s", err.msg) : h->failed(h->arg, &err);
	buf_init(&in_place, TOLD_MAX);
	r = p->check ? DT_OK : transfers(p, h, probe, s, &in_place);
	if (r == DT_OK) {
		if (!p->quiet)
			files_tell(h, send_counts(s), p->check, p->set->n == 1 && !send_counts(s)->deleted);
		h->dt->message(h->task, "%s", in_place.data);
		if (p->check && !p->quiet)
			list(p, h, probe, s);
		if (count)
			*count = *send_counts(s);
	}
	buf_release(&in_place);
	send_free(s);
	return r;
}

int push_run(const struct push *p, const struct files_host *h, struct dt_files_done *count)
{
	struct probe probe = {
		.set = p->set, .folder = p->folder, .root = p->root, .owner = p->owner, .group = p->group,
		.quick = p->quick, .times = p->times, .clean = !p->check, .list = p->del, .few = p->few, .exclude = p->exclude, .host = h,
	};
	struct dt_err err = DT_ERR_INIT;
	int r = probe_run(&probe, &err);

	if (r == DT_OK)
		r = probed(p, h, &probe, count);
	else if (err.code != ERR_NONE)
		r = h->failed(h->arg, &err);
	probe_release(&probe);
	return r;
}

int push_undo(const char *keep, const char *run, const struct files_host *h)
{
	struct transfer t = { .send = NULL };
	char digits[17];
	const char *argv[] = { "dt-receive", "-", digits, "-", "undo", keep, "0", run };
	struct dt_exec e = { .output = output, .arg = &t, .flags = h->flags };
	struct dt_exit end;
	int r;

	random_hex(digits, 8);
	buf_init(&t.said, SAID_MAX);
	buf_init(&t.told, TOLD_MAX);
	r = h->dt->sh(h->task, &e, script, argv, ARRAY_LEN(argv), &end);
	if (r == DT_OK && end.status != 0)
		r = h->dt->fail(h->task, end.status > 0 ? end.status : 1, "%s", said(&t));
	buf_release(&t.told);
	buf_release(&t.said);
	return r;
}
