#include "dt/files/files.h"

#include "dt/base/util.h"

void files_tell(const struct files_host *h, const struct dt_files_done *c, bool check, bool one)
{
	const struct {
		size_t n;
		const char *word;
	} parts[] = {
		{ c->created, "created" }, { c->changed, "changed" }, { c->deleted, "deleted" },
		{ c->unchanged, "unchanged" },
	};
	const char *before = check ? "would be " : "";

	if (!c->created && !c->changed && !c->deleted) {
		h->dt->message(h->task, "unchanged");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (parts[i].n) {
			if (one)
				h->dt->message(h->task, "%s%s", before, parts[i].word);
			else
				h->dt->message(h->task, "%s%zu %s", before, parts[i].n, parts[i].word);
			before = ", ";
		}
}
