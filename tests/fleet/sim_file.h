/*
 * sim_file - an answer that a test has written to a file.
 */
#ifndef SIM_FILE_H
#define SIM_FILE_H

#include <stddef.h>

struct file {
	char *data; /* NULL: empty */
	size_t len;
	char *again; /* what follows without end; NULL: nothing */
	size_t again_len;
};

/*
 * Reads path, where %h is the host's name, and path.again where it stands; what is
 * short is in again many times over.  0, or -1: path cannot be read, or no memory.
 */
int file_load(struct file *f, const char *path, const char *host);
void file_release(struct file *f);

#endif
