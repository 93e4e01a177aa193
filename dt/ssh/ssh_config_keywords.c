#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dt/ssh/pattern.h"
#include "dt/ssh/ssh_config.h"
#include "dt/ssh/ssh_config_tree.h"

#define SLOT(field) offsetof(struct ssh_host_config, field)
#define NO "no,false"

extern char **environ;

/*
 * Every keyword of OpenSSH up to 10.0 with Debian's additions, deprecated
 * ones too.  A keyword that asks for what dt's own transport does not do, or
 * that may change whether a login is allowed, forces ssh(1).
 */
const struct conf_keyword conf_keywords[] = {
	{ "Host", CONF_HOST, FORM_ANY, 0, NULL },
	{ "Match", CONF_MATCH, FORM_ANY, 0, NULL },
	{ "Include", CONF_INCLUDE, FORM_ANY, 0, NULL },
	{ "IgnoreUnknown", CONF_IGNORE, FORM_LOWER, 0, NULL },

	{ "HostName", CONF_READ, FORM_STRING, SLOT(hostname), NULL },
	{ "User", CONF_READ, FORM_STRING, SLOT(user), NULL },
	{ "Port", CONF_READ, FORM_PORT, SLOT(port), NULL },
	{ "HostKeyAlias", CONF_READ, FORM_LOWER, SLOT(hostkeyalias), NULL },
	{ "ConnectTimeout", CONF_READ, FORM_TIME, SLOT(connecttimeout), NULL },
	{ "IdentitiesOnly", CONF_READ, FORM_FLAG, SLOT(identitiesonly), NULL },
	{ "StrictHostKeyChecking", CONF_READ, FORM_STRICT, SLOT(stricthostkeychecking), NULL },
	{ "HashKnownHosts", CONF_READ, FORM_FLAG, SLOT(hashknownhosts), NULL },
	{ "UserKnownHostsFile", CONF_HOSTS, FORM_FILES, SLOT(userknownhostsfile), NULL },
	{ "GlobalKnownHostsFile", CONF_HOSTS, FORM_FILES, SLOT(globalknownhostsfile), NULL },
	{ "IdentityFile", CONF_IDENTITY, FORM_STRING, 0, NULL },
	{ "IdentityFile2", CONF_IDENTITY, FORM_STRING, 0, NULL },
	{ "IdentityAgent", CONF_AGENT, FORM_STRING, SLOT(identityagent), NULL },
	{ "ProxyJump", CONF_JUMP, FORM_REST, SLOT(proxyjump), NULL },

	/* how the host is reached */
	{ "ProxyCommand", CONF_COMMAND, FORM_REST, 0, NULL },
	{ "ProxyUseFdpass", CONF_FORCE, FORM_ANY, 0, NO },
	{ "AddressFamily", CONF_FORCE, FORM_ANY, 0, "any" },
	{ "BindAddress", CONF_FORCE, FORM_ANY, 0, NULL },
	{ "BindInterface", CONF_FORCE, FORM_ANY, 0, NULL },
	{ "CanonicalizeHostname", CONF_FORCE, FORM_ANY, 0, NO },
	{ "RefuseConnection", CONF_FORCE, FORM_ANY, 0, NULL },

	/* what is offered, and what is accepted */
	{ "Ciphers", CONF_FORCE, FORM_ANY, 0, NULL },
	{ "MACs", CONF_FORCE, FORM_ANY, 0, NULL },
	{ "KexAlgorithms", CONF_FORCE, FORM_ANY, 0, NULL },
	{ "HostKeyAlgorithms", CONF_FORCE, FORM_ANY, 0, NULL },
	{ "PubkeyAcceptedAlgorithms", CONF_FORCE, FORM_ANY, 0, NULL },
	{ "PubkeyAcceptedKeyTypes", CONF_FORCE, FORM_ANY, 0, NULL },
	{ "CASignatureAlgorithms", CONF_FORCE, FORM_ANY, 0, NULL },
	{ "RequiredRSASize", CONF_FORCE, FORM_ANY, 0, NULL },
	{ "CheckHostIP", CONF_FORCE, FORM_ANY, 0, NO },
	{ "NoHostAuthenticationForLocalhost", CONF_FORCE, FORM_ANY, 0, NO },
	{ "KnownHostsCommand", CONF_FORCE, FORM_ANY, 0, "none" },
	{ "RevokedHostKeys", CONF_FORCE, FORM_ANY, 0, "none" },
	{ "VerifyHostKeyDNS", CONF_FORCE, FORM_ANY, 0, NO ",ask" },

	/* logins */
	{ "GSSAPIAuthentication", CONF_FORCE_TICKET, FORM_ANY, 0, NO },
	{ "GSSAPIKeyExchange", CONF_FORCE_TICKET, FORM_ANY, 0, NO },
	{ "HostbasedAuthentication", CONF_FORCE, FORM_ANY, 0, NO },
	{ "PubkeyAuthentication", CONF_FORCE, FORM_ANY, 0, "yes,true,unbound,host-bound" },
	{ "PreferredAuthentications", CONF_FORCE, FORM_ANY, 0, "*publickey*" },
	{ "CertificateFile", CONF_FORCE_EACH, FORM_ANY, 0, "none" },
	{ "PKCS11Provider", CONF_FORCE, FORM_ANY, 0, "none" },
	{ "SecurityKeyProvider", CONF_FORCE, FORM_ANY, 0, "internal" },

	/* what a command finds there, or does here */
	{ "ForwardAgent", CONF_FORCE, FORM_ANY, 0, NO },
	{ "PermitLocalCommand", CONF_FORCE, FORM_ANY, 0, NO },
	{ "RemoteCommand", CONF_FORCE, FORM_ANY, 0, "none" },
	{ "RequestTTY", CONF_FORCE, FORM_ANY, 0, NO ",auto,yes,true" },
	{ "SendEnv", CONF_FORCE_ENV, FORM_ANY, 0, NULL },
	{ "SetEnv", CONF_FORCE, FORM_ANY, 0, NULL },

#define HARMLESS(name) { name, CONF_HARMLESS, FORM_ANY, 0, NULL }
	HARMLESS("AddKeysToAgent"), HARMLESS("AFSTokenPassing"), HARMLESS("BatchMode"),
	HARMLESS("CanonicalDomains"), HARMLESS("CanonicalizeFallbackLocal"), HARMLESS("CanonicalizeMaxDots"),
	HARMLESS("CanonicalizePermittedCNAMEs"), HARMLESS("ChallengeResponseAuthentication"),
	HARMLESS("ChannelTimeout"), HARMLESS("Cipher"), HARMLESS("ClearAllForwardings"), HARMLESS("Compression"),
	HARMLESS("CompressionLevel"), HARMLESS("ConnectionAttempts"), HARMLESS("ControlMaster"),
	HARMLESS("ControlPath"), HARMLESS("ControlPersist"), HARMLESS("DSAAuthentication"),
	HARMLESS("DynamicForward"), HARMLESS("EnableEscapeCommandline"), HARMLESS("EnableSSHKeysign"),
	HARMLESS("EscapeChar"), HARMLESS("ExitOnForwardFailure"), HARMLESS("FallBackToRsh"),
	HARMLESS("FingerprintHash"), HARMLESS("ForkAfterAuthentication"), HARMLESS("ForwardX11"),
	HARMLESS("ForwardX11Timeout"), HARMLESS("ForwardX11Trusted"), HARMLESS("GatewayPorts"),
	HARMLESS("GlobalKnownHostsFile2"), HARMLESS("GSSAPIClientIdentity"), HARMLESS("GSSAPIDelegateCredentials"),
	HARMLESS("GSSAPIKexAlgorithms"), HARMLESS("GSSAPIRenewalForcesRekey"), HARMLESS("GSSAPIServerIdentity"),
	HARMLESS("GSSAPITrustDNS"), HARMLESS("HostbasedAcceptedAlgorithms"), HARMLESS("HostbasedKeyTypes"),
	HARMLESS("IPQoS"), HARMLESS("KbdInteractiveAuthentication"), HARMLESS("KbdInteractiveDevices"),
	HARMLESS("KeepAlive"), HARMLESS("KerberosAuthentication"), HARMLESS("KerberosTgtPassing"),
	HARMLESS("LocalCommand"), HARMLESS("LocalForward"), HARMLESS("LogLevel"), HARMLESS("LogVerbose"),
	HARMLESS("NumberOfPasswordPrompts"), HARMLESS("ObscureKeystrokeTiming"), HARMLESS("PasswordAuthentication"),
	HARMLESS("PermitRemoteOpen"), HARMLESS("Protocol"), HARMLESS("ProtocolKeepAlives"), HARMLESS("RekeyLimit"),
	HARMLESS("RemoteForward"), HARMLESS("RhostsAuthentication"), HARMLESS("RhostsRSAAuthentication"),
	HARMLESS("RSAAuthentication"), HARMLESS("ServerAliveCountMax"), HARMLESS("ServerAliveInterval"),
	HARMLESS("SessionType"), HARMLESS("SetupTimeOut"), HARMLESS("SkeyAuthentication"),
	HARMLESS("SmartcardDevice"), HARMLESS("StdinNull"), HARMLESS("StreamLocalBindMask"),
	HARMLESS("StreamLocalBindUnlink"), HARMLESS("SyslogFacility"), HARMLESS("Tag"), HARMLESS("TCPKeepAlive"),
	HARMLESS("TISAuthentication"), HARMLESS("Tunnel"), HARMLESS("TunnelDevice"), HARMLESS("UpdateHostKeys"),
	HARMLESS("UseBlacklistedKeys"), HARMLESS("UsePrivilegedPort"), HARMLESS("UserKnownHostsFile2"),
	HARMLESS("UseRoaming"), HARMLESS("UseRsh"), HARMLESS("VersionAddendum"), HARMLESS("VisualHostKey"),
	HARMLESS("WarnWeakCrypto"), HARMLESS("XAuthLocation"),
	{ NULL, CONF_HARMLESS, FORM_ANY, 0, NULL }
};

_Static_assert(sizeof(conf_keywords) / sizeof(conf_keywords[0]) <= CONF_KEYWORDS_MAX, "CONF_KEYWORDS_MAX");

const struct conf_keyword *conf_keyword_find(const char *name)
{
	for (const struct conf_keyword *k = conf_keywords; k->name; k++)
		if (strcasecmp(k->name, name) == 0)
			return k;
	return NULL;
}

static bool harmless(const struct conf_line *l)
{
	char value[64];

	if (!l->keyword->harmless || l->args.n != 1)
		return false;
	if (snprintf(value, sizeof(value), "%s", l->args.v[0]) >= (int)sizeof(value))
		return false;
	pattern_lower(value);
	return pattern_list_match(value, l->keyword->harmless) == 1;
}

/*
 * Debian's ssh_config has GSSAPIAuthentication for every host.  It can do
 * something only with a ticket, so that the rest of the world need not pay
 * for it with a process a host.
 */
static bool has_ticket(void)
{
	const char *cache = getenv("KRB5CCNAME");
	char path[64];

	if (cache && *cache)
		return true;
	(void)snprintf(path, sizeof(path), "/tmp/krb5cc_%lu", (unsigned long)getuid());
	return access(path, F_OK) == 0;
}

/*
 * Would SendEnv send a variable that is set?  Debian has LANG, LC_* and the
 * colour ones for every host; a command does the same without them.
 */
static bool sends_something(const struct conf_line *l)
{
	for (size_t i = 0; i < l->args.n; i++) {
		const char *pattern = l->args.v[i];

		if (*pattern == '-' || pattern_list_match(pattern, "LANG,LC_*,COLORTERM,NO_COLOR") == 1)
			continue;
		for (char **e = environ; e && *e; e++) {
			char name[256];
			size_t len = strcspn(*e, "=");

			if (len >= sizeof(name))
				continue;
			memcpy(name, *e, len);
			name[len] = '\0';
			if (pattern_match(name, pattern, strlen(pattern)))
				return true;
		}
	}
	return false;
}

bool conf_line_forces(const struct conf_line *l)
{
	switch (l->keyword->treat) {
	case CONF_FORCE:
	case CONF_FORCE_EACH:
		return !harmless(l);
	case CONF_FORCE_TICKET:
		return !harmless(l) && has_ticket();
	case CONF_FORCE_ENV:
		return sends_something(l);
	default:
		return false;
	}
}
