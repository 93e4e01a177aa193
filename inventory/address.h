/*
 * address - "[USER@]HOST[:PORT]", as every source, list and option writes it.
 *
 * The last '@' ends the user, as for ssh(1).  Brackets hold an IPv6 or IPv4
 * address ("[::1]:22"), or a range.  A HOST with more than one ':' is an IPv6
 * address and has no port; where a range stands in it and one ':' behind that
 * ("fe80::[1-2]:22"), it is refused, for it might be either.
 */
#ifndef INVENTORY_ADDRESS_H
#define INVENTORY_ADDRESS_H

struct host_address {
	char *user, *host, *port;	/* user and port: NULL where not given */
};

/*
 * Cuts text in place.  User and port are checked, the host is not: it may be a
 * range.  NULL, or what is wrong ("has what is no port (1 to 65535) behind ':'").
 */
const char *address_cut(char *text, struct host_address *out);
/* The same, with the user behind a port as pssh's lists have it (NULL: none): "HOST:PORT USER". */
const char *address_cut_pssh(char *text, char *user, struct host_address *out);

#endif
