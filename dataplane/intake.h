/*
 * How a log gets into a block: the accounts, the current block of one lcore, and what becomes of
 * the blocks that come back durable. Every producing lcore has one; control has one for sluiced's
 * own events. No locks, no system calls, no allocation after intake_init().
 */
#ifndef SLUICE_INTAKE_H
#define SLUICE_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/framing/framing.h"
#include "dataplane/journal/journal.h"
#include "dataplane/ledger/account.h"

struct intake {
	struct journal *journal;
	struct journal_port *port;
	struct block *block;  /* being filled, or NULL */
	uint64_t item_seq;    /* of the logs that are appended now, in... */
	uint16_t item_stream; /* ...this stream of the block; BLOCK_NONE: they are no item */
	uint32_t generation;  /* of the blocks filled here */
	struct device_table *devices;
	uint64_t now_us;    /* monotonic, of this round */
	uint64_t now_ns;    /* wall clock, of this round */
	uint64_t logs;	    /* appended since start */
	uint64_t in_flight; /* blocks submitted, not yet completed */
	uint64_t told_us;   /* when deltas were told last */
	/*
	 * Scarcity: fewer blocks are left than `reserve`. Then, within each short window, a source
	 * of datagrams that has sent more than twice the mean of all sources is heavy, and its logs
	 * are dropped first, so that one that floods does not take the last blocks from the others.
	 */
	uint32_t reserve;
	uint32_t window, window_bytes, window_devices;
	uint64_t window_us;
	bool scarce;
	/* Called for each completed block before it goes back, to acknowledge; may be NULL. */
	void (*completed)(void *ctx, const struct block *b);
	void *completed_ctx;
};

/* 0, or -1 when out of memory. */
int intake_init(struct intake *in, struct journal *j, unsigned port, uint32_t max_devices,
	const struct siphash_key *key);
void intake_fini(struct intake *in);

/* One or more logs that must lie in one block, of one device and source. */
struct intake_source {
	uint32_t device; /* index of in->devices */
	struct ip_addr addr;
	uint16_t port;
	uint8_t transport;
	bool acked;
};

/*
 * Is there a block with room for `logs` logs of `bytes` in all? Submits the current one and takes
 * another if need be. false: backpressure; nothing was counted.
 */
bool intake_room(struct intake *in, uint32_t bytes, uint32_t logs);

/*
 * Appends one log, whose room intake_room() has just confirmed: `len` bytes starting `skip` bytes
 * into the spans. `vdom` may be NULL. Counts it as received and pending.
 */
void intake_append(struct intake *in, const struct intake_source *src, const struct framing_span *v,
	uint32_t skip, uint32_t len, uint8_t flags, const char *vdom, uint32_t vdom_len);

/*
 * A stream of items (ledger/stream.h), as the blocks of this intake know it. `in`: set to 0 by the
 * owner; everything else is the owner's to set before an item.
 */
struct intake_stream {
	uint64_t epoch;
	uint64_t highest;   /* of all accepted items, with this one */
	uint8_t digest[16]; /* of item `highest` */
	uint32_t conn_id;
	uint32_t generation; /* in: entry `index` is of this block */
	uint16_t index;
};

/*
 * The logs that are appended until the next call are item `seq_no` of the stream; the room for them
 * all was confirmed. first..last: a gap that the item opens, or closes by coming late; 0, 0: none.
 */
void intake_item(struct intake *in, const struct intake_source *src, struct intake_stream *st,
	uint64_t seq_no, bool late, uint64_t first, uint64_t last);
/* What is appended from now on is no item. */
void intake_item_end(struct intake *in);

/* `n` logs of the device were received before, and are not stored again. */
void intake_duplicate(struct intake *in, uint32_t device, uint32_t n);
/* Counted for the account and told to the journal, besides what the logs count themselves. */
void intake_note(struct intake *in, uint32_t device, uint32_t late, uint32_t client_dropped,
	uint32_t conflict);

/* May `bytes` of logs of a datagram source be taken? false: blocks are scarce, and it is heavy. */
bool intake_admit(struct intake *in, uint32_t device, uint32_t bytes);

/* `n` logs of the device were received and are not kept. */
void intake_drop(struct intake *in, uint32_t device, enum drop_reason reason, uint32_t n);

/* The reason of a drop for want of a block: no_block, disk_full or journal_failed. */
enum drop_reason intake_no_room_reason(const struct intake *in);

/* Once a round: takes completions, submits the block when it is time. true: something was done. */
bool intake_round(struct intake *in);

/* When intake_round() must be called again at the latest; UINT64_MAX: when a completion comes. */
uint64_t intake_deadline(const struct intake *in);

/* Submits what there is, for the shutdown; afterwards intake_settled() tells when all came back. */
void intake_flush(struct intake *in);
bool intake_settled(const struct intake *in);

#endif
