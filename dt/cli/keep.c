#include "dt/cli/keep.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dt/base/sha256.h"

int keep_check(const struct app *a, const char *module, const struct arguments *args, struct dt_err *err)
{
	const struct argument *input = arguments_get(args, "stdin"), *tty = arguments_get(args, "tty");
	const struct options *o = &a->opt;

	/* of other modules, the end of a command is not that of the host's action */
	if (strcmp(module, "ssh") != 0)
		return err_set(err, ERR_USAGE, "--keep is for the module ssh, not for %.100s", module);
	if (input && input->number)
		return err_set(err, ERR_USAGE, "--keep is for commands that get no input: not with --stdin");
	if (o->interactive || (tty && tty->number))
		return err_set(err, ERR_USAGE, "--keep leaves no command a terminal: not with -i or --tty");
	if (o->no_journal || strcmp(o->journal, "no") == 0)
		return err_set(err, ERR_USAGE, "--keep needs the journal: who is to ask later, and for what");
	return 0;
}

int keep_name_of(const struct job *j, char name[KEEP_SIZE], struct dt_err *err)
{
	unsigned char sum[SHA256_SIZE];
	char hex[SHA256_HEX + 1];
	struct sha256 *s = sha256_new();
	struct buf b;
	int r;

	buf_init(&b, 1UL << 20);
	r = buf_addf(&b, "%s %s %s %" PRId64 " %" PRId64 " %" PRId64, j->machine, j->boot, j->pid_space, j->pid, j->pid_start,
		     j->number);
	if (r == 0 && s) {
		sha256_add(s, b.data, b.len);
		sha256_end(s, sum);
		sha256_hex(sum, hex);
		(void)snprintf(name, KEEP_SIZE, "dt-%.16s", hex);
	}
	buf_release(&b);
	sha256_free(s);
	return r == 0 && s ? 0 : err_nomem(err);
}

int keep_name(int64_t job, char name[KEEP_SIZE], struct dt_err *err)
{
	struct journal_reader *r = NULL;
	struct job j = { .number = 0 };
	int ret = -1;

	name[0] = '\0';
	if (!job)
		return err_set(err, ERR_FAIL, "--keep needs the journal, and this run is not in it");
	if (past_open(&r, err) == 0 && journal_get(r, job, &j, err) == 0)
		ret = keep_name_of(&j, name, err);
	if (ret != 0)
		err->code = ERR_FAIL;
	job_release(&j);
	journal_reader_free(r);
	return ret;
}
