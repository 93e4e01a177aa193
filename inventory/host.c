#include "inventory/host.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/escape.h"
#include "dt/base/util.h"

#define NAME_MAX_BYTES 255
#define USER_MAX_BYTES 64

static bool alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* What moves text about (ISO 6429, Unicode's bidirectional and other format characters) is one too. */
static bool is_control(unsigned cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || (cp >= 0x200b && cp < 0x2010) ||
	       (cp >= 0x2028 && cp < 0x202f) || (cp >= 0x2060 && cp < 0x2070) || cp == 0x61c || cp == 0xfeff;
}

/* Letters and digits of ASCII, those of others, and the punctuation allowed. */
static const char *word_fault(const char *s, size_t max, const char *punctuation)
{
	size_t len = strlen(s);

	if (!len)
		return "is empty";
	if (len > max)
		return "is too long";
	if (!utf8_valid(s, len))
		return "is not UTF-8";
	while (*s) {
		unsigned cp = 0;
		size_t n = utf8_char(s, len, &cp);

		/* from U+00C0 on are letters, but for general punctuation */
		if (is_control(cp) || (cp >= 0x2000 && cp < 0x2070))
			return "holds a control character";
		if (cp < 0xc0 && !alnum((unsigned char)cp) && (cp >= 0x80 || !strchr(punctuation, (int)cp)))
			return "holds a character that is not allowed";
		s += n;
		len -= n;
	}
	return NULL;
}

/* RFC 4291 text, with the zone of RFC 4007. */
static bool is_ipv6(const char *name)
{
	size_t n = strcspn(name, "%");
	unsigned char address[16];
	char text[64];

	if (n >= sizeof(text) || (name[n] && !name[n + 1]))
		return false;
	memcpy(text, name, n);
	text[n] = '\0';
	return inet_pton(AF_INET6, text, address) == 1;
}

const char *host_name_fault(const char *name)
{
	if (*name == '-')
		return "begins with '-'";
	if (strpbrk(name, ":%") && !is_ipv6(name))
		return "holds ':' or '%' and is no IPv6 address";
	return word_fault(name, NAME_MAX_BYTES, ".-_:%");
}

const char *user_name_fault(const char *name)
{
	size_t n = strlen(name);

	if (!n)
		return "is empty";
	if (*name == '-')
		return "begins with '-'";
	if (n > USER_MAX_BYTES)
		return "is too long";
	for (const char *p = name; *p; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f || strchr("\"'`:/@;|&<>(){}$\\", *p))
			return "holds a character that is not allowed";
	return NULL;
}

const char *tag_fault(const char *tag)
{
	if (*tag == '-' || *tag == '+')
		return "begins with '-' or '+'";
	return word_fault(tag, NAME_MAX_BYTES, "_-./@");
}

const char *domain_fault(const char *domain)
{
	return word_fault(domain, NAME_MAX_BYTES, ".-_");
}

/* "[user@]host[:port]", which is cut; an IPv6 address that has a port stands in brackets. */
static const char *hop_fault(char *hop)
{
	char *host = hop, *at = strrchr(hop, '@'), *colon;
	long long port;

	if (at) {
		*at = '\0';
		host = at + 1;
		if (user_name_fault(hop))
			return "holds a user name that is not allowed";
	}
	if (*host == '[') {
		colon = strchr(++host, ']');
		if (!colon || (colon[1] && colon[1] != ':'))
			return "has no ']' behind an address";
		*colon++ = '\0';
	} else {
		colon = strchr(host, ':');
		if (colon && strchr(colon + 1, ':'))
			colon = NULL;
	}
	if (colon && *colon) {
		*colon++ = '\0';
		if (parse_int(colon, 1, 65535, &port) != 0)
			return "holds what is no port (1 to 65535)";
	}
	return host_name_fault(host) ? "holds a host name that is not allowed" : NULL;
}

static const char *via_fault(const char *value)
{
	struct strs hops = { 0 };
	const char *fault = NULL;

	if (strcmp(value, "none") == 0)
		return NULL;
	for (const char *s = value; !fault;) {
		size_t n = strcspn(s, ",");

		fault = !n || strs_addn(&hops, s, n) != 0 ? "is no list of jump hosts"
							  : hop_fault(hops.v[hops.n - 1]);
		if (!s[n])
			break;
		s += n + 1;
	}
	strs_release(&hops);
	return fault;
}

static const char *known_value_fault(const char *key, const char *value)
{
	long long n;
	int64_t ms;

	if (strcmp(key, "port") == 0)
		return parse_int(value, 1, 65535, &n) == 0 ? NULL : "is no port (1 to 65535)";
	if (strcmp(key, "address") == 0)
		return host_name_fault(value);
	if (strcmp(key, "user") == 0)
		return user_name_fault(value);
	if (strcmp(key, "via") == 0)
		return via_fault(value);
	if (strcmp(key, "transport") == 0)
		return strcmp(value, "auto") == 0 || strcmp(value, "libssh2") == 0 || strcmp(value, "openssh") == 0 ||
				       strcmp(value, "local") == 0
			       ? NULL : "is none of auto, libssh2, openssh, local";
	if (strcmp(key, "shell") == 0)
		return strcmp(value, "yes") == 0 || strcmp(value, "no") == 0 ? NULL : "is neither yes nor no";
	if (strcmp(key, "connect_timeout") == 0)
		return parse_time_ms(value, &ms) == 0 && ms > 0 ? NULL : "is no time (500ms, 10s, 2m)";
	if (strcmp(key, "hostkey_alias") == 0)
		return word_fault(value, NAME_MAX_BYTES, ".-_:%[]") || *value == '-' ? "is no host name" : NULL;
	if (strcmp(key, "identity") == 0 || strcmp(key, "known_hosts") == 0)
		return *value == '-' ? "begins with '-'" : NULL;
	return NULL;
}

const char *attr_key_fault(const char *key)
{
	if (!*key || (!alnum((unsigned char)*key) && *key != '_') || (*key >= '0' && *key <= '9'))
		return "has a key that begins with no letter";
	for (const char *p = key; *p; p++)
		if (!alnum((unsigned char)*p) && *p != '_' && *p != '-')
			return "has a key with a character that is not allowed";
	return NULL;
}

const char *attr_fault(const char *key, const char *value)
{
	const char *fault = attr_key_fault(key);
	size_t n = strlen(value), one;
	unsigned cp;

	if (fault)
		return fault;
	if (n > 4096)
		return "is too long";
	if (!utf8_valid(value, n))
		return "is not UTF-8";
	for (const char *p = value; *p; p += one) {
		one = utf8_char(p, n - (size_t)(p - value), &cp);
		if (is_control(cp) || cp == '"')
			return "holds a control character or a quote";
	}
	return known_value_fault(key, value);
}

bool host_has_tag(const struct host *h, const char *tag)
{
	for (const char *const *t = h->pub.tags; t && *t; t++)
		if (strcmp(*t, tag) == 0)
			return true;
	return false;
}

const char *host_attr(const struct host *h, const char *key)
{
	for (const struct dt_attr *a = h->pub.attrs; a && a->key; a++)
		if (strcmp(a->key, key) == 0)
			return a->value;
	return NULL;
}
