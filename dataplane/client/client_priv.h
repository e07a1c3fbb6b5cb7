/* What the files of the client share. */
#ifndef SLUICE_CLIENT_PRIV_H
#define SLUICE_CLIENT_PRIV_H

#include "dataplane/client/client.h"
#include "dataplane/client/pace.h"
#include "dataplane/client/queue.h"

#define CLIENT_IN_MAX  (OFTP_HEADER + OFTP_BODY_LOGIN_MAX)
#define CLIENT_OUT_MAX (2u * (OFTP_HEADER + OFTP_BODY_MAX))
#define HAS(o)	       (1u << OFTP_O_##o)

/* The sequence that one server knows. */
struct place {
	uint64_t epoch, epochs, last_seq, confirmed;
	uint64_t numbered;   /* items below this place have numbers, up to last_seq */
	uint64_t known_from; /* digests are known from this seq_no on, and of `confirmed` */
	uint8_t (*digests)[OFTP_DIGEST]; /* of seq_no & mask, from `confirmed` to last_seq */
};

/* How much of the oldest item has left as records. */
struct client_udp {
	uint64_t place;
	uint32_t logs, bytes, dropped;
};

struct client {
	struct client_config cfg;
	struct client_udp udp;
	struct queue q;
	struct pace pace;
	enum client_state state;
	struct place places[CLIENT_SERVERS];
	struct place *p;	 /* of the server in use */
	uint64_t dropped_unsent; /* logs, to be told with the next item */
	uint64_t told_place;
	uint32_t told_dropped;
	uint64_t added, dropped, confirmed_logs, changes;
	uint64_t at_us; /* of the next attempt, or of the end of this one */
	uint64_t heard_us, spoke_us;
	uint64_t restore_tail; /* while being restored: client_mark.tail */
	bool hold, lz4;
	enum { SASL_NONE, SASL_BEGUN, SASL_ANSWERED } sasl;
	char reason[64];
	struct client_server server;
	size_t in_len, out_len, out_at;
	struct oftp_msg msg;
	uint8_t in[CLIENT_IN_MAX], out[CLIENT_OUT_MAX];
	uint8_t packed[OFTP_ITEM_RAW_MAX];
};

/* client.c: takes an item over, without telling anybody. */
void client_push(struct client *c, const struct client_item *item);

/* client_seq.c */
int place_init(struct place *p, uint32_t window);
void place_fini(struct place *p);
uint8_t *place_digest(const struct client *c, const struct place *p, uint64_t seq);
/* 0: it has none there. */
uint64_t place_seq(const struct place *p, uint64_t item);
void place_begin_epoch(struct client *c, struct place *p);
/* Is item `s->confirmed` of the server's the one that we sent, as far as we know? */
bool place_is_ours(const struct client *c, const struct oftp_stream *s);
/* The server has all up to there. */
void place_confirm(struct client *c, uint64_t upto);
/* This item leaves for the first time. */
void place_number(struct client *c, struct queue_item *i);
/* Was it ever sent to anybody? */
bool place_was_sent(const struct client *c, uint64_t item);

/* client_say.c */
void say(struct client *c, struct oftp_msg *m, uint64_t now);
void say_login(struct client *c, uint64_t now);
/* The oldest item that may go now; NULL: none. */
struct queue_item *next_to_go(struct client *c, uint64_t now);
/* When one may that waits for its time only; UINT64_MAX: none does. */
uint64_t go_deadline(const struct client *c);

#endif
