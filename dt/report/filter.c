#include "dt/report/filter.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dt/base/util.h"
#include "dt/report/sink.h"
#include "dt/report/status_line.h"

#define READ_SIZE 65536
#define WINDOW (1U << 20)	/* a longer line is told in pieces */

enum end { GOES_ON, NEWLINE, END_OF_FILE };

struct filtering {
	const struct view *view;
	struct report *to;
	bool terminal;
	enum { NO_LINE, STATUS_LINE, OTHER_LINE } in;	/* what the bytes that come next belong to */
	struct status_line line;
	struct buf fields;	/* of line */
	struct buf safe;
};

/* A line that is none of ours.  A tab does no harm to a terminal. */
static int pass(struct filtering *f, const char *data, size_t len)
{
	if (!f->terminal)
		return buf_add(&f->to->out, data, len);
	while (len) {
		const char *tab = memchr(data, '\t', len);
		size_t n = tab ? (size_t)(tab - data) : len;

		if (status_line_safe(&f->to->out, data, n) != 0 || (tab && buf_addc(&f->to->out, '\t') != 0))
			return -1;
		n += tab != NULL;
		data += n;
		len -= n;
	}
	return 0;
}

static int begin(struct filtering *f, const char *data, size_t len, size_t *used)
{
	int found = status_line_read(data, len, &f->line, &f->fields, used);

	if (found < 0)
		return -1;
	f->in = found ? STATUS_LINE : OTHER_LINE;
	if (found)
		return f->view->begin(f->to, &f->line);
	*used = 0;
	return f->view->aside ? f->view->aside(f->to) : 0;
}

/* A line, without its newline, or a piece of one. */
static int take(struct filtering *f, const char *data, size_t len, enum end end)
{
	size_t used = 0;

	if (f->in == NO_LINE && begin(f, data, len, &used) != 0)
		return -1;
	data += used;
	len -= used;
	if (f->in == STATUS_LINE) {
		buf_clear(&f->safe);
		if (status_line_safe(&f->safe, data, len) != 0 ||
		    f->view->text(f->to, f->safe.data, f->safe.len) != 0 ||
		    (end != GOES_ON && f->view->done(f->to) != 0))
			return -1;
	} else if (pass(f, data, len) != 0 || (end == NEWLINE && buf_addc(&f->to->out, '\n') != 0)) {
		return -1;
	}
	if (end != GOES_ON)
		f->in = NO_LINE;
	return 0;
}

/* What has been read; what is no whole line stays in it, up to a window's size. */
static int take_all(struct filtering *f, struct buf *in, bool last)
{
	const char *p = in->data, *end = p + in->len, *nl;
	size_t left;

	for (; p < end && (nl = memchr(p, '\n', (size_t)(end - p))) != NULL; p = nl + 1)
		if (take(f, p, (size_t)(nl - p), NEWLINE) != 0)
			return -1;
	left = (size_t)(end - p);
	if (last && (left || f->in != NO_LINE))
		return take(f, p, left, END_OF_FILE);
	if (left >= WINDOW || (f->in != NO_LINE && left >= READ_SIZE)) {
		size_t n = status_line_piece(p, left);

		if (take(f, p, n, GOES_ON) != 0)
			return -1;
		p += n;
	}
	buf_consume(in, (size_t)(p - in->data));
	return 0;
}

int filter(const struct format *format, const struct run_info *run, int in_fd, int out_fd, int diag_fd,
	   struct dt_err *err)
{
	struct sink *s = sink_new(format, run, out_fd, diag_fd);
	struct filtering f = { .view = format->view, .terminal = isatty(out_fd) };
	const struct tally none = { 0 };
	struct buf in;
	ssize_t n = 1;
	int r = 0;

	if (!s)
		return err_nomem(err);
	f.to = sink_report(s);
	buf_init(&f.fields, 6 * WINDOW);
	buf_init(&f.safe, 6 * (WINDOW + READ_SIZE));
	buf_init(&in, WINDOW + READ_SIZE);
	while (n > 0 && r == 0) {
		char *room = buf_reserve(&in, READ_SIZE);

		n = room ? read(in_fd, room, READ_SIZE) : -1;
		if (n < 0 && room && errno == EINTR) {
			n = 1;
			continue;
		}
		if (n < 0) {
			r = room ? err_sys(err, ERR_FAIL, errno, "standard input") : err_nomem(err);
			break;
		}
		in.len += (size_t)n;
		r = sink_deliver(s, take_all(&f, &in, n == 0), err);
	}
	/* what was read is told, also where no more could be */
	if (n < 0) {
		struct dt_err late;

		(void)sink_summary(s, &none, &late);
	} else if (r == 0 && (r = sink_summary(s, &none, err)) == 0) {
		r = sink_finish(s, err);
	}
	sink_free(s);
	buf_release(&f.fields);
	buf_release(&f.safe);
	buf_release(&in);
	return r;
}

static void usage(FILE *to, const char *name, const struct format *f)
{
	bool folds = strcmp(f->name, "gather") == 0;

	(void)fprintf(to, "usage: %s [-N]%s\n"
		      "Reads status lines of dt from standard input: %s.\n"
		      "Other lines pass unchanged.\n\n"
		      "  -N, --no-color  no colour\n"
		      "%s"
		      "  -h, --help      this\n",
		      name, folds ? " [--mask]" : "", f->summary,
		      folds ? "      --mask      without numbers, times and addresses\n" : "");
}

int filter_main(const char *format, int argc, char **argv)
{
	static const struct option options[] = {
		{ "no-color", no_argument, NULL, 'N' }, { "help", no_argument, NULL, 'h' },
		{ "mask", no_argument, NULL, 'm' }, { NULL, 0, NULL, 0 },
	};
	const struct format *f = format_find(format);
	struct run_info run = { .program = "dt", .selection = "", .module = "", .verb = "" };
	struct dt_err err = DT_ERR_INIT;
	char name[32];
	bool plain = false;
	int c;

	(void)snprintf(name, sizeof(name), "dt%s", format);
	while ((c = getopt_long(argc, argv, "Nh", options, NULL)) != -1) {
		if (c == 'N') {
			plain = true;
		} else if (c == 'm' && strcmp(format, "gather") == 0) {
			run.mask = true;
		} else {
			usage(c == 'h' ? stdout : stderr, name, f);
			return c == 'h' ? fflush(stdout) != 0 : 2;
		}
	}
	if (optind < argc) {
		usage(stderr, name, f);
		return 2;
	}
	run.color = color_wanted(STDOUT_FILENO, plain);
	/* Ctrl-C is for the dt before the pipe, which then still says how its hosts ended */
	if (!isatty(STDIN_FILENO))
		(void)signal(SIGINT, SIG_IGN);
	if (filter(f, &run, STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, &err) == 0)
		return 0;
	(void)fprintf(stderr, "%s: %s\n", name, err.msg);
	return 1;
}
