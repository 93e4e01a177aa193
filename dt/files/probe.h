/*
 * probe - what a host has of a fileset: one command, one answer.
 *
 * probe.sh is its other half.
 */
#ifndef DT_FILES_PROBE_H
#define DT_FILES_PROBE_H

#include "dt/base/util.h"
#include "dt/files/answer.h"
#include "dt/files/files.h"
#include "dt/files/fileset.h"

enum probe_base { BASE_UNKNOWN, BASE_FOLDER, BASE_MISSING, BASE_CLOSED, BASE_OTHER };

/* What stands where a file shall be. */
enum probe_kind { THERE_NOTHING, THERE_FILE, THERE_FOLDER, THERE_LINK, THERE_OTHER };

struct probe_file {
	uint8_t kind;
	bool same;		/* content, or the text of a link */
	bool attributes;	/* mode and owner are as wanted */
	uint8_t place;		/* its owner, group and device, in places */
	uint16_t mode;		/* permissions, 07777 */
};

struct probe_place {
	unsigned long uid, gid;
	unsigned long long device;
};

struct probe {
	/* set by the caller */
	const struct fileset *set;
	const char *folder;	/* the target folder there */
	const char *root;	/* what a named set is called */
	const char *owner, *group;	/* wanted, names or numbers; or NULL */
	bool quick;		/* the same size and time are enough */
	bool times;		/* a difference in time is one */
	bool clean;		/* remove temporary folders that are left */
	bool list;		/* what else is there (for --delete) */
	bool few;		/* as in struct push */
	const char *const *exclude;
	const struct files_host *host;

	/* the answer */
	enum probe_base base;
	bool is_root, zstd;
	bool huge;		/* the sum of a huge file is to be taken while that comes, and can be */
	char folder_there[4096];	/* as it is called without links */
	unsigned long long device;	/* of the folder */
	struct probe_file *v;	/* of each file of the set */
	struct probe_place places[200];
	size_t place_count;
	struct strs extra;	/* what is there and in no source: "/sub/name", topmost */

	/* its own */
	size_t next, at, sums;	/* program, answers, and sums: how far in the set */
	bool listing, whole;
	struct strs kept;	/* excluded, and there */
	size_t listed;		/* bytes of names */
	struct answer answer;
	struct buf program;
	size_t program_done;
	struct dt_err *err;
};

/*
 * Asks.  DT_OK; or DT_FAIL: with *err (an answer that makes no sense, no
 * memory), or with ERR_NONE where the host's outcome is recorded.  probe_release in any case.
 */
int probe_run(struct probe *p, struct dt_err *err);
void probe_release(struct probe *p);

/* The permissions that file i shall have: a folder that is there keeps set-group-id, and its group's right to write. */
unsigned probe_mode(const struct probe *p, size_t i);

/* Has a name what only a shell word can carry?  (sha256sum escapes it, and find ends lines with it.) */
bool is_plain(const char *name);

#endif
