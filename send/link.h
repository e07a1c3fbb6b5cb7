/*
 * A connection to a server: name, TCP, TLS, and who it is. One at a time in a struct link; what
 * happens is told by `event`.
 */
#ifndef SLUICE_SEND_LINK_H
#define SLUICE_SEND_LINK_H

#include "send/tls_client.h"
#include "send/watch.h"

enum link_event {
	LINK_UP,    /* the server is the one that is meant (or nobody asks) */
	LINK_READ,  /* link_read() has something */
	LINK_WRITE, /* link_write() may take something again */
	LINK_DOWN,  /* it is closed; `why` says why */
};

struct resolver;

struct link {
	const struct settings *settings;
	SSL_CTX *tls;
	int epoll;
	void (*event)(void *ctx, enum link_event e);
	void *ctx;
	/* of this connection */
	enum { LINK_IDLE, LINK_RESOLVING, LINK_CONNECTING, LINK_SHAKING, LINK_OPEN } state;
	int fd;
	SSL *ssl;
	bool judge; /* is it the right server? `trust` asks afterwards */
	bool wants_write;
	unsigned attempt; /* of a name's addresses, one after the other */
	struct watch watch;
	struct resolver *resolver;
	struct server_identity server;
	char address[64]; /* the one it is connected to */
	char why[400];
};

void link_init(struct link *l, const struct settings *s, SSL_CTX *tls, int epoll);
/* Begins; LINK_UP or LINK_DOWN follows, the latter maybe before it returns. */
void link_open(struct link *l, const char *server);
/* Says nothing more to `event`. Fine if there is none. */
void link_close(struct link *l);

/* How many bytes; 0: none now; -1: it is down, after LINK_DOWN. */
ssize_t link_read(struct link *l, void *to, size_t size);
ssize_t link_write(struct link *l, const void *data, size_t len);
/* LINK_WRITE is wanted, or not. */
void link_want_write(struct link *l, bool want);

/* "address:port" or "[address]:port" where `port` is 0, an address otherwise: 0 or -1. */
struct sockaddr_storage;
int address_parse(const char *text, uint32_t port, struct sockaddr_storage *to, unsigned *len);

#endif
