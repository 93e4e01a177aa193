/*
 * kexinit - what a host proposes in its first packet: RFC 4253 sections 4.2, 6 and 7.1.
 */
#ifndef DT_SSH_KEXINIT_H
#define DT_SSH_KEXINIT_H

#include <stddef.h>

#include "dt/base/buf.h"

/* A proposal is some 2 KB; a packet may have 35,000 bytes. */
#define KEXINIT_ROOM 65536

/*
 * From the first bytes that a host sent: adds its server_host_key_algorithms,
 * joined by commas, to out; nothing where they are not there.  0, or -1: no memory.
 */
int kexinit_hostkeys(const void *data, size_t len, struct buf *out);

#endif
