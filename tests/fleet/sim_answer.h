/*
 * sim_answer - what a host says to a connection and to a command.
 *
 * Keys and their values, in a rules file and behind "sim:" in a command:
 *	rtt=20ms		what the client sends is seen so much later
 *	stdout=TEXT stderr=TEXT	with \n \t \s (space) \\ \xHH
 *	stdout_size=1M stderr_size=1M	bytes made up, behind the text; K, M, G
 *	stdout_file=PATH	what is in this file, behind the text; %h is the host's
 *				name.  Where PATH.again stands, it follows without end.
 *				Only a rule may say this
 *	status=3		0 to 4294967295 (32 bits, RFC 4254, 6.10)
 *	signal=KILL		the command ends by an exit-signal
 *	sleep=1s		between the output and the end; ms, s, m, h
 *	max_startups=10		connections at a time that have not logged in
 *	drop=30%		of the connections are closed as soon as accepted
 *	fault=NAME		below
 */
#ifndef SIM_ANSWER_H
#define SIM_ANSWER_H

#include <stddef.h>
#include <stdint.h>

enum fault {
	FAULT_NONE,
	/* TCP and before the key exchange */
	FAULT_REFUSE, /* refuse: RST as soon as accepted */
	FAULT_SILENT, /* silent: accepted, and not a byte, ever */
	FAULT_GARBAGE_BANNER, /* garbage-banner: lines that are no SSH */
	FAULT_ENDLESS_BANNER, /* endless-banner: such lines without end */
	FAULT_CLOSE_BANNER, /* close-banner: closed behind the server's banner */
	/* key exchange and login */
	FAULT_CLOSE_KEX, /* close-kex: closed when the client's KEXINIT is here */
	FAULT_CLOSE_NEWKEYS, /* close-newkeys: closed when its NEWKEYS is here */
	FAULT_WRONG_HOSTKEY, /* wrong-hostkey: a key that is not the fleet's */
	FAULT_CLOSE_AUTH, /* close-auth: closed instead of "success" */
	FAULT_LOGIN_REFUSED, /* login-refused */
	/* channel and command */
	FAULT_CLOSE_OPEN, /* close-open: closed when a session is asked for */
	FAULT_CHANNEL_REFUSED, /* channel-refused, refuse-channel */
	FAULT_CLOSE_EXEC, /* close-exec: closed instead of an answer to exec */
	FAULT_EXEC_REFUSED, /* exec-refused, refuse-exec */
	FAULT_SILENT_EXEC, /* silent-exec: exec is accepted, then nothing, ever */
	/* output and the end of a command */
	FAULT_CLOSE_OUTPUT, /* close-output: closed behind half of the output */
	FAULT_ENDLESS_OUTPUT, /* endless-output */
	FAULT_SLOW_OUTPUT, /* slow-output: a byte a second, then the usual end */
	FAULT_RESET, /* reset: the output, then RST */
	FAULT_EOF_RESET, /* eof-reset: the output, end of file, RST */
	FAULT_STATUS_RESET, /* status-reset: the output, status, RST; no close */
	FAULT_NO_STATUS, /* no-status: the output, end of file, close */
	FAULT_NO_EOF, /* no-eof: the output, then SSH_MSG_DISCONNECT: neither end
				   of file nor status (libssh cannot close without end of file) */
	FAULT_TWO_STATUSES, /* two-statuses: 3 and then 0 */
	FAULT_STATUS_SIGNAL, /* status-signal: status 0 and exit-signal */
	FAULT_SIGNAL_STATUS, /* signal-status: the other way round */
	FAULT_LATE_STATUS, /* late-status: status 0 behind the close */
	FAULT_FORGED, /* forged: no status, and debug messages as if ssh(1) had logged one */
	FAULT_SIGNAL, /* signal: exit-signal, KILL unless the key says another */
	/* a connection that lies idle, once a command has run on it: the next channel is */
	FAULT_REST_REFUSED, /* rest-refused: refused, and then the host has more to say */
	FAULT_REST_SILENT, /* rest-silent: not answered, nor is anything else, ever */
	FAULT_REST_CLOSE, /* rest-close: opened and closed */
	FAULT_REST_LIE, /* rest-lie: opened, and a command's whole answer sent that nobody has asked for */
	FAULT_REST_FLOOD, /* rest-flood: opened, and then messages without end that mean nothing */
};

struct text {
	size_t len;
	char data[];
};

/* Bits of set; the other keys have the next ones. */
#define ANSWER_FAULT 1u
#define ANSWER_STDOUT 2u
#define ANSWER_FILE (1u << 11)

struct answer {
	uint32_t set; /* a bit for each key that was set */
	enum fault fault;
	int64_t rtt, sleep; /* nanoseconds */
	struct text *text[2]; /* stdout, stderr; NULL: none */
	struct text *file; /* a path; NULL: none */
	uint64_t size[2];
	unsigned status, max_startups; /* 0: no limit */
	uint32_t drop; /* in a million */
	char signal[16];
};

/* Sets one key.  NULL, or what is wrong with it (a constant). */
const char *answer_set(struct answer *a, const char *key, const char *value);
/* What is set in b goes into a; the texts are b's, which must live longer. */
void answer_merge(struct answer *a, const struct answer *b);
/* Frees the texts that answer_set() made. */
void answer_release(struct answer *a);
/*
 * What a command says itself: "sim: KEY=VALUE..." to the end of the line or a quote, and
 * "fault=NAME" anywhere.  NULL, or what is wrong.
 */
const char *answer_of_command(struct answer *a, const char *command);

/* 1% as 10000. 0, or -1 */
int answer_percent(const char *value, void *ppm);

#endif
