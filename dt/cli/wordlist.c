#include "dt/cli/wordlist.h"

#include <stddef.h>
#include <string.h>

const struct word_spec word_table[] = {
	{ .name = "help", .args = "[TOPIC]", .help = "a module, an option, or selection, output, exit, conf" },
	{ .name = "version", .args = "", .help = "of dt and of the libraries it runs with" },
	{ .name = "modules", .args = "", .help = "the modules there are" },
	{ .name = "inventory", .args = "import|export", .help = "between a file and the store" },
	{ .name = "trust", .args = "SELECTION", .help = "fetch host keys, show them, ask, record them" },
	{ .name = "why", .args = "HOST [SELECTION]", .help = "how a host is reached, and which setting says so" },
	{ .name = "completion", .args = "bash", .help = "print the completion for a shell" },
	{ .name = "jobs", .args = "[FILTERS]|verify", .help = "earlier runs, newest first; is the journal whole?" },
	{ .name = "show", .args = "[JOB [HOST]]", .help = "a run and its outcomes, in any format" },
	{ .name = "rerun", .args = "JOB", .help = "again, on hosts that failed; --unknown, --all" },
	{ .name = "diff", .args = "JOB1 JOB2", .help = "hosts whose answer changed" },
	{ .name = "follow", .args = "[JOB]", .help = "a run of another terminal, to its end" },
	{ .name = "reconcile", .args = "JOB", .help = "ask hosts what became of a run with --keep" },
	{ .name = "stop", .args = "JOB", .help = "end a run of another terminal" },
	{ .name = NULL }
};

const struct word_spec *word_find(const char *name)
{
	for (const struct word_spec *w = word_table; w->name; w++)
		if (strcmp(w->name, name) == 0)
			return w;
	return NULL;
}
