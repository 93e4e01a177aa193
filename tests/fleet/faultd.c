/*
 * faultd - an SSH server, on libssh, that ends commands in ways a sound server does not.
 *
 *	faultd PORT HOSTKEY
 *
 * It lets anybody in, on all addresses of loopback, runs nothing, and looks
 * in the command for one of:
 *	fault=no-status		output, end of file, close; no exit status
 *	fault=no-eof		output, close; neither end of file nor status
 *	fault=eof-reset		output, end of file, then the connection is reset
 *	fault=status-reset	output, status 0, then the connection is reset
 *	fault=signal		exit-signal KILL
 *	fault=refuse-exec	the request is refused
 *	fault=refuse-channel	(as user "nochannel") no session is opened
 *	fault=silent		nothing, ever
 * It speaks as dt's wrapper would for a success (dt/ssh/wrap.h), so that a
 * status that is believed would be taken for one.
 */
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define STATUS_OF_SUCCESS 85

struct client {
	ssh_session session;
	ssh_channel channel;
	char user[64];
	char command[65536];
	bool authenticated, running;
	struct ssh_channel_callbacks_struct channel_cb;
};

static int let_in(struct client *c, const char *user)
{
	(void)snprintf(c->user, sizeof(c->user), "%s", user);
	c->authenticated = true;
	return SSH_AUTH_SUCCESS;
}

static int auth_none(ssh_session s, const char *user, void *arg)
{
	(void)s;
	return let_in(arg, user);
}

static int auth_pubkey(ssh_session s, const char *user, struct ssh_key_struct *key, char state, void *arg)
{
	(void)s;
	(void)key;
	return state == SSH_PUBLICKEY_STATE_NONE ? SSH_AUTH_SUCCESS : let_in(arg, user);
}

static int exec_request(ssh_session s, ssh_channel channel, const char *command, void *arg)
{
	struct client *c = arg;

	(void)s;
	(void)channel;
	if (strstr(command, "fault=refuse-exec"))
		return 1;
	(void)snprintf(c->command, sizeof(c->command), "%s", command);
	c->running = true;
	return 0;
}

static ssh_channel open_channel(ssh_session s, void *arg)
{
	struct client *c = arg;

	if (strcmp(c->user, "nochannel") == 0)
		return NULL;
	c->channel = ssh_channel_new(s);
	c->channel_cb.userdata = c;
	c->channel_cb.channel_exec_request_function = exec_request;
	ssh_callbacks_init(&c->channel_cb);
	(void)ssh_set_channel_callbacks(c->channel, &c->channel_cb);
	return c->channel;
}

static void reset(ssh_session s)
{
	struct linger now = { 1, 0 };

	(void)ssh_blocking_flush(s, 1000);
	(void)setsockopt(ssh_get_fd(s), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	_exit(0);
}

static bool has(const struct client *c, const char *fault)
{
	return strstr(c->command, fault) != NULL;
}

/* What the client asked for; afterwards it may hang up. */
static void misbehave(struct client *c)
{
	static const char text[] = "half of an answer\n";
	const char *marker = strstr(c->command, "dt-");

	if (has(c, "fault=silent"))
		return;
	/* the wrapper of the openssh transport says when it begins */
	if (has(c, "exec 3>&2 2>/dev/null; printf") && marker && strlen(marker) > 19)
		(void)ssh_channel_write_stderr(c->channel, marker, 19);
	(void)ssh_channel_write(c->channel, text, sizeof(text) - 1);
	if (has(c, "fault=no-eof")) {
		(void)ssh_channel_close(c->channel);
	} else if (has(c, "fault=no-status")) {
		(void)ssh_channel_send_eof(c->channel);
		(void)ssh_channel_close(c->channel);
	} else if (has(c, "fault=eof-reset")) {
		(void)ssh_channel_send_eof(c->channel);
		reset(c->session);
	} else if (has(c, "fault=status-reset")) {
		(void)ssh_channel_request_send_exit_status(c->channel, STATUS_OF_SUCCESS);
		reset(c->session);
	} else if (has(c, "fault=signal")) {
		(void)ssh_channel_send_eof(c->channel);
		(void)ssh_channel_request_send_exit_signal(c->channel, "KILL", 0, "", "");
		(void)ssh_channel_close(c->channel);
	} else {
		(void)ssh_channel_send_eof(c->channel);
		(void)ssh_channel_request_send_exit_status(c->channel, STATUS_OF_SUCCESS);
		(void)ssh_channel_close(c->channel);
	}
}

static void serve(ssh_session session)
{
	struct client c = { .session = session };
	struct ssh_server_callbacks_struct cb = {
		.userdata = &c, .auth_none_function = auth_none, .auth_pubkey_function = auth_pubkey,
		.channel_open_request_session_function = open_channel,
	};
	ssh_event event = ssh_event_new();

	ssh_callbacks_init(&cb);
	(void)ssh_set_server_callbacks(session, &cb);
	ssh_set_auth_methods(session, SSH_AUTH_METHOD_NONE | SSH_AUTH_METHOD_PUBLICKEY);
	if (!event || ssh_handle_key_exchange(session) != SSH_OK || ssh_event_add_session(event, session) != SSH_OK)
		return;
	while (!c.running)
		if (ssh_event_dopoll(event, -1) == SSH_ERROR)
			return;
	misbehave(&c);
	while (ssh_event_dopoll(event, -1) != SSH_ERROR)
		;
}

int main(int argc, char **argv)
{
	ssh_bind bind;

	if (argc != 3) {
		(void)fprintf(stderr, "usage: faultd PORT HOSTKEY\n");
		return 2;
	}
	/* a session needs no one to wait for it, and none outlives the test */
	(void)signal(SIGCHLD, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	bind = ssh_bind_new();
	if (!bind || ssh_bind_options_set(bind, SSH_BIND_OPTIONS_BINDADDR, "0.0.0.0") < 0 ||
	    ssh_bind_options_set(bind, SSH_BIND_OPTIONS_BINDPORT_STR, argv[1]) < 0 ||
	    ssh_bind_options_set(bind, SSH_BIND_OPTIONS_HOSTKEY, argv[2]) < 0 || ssh_bind_listen(bind) < 0) {
		(void)fprintf(stderr, "faultd: %s\n", bind ? ssh_get_error(bind) : "out of memory");
		return 1;
	}
	for (;;) {
		ssh_session session = ssh_new();

		if (!session || ssh_bind_accept(bind, session) != SSH_OK) {
			ssh_free(session);
			continue;
		}
		if (fork() == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			ssh_bind_free(bind);
			serve(session);
			_exit(0);
		}
		ssh_free(session);
	}
}
