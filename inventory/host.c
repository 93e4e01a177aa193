#include "inventory/host.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "dt/base/escape.h"
#include "dt/base/util.h"
#include "inventory/address.h"
#include "inventory/ssh_words.h"

#define NAME_MAX_BYTES 255
#define USER_MAX_BYTES 255

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

bool host_is_ipv6(const char *name)
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

bool host_is_address(const char *name)
{
	struct in_addr address;

	return host_is_ipv6(name) || inet_pton(AF_INET, name, &address) == 1;
}

const char *host_name_fault(const char *name)
{
	if (*name == '-')
		return "begins with '-'";
	if (strpbrk(name, ":%") && !host_is_ipv6(name))
		return "holds ':' or '%' and is no IPv6 address";
	return word_fault(name, NAME_MAX_BYTES, ".-_:%");
}

/* As valid_ruser() of OpenSSH's ssh.c since 9.6, and no empty or formatting one. */
const char *user_name_fault(const char *name)
{
	size_t len = strlen(name), n;
	unsigned cp = 0;

	if (!len)
		return "is empty";
	if (*name == '-')
		return "begins with '-'";
	if (len > USER_MAX_BYTES)
		return "is too long";
	if (!utf8_valid(name, len))
		return "is not UTF-8";
	if (name[len - 1] == '\\')
		return "ends with '\\'";
	for (const char *p = name; *p; p += n) {
		n = utf8_char(p, len - (size_t)(p - name), &cp);
		if (is_control(cp))
			return "holds a control character";
		if (strchr("'`\";&<>|(){}", *p))
			return "holds a character that is not allowed";
		if (*p == ' ' && p[1] == '-')
			return "holds '-' behind a blank";
	}
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

static const char *hop_fault(char *hop)
{
	struct host_address a;

	return address_cut(hop, &a) || host_name_fault(a.host) ? "holds what is no jump host ([USER@]HOST[:PORT])" : NULL;
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
	if (strcmp(key, "ssh_options") == 0)
		return ssh_options_fault(value);
	if (strcmp(key, "become") == 0 || strcmp(key, "ask_password") == 0)
		return strcmp(value, "yes") == 0 || strcmp(value, "no") == 0 ? NULL : "is neither yes nor no";
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

bool attr_is_own(const char *key)
{
	static const char *const keys[] = {
		"address", "port", "user", "via", "identity", "transport", "hostkey_alias", "known_hosts", "connect_timeout",
		"shell", "service_dir", "ssh_options", "become", "ask_password", "refuse",
	};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
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

const char *host_named(const struct host *h)
{
	return h->named ? h->named : h->pub.name;
}

const char *host_attr(const struct host *h, const char *key)
{
	for (const struct dt_attr *a = h->pub.attrs; a && a->key; a++)
		if (strcmp(a->key, key) == 0)
			return a->value;
	return NULL;
}
