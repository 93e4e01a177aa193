/*
 * files - what push and pull are told, and how they reach a host.
 */
#ifndef DT_FILES_FILES_H
#define DT_FILES_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dt/base/err.h"
#include "modules/dt_module.h"

/* Bytes of names that go to one command there, which takes 128 KB at least. */
#define FILES_BATCH 32768
/* A file of more bytes has its sum taken alone, by what is fastest there; probe.sh and list.sh have it in blocks. */
#define FILES_LARGE (1U << 20)
/* One of so many goes by itself where the hosts are few, so that its sum is taken there while it comes. */
#define FILES_HUGE (4U << 20)
/* From so many bytes on, the transport that ciphers faster is worth a login. */
#define FILES_BULK (32UL << 20)

/* How one host is reached: by the services of its task. */
struct files_host {
	const struct dt_services *dt;
	struct dt_task *task;
	unsigned flags;		/* DT_EXEC_SUDO */
	/* Until the sums of the sources are known.  0, or -1: cancelled, or too late. */
	int (*wait_sums)(void *arg);
	/* So many bytes of content will come; so many are through. */
	void (*expect)(void *arg, uint64_t bytes);
	void (*moved)(void *arg, size_t bytes);
	/* So many bytes go over the wire: waits until they may (--limit-rate).  0, or -1: cancelled. */
	int (*pace)(void *arg, size_t bytes);
	/* To be asked in what takes long on a host's answer.  0, or -1: cancelled, or too late. */
	int (*go_on)(void *arg, struct dt_err *err);
	/* Something here failed: the host's outcome.  DT_FAIL. */
	int (*failed)(void *arg, const struct dt_err *err);
	void *arg;
};

/*
 * Adds the message that says what changed, or with check would: "created" for
 * one thing, "3 created, 2 unchanged" for more.
 */
void files_tell(const struct files_host *h, const struct dt_files_done *c, bool check, bool one);

#endif
