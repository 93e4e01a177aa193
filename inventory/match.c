#include "inventory/match.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

struct match {
	pcre2_code *code;
	pcre2_match_data *data;
};

static struct match *compile(const char *regex, uint32_t options, struct dt_err *err)
{
	struct match *m = calloc(1, sizeof(*m));
	PCRE2_SIZE at = 0;
	int number = 0;

	if (!m) {
		(void)err_nomem(err);
		return NULL;
	}
	m->code = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED,
				PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | options, &number, &at, NULL);
	if (!m->code) {
		char why[160] = "";
		int columns = 0;

		(void)pcre2_get_error_message(number, (PCRE2_UCHAR *)why, sizeof(why));
		for (PCRE2_SIZE i = 0; i < at && regex[i]; i++)
			columns += (regex[i] & 0xc0) != 0x80;
		(void)err_set(err, ERR_USAGE, "regex: %s\n  %.200s\n  %*s^", why, regex, columns > 200 ? 200 : columns, "");
		free(m);
		return NULL;
	}
	(void)pcre2_jit_compile(m->code, PCRE2_JIT_COMPLETE);
	m->data = pcre2_match_data_create_from_pattern(m->code, NULL);
	if (!m->data) {
		match_free(m);
		(void)err_nomem(err);
		return NULL;
	}
	return m;
}

struct match *match_new(const char *regex, bool anchored, struct dt_err *err)
{
	return compile(regex, anchored ? PCRE2_ANCHORED : 0, err);
}

struct match *match_new_text(const char *regex, struct dt_err *err)
{
	return compile(regex, PCRE2_MULTILINE | PCRE2_MATCH_INVALID_UTF, err);
}

int match_test(struct match *m, const char *subject, struct dt_err *err)
{
	return match_bytes(m, subject, strlen(subject), err);
}

int match_bytes(struct match *m, const char *subject, size_t len, struct dt_err *err)
{
	int rc = pcre2_match(m->code, (PCRE2_SPTR)subject, len, 0, 0, m->data, NULL);
	char why[160] = "";

	if (rc >= 0)
		return 1;
	if (rc == PCRE2_ERROR_NOMATCH)
		return 0;
	(void)pcre2_get_error_message(rc, (PCRE2_UCHAR *)why, sizeof(why));
	return err_set(err, ERR_USAGE, "regex on \"%.100s\": %s", subject, why);
}

void match_free(struct match *m)
{
	if (!m)
		return;
	pcre2_match_data_free(m->data);
	pcre2_code_free(m->code);
	free(m);
}

const char *match_library(void)
{
	static char text[64] = "PCRE2 ";

	(void)pcre2_config(PCRE2_CONFIG_VERSION, text + 6);
	return text;
}
