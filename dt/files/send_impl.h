/*
 * send_impl - what the files behind send.h share.
 */
#ifndef DT_FILES_SEND_IMPL_H
#define DT_FILES_SEND_IMPL_H

#include "dt/files/send.h"

#define TEXT_MAX (256 * 1024)

enum send_stage { STAGE_HUGE, STAGE_FILES, STAGE_CONTENT, STAGE_BEGIN, STAGE_CALLS, STAGE_PAD, STAGE_END };

struct pack;

struct send {
	const struct probe *p;
	const struct fileset *set;
	const char *backup;
	bool keep;		/* what an undo needs */
	char *base;		/* the target folder, without a slash at its end */
	struct dt_files_done count;
	uint8_t *action;	/* of each file */
	size_t *group;		/* of each folder: where what is in it goes with others */
	bool *busy;		/* of each folder, and behind them of the target: its group has something to do */
	size_t now;		/* the group that is sent */
	struct buf base_path;
	enum send_stage stage;
	size_t next;		/* file to send */
	int fd;			/* of the one under way */
	uint64_t left;
	bool alone;		/* that one goes before the archive */
	struct buf text;	/* headers and calls */
	size_t text_done;
	uint64_t calls_size;
	bool undo;		/* the calls under way are those of an undo */
	int phase;		/* of the calls */
	size_t at;
	struct pack *pack;
	struct dt_err fault;
};

/* The group that file i is sent with. */
size_t send_group(const struct send *s, size_t i);
/* Adds "/PATH" of file i below the folder of the group that is sent.  0, or -1: no memory. */
int send_path(const struct send *s, size_t i, struct buf *out);

/* Does file i go before the archive, its sum being taken there while it comes? */
bool send_alone(const struct send *s, size_t i);

/* send_calls.c: the calls of receive.sh's functions, part by part, into s->text; those that s->undo says. */
void calls_begin(struct send *s);
/* 1: there are more, 0: that was the last part, -1: no memory. */
int calls_next(struct send *s);

#endif
