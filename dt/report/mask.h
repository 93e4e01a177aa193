/*
 * mask - text without what differs from host to host anyway.
 *
 *	<time>	12:04, 12:04:05.123, 2009-11-16, 16/11/2009, 2009-11-16T12:04:05+01:00
 *	<ip>	an IPv4 address (with /24), an IPv6 address (with %eth0, /64)
 *	<mac>	52:54:00:12:34:56, 52-54-00-12-34-56, and the eight pairs of an EUI-64
 *	<id>	a UUID; 0x1f; eight or more hexadecimal digits with both a digit and a letter
 *	<n>	any other number, with fraction, thousands and a size's letter: 1,024.5 12K 3.2GiB
 *
 * A number in a word is one too: web01 is web<n>.  The rest stays as it is.
 */
#ifndef DT_REPORT_MASK_H
#define DT_REPORT_MASK_H

#include "dt/base/buf.h"

/* Adds the masked bytes.  0, or -1: no memory, or over out->max.  Masking twice changes nothing more. */
int mask(struct buf *out, const char *data, size_t len);

#endif
