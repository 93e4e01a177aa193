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
 * ones too.  One that says whom, as whom, by which way or how safely is
 * honoured, or forces ssh(1); dt-ssh_config(5) gives the reason for each that
 * is not used.
 */
#define HONOURED(name, treat, form, slot) { name, treat, form, slot, NULL, NULL }
#define READ(name, form, field) { name, CONF_READ, form, SLOT(field), NULL, NULL }
#define FORCE(name, harmless) { name, CONF_FORCE, FORM_ANY, 0, harmless, NULL }
#define FORCE_AS(name, treat, harmless) { name, treat, FORM_ANY, 0, harmless, NULL }
#define UNUSED(name) { name, CONF_UNUSED, FORM_ANY, 0, NULL, NULL }
#define ALIAS(name, of) { name, CONF_UNUSED, FORM_ANY, 0, NULL, of }
const struct conf_keyword conf_keywords[] = {
	HONOURED("Host", CONF_HOST, FORM_ANY, 0),
	HONOURED("Match", CONF_MATCH, FORM_ANY, 0),
	HONOURED("Include", CONF_INCLUDE, FORM_ANY, 0),
	HONOURED("IgnoreUnknown", CONF_IGNORE, FORM_LOWER, 0),

	READ("HostName", FORM_STRING, hostname),
	READ("User", FORM_STRING, user),
	READ("Port", FORM_PORT, port),
	READ("HostKeyAlias", FORM_LOWER, hostkeyalias),
	READ("ConnectTimeout", FORM_TIME, connecttimeout),
	READ("ServerAliveInterval", FORM_TIME, serveraliveinterval),
	READ("ServerAliveCountMax", FORM_NUMBER, serveralivecountmax),
	READ("IdentitiesOnly", FORM_FLAG, identitiesonly),
	READ("StrictHostKeyChecking", FORM_STRICT, stricthostkeychecking),
	READ("HashKnownHosts", FORM_FLAG, hashknownhosts),
	READ("KexAlgorithms", FORM_STRING, kexalgorithms),
	READ("Ciphers", FORM_STRING, ciphers),
	READ("MACs", FORM_STRING, macs),
	READ("HostKeyAlgorithms", FORM_STRING, hostkeyalgorithms),
	READ("ControlPath", FORM_STRING, controlpath),
	READ("RequestTTY", FORM_TTY, requesttty),
	HONOURED("UserKnownHostsFile", CONF_HOSTS, FORM_FILES, SLOT(userknownhostsfile)),
	HONOURED("GlobalKnownHostsFile", CONF_HOSTS, FORM_FILES, SLOT(globalknownhostsfile)),
	HONOURED("IdentityFile", CONF_IDENTITY, FORM_STRING, 0),
	HONOURED("IdentityAgent", CONF_AGENT, FORM_STRING, SLOT(identityagent)),
	HONOURED("ProxyJump", CONF_JUMP, FORM_REST, SLOT(proxyjump)),

	/* how the host is reached */
	HONOURED("ProxyCommand", CONF_COMMAND, FORM_REST, 0),
	FORCE("ProxyUseFdpass", NO),
	FORCE("AddressFamily", "any"),
	FORCE("BindAddress", NULL),
	FORCE("BindInterface", NULL),
	FORCE_AS("CanonicalizeHostname", CONF_CANONICAL, NO),
	FORCE("ConnectionAttempts", "1"),
	FORCE("RefuseConnection", NULL),

	/* what is offered, and what is accepted */
	FORCE("PubkeyAcceptedAlgorithms", NULL),
	FORCE("CASignatureAlgorithms", NULL),
	FORCE("RequiredRSASize", NULL),
	FORCE("RekeyLimit", "default"),
	FORCE("CheckHostIP", NO),
	FORCE("NoHostAuthenticationForLocalhost", NO),
	FORCE("KnownHostsCommand", "none"),
	FORCE("RevokedHostKeys", "none"),
	FORCE("VerifyHostKeyDNS", NO ",ask"),

	/* logins */
	FORCE_AS("GSSAPIAuthentication", CONF_FORCE_TICKET, NO),
	FORCE_AS("GSSAPIKeyExchange", CONF_FORCE_TICKET, NO),
	FORCE("HostbasedAuthentication", NO),
	FORCE("PubkeyAuthentication", "yes,true,unbound,host-bound"),
	FORCE("PreferredAuthentications", "*publickey*"),
	FORCE_AS("CertificateFile", CONF_FORCE_EACH, "none"),
	FORCE("PKCS11Provider", "none"),
	FORCE("SecurityKeyProvider", "internal"),

	/* what a command finds there, or does here */
	FORCE_AS("ForwardAgent", CONF_FORCE_AGENT, NO),
	FORCE("PermitLocalCommand", NO),
	FORCE("RemoteCommand", "none"),
	FORCE("ChannelTimeout", "none"),
	FORCE_AS("SessionType", CONF_SESSION, "default"),
	FORCE_AS("SendEnv", CONF_FORCE_ENV, NULL),
	FORCE("SetEnv", NULL),

	ALIAS("IdentityFile2", "IdentityFile"), ALIAS("PubkeyAcceptedKeyTypes", "PubkeyAcceptedAlgorithms"),
	ALIAS("DSAAuthentication", "PubkeyAuthentication"), ALIAS("SmartcardDevice", "PKCS11Provider"),
	ALIAS("ChallengeResponseAuthentication", "KbdInteractiveAuthentication"),
	ALIAS("SkeyAuthentication", "KbdInteractiveAuthentication"),
	ALIAS("TISAuthentication", "KbdInteractiveAuthentication"), ALIAS("HostbasedKeyTypes", "HostbasedAcceptedAlgorithms"),
	ALIAS("KeepAlive", "TCPKeepAlive"), ALIAS("ProtocolKeepAlives", "ServerAliveInterval"),
	ALIAS("SetupTimeOut", "ServerAliveInterval"),

	UNUSED("AddKeysToAgent"), UNUSED("AFSTokenPassing"), UNUSED("BatchMode"), UNUSED("CanonicalDomains"),
	UNUSED("CanonicalizeFallbackLocal"), UNUSED("CanonicalizeMaxDots"), UNUSED("CanonicalizePermittedCNAMEs"),
	UNUSED("Cipher"), UNUSED("ClearAllForwardings"), UNUSED("Compression"), UNUSED("CompressionLevel"),
	UNUSED("ControlMaster"), UNUSED("ControlPersist"), UNUSED("DynamicForward"),
	UNUSED("EnableEscapeCommandline"), UNUSED("EnableSSHKeysign"), UNUSED("EscapeChar"),
	UNUSED("ExitOnForwardFailure"), UNUSED("FallBackToRsh"), UNUSED("FingerprintHash"),
	UNUSED("ForkAfterAuthentication"), UNUSED("ForwardX11"), UNUSED("ForwardX11Timeout"),
	UNUSED("ForwardX11Trusted"), UNUSED("GatewayPorts"), UNUSED("GlobalKnownHostsFile2"),
	UNUSED("GSSAPIClientIdentity"), UNUSED("GSSAPIDelegateCredentials"), UNUSED("GSSAPIKexAlgorithms"),
	UNUSED("GSSAPIRenewalForcesRekey"), UNUSED("GSSAPIServerIdentity"), UNUSED("GSSAPITrustDNS"),
	UNUSED("HostbasedAcceptedAlgorithms"), UNUSED("IPQoS"), UNUSED("KbdInteractiveAuthentication"),
	UNUSED("KbdInteractiveDevices"), UNUSED("KerberosAuthentication"), UNUSED("KerberosTgtPassing"),
	UNUSED("LocalCommand"), UNUSED("LocalForward"), UNUSED("LogLevel"), UNUSED("LogVerbose"),
	UNUSED("NumberOfPasswordPrompts"), UNUSED("ObscureKeystrokeTiming"), UNUSED("PasswordAuthentication"),
	UNUSED("PermitRemoteOpen"), UNUSED("Protocol"), UNUSED("RemoteForward"), UNUSED("RhostsAuthentication"),
	UNUSED("RhostsRSAAuthentication"), UNUSED("RSAAuthentication"), UNUSED("StdinNull"),
	UNUSED("StreamLocalBindMask"), UNUSED("StreamLocalBindUnlink"), UNUSED("SyslogFacility"), UNUSED("Tag"),
	UNUSED("TCPKeepAlive"), UNUSED("Tunnel"), UNUSED("TunnelDevice"), UNUSED("UpdateHostKeys"),
	UNUSED("UseBlacklistedKeys"), UNUSED("UsePrivilegedPort"), UNUSED("UserKnownHostsFile2"),
	UNUSED("UseRoaming"), UNUSED("UseRsh"), UNUSED("VersionAddendum"), UNUSED("VisualHostKey"),
	UNUSED("WarnWeakCrypto"), UNUSED("XAuthLocation"),
	{ NULL, CONF_UNUSED, FORM_ANY, 0, NULL, NULL }
};

_Static_assert(sizeof(conf_keywords) / sizeof(conf_keywords[0]) <= CONF_KEYWORDS_MAX, "CONF_KEYWORDS_MAX");

const struct conf_keyword *conf_keyword_find(const char *name)
{
	for (const struct conf_keyword *k = conf_keywords; k->name; k++)
		if (strcasecmp(k->name, name) == 0)
			return k;
	return NULL;
}

const struct conf_keyword *conf_keyword_plain(const struct conf_keyword *k)
{
	return k->alias_of ? conf_keyword_find(k->alias_of) : k;
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

/* "ForwardAgent yes" forwards what SSH_AUTH_SOCK names, and ssh(1) passes over it where nothing is there. */
static bool has_agent(const struct conf_line *l)
{
	const char *value = l->args.n == 1 ? l->args.v[0] : "", *path = getenv("SSH_AUTH_SOCK");

	if (strcasecmp(value, "yes") != 0 && strcasecmp(value, "true") != 0)
		return true;	/* the agent's own path, or a variable's name */
	return path && *path && access(path, F_OK) == 0;
}

/*
 * Debian has SendEnv for LANG and LC_* in the system-wide file, that is for
 * every host: what names the language of messages is not worth a process a
 * host; other variables of that pattern are.
 */
static const char locale[] = "LANG,LC_ALL,LC_ADDRESS,LC_COLLATE,LC_CTYPE,LC_IDENTIFICATION,LC_MEASUREMENT,LC_MESSAGES,"
			     "LC_MONETARY,LC_NAME,LC_NUMERIC,LC_PAPER,LC_TELEPHONE,LC_TIME,COLORTERM,NO_COLOR";

bool conf_env_sends(const char *pattern, bool system)
{
	for (char **e = environ; e && *e; e++) {
		char name[256];
		size_t len = strcspn(*e, "=");

		if (len >= sizeof(name))
			continue;
		memcpy(name, *e, len);
		name[len] = '\0';
		if (pattern_match(name, pattern, strlen(pattern)) && !(system && pattern_list_match(name, locale) == 1))
			return true;
	}
	return false;
}

bool conf_line_forces(const struct conf_line *l)
{
	switch (l->keyword->treat) {
	case CONF_FORCE:
	case CONF_FORCE_EACH:
	case CONF_CANONICAL:
	case CONF_SESSION:
		return !harmless(l);
	case CONF_FORCE_TICKET:
		return !harmless(l) && has_ticket();
	case CONF_FORCE_AGENT:
		return !harmless(l) && has_agent(l);
	default:
		return false;
	}
}
