/*
 * A server that is wrong in one way: functions of the product are wrapped by the linker, in this
 * program alone, and do as they should unless a mutant is asked for.
 */
#include <string.h>

#include "dataplane/ledger/claims.h"
#include "dataplane/session_protocol.h"
#include "tests/sim/whole/sim.h"

#define RELEASED_MAX 64u

enum mutant sim_mutant;

int mutant_by_name(const char *name)
{
	static const char *const names[] = {
		[MUTANT_ACK_EARLY] = "ack-early",
		[MUTANT_SPLIT_ITEM] = "split-item",
		[MUTANT_CLAIM_SOON] = "claim-soon",
		[MUTANT_SILENT_DROP] = "silent-drop",
	};

	for (int i = 1; i < (int)(sizeof(names) / sizeof(names[0])); i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

/* ---- acknowledged as soon as it is in a block ---- */

void __real_acks_note(struct acks *a, const struct ack_mark *m, uint32_t *newest);
void __wrap_acks_note(struct acks *a, const struct ack_mark *m, uint32_t *newest);

void __wrap_acks_note(struct acks *a, const struct ack_mark *m, uint32_t *newest)
{
	__real_acks_note(a, m, newest);
	if (sim_mutant == MUTANT_ACK_EARLY) {
		struct worker *w = (struct worker *)((char *)a - offsetof(struct worker, acks));
		struct session *s = &w->sessions[m->slot];

		s->protocol->durable(s, m->upto);
		worker_answer_soon(w, s);
	}
}

/* ---- behind the first log of an item another block begins ---- */

static struct {
	struct intake_stream *st;
	uint64_t seq_no, first, last;
	bool late;
	unsigned logs;
} item;

void __real_intake_item(struct intake *in, const struct intake_source *src,
	struct intake_stream *st, uint64_t seq_no, bool late, uint64_t first, uint64_t last);
void __wrap_intake_item(struct intake *in, const struct intake_source *src,
	struct intake_stream *st, uint64_t seq_no, bool late, uint64_t first, uint64_t last);
void __real_intake_append(struct intake *in, const struct intake_source *src,
	const struct framing_span *v, uint32_t skip, uint32_t len, uint8_t flags, const char *vdom,
	uint32_t vdom_len);
void __wrap_intake_append(struct intake *in, const struct intake_source *src,
	const struct framing_span *v, uint32_t skip, uint32_t len, uint8_t flags, const char *vdom,
	uint32_t vdom_len);

/* Is there one to go on in? */
static bool another_block(struct intake *in)
{
	struct block *b = journal_block_get(in->port);

	if (b)
		journal_block_put(in->port, b);
	return b != NULL;
}

void __wrap_intake_item(struct intake *in, const struct intake_source *src,
	struct intake_stream *st, uint64_t seq_no, bool late, uint64_t first, uint64_t last)
{
	item.st = st;
	item.seq_no = seq_no;
	item.late = late;
	item.logs = 0;
	__real_intake_item(in, src, st, seq_no, late, first, last);
}

void __wrap_intake_append(struct intake *in, const struct intake_source *src,
	const struct framing_span *v, uint32_t skip, uint32_t len, uint8_t flags, const char *vdom,
	uint32_t vdom_len)
{
	if (sim_mutant == MUTANT_SPLIT_ITEM && in->item_seq && ++item.logs == 2 &&
		another_block(in)) {
		intake_flush(in);
		if (!intake_room(in, 60000, 8))
			sim_fail("no block for the mutant", 0, 0);
		__real_intake_item(in, src, item.st, item.seq_no, item.late, 0, 0);
	}
	__real_intake_append(in, src, v, skip, len, flags, vdom, vdom_len);
}

/* ---- whoever is asked to let go counts as gone ---- */

static struct claims_ops real_ops;
static uint64_t released[RELEASED_MAX];
static unsigned n_released;

struct claims *__real_claims_new(
	const struct siphash_key *key, const struct claims_ops *ops, void *ctx);
struct claims *__wrap_claims_new(
	const struct siphash_key *key, const struct claims_ops *ops, void *ctx);
void __real_claims_ask(struct claims *c, struct claim *claim, uint64_t now_us);
void __wrap_claims_ask(struct claims *c, struct claim *claim, uint64_t now_us);

static void release_and_note(void *ctx, const struct claims_session *owner, bool turns)
{
	real_ops.release(ctx, owner, turns);
	if (n_released < RELEASED_MAX)
		released[n_released++] = owner->id;
}

struct claims *__wrap_claims_new(
	const struct siphash_key *key, const struct claims_ops *ops, void *ctx)
{
	struct claims_ops noting = *ops;

	real_ops = *ops;
	noting.release = release_and_note;
	return __real_claims_new(key, sim_mutant == MUTANT_CLAIM_SOON ? &noting : ops, ctx);
}

void __wrap_claims_ask(struct claims *c, struct claim *claim, uint64_t now_us)
{
	n_released = 0;
	__real_claims_ask(c, claim, now_us);
	while (n_released > 0)
		claims_left(c, released[--n_released]);
}

/* ---- dropped without a word ---- */

void __real_intake_drop(struct intake *in, uint32_t device, enum drop_reason reason, uint32_t n);
void __wrap_intake_drop(struct intake *in, uint32_t device, enum drop_reason reason, uint32_t n);

void __wrap_intake_drop(struct intake *in, uint32_t device, enum drop_reason reason, uint32_t n)
{
	if (sim_mutant != MUTANT_SILENT_DROP)
		__real_intake_drop(in, device, reason, n);
}
