#include "inventory/ssh_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dt/base/buf.h"

int shell_words(const char *text, struct strs *out)
{
	struct buf word;
	int r = 0;

	buf_init(&word, 1UL << 20);
	while (r == 0) {
		char quote = 0;

		text += strspn(text, " \t\r\n");
		if (!*text)
			break;
		buf_clear(&word);
		for (; r == 0 && *text && (quote || !strchr(" \t\r\n", *text)); text++) {
			if (*text == quote) {
				quote = 0;
			} else if (!quote && (*text == '"' || *text == '\'')) {
				quote = *text;
			} else if (*text == '\\' && quote != '\'') {
				if (!text[1]) {
					r = 1;
					break;
				}
				/* within double quotes it stays before anything but these */
				if (quote && text[1] != '"' && text[1] != '\\')
					r = buf_addc(&word, '\\');
				r |= buf_addc(&word, *++text);
			} else {
				r = buf_addc(&word, *text);
			}
		}
		if (r == 0 && quote)
			r = 1;
		if (r == 0)
			r = strs_add(out, word.data ? word.data : "");
	}
	buf_release(&word);
	return r;
}

/* ---- keywords ---- */

/* What ssh(1) is told. */
static const char *const handed[] = {
	"ProxyCommand", "ProxyUseFdpass", "AddressFamily", "BindAddress", "BindInterface", "Ciphers", "MACs", "KexAlgorithms",
	"HostKeyAlgorithms", "PubkeyAcceptedAlgorithms", "PubkeyAcceptedKeyTypes", "CASignatureAlgorithms", "RequiredRSASize",
	"CheckHostIP", "RevokedHostKeys", "GSSAPIAuthentication", "GSSAPIKeyExchange", "GSSAPIClientIdentity",
	"GSSAPIDelegateCredentials", "GSSAPIServerIdentity", "GSSAPITrustDNS", "GSSAPIKexAlgorithms", "HostbasedAuthentication",
	"HostbasedAcceptedAlgorithms", "EnableSSHKeysign", "PubkeyAuthentication", "PasswordAuthentication",
	"KbdInteractiveAuthentication", "ChallengeResponseAuthentication", "PreferredAuthentications", "IdentitiesOnly",
	"IdentityAgent", "IdentityFile", "CertificateFile", "PKCS11Provider", "SecurityKeyProvider", "SetEnv", "SendEnv",
	"ForwardAgent", "Compression", "ConnectionAttempts", "IPQoS", "RekeyLimit", "ServerAliveInterval", "ServerAliveCountMax",
	"TCPKeepAlive",
};

/* Attributes of dt's own. */
static const char *const attributes[][2] = {
	{ "User", "user" }, { "Port", "port" }, { "HostName", "address" }, { "ProxyJump", "via" },
	{ "HostKeyAlias", "hostkey_alias" }, { "UserKnownHostsFile", "known_hosts" }, { "ConnectTimeout", "connect_timeout" },
};

/* They say neither whom, nor as whom, nor how safely, and dt's own connections take their place. */
static const char *const idle[] = {
	"ControlMaster", "ControlPath", "ControlPersist", "LogLevel", "LogVerbose", "BatchMode", "NumberOfPasswordPrompts",
	"VisualHostKey", "HashKnownHosts", "UpdateHostKeys", "AddKeysToAgent", "EscapeChar", "ForwardX11Timeout", "StdinNull",
	"ExitOnForwardFailure", "ClearAllForwardings", "FingerprintHash", "SyslogFacility", "Compression", "ConnectionAttempts",
	"IPQoS", "RekeyLimit", "ServerAliveInterval", "ServerAliveCountMax", "TCPKeepAlive",
};

static bool is_of(const char *word, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(word, list[i]) == 0)
			return true;
	return false;
}

const char *ssh_option_value(const char *word, const char *keyword)
{
	size_t n = strlen(keyword);

	return strncasecmp(word, keyword, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

static const char *option_fault(const char *word)
{
	size_t n = strcspn(word, "=");
	char keyword[64];

	if (!word[n] || !n || !word[n + 1] || n >= sizeof(keyword))
		return "is no list of KEYWORD=VALUE, parted by blanks";
	memcpy(keyword, word, n);
	keyword[n] = '\0';
	if (is_of(keyword, handed, ARRAY_LEN(handed)))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
		if (strcasecmp(keyword, attributes[i][0]) == 0)
			return "has a keyword that is an attribute of its own (user, port, address, via, hostkey_alias, known_hosts, "
			       "connect_timeout)";
	return "has a keyword that is not handed on (dt-inventory(5) lists them)";
}

const char *ssh_options_split(const char *value, struct strs *words)
{
	struct strs own = { 0 }, *to = words ? words : &own;
	const char *fault = NULL;
	int r = shell_words(value, to);

	if (r != 0)
		fault = r < 0 ? "does not fit into memory" : "has a quote or a backslash without its end";
	else if (!to->n)
		fault = "is empty";
	for (size_t i = 0; !fault && i < to->n; i++)
		fault = option_fault(to->v[i]);
	strs_release(&own);
	return fault;
}

const char *ssh_options_fault(const char *value)
{
	return ssh_options_split(value, NULL);
}

/* ---- arguments ---- */

static int set(struct ssh_args *a, const char *key, const char *value)
{
	if (strs_has(&a->keys, key))
		return 0;
	return strs_add(&a->keys, key) != 0 || strs_add(&a->values, value) != 0 ? -1 : 0;
}

static int refuse(struct ssh_args *a, const char *what, const char *why)
{
	if (!*a->fault)
		(void)snprintf(a->fault, sizeof(a->fault), "%.80s %s", what, why);
	return 0;
}

static void tell(struct ssh_args *a, const char *what, const char *why)
{
	if (!*a->told)
		(void)snprintf(a->told, sizeof(a->told), "%.80s %s", what, why);
}

/* Host keys are checked by dt, whatever is asked for: a laxer word is told. */
static int known_hosts(struct ssh_args *a, const char *keyword, const char *value)
{
	if (strcasecmp(keyword, "StrictHostKeyChecking") == 0) {
		if (strcasecmp(value, "yes") != 0 && strcasecmp(value, "true") != 0 && strcasecmp(value, "ask") != 0)
			tell(a, keyword, "does not count: host keys are checked all the same (dt trust, --accept-new)");
		return 0;
	}
	if (strcmp(value, "/dev/null") == 0 || strcasecmp(value, "none") == 0) {
		tell(a, keyword, "names no file: host keys are looked up in the usual ones all the same");
		return 0;
	}
	if (strcasecmp(keyword, "GlobalKnownHostsFile") == 0 || strchr(value, ' '))
		return refuse(a, keyword, "cannot be honoured; the attribute known_hosts names one file");
	return set(a, "known_hosts", value);
}

static int option(struct ssh_args *a, const char *keyword, const char *value)
{
	char *word = NULL;
	int r;

	if (!*value)
		return refuse(a, keyword, "has no value");
	if (strcasecmp(keyword, "StrictHostKeyChecking") == 0 || strcasecmp(keyword, "UserKnownHostsFile") == 0 ||
	    strcasecmp(keyword, "GlobalKnownHostsFile") == 0)
		return known_hosts(a, keyword, value);
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
		if (strcasecmp(keyword, attributes[i][0]) == 0)
			return set(a, attributes[i][1], value);
	if (strcasecmp(keyword, "IdentityFile") == 0 && !strs_has(&a->keys, "identity"))
		return set(a, "identity", value);
	if (is_of(keyword, idle, ARRAY_LEN(idle)))
		return 0;
	if (!is_of(keyword, handed, ARRAY_LEN(handed)))
		return refuse(a, keyword, "cannot be honoured");
	r = asprintf(&word, "%s=%s", keyword, value) < 0 || strs_add(&a->options, word) != 0 ? -1 : 0;
	free(word);
	return r;
}

/* "KEYWORD=VALUE", "KEYWORD VALUE" */
static int option_text(struct ssh_args *a, const char *text)
{
	char keyword[64];
	size_t n;

	text += strspn(text, " \t");
	n = strcspn(text, " \t=");
	if (!n || n >= sizeof(keyword))
		return refuse(a, "-o", "has no keyword");
	memcpy(keyword, text, n);
	keyword[n] = '\0';
	text += n + strspn(text + n, " \t");
	if (*text == '=')
		text += 1 + strspn(text + 1, " \t");
	return option(a, keyword, text);
}

static const char *const with_keyword[128] = {
	['J'] = "ProxyJump", ['l'] = "User", ['p'] = "Port", ['i'] = "IdentityFile", ['b'] = "BindAddress",
	['B'] = "BindInterface", ['c'] = "Ciphers", ['m'] = "MACs", ['I'] = "PKCS11Provider",
};
static const char *const flags[128] = {
	['4'] = "AddressFamily=inet", ['6'] = "AddressFamily=inet6", ['C'] = "Compression=yes",
	['K'] = "GSSAPIAuthentication=yes", ['A'] = "ForwardAgent=yes",
};
/* Nothing but how much ssh(1) says, and what dt does anyway. */
static const char quiet_flags[] = "qvTnxakyM";
static const char with_value[] = "bBcDEeFIiJlLmOopPQRSWw";

/* The letters of one word; *i moves on where the value of the last is the next one. */
static int letters(struct ssh_args *a, const struct strs *words, size_t *i)
{
	char shown[3] = "-";
	int r = 0;

	for (const char *s = words->v[*i] + 1; r == 0 && *s; s++) {
		unsigned char c = (unsigned char)*s;
		const char *value = s + 1;

		shown[1] = *s;
		if (!strchr(with_value, c)) {
			if (c < 128 && flags[c])
				r = option_text(a, flags[c]);
			else if (!strchr(quiet_flags, c))
				r = refuse(a, shown, "cannot be honoured");
			continue;
		}
		if (!*value && ++*i == words->n)
			return refuse(a, shown, "has no value");
		if (!*value)
			value = words->v[*i];
		if (c == 'o')
			return option_text(a, value);
		if (c == 'S' || c == 'E' || c == 'e')
			return 0;
		return with_keyword[c] ? option(a, with_keyword[c], value) : refuse(a, shown, "cannot be honoured");
	}
	return r;
}

int ssh_args_read(const char *text, struct ssh_args *out)
{
	struct strs words = { 0 };
	int r = shell_words(text, &words);

	if (r > 0)
		r = refuse(out, "a quote or a backslash", "has no end");
	for (size_t i = 0; r == 0 && i < words.n; i++) {
		if (words.v[i][0] == '-' && words.v[i][1] && words.v[i][1] != '-')
			r = letters(out, &words, &i);
		else
			r = refuse(out, words.v[i], "is no option of ssh(1)");
	}
	strs_release(&words);
	return r;
}

void ssh_args_release(struct ssh_args *a)
{
	strs_release(&a->keys);
	strs_release(&a->values);
	strs_release(&a->options);
}
