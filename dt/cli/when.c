/* Moments as people write them. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dt/cli/past.h"

#define DAY_MS (24LL * 3600 * 1000)

static int age(const char *text, int64_t *ms)
{
	size_t n = strlen(text);
	char digits[16];
	long long days;

	if (n && n < sizeof(digits) && text[n - 1] == 'd') {
		memcpy(digits, text, n - 1);
		digits[n - 1] = '\0';
		if (parse_int(digits, 0, 36500, &days) != 0)
			return -1;
		*ms = days * DAY_MS;
		return 0;
	}
	/* a bare number would be seconds, or a year that somebody meant */
	return n && strchr("smh", text[n - 1]) ? parse_time_ms(text, ms) : -1;
}

/* The parts that a form does not name are those of from. */
static bool takes(const char *text, const char *form, const struct tm *from, struct tm *out)
{
	const char *end;

	*out = *from;
	end = strptime(text, form, out);
	return end && !*end;
}

/* mktime(3) would make the 31st of February a day of March. */
static int moment(struct tm *tm, int64_t *at_ms)
{
	struct tm was = *tm;
	time_t t;

	tm->tm_isdst = -1;
	t = mktime(tm);
	if (t == (time_t)-1 || was.tm_mday != tm->tm_mday || was.tm_mon != tm->tm_mon)
		return -1;
	*at_ms = (int64_t)t * 1000;
	return 0;
}

int when_parse(const char *text, int64_t now, int64_t *at_ms)
{
	static const char *const forms[] = {
		"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d", "%H:%M:%S", "%H:%M",
	};
	time_t seconds = (time_t)(now / 1000);
	struct tm today, tm;
	int64_t ms;

	*at_ms = 0;
	if (!localtime_r(&seconds, &today))
		return -1;
	if (strcmp(text, "now") == 0 || age(text, &ms) == 0) {
		*at_ms = now - (*text == 'n' ? 0 : ms);
		return 0;
	}
	today.tm_hour = today.tm_min = today.tm_sec = 0;
	tm = today;
	if (strcmp(text, "today") == 0)
		return moment(&tm, at_ms);
	if (strcmp(text, "yesterday") == 0) {
		tm.tm_hour = -12;	/* of no day that summer time makes shorter is it another one */
		(void)mktime(&tm);
		tm.tm_hour = 0;
		return moment(&tm, at_ms);
	}
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (takes(text, forms[i], &today, &tm))
			return moment(&tm, at_ms);
	return -1;
}
