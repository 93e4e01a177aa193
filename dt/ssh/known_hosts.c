#include "dt/ssh/known_hosts.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dt/base/buf.h"
#include "dt/ssh/known_hosts_line.h"
#include "dt/ssh/pattern.h"

#define FILE_MAX ((size_t)256 << 20)
#define NONE UINT32_MAX

struct entry {
	struct kh_line line;
	uint32_t file, number;	/* where it stands; number from 1 */
	uint32_t next;		/* of the same blob bucket; hashed lines only */
};

/* One plain name of one line. */
struct name_ref {
	const char *name;
	size_t len;		/* the names of a line stay joined by commas */
	uint32_t entry, next;
};

struct table {
	uint32_t *heads;
	size_t mask;
};

/* All is filled by load and only read afterwards. */
struct known_hosts {
	struct buf *texts;	/* the files; lines point into them */
	size_t text_count;
	char **paths;		/* of the files */
	struct entry *entries;	/* in file order */
	size_t entry_count, entry_cap;
	struct name_ref *refs;
	size_t ref_count;
	struct table by_name, by_blob;
	uint32_t *patterns;	/* lines with wildcards or negation: tried one by one */
	size_t pattern_count;
	size_t hashed_count;
	struct kh_hasher *hasher;
};

static uint64_t hash_bytes(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t h = UINT64_C(0xcbf29ce484222325);	/* FNV-1a */

	while (len--)
		h = (h ^ *p++) * UINT64_C(0x100000001b3);
	return h ^ h >> 32;
}

static int table_init(struct table *t, size_t items)
{
	size_t size = 16;

	while (size < items * 2)
		size *= 2;
	t->heads = malloc(size * sizeof(*t->heads));
	if (!t->heads)
		return -1;
	memset(t->heads, 0xff, size * sizeof(*t->heads));
	t->mask = size - 1;
	return 0;
}

static uint32_t *table_head(const struct table *t, const void *key, size_t len)
{
	return &t->heads[hash_bytes(key, len) & t->mask];
}

static int add_entry(struct known_hosts *kh, const struct kh_line *line, size_t number)
{
	if (kh->entry_count == kh->entry_cap) {
		size_t cap = kh->entry_cap ? kh->entry_cap * 2 : 64;
		struct entry *v = realloc(kh->entries, cap * sizeof(*v));

		if (!v)
			return -1;
		kh->entries = v;
		kh->entry_cap = cap;
	}
	kh->entries[kh->entry_count++] = (struct entry){ *line, (uint32_t)kh->text_count - 1, (uint32_t)number, NONE };
	return 0;
}

static int load_file(struct known_hosts *kh, const char *path, struct dt_err *err)
{
	struct buf *text = &kh->texts[kh->text_count];
	size_t number = 0;
	char *p, *end;

	if (access(path, F_OK) != 0)
		return 0;	/* what else is wrong with it, open will say */
	buf_init(text, FILE_MAX);
	kh->text_count++;
	if (read_file(path, text, err) != 0)
		return -1;
	end = text->data + text->len;
	kh->paths[kh->text_count - 1] = strdup(path);
	if (!kh->paths[kh->text_count - 1])
		return err_nomem(err);
	for (p = text->data; p < end;) {
		char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((newline ? newline : end) - p);
		struct kh_line line;

		number++;
		if (kh_line_parse(p, len, &line) == 1 && add_entry(kh, &line, number) != 0)
			return err_nomem(err);
		p += len + 1;
	}
	return 0;
}

/* Takes the next name off a list with commas. */
static const char *next_name(const char **list, size_t *len)
{
	const char *name = *list;

	if (!name || !*name)
		return NULL;
	*len = strcspn(name, ",");
	*list = name[*len] ? name + *len + 1 : NULL;
	return name;
}

/* Buckets are filled from the back, so that each is in file order. */
static int build_index(struct known_hosts *kh)
{
	size_t names = 0, len;
	const char *list;

	for (size_t i = 0; i < kh->entry_count; i++) {
		const struct kh_line *l = &kh->entries[i].line;

		if (!l->names)
			kh->hashed_count++;
		else if (!l->plain)
			kh->pattern_count++;
		else
			for (list = l->names; next_name(&list, &len);)
				names++;
	}
	kh->refs = malloc((names + 1) * sizeof(*kh->refs));
	kh->patterns = malloc((kh->pattern_count + 1) * sizeof(*kh->patterns));
	if (!kh->refs || !kh->patterns || names >= NONE || kh->entry_count >= NONE ||
	    table_init(&kh->by_name, names) != 0 || table_init(&kh->by_blob, kh->hashed_count) != 0)
		return -1;
	names = kh->pattern_count;
	for (size_t i = kh->entry_count; i-- > 0;) {
		struct entry *e = &kh->entries[i];
		const char *name;
		uint32_t *head;

		if (!e->line.names) {
			head = table_head(&kh->by_blob, e->line.blob, e->line.blob_len);
			e->next = *head;
			*head = (uint32_t)i;
			continue;
		}
		if (!e->line.plain) {
			kh->patterns[--names] = (uint32_t)i;
			continue;
		}
		for (list = e->line.names; (name = next_name(&list, &len));) {
			head = table_head(&kh->by_name, name, len);
			kh->refs[kh->ref_count] = (struct name_ref){ name, len, (uint32_t)i, *head };
			*head = (uint32_t)kh->ref_count++;
		}
	}
	return 0;
}

struct known_hosts *known_hosts_load(const char *const *paths, size_t n, struct dt_err *err)
{
	struct known_hosts *kh = calloc(1, sizeof(*kh));

	if (!kh)
		goto nomem;
	kh->texts = calloc(n + 1, sizeof(*kh->texts));
	kh->paths = calloc(n + 1, sizeof(*kh->paths));
	kh->hasher = kh_hasher_new();
	if (!kh->texts || !kh->paths || !kh->hasher)
		goto nomem;
	for (size_t i = 0; i < n; i++)
		if (load_file(kh, paths[i], err) != 0)
			goto fail;
	if (build_index(kh) == 0)
		return kh;
nomem:
	(void)err_nomem(err);
fail:
	known_hosts_free(kh);
	return NULL;
}

void known_hosts_free(struct known_hosts *kh)
{
	if (!kh)
		return;
	for (size_t i = 0; i < kh->text_count; i++) {
		buf_release(&kh->texts[i]);
		free(kh->paths[i]);
	}
	free(kh->texts);
	free(kh->paths);
	free(kh->entries);
	free(kh->refs);
	free(kh->patterns);
	free(kh->by_name.heads);
	free(kh->by_blob.heads);
	kh_hasher_free(kh->hasher);
	free(kh);
}

bool known_hosts_hashed(const struct known_hosts *kh)
{
	return kh->hashed_count > 0;
}

void known_hosts_name(const char *host, int port, char *out, size_t size)
{
	int n;

	if (port == 22 || port == 0)
		n = snprintf(out, size, "%s", host);
	else
		n = snprintf(out, size, "[%s]:%d", host, port);
	/* A name that was cut could be another host's. */
	if (n < 0 || (size_t)n >= size)
		*out = '\0';
	pattern_lower(out);
}

/* What the lines seen so far say of a key; the best of each kind, the first of its line. */
struct finding {
	const void *blob;
	size_t len;
	const struct entry *revoked, *ok, *ca, *changed, *other;
};

static void note_first(const struct entry **slot, const struct entry *e)
{
	if (!*slot || e < *slot)
		*slot = e;
}

static void judge_line(struct finding *f, const struct entry *e)
{
	bool same = kh_blob_equal(&e->line, f->blob, f->len);
	size_t n, m;
	const char *have, *want;

	switch (e->line.marker) {
	case KH_CA:
		note_first(&f->ca, e);
		return;
	case KH_REVOKED:
		if (same)
			note_first(&f->revoked, e);
		return;
	case KH_KEY:
		break;
	}
	if (same) {
		note_first(&f->ok, e);
		return;
	}
	have = kh_blob_type(e->line.blob, e->line.blob_len, &n);
	want = kh_blob_type(f->blob, f->len, &m);
	note_first(n == m && memcmp(have, want, n) == 0 ? &f->changed : &f->other, e);
}

typedef void visit_fn(void *arg, const struct entry *e);

/* Every unhashed line that speaks of the name. */
static void visit_named(const struct known_hosts *kh, const char *name, visit_fn *fn, void *arg)
{
	size_t len = strlen(name);

	for (uint32_t i = *table_head(&kh->by_name, name, len); i != NONE; i = kh->refs[i].next) {
		const struct name_ref *r = &kh->refs[i];

		if (r->len == len && memcmp(r->name, name, len) == 0)
			fn(arg, &kh->entries[r->entry]);
	}
	for (size_t i = 0; i < kh->pattern_count; i++) {
		const struct entry *e = &kh->entries[kh->patterns[i]];

		if (pattern_list_match(name, e->line.names) == 1)
			fn(arg, e);
	}
}

/* Every hashed line that does, an HMAC each.  0, or -1: no memory. */
static int visit_hashed(const struct known_hosts *kh, const char *name, visit_fn *fn, void *arg)
{
	for (size_t i = 0; kh->hashed_count && i < kh->entry_count; i++) {
		const struct entry *e = &kh->entries[i];
		int is = e->line.names ? 0 : kh_line_is_for(&e->line, name, kh->hasher);

		if (is < 0)
			return -1;
		if (is)
			fn(arg, e);
	}
	return 0;
}

static void judge_visit(void *arg, const struct entry *e)
{
	judge_line(arg, e);
}

/* The verdict for exactly this (lower-case) name. */
static enum hostkey_verdict check_name(const struct known_hosts *kh, const char *name, const void *blob,
				       size_t len, const struct entry **decided)
{
	struct finding f = { .blob = blob, .len = len };

	*decided = NULL;
	visit_named(kh, name, judge_visit, &f);
	for (uint32_t i = *table_head(&kh->by_blob, blob, len); i != NONE; i = kh->entries[i].next) {
		const struct entry *e = &kh->entries[i];
		int is = kh_blob_equal(&e->line, blob, len) ? kh_line_is_for(&e->line, name, kh->hasher) : 0;

		if (is < 0)
			return HOSTKEY_UNKNOWN;	/* it might have been a revocation */
		if (is)
			judge_line(&f, e);
	}
	if ((*decided = f.revoked))
		return HOSTKEY_REVOKED;
	if ((*decided = f.ok))
		return HOSTKEY_OK;
	if (visit_hashed(kh, name, judge_visit, &f) != 0)
		return HOSTKEY_UNKNOWN;
	/* The host may have a certificate: that decides, whatever its plain key is. */
	if ((*decided = f.ca))
		return HOSTKEY_CA;
	if ((*decided = f.changed))
		return HOSTKEY_CHANGED;
	if ((*decided = f.other))
		return HOSTKEY_OTHER_TYPE;
	return HOSTKEY_UNKNOWN;
}

/* "host" of "[host]:port"; NULL where it is not of that form. */
static char *without_port(const char *name)
{
	const char *end = strrchr(name, ']');

	if (*name != '[' || !end || end[1] != ':')
		return NULL;
	return strndup(name + 1, (size_t)(end - name) - 1);
}

enum hostkey_verdict known_hosts_check(const struct known_hosts *kh, const char *name, bool exactly, const void *blob,
				       size_t len, struct kh_where *where)
{
	enum hostkey_verdict verdict = HOSTKEY_UNKNOWN, fallback;
	const struct entry *decided = NULL, *other;
	char *lower = strdup(name), *host = NULL;

	if (where)
		*where = (struct kh_where){ 0 };
	if (!lower || !*lower)
		goto out;
	pattern_lower(lower);
	verdict = check_name(kh, lower, blob, len, &decided);
	/*
	 * As ssh does: a host whose port is not known by itself may show a key
	 * that is known for its name.  Another key there says nothing, since
	 * another port is often another machine; a revoked one stays revoked.
	 */
	if (!exactly && (verdict == HOSTKEY_UNKNOWN || verdict == HOSTKEY_CA))
		host = without_port(lower);
	if (host) {
		fallback = check_name(kh, host, blob, len, &other);
		if (fallback == HOSTKEY_OK || fallback == HOSTKEY_REVOKED ||
		    (fallback == HOSTKEY_CA && verdict == HOSTKEY_UNKNOWN)) {
			verdict = fallback;
			decided = other;
		}
	}
	if (where && decided)
		*where = (struct kh_where){ kh->paths[decided->file], decided->number, decided->line.blob,
					    decided->line.blob_len };
out:
	free(lower);
	free(host);
	return verdict;
}

struct found_lines {
	const struct entry **v;
	size_t n, cap;
	bool failed;
};

static void collect(void *arg, const struct entry *e)
{
	struct found_lines *f = arg;

	if (f->n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 16;
		const struct entry **v = realloc(f->v, cap * sizeof(*v));

		if (!v) {
			f->failed = true;
			return;
		}
		f->v = v;
		f->cap = cap;
	}
	f->v[f->n++] = e;
}

static int by_place(const void *a, const void *b)
{
	const struct entry *x = *(const struct entry *const *)a, *y = *(const struct entry *const *)b;

	return (x > y) - (x < y);
}

static bool revoked_by(const struct found_lines *f, const struct kh_line *l)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i]->line.marker == KH_REVOKED && kh_blob_equal(&f->v[i]->line, l->blob, l->blob_len))
			return true;
	return false;
}

int known_hosts_types(const struct known_hosts *kh, const char *name, bool hashed, struct strs *types,
		      bool *ca)
{
	struct found_lines f = { NULL, 0, 0, false };
	struct strs seen = { 0 };
	char *lower = strdup(name), type[64];
	int r = -1;

	*ca = false;
	if (!lower)
		goto out;
	pattern_lower(lower);
	visit_named(kh, lower, collect, &f);
	if ((hashed && visit_hashed(kh, lower, collect, &f) != 0) || f.failed)
		goto out;
	if (f.n)
		qsort(f.v, f.n, sizeof(const struct entry *), by_place);
	for (size_t i = 0; i < f.n; i++) {
		const struct kh_line *l = &f.v[i]->line;
		size_t len;
		const char *text = kh_blob_type(l->blob, l->blob_len, &len);

		if (l->marker == KH_CA)
			*ca = true;
		if (l->marker != KH_KEY || len >= sizeof(type))
			continue;
		memcpy(type, text, len);
		type[len] = '\0';
		if (strs_has(&seen, type))
			continue;
		/* Asking for a type whose key is revoked would only bring that key; the first one counts, as with ssh. */
		if (strs_add(&seen, type) != 0 || (!revoked_by(&f, l) && strs_add(types, type) != 0))
			goto out;
	}
	r = 0;
out:
	strs_release(&seen);
	free(f.v);
	free(lower);
	return r;
}
