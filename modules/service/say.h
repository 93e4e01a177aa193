/* say - services of a host as lines and rows, and which of them are not as they should be. */
#ifndef SERVICE_SAY_H
#define SERVICE_SAY_H

#include "dt_module.h"
#include "service/answer.h"

/* How a verb of service is judged. */
struct judge {
	const char *command;	/* its name; NULL: a look */
	bool lenient;		/* a look that nothing fails: list */
	bool up;		/* waited for: what does not run in the end is no success */
	bool gone;		/* no supervisor is as it should be: exit */
	bool wait;
};

/* NULL: it is as it should be; else a word that says why not. */
const char *service_fault(const struct service *s, const struct judge *j);

/*
 * "nginx run pid=812 up=3d4h2m want=up": all of them as the task's message, a line each, those with a fault first,
 * and as rows.  DT_OK, or DT_FAIL after fail() where one has a fault.
 */
int say_services(struct dt_task *task, const struct dt_services *dt, const struct answer *a, const struct judge *j);

/* "3d4h2m", the greatest units that are not 0; of seconds. */
#define AGE_SIZE 32
void age_text(char out[AGE_SIZE], long long seconds);

#endif
