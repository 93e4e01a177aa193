#include "service/say.h"

#include <stdio.h>
#include <string.h>

static const char *const states[] = { "down", "run", "finish" };
static const char *const wants[] = { "down", "up", "once" };

/* What is told of a service of which a supervisor is not known to live. */
static const char *const unseen[] = {
	[ALIVE_NO] = "unsupervised", [ALIVE_CLOSED] = "closed", [ALIVE_UNTRUSTED] = "untrusted"
};

/* ---- is it as it should be? ---- */

static const char *side_fault(const struct side *side)
{
	const struct supervise *s = &side->s;

	if (side->alive != ALIVE_YES)
		return unseen[side->alive];
	if (side->wrong)
		return "unknown";
	if (s->state == SUPERVISE_FINISH)
		return "finishing";
	if (s->state == SUPERVISE_DOWN)
		/* who took it down by hand, and has not said that it stays so, is told */
		return s->want == SUPERVISE_WANT_UP || !side->down_file ? "down" : NULL;
	if (s->paused)
		return "paused";
	/* runit says when it was told to end; without, it was started once */
	return s->want == SUPERVISE_WANT_DOWN && (s->kind != SUPERVISE_RUNIT || s->term) ? "stopping" : NULL;
}

static const char *command_fault(const struct service *s, const struct judge *j)
{
	if (s->result == 'g' || s->own.alive == ALIVE_NO)
		return j->gone ? NULL : "unsupervised";
	if (s->result == 'p' || s->own.alive == ALIVE_CLOSED)
		return "closed";
	if (s->result == 'x' || s->own.alive == ALIVE_UNTRUSTED)
		return "untrusted";
	if (s->result == 'b' || s->own.wrong)
		return "unknown";
	if (s->result == 'k')
		return "unsupported";
	if (s->result == 't')
		return "stuck";
	if (s->result == 's')
		return j->wait ? "timeout" : NULL;
	/* it may have died since the host saw it run */
	return s->result != 'o' || (j->up && s->own.s.state != SUPERVISE_RUN) ? "timeout" : NULL;
}

const char *service_fault(const struct service *s, const struct judge *j)
{
	const char *fault;

	if (s->result == 'M')
		return "missing";
	if (j->command)
		return command_fault(s, j);
	if (j->lenient)
		return NULL;
	fault = side_fault(&s->own);
	if (!fault && s->has_log && side_fault(&s->log))
		fault = "log";
	return fault;
}

/* ---- words ---- */

void age_text(char out[AGE_SIZE], long long seconds)
{
	long long d = seconds / 86400, h = seconds / 3600 % 24, m = seconds / 60 % 60, s = seconds % 60;
	size_t n = 0;

	out[0] = '\0';
	if (d)
		n += (size_t)snprintf(out, AGE_SIZE, "%lldd", d);
	if (h)
		n += (size_t)snprintf(out + n, AGE_SIZE - n, "%lldh", h);
	if (m)
		n += (size_t)snprintf(out + n, AGE_SIZE - n, "%lldm", m);
	/* of an hour nobody counts the seconds */
	if ((s && seconds < 3600) || !n)
		(void)snprintf(out + n, AGE_SIZE - n, "%llds", s);
}

static const char *state_text(const struct side *side)
{
	if (side->alive != ALIVE_YES)
		return unseen[side->alive];
	return side->wrong ? "unknown" : states[side->s.state];
}

static void say_state(struct dt_task *task, const struct dt_services *dt, const struct side *side)
{
	const struct supervise *s = &side->s;
	char age[AGE_SIZE];

	age_text(age, s->age);
	if (s->pid)
		dt->message(task, " pid=%ld", s->pid);
	dt->message(task, " %s=%s want=%s", s->pid ? "up" : "for", age, wants[s->want]);
	/* what goes without saying: what runs is to run */
	if (side->down_file || s->state == SUPERVISE_DOWN)
		dt->message(task, " normally=%s", side->down_file ? "down" : "up");
	if (s->paused)
		dt->message(task, " paused=yes");
	if (s->term)
		dt->message(task, " term=sent");
}

/* Words behind the line, where the fault is not plain from it. */
static void say_why(struct dt_task *task, const struct dt_services *dt, const struct answer *a, const struct service *s,
		    const char *fault, const struct judge *j)
{
	if (s->result == 'M')
		dt->message(task, ": no such service in %s", a->dir);
	else if (s->own.alive == ALIVE_YES && s->own.wrong)
		dt->message(task, ": its status file, of %zu bytes: %s", s->own.size, s->own.wrong);
	else if (s->own.alive == ALIVE_CLOSED || s->result == 'p')
		dt->message(task, ": this user may not see or command its supervisor (--sudo)");
	else if (s->own.alive == ALIVE_UNTRUSTED || s->result == 'x')
		dt->message(task, ": others may change what is in its folder supervise (log in as whom it belongs to)");
	else if (fault && strcmp(fault, "unsupported") == 0)
		dt->message(task, ": daemontools' supervise knows no %s", j->command);
	else if (fault && strcmp(fault, "stuck") == 0)
		dt->message(task, ": its supervisor takes no command");
}

static void say_line(struct dt_task *task, const struct dt_services *dt, const struct answer *a,
		     const struct service *s, const struct judge *j)
{
	const char *fault = service_fault(s, j);
	bool there = s->result != 'M', known = there && s->own.alive == ALIVE_YES && !s->own.wrong;

	dt->message(task, "%s %s", s->name, there ? state_text(&s->own) : "missing");
	if (known)
		say_state(task, dt, &s->own);
	if (s->has_log)
		dt->message(task, " log=%s", state_text(&s->log));
	if (there && j->command && s->result == 's')
		dt->message(task, " sent=%s", j->command);
	/* where the state says it already, it is not said again */
	if (fault && known)
		dt->message(task, " fault=%s", fault);
	say_why(task, dt, a, s, fault, j);
}

static void say_row(struct dt_task *task, const struct dt_services *dt, const struct service *s, const struct judge *j)
{
	bool there = s->result != 'M', known = there && s->own.alive == ALIVE_YES && !s->own.wrong;
	const struct supervise *v = &s->own.s;
	const struct dt_field fields[] = {
		{ .name = "name", .text = s->name },
		{ .name = "state", .text = there ? state_text(&s->own) : "missing" },
		{ .name = "pid", .type = DT_INT, .number = v->pid, .unknown = !known || !v->pid },
		{ .name = "uptime", .type = DT_TIME, .number = v->age * 1000, .unknown = !known || !v->pid },
		{ .name = "downtime", .type = DT_TIME, .number = v->age * 1000, .unknown = !known || v->pid },
		{ .name = "want", .text = known ? wants[v->want] : NULL },
		{ .name = "paused", .type = DT_BOOL, .number = v->paused, .unknown = !known },
		{ .name = "normally", .text = !there ? NULL : s->own.down_file ? "down" : "up" },
		{ .name = "log", .text = s->has_log ? state_text(&s->log) : NULL },
		{ .name = "fault", .text = service_fault(s, j) },
	};

	dt->row(task, fields, sizeof(fields) / sizeof(*fields));
}

int say_services(struct dt_task *task, const struct dt_services *dt, const struct answer *a, const struct judge *j)
{
	size_t faults = 0, said = 0;

	for (size_t i = 0; i < a->n; i++) {
		faults += service_fault(&a->v[i], j) != NULL;
		say_row(task, dt, &a->v[i], j);
	}
	for (int first = 1; first >= 0; first--)
		for (size_t i = 0; i < a->n; i++)
			if ((service_fault(&a->v[i], j) != NULL) == first) {
				dt->message(task, "%s", said++ ? "\n" : "");
				say_line(task, dt, a, &a->v[i], j);
			}
	return faults ? dt->fail(task, 1, "%s", "") : DT_OK;
}
