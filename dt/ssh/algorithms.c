#include "dt/ssh/algorithms.h"

#include <libssh2.h>
#include <string.h>

#include "dt/base/util.h"

/* More than libssh2 1.11 has of one method. */
#define NAMES_MAX 32
#define KINDS (ALGORITHM_HOSTKEY + 1)

/* Asked once, for libssh2 copies its tables at each question. */
static struct {
	const char *names[NAMES_MAX];	/* libssh2's own */
	int n;
} supported[KINDS];

int algorithms_init(void)
{
	static const int methods[KINDS] = {
		[ALGORITHM_KEX] = LIBSSH2_METHOD_KEX, [ALGORITHM_CIPHER] = LIBSSH2_METHOD_CRYPT_CS,
		[ALGORITHM_MAC] = LIBSSH2_METHOD_MAC_CS, [ALGORITHM_HOSTKEY] = LIBSSH2_METHOD_HOSTKEY,
	};
	LIBSSH2_SESSION *session = libssh2_session_init();

	if (!session)
		return -1;
	for (size_t i = 0; i < KINDS; i++) {
		const char **known = NULL;
		int n = libssh2_session_supported_algs(session, methods[i], &known);

		supported[i].n = 0;
		for (int k = 0; k < n && k < NAMES_MAX; k++)
			supported[i].names[supported[i].n++] = known[k];
		if (n > 0)
			libssh2_free(session, known);
	}
	return libssh2_session_free(session);
}

static bool has(enum algorithm_kind kind, const char *name, size_t len)
{
	for (int i = 0; i < supported[kind].n; i++)
		if (strlen(supported[kind].names[i]) == len && strncmp(supported[kind].names[i], name, len) == 0)
			return true;
	return false;
}

bool algorithms_has_all(enum algorithm_kind kind, const char *policy)
{
	bool all = *policy != '\0';

	for (size_t len; *policy && all; policy += len + (policy[len] == ',')) {
		len = strcspn(policy, ",");
		all = has(kind, policy, len);
	}
	return all;
}

int algorithms_filter(enum algorithm_kind kind, const char *list, struct buf *out)
{
	int r = 0;

	for (size_t len; *list; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		if (has(kind, list, len))
			r |= (out->len ? buf_addc(out, ',') : 0) || buf_add(out, list, len);
	}
	return r ? -1 : 0;
}
