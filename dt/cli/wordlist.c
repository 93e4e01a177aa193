#include "dt/cli/wordlist.h"

#include <stddef.h>
#include <string.h>

static const struct word_part inventory_parts[] = {
	{ .name = "import", .takes = TAKES_FILE, .help = "files into the store" },
	{ .name = "export", .help = "to standard output" },
	{ .name = "--replace", .help = "delete what the files do not hold" },
	{ .name = NULL }
};

static const struct word_part completion_parts[] = {
	{ .name = "bash", .help = "source <(dt completion bash)" },
	{ .name = "zsh", .help = "source <(dt completion zsh)" },
	{ .name = "fish", .help = "dt completion fish | source" },
	{ .name = NULL }
};

static const struct word_part jobs_parts[] = {
	{ .name = "verify", .help = "is the journal whole, and as it was written?" },
	{ .name = "anchor", .takes = TAKES_FILE, .help = "add to a file what verify compares with" },
	{ .name = "--since", .takes = TAKES_TEXT, .help = "began at this time or later" },
	{ .name = "--until", .takes = TAKES_TEXT, .help = "began before this time" },
	{ .name = "--by", .takes = TAKES_TEXT, .help = "of this user" },
	{ .name = "--module", .takes = TAKES_MODULE, .help = "with this module" },
	{ .name = "--host", .takes = TAKES_HOST, .help = "on this host, among others" },
	{ .name = "--status", .takes = TAKES_STATUS, .help = "with a host that ended so" },
	{ .name = "--limit", .takes = TAKES_TEXT, .help = "so many; 0: all" },
	{ .name = "--anchor", .takes = TAKES_FILE, .help = "verify: compare with what anchor added here" },
	{ .name = NULL }
};

static const struct word_part rerun_parts[] = {
	{ .name = "--failed", .help = "on hosts that are known not to be okay" },
	{ .name = "--unknown", .help = "on hosts that may have begun and have no known end" },
	{ .name = "--all", .help = "on all its hosts" },
	{ .name = NULL }
};

const struct word_spec word_table[] = {
	{ .name = "help", .args = "[TOPIC]", .help = "a module, an option, or selection, output, exit, conf",
	  .takes = { TAKES_TOPIC } },
	{ .name = "version", .args = "", .help = "of dt and of the libraries it runs with" },
	{ .name = "modules", .args = "", .help = "the modules there are" },
	{ .name = "inventory", .args = "import|export", .help = "between a file and the store", .parts = inventory_parts },
	{ .name = "trust", .args = "SELECTION", .help = "fetch host keys, show them, ask, record them",
	  .takes = { TAKES_SELECTION } },
	{ .name = "why", .args = "HOST [SELECTION]", .help = "how a host is reached, and which setting says so",
	  .takes = { TAKES_HOST, TAKES_SELECTION } },
	{ .name = "completion", .args = "bash|zsh|fish", .help = "print the completion for a shell", .parts = completion_parts },
	{ .name = "jobs", .args = "[FILTERS]|verify", .help = "earlier runs, newest first; is the journal whole?",
	  .parts = jobs_parts, .options = true },
	{ .name = "show", .args = "[JOB [HOST]]", .help = "a run and its outcomes, in any format",
	  .takes = { TAKES_JOB, TAKES_JOB_HOST }, .options = true },
	{ .name = "rerun", .args = "JOB", .help = "again, on hosts that failed; --unknown, --all", .takes = { TAKES_JOB },
	  .parts = rerun_parts, .options = true },
	{ .name = "diff", .args = "JOB1 JOB2", .help = "hosts whose answer changed", .takes = { TAKES_JOB, TAKES_JOB },
	  .options = true },
	{ .name = "follow", .args = "[JOB]", .help = "a run of another terminal, to its end", .takes = { TAKES_RUNNING },
	  .options = true },
	{ .name = "reconcile", .args = "JOB", .help = "ask hosts what became of a run with --keep", .takes = { TAKES_JOB },
	  .options = true },
	{ .name = "stop", .args = "JOB", .help = "end a run of another terminal", .takes = { TAKES_RUNNING }, .options = true },
	{ .name = NULL }
};

const struct word_spec *word_find(const char *name)
{
	for (const struct word_spec *w = word_table; w->name; w++)
		if (strcmp(w->name, name) == 0)
			return w;
	return NULL;
}

const struct word_part *word_part_find(const struct word_spec *w, const char *name)
{
	for (const struct word_part *p = w->parts; p && p->name; p++)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}
