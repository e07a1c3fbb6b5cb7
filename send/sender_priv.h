/*
 * What the files of sluice-send at work share: sender.c reads, keeps, answers and ends; session.c
 * holds the connection.
 */
#ifndef SLUICE_SEND_SENDER_PRIV_H
#define SLUICE_SEND_SENDER_PRIV_H

#include "dataplane/client/failover.h"
#include "send/control.h"
#include "send/datagrams.h"
#include "send/input.h"
#include "send/keeper.h"
#include "send/legacy.h"
#include "send/link.h"
#include "send/sender.h"

struct sender {
	const struct settings *s;
	int epoll;
	uint64_t now;
	SSL_CTX *tls;
	char serial[65]; /* of our certificate */
	struct client *client;
	struct failover failover;
	struct link link, probe;
	struct legacy legacy;
	uint64_t probe_end_us;
	struct keeper keeper;
	uint64_t confirmed_before; /* logs, in earlier runs: the spill knows */
	struct input *input;
	struct control control;
	struct watch signals;
	struct datagrams datagrams;
	enum client_state state; /* as it was told last */
	bool judged;		 /* the login's serials against the certificate's */
	bool ending;		 /* a signal has come: no more is read */
	uint64_t end_us;	 /* by when it ends anyway; UINT64_MAX: it does not */
	uint64_t alone_us;	 /* when the last session ended */
	bool failed, quit;
};

/* true: what is numbered may leave. */
bool sender_keep(struct sender *s, bool before_send);

/* Once, before the others; client, TLS and epoll are there. */
void session_init(struct sender *s);
/* The one in use, by its name in the settings. */
const char *session_server(const struct sender *s);
/* Connects or hangs up where it is time. */
void session_tick(struct sender *s);
/* Writes all that goes and may. */
void session_write(struct sender *s);
/* Asks whether the primary is there again, where it is time. */
void session_probe(struct sender *s);

#endif
