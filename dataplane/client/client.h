/*
 * The device's side of the OFTP profile (docs/oftp-profile.md, "Reliable logging"): items wait in a
 * memory queue, are numbered and sent, wait in a confirm queue, and leave when the server has
 * confirmed them; both queues share one bound, past which the oldest is dropped and counted. One
 * connection id. Pure: bytes, items and `now` go in, bytes to send and wishes come out; memory is
 * allocated by client_new() only. Times are microseconds of one monotonic clock.
 */
#ifndef SLUICE_CLIENT_H
#define SLUICE_CLIENT_H

#include "dataplane/framing/oftp.h"

struct client_config {
	const char *serial;
	uint32_t conn_id;
	uint32_t bound;	 /* bytes of both queues, at least 2 * OFTP_ITEM_RAW_MAX */
	uint32_t window; /* items sent and not confirmed; a power of two */
	uint64_t conn_timeout_us, keepalive_us, retry_us;
	uint64_t (*random)(void *ctx); /* for epochs */
	void *ctx;
};

struct client_item {
	const uint8_t *logs;	 /* one after the other */
	const uint32_t *lengths; /* of each */
	uint16_t count;		 /* 1 to OFTP_ITEM_LOGS_MAX */
	uint8_t type, category;
	struct text vdom; /* at == NULL: none */
};

enum client_state { CLIENT_DOWN, CLIENT_CONNECTING, CLIENT_LOGIN, CLIENT_PENDING, CLIENT_OPEN };

struct client_queue {
	uint64_t items, logs, bytes; /* bytes: what it takes of the bound */
};

struct client_stats {
	enum client_state state;
	struct client_queue memory, confirm;
	uint64_t added, dropped; /* logs */
	uint64_t confirmed_logs; /* that the server has confirmed */
	uint64_t confirmed;	 /* newest seq_no confirmed in this epoch */
	uint64_t epoch, epochs;	 /* the epoch, and how many there have been */
	bool hold;
	char reason[64]; /* why the last login was not allowed, or the session ended */
};

struct client;

/* NULL when out of memory. */
struct client *client_new(const struct client_config *cfg);
void client_free(struct client *c);

/* Takes an item over by copying it; drops the oldest ones where there is no room. */
void client_add(struct client *c, const struct client_item *item);

/* ---- the world ---- */

enum client_wish {
	CLIENT_NOTHING,
	CLIENT_CONNECT,	   /* open a connection, then client_connected() or client_lost() */
	CLIENT_DISCONNECT, /* close it; client_lost() was done */
};
/* Timers. `client_deadline()`: when to call it at the latest. */
enum client_wish client_tick(struct client *c, uint64_t now);
uint64_t client_deadline(const struct client *c);

void client_connected(struct client *c, uint64_t now);
/* The connection is gone, or could not be made. */
void client_lost(struct client *c, uint64_t now);

/* Bytes from the server. CLIENT_DISCONNECT: it is at an end. */
enum client_wish client_received(struct client *c, const uint8_t *data, size_t len, uint64_t now);

/* What is to be sent now; valid until the next call for this client. */
const uint8_t *client_output(struct client *c, size_t *len, uint64_t now);
void client_sent(struct client *c, size_t n);

void client_stats(const struct client *c, struct client_stats *st);

#endif
