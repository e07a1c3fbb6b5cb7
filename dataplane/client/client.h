/*
 * The device's side of the OFTP profile (docs/oftp-profile.md, "Reliable logging"): items wait in a
 * memory queue, are numbered and sent, wait in a confirm queue, and leave when the server has
 * confirmed them; both queues share one bound, past which the oldest is dropped and counted. One
 * connection id. Pure: bytes, items and `now` go in, bytes to send and wishes come out; memory is
 * allocated by client_new() only. Times are microseconds of one monotonic clock.
 *
 * It knows up to two servers, and keeps a sequence of its own for each: an epoch, numbers, digests.
 * What one has confirmed leaves the queues; what it has not is sent to the other one, and to it
 * again by the numbers that it had there. So each server stores an item once; both may.
 */
#ifndef SLUICE_CLIENT_H
#define SLUICE_CLIENT_H

#include "dataplane/framing/oftp.h"

#define CLIENT_SERVERS	2u
#define CLIENT_SASL_MAX 2048u /* bytes of a message of ours */

struct client_item {
	const uint8_t *logs;	 /* one after the other */
	const uint32_t *lengths; /* of each */
	uint16_t count;		 /* 1 to OFTP_ITEM_LOGS_MAX */
	uint8_t type, category;
	struct text vdom; /* at == NULL: none */
};

/*
 * A login by user and password: the messages of its mechanism, which the profile carries unread,
 * made by who has the password and knows the connection.
 */
struct client_sasl {
	/* The first one of an exchange: how many bytes, at least 1. */
	size_t (*first)(void *ctx, uint8_t *to, size_t size);
	/* The answer to a challenge; 0: it is none that may be answered. */
	size_t (*answer)(void *ctx, const uint8_t *challenge, size_t len, uint8_t *to, size_t size);
	/* Does the server's last message prove that it knows the password, too? */
	bool (*proven)(void *ctx, const uint8_t *last, size_t len);
	void *ctx;
	bool certified; /* our certificate names our serial: we may be let in by that alone */
};

/* Its texts are to outlive the client. */
struct client_config {
	const char *serial;
	const char *hostname, *firmware, *timezone, *preshared_key; /* NULL: not told */
	uint32_t conn_id;
	uint32_t bound;	 /* bytes of both queues, at least 2 * OFTP_ITEM_RAW_MAX */
	uint32_t window; /* items sent and not confirmed; a power of two */
	uint64_t conn_timeout_us, keepalive_us, retry_us;
	uint64_t rate;			/* bytes of logs a second; 0: as they come */
	uint64_t upload_us;		/* what is there is sent so often; 0: at once */
	bool unreliable;		/* logs go by client_datagram() and nobody confirms them */
	bool lz4;			/* compress where the server takes it */
	const struct client_sasl *sasl; /* NULL: by certificate */
	bool visit; /* only to see what the server says: claims no stream, sends no item */
	uint64_t (*random)(void *ctx); /* for epochs */
	/* May be NULL. An item was taken: its place (how many were before it). */
	void (*added)(void *ctx, uint64_t place, const struct client_item *item);
	void *ctx;
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
	uint64_t occupied;	 /* bytes of the ring, with what cannot be used just now */
	unsigned server;	 /* the one that is aimed at */
	bool hold;
	char reason[64]; /* why the last login was not allowed, or the session ended */
};

/* What the server has said of itself. */
struct client_server {
	char status_text[OFTP_TEXT_MAX + 1];
	char serials[OFTP_SERIALS_MAX][65];
	uint32_t n_serials;
	uint64_t serials_us;		/* when it told them; 0: never */
	uint64_t disk_used, disk_total; /* bytes; 0: not told */
	uint8_t version;
	bool refused; /* its last answer to a login */
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

/* Which server (below CLIENT_SERVERS) the connection being opened leads to; 0 until it is called.
 * Between CLIENT_CONNECT and client_connected(). */
void client_aim(struct client *c, unsigned server);
void client_connected(struct client *c, uint64_t now);
/* The connection is gone, or could not be made. */
void client_lost(struct client *c, uint64_t now);
/* Says BYE: to be sent, then the connection closed. */
void client_bye(struct client *c, uint64_t now);
/* It is to be connected anew without waiting; client_lost() was done. */
void client_hurry(struct client *c, uint64_t now);

/* Bytes from the server. CLIENT_DISCONNECT: it is at an end. */
enum client_wish client_received(struct client *c, const uint8_t *data, size_t len, uint64_t now);

/* What is to be sent now; valid until the next call for this client. */
const uint8_t *client_output(struct client *c, size_t *len, uint64_t now);
void client_sent(struct client *c, size_t n);

/*
 * With `unreliable`: the next EC CF record (framing/eccf.h) of at most `size` bytes, made in `to`;
 * 0: none now. Its logs count as confirmed. A log that fits into none is dropped and counted.
 * `time_s`: wall clock.
 */
size_t client_datagram(struct client *c, uint8_t *to, size_t size, uint32_t time_s, uint64_t now);

void client_stats(const struct client *c, struct client_stats *st);
const struct client_server *client_server(const struct client *c);
/* The same `reason` for people: a slug with its words, and what the server says beside it where it
 * refused ("denied: somebody has denied this device (...)"). Empty: there is none. */
#define CLIENT_REASON 512
void client_reason(const struct client *c, char *to, size_t size);

/* The items of a queue, oldest first: *cursor begins at 0; false: no more. */
struct client_entry {
	uint8_t type, category;
	uint16_t log_count;
	uint64_t seq_no; /* 0 in the memory queue */
	uint32_t data_len, size;
};
bool client_entry(const struct client *c, bool confirm, uint64_t *cursor, struct client_entry *e);

/* ---- to go on after an end of any kind ---- */

/* All that there is to know besides the items. */
struct client_mark {
	uint64_t head, tail; /* places: of the oldest item, and of the next to be added */
	uint64_t added, dropped, confirmed_logs, dropped_unsent;
	uint64_t told_place; /* the item that tells of told_dropped logs, as long as it is there */
	uint32_t told_dropped, reserved;
	struct {
		uint64_t epoch, epochs, last_seq, confirmed;
		uint64_t numbered; /* items below this place have numbers, up to last_seq */
		uint8_t digest[OFTP_DIGEST]; /* of item `confirmed` */
	} server[CLIENT_SERVERS];
};
/* Counts what has changed in it: as long as it is the same, so is the mark. */
uint64_t client_changes(const struct client *c);
void client_save(const struct client *c, struct client_mark *m);

/*
 * Into a new client: first the mark, then all items from m->head on, in order, then the end. Items
 * at or past m->tail were added after the mark was taken. Returns false, and the client is as new,
 * where the mark contradicts itself. Items may be missing: what had a number keeps its own.
 */
bool client_restore(struct client *c, const struct client_mark *m);
/* Returns its place, which is another one only where items before it are missing. */
uint64_t client_restore_item(struct client *c, uint64_t place, const struct client_item *item);
void client_restored(struct client *c);

#endif
