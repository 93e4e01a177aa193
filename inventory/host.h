/*
 * host - names, tags and attributes of hosts, and the rules for them.
 */
#ifndef INVENTORY_HOST_H
#define INVENTORY_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "modules/dt_module.h"

/*
 * One host.  pub is what modules see; name, tags and attributes point into
 * memory of the inventory and live as long as it.
 */
struct host {
	struct dt_host pub;
	const char *source;	/* the first: "/etc/dt/hosts.ini:12", the store's path, "command line" */
	const char *const *origins;	/* the source of each of pub.attrs; NULL: all are of the first */
	size_t order;		/* its place in the inventory; ad hoc hosts come last */
	bool ad_hoc;		/* named on the command line, in no source */
	bool local;		/* local: named it: this machine, without SSH */
	/* where the selection names it with a user or a port: these, and the whole, "alice@h1:2222"; else NULL */
	const char *user, *port, *named;
};

/* Each returns NULL, or what is wrong ("begins with '-'"). */

/*
 * A host name or address: 1 to 255 bytes of letters, digits, '.', '-', '_',
 * UTF-8 letters, no leading '-'; or an IPv6 address, with %ZONE or without.
 */
const char *host_name_fault(const char *name);
/* RFC 4291 text, with the zone of RFC 4007 or without. */
bool host_is_ipv6(const char *name);
/* That, or four numbers of IPv4. */
bool host_is_address(const char *name);
/*
 * A remote user, as ssh(1) takes it: 1 to 255 bytes of UTF-8 without control
 * characters and ' ` " ; & < > | ( ) { }, no leading '-', none behind a blank,
 * no '\' at the end.  CORP\alice, alice@corp.example.com and alice$ are fine.
 */
const char *user_name_fault(const char *name);
/* A tag: letters, digits, '_', '-', '.', '/', '@'; no leading '-' or '+'. */
const char *tag_fault(const char *tag);
/* A domain suffix: letters, digits, '_', '-', '.'. */
const char *domain_fault(const char *domain);
/*
 * An attribute.  Keys are [A-Za-z_][A-Za-z0-9_-]*; values have no control
 * byte and no '"'.  Keys that dt itself reads (address port user via identity
 * transport hostkey_alias known_hosts connect_timeout shell) have their values
 * checked too, of identity, hostkey_alias and known_hosts only that they do
 * not begin with '-'.
 */
const char *attr_fault(const char *key, const char *value);
const char *attr_key_fault(const char *key);
/* Does dt read this key itself? */
bool attr_is_own(const char *key);

bool host_has_tag(const struct host *h, const char *tag);
/* The name that selects the host in the same way again: with the user and the port that it was named with. */
const char *host_named(const struct host *h);
/* The host's own attribute, or NULL. */
const char *host_attr(const struct host *h, const char *key);

#endif
