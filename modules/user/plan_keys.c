#include "user/plan.h"

#include "user/merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int plan_home(const struct job *j, const struct home *h, bool none)
{
	const char *name = j->u->name;

	if (!h || (h->kind == 'n' && !none))
		return plan_fault(j->p, "%s: there is no home %s", name, j->home);
	if (h->kind == 'l')
		return plan_fault(j->p, "%s: its home %s is a symbolic link", name, j->home);
	if (h->kind == 'o')
		return plan_fault(j->p, "%s: its home %s is no folder", name, j->home);
	if (h->kind == 'd' && h->uid != (j->a ? j->a->uid : j->u->new_id))
		return plan_fault(j->p, "%s: its home %s belongs to uid %lld", name, j->home, h->uid);
	return 0;
}

static int keys_fault(const struct job *j, const struct home *h)
{
	static const struct { const char *word, *text; } all[] = {
		{ "link", "~/.ssh/authorized_keys is a symbolic link" }, { "folder-link", "~/.ssh is a symbolic link" },
		{ "other", "~/.ssh or authorized_keys in it is of another kind" },
		{ "closed", "~/.ssh/authorized_keys cannot be read by its owner" },
		{ "nul", "~/.ssh/authorized_keys has a NUL byte in it" },
		{ "big", "~/.ssh/authorized_keys has more than 1000000 bytes, or too many with those of others" },
	};

	for (size_t i = 0; h->word && i < sizeof(all) / sizeof(*all); i++)
		if (strcmp(all[i].word, h->word) == 0)
			return plan_fault(j->p, "%s: %s", j->u->name, all[i].text);
	if (!h->word || (strcmp(h->word, "none") != 0 && strcmp(h->word, "file") != 0))
		return plan_fault(j->p, "%s: neither setpriv(1) nor su(1) shows its keys, or not in 30 seconds",
				  j->u->name);
	if (h->second && j->u->keys_exclusive)
		return plan_fault(j->p, "%s: ~/.ssh/authorized_keys2 may let others in: remove it first", j->u->name);
	if (h->keys_len > KEYS_MAX)
		return plan_fault(j->p, "%s: authorized_keys has more than %d bytes", j->u->name, KEYS_MAX);
	return 0;
}

static void say_keys(FILE *out, size_t n, const char *what, size_t *said)
{
	if (n)
		(void)fprintf(out, "%s%zu key%s %s", (*said)++ ? ", " : "", n, n == 1 ? "" : "s", what);
}

static void assign(FILE *out, const char *name, const char *text)
{
	(void)fprintf(out, "%s=", name);
	plan_quote(out, text);
	(void)fputs("; ", out);
}

static int write_keys(const struct job *j, const char *old, const struct merge *m)
{
	char *words = NULL, *data = NULL;
	size_t words_len, data_len, said = 0;
	FILE *w = open_memstream(&words, &words_len), *d = open_memstream(&data, &data_len);

	if (w) {
		say_keys(w, m->added, "added", &said);
		say_keys(w, m->removed, "removed", &said);
		say_keys(w, m->changed, "changed", &said);
		(void)fclose(w);
	}
	if (d) {
		assign(d, "home", j->home);
		assign(d, "old", old);
		assign(d, "new", m->text);
		(void)fclose(d);
	}
	if (words && data) {
		plan_step(j->p, j->u->name, "%s", words);
		PLAN_CALL(j->p, "set_keys", j->u->name, j->uid, j->gid, data);
	}
	free(words);
	free(data);
	return w && d && words && data ? 0 : plan_fault(j->p, "out of memory");
}

int plan_keys(const struct job *j)
{
	const struct want *u = j->u;
	const struct home *h = found_home(j->f, u->name);
	bool there = h && h->kind == 'd';
	const char *old = there && h->keys ? h->keys : "";
	struct merge m;
	int r;

	if (!u->keys.n && !u->dropped.n && !u->keys_exclusive)
		return 0;
	/* it is made before them */
	if (!there && !j->w->no_home && (!j->a || (u->home && strcmp(u->home, j->a->home) != 0)))
		r = plan_home(j, h, true);
	else
		r = plan_home(j, h, false);
	if (r == 0 && there && j->a)
		r = keys_fault(j, h);
	if (r != 0)
		return r;
	if (merge_keys(&m, old, strlen(old), u) != 0)
		return plan_fault(j->p, "out of memory");
	if (m.len > KEYS_MAX)
		r = plan_fault(j->p, "%s: authorized_keys would have more than %d bytes", u->name, KEYS_MAX);
	else if (m.added || m.removed || m.changed)
		r = write_keys(j, old, &m);
	free(m.text);
	return r;
}
