/* The server: what session, intake and journal will do for a session of the OFTP profile. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/oftp/sim.h"

static const struct text serials[] = {{"SL-SIM", 6}};

void server_init(struct server *v, struct sim_rng *rng, enum sim_mutant mutant)
{
	memset(v, 0, sizeof(*v));
	v->rng = rng;
	v->mutant = mutant;
	v->journal = calloc(SIM_LOGS * 2, sizeof(*v->journal));
	v->pending = calloc(SIM_LOGS * 2, sizeof(*v->pending));
	if (!v->journal || !v->pending)
		abort();
}

void server_fini(struct server *v)
{
	free(v->journal);
	free(v->pending);
}

void server_connect(struct server *v, uint64_t now)
{
	oftp_server_init(&v->s, serials, 1, 5, now);
	v->running = true;
	v->owes_verdict = false;
}

void server_hang_up(struct server *v)
{
	v->running = v->owes_verdict = false;
}

static uint32_t epoch_index(struct server *v, uint64_t epoch)
{
	uint32_t i = 0;

	while (i < v->n_epochs && v->epochs[i] != epoch)
		i++;
	if (i == v->n_epochs) {
		if (i == SIM_EPOCHS)
			sim_fail("too many epochs", i, 0);
		v->epochs[v->n_epochs++] = epoch;
		stream_init(&v->streams[i], epoch, 1, v->ranges[i], SIM_RANGES);
	}
	return i;
}

static void recover(struct server *v)
{
	for (uint32_t i = 0; i < v->n_epochs; i++)
		stream_init(&v->streams[i], v->epochs[i], 1, v->ranges[i], SIM_RANGES);
	for (uint32_t i = 0; i < v->n_journal; i++) {
		const struct sim_item *it = &v->journal[i];

		if (!stream_replay(&v->streams[it->epoch], it->mark.seq, &it->mark))
			sim_fail("an item cannot be replayed", it->mark.seq, it->epoch);
	}
}

void server_power_cut(struct server *v)
{
	server_hang_up(v);
	v->n_pending = 0;
	recover(v);
}

void server_restore(struct server *v, uint32_t items)
{
	for (; v->n_journal > items; v->n_journal--) {
		const struct sim_item *it = &v->journal[v->n_journal - 1];

		for (uint32_t k = 0; k < it->count; k++) {
			v->stored[it->first + k]--;
			v->rolled_back[it->first + k] = true;
		}
	}
	server_power_cut(v);
}

void server_disk_error(struct server *v)
{
	server_hang_up(v);
	for (uint32_t i = 0; i < v->n_epochs; i++)
		stream_take_back(&v->streams[i]);
	v->n_pending = 0;
}

static void make_durable(struct server *v, const struct sim_item *it)
{
	struct stream *st = &v->streams[it->epoch];

	v->journal[v->n_journal++] = *it;
	v->told_dropped += it->dropped_before;
	for (uint32_t k = 0; k < it->count; k++) {
		if (v->stored[it->first + k]++)
			sim_fail("a log is stored twice", it->first + k, it->mark.seq);
		v->durable += !v->rolled_back[it->first + k];
	}
	if (it->mark.seq > st->confirmed.seq && it->mark.seq <= st->highest)
		stream_durable(st, &it->mark);
	for (uint32_t i = 0; v->running && v->s.state == OFTP_OPEN && i < v->s.n_streams; i++)
		if (v->s.streams[i].epoch == v->epochs[it->epoch])
			oftp_server_confirmed(&v->s, i);
}

void server_commit(struct server *v, bool all)
{
	uint32_t n = all || v->n_pending == 0 ? v->n_pending : 1 + sim_below(v->rng, v->n_pending);

	for (uint32_t i = 0; i < n; i++) {
		struct sim_item it = v->pending[i];

		/* Its second half is in the next block. */
		if (v->mutant == SPLIT_ITEM && i + 1 == n && it.count > 1)
			it.count /= 2;
		make_durable(v, &it);
	}
	memmove(v->pending, v->pending + n, (v->n_pending - n) * sizeof(*v->pending));
	v->n_pending -= n;
}

static uint32_t number(const uint8_t *log)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < SIM_LOG_BYTES; i++)
		n = n * 10 + (uint32_t)(log[i] - '0');
	return n;
}

/* false: not now. */
static bool item(struct server *v)
{
	const struct oftp_msg *m = &v->msg;
	uint32_t e = epoch_index(v, m->epoch);
	struct stream *st = &v->streams[e];
	struct sim_item it = {.epoch = e, .first = number(m->payload.at), .count = m->log_count};

	it.mark = (struct stream_mark){.seq = m->seq_no, .time_ns = 1};
	oftp_item_digest(m->seq_no, m->payload.at, m->raw_len, it.mark.digest);
	switch (stream_accept(st, m->seq_no, 1)) {
	case STREAM_LATE:
		v->late++;
		break;
	case STREAM_NEW:
		break;
	case STREAM_DUPLICATE:
	case STREAM_STALE:
		v->duplicates++;
		return true;
	case STREAM_WAIT:
		return false;
	case STREAM_BAD:
		oftp_server_bad_sequence(&v->s, m);
		return true;
	}
	it.dropped_before = oftp_has(m, OFTP_O_DROPPED_BEFORE) ? m->dropped_before : 0;
	v->pending[v->n_pending++] = it;
	if (v->mutant == ACK_EARLY) {
		stream_durable(st, &it.mark);
		oftp_server_confirmed(&v->s, v->s.current);
	}
	return true;
}

/* The claim: what the session before it was given must be durable, or lost, first. */
static void decide(struct server *v)
{
	uint32_t e = epoch_index(v, v->s.streams[0].epoch);

	if (v->mutant == CLAIM_SOON)
		recover(v); /* all that the other worker knows */
	else if (v->n_pending > 0)
		return;
	if (!stream_open(&v->streams[e]))
		return;
	v->conflicts += oftp_server_attach(&v->s, 0, &v->streams[e], v->login_confirmed);
	oftp_server_verdict(&v->s, &(struct oftp_verdict){.result = OFTP_ALLOWED});
	v->owes_verdict = false;
}

/* false: the message is to be handed in again later. */
static bool event(struct server *v, enum oftp_event ev)
{
	uint32_t e;

	switch (ev) {
	case OFTP_EV_LOGIN:
		v->login_confirmed = v->msg.stream[0].confirmed;
		v->owes_verdict = true;
		return true;
	case OFTP_EV_ITEM:
		return item(v);
	case OFTP_EV_EPOCH:
		e = epoch_index(v, v->s.streams[v->s.current].epoch);
		oftp_server_attach(&v->s, v->s.current, &v->streams[e], 0);
		return true;
	case OFTP_EV_NONE:
	case OFTP_EV_END:
		return true;
	case OFTP_EV_SASL:
	case OFTP_EV_UNTIMELY:
		sim_fail("an event that there is no reason for", ev, 0);
	}
	return true;
}

static void read_messages(struct server *v, struct pipe *in, uint64_t now)
{
	uint32_t at = 0;
	struct oftp_header h;

	while (in->len - at >= OFTP_HEADER && oftp_server_ready(&v->s)) {
		if (oftp_header_decode(in->at + at, oftp_server_body_max(&v->s), &h) != OFTP_OK)
			sim_fail("a header that is none", at, in->len);
		if (in->len - at - OFTP_HEADER < h.length)
			break;
		if (!event(v, oftp_server_message(
				      &v->s, &h, in->at + at + OFTP_HEADER, now, &v->msg)))
			break;
		at += OFTP_HEADER + h.length;
	}
	memmove(in->at, in->at + at, in->len - at);
	in->len -= at;
}

bool server_run(struct server *v, struct pipe *in, struct pipe *out, uint64_t now)
{
	if (!v->running)
		return true;
	if (v->owes_verdict)
		decide(v);
	read_messages(v, in, now);
	if (oftp_server_expire(&v->s, now) == OFTP_EV_NONE)
		oftp_server_flush(&v->s);
	memcpy(out->at + out->len, v->s.out, v->s.out_len);
	out->len += v->s.out_len;
	oftp_server_sent(&v->s, v->s.out_len);
	if (v->s.state == OFTP_ENDED && v->s.error)
		sim_fail(oftp_error_text(v->s.error), v->msg.seq_no, v->msg.type);
	return v->s.state != OFTP_ENDED;
}
