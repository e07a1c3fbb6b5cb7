/* A client and a `tls_conn` joined by two queues of bytes, for tests of the room. */
#ifndef TESTS_TLS_LINK_H
#define TESTS_TLS_LINK_H

#include "tests/unit/tls/client.h"
#include "tls/tls.h"

#define LINK_QUEUE (1u << 20)

struct link_queue {
	uint8_t data[LINK_QUEUE];
	uint32_t head, tail;
};

struct link {
	struct tls_client client;
	struct tls_conn *server;
	const struct tls_transport *transport; /* the server's, with the link as its context */
	struct link_queue up, down;	       /* to the server, to the client */
	uint32_t piece;			       /* spans are so long at most; 0: all */
	uint32_t room;		/* the server's write takes so much at most; 0: all */
	bool fin;		/* the client sends no more */
	enum tls_status status; /* the server's last */
	int client_rc;
	unsigned steps; /* calls that said TLS_AGAIN */
	char trace[8192];
};

/* Opens both ends; `traced`: lines go into link->trace. */
void link_open(
	struct link *l, struct tls_set *set, const struct tls_client_options *o, bool traced);
void link_close(struct link *l);
/* Moves what the client has to say to the server's side; the other way round. */
void link_up(struct link *l);
void link_down(struct link *l);
/* What is on its way to the server ends with its record number `n`; the rest is lost. */
void link_cut(struct link *l, unsigned n);
/* Goes on until nothing moves any more. true: both ends are through. */
bool link_handshake(struct link *l);
/* What one end writes is what the other reads. */
void link_echo(struct link *l, uint32_t len);

#endif
