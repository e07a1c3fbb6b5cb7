/*
 * What is durable, as the journal's own reader finds it: nothing invented or altered, each item
 * whole in one block, once in its stream and in order, nothing missing that was confirmed, and all
 * of a stream's seq_nos stored or told as gaps. Of plain senders: what RELP has answered is there,
 * nothing more often than it was sent, a connection's logs in order, and the accounts add up.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/journal/reader.h"
#include "dataplane/journal/state.h"
#include "tests/sim/whole/sim.h"

#define STREAMS 1024u

struct stream_seen {
	unsigned device;      /* of the simulator's */
	uint64_t epoch, last; /* newest seq_no that was not late */
	uint64_t highest, count;
	uint8_t *seqs; /* a byte each: 1 stored */
};

#define PORTS	   8192u /* of plain senders' connections, from FIRST_PORT on */
#define FIRST_PORT 20000u

struct disk {
	struct world *w;
	uint8_t plain[PLAIN_KINDS][SIM_LOGS]; /* how often each is there */
	uint64_t plain_logs[PLAIN_KINDS];
	uint32_t last_of_port[PORTS]; /* 1 and the number of the log before */
	uint8_t stored[SIM_DEVICES][SIM_LOGS];
	struct stream_seen streams[STREAMS];
	unsigned n_streams;
	/* The item that is being read. */
	struct stream_seen *at;
	uint64_t seq, block;
	uint32_t rest, next;
	uint64_t logs;
};

static struct stream_seen *stream_of(struct disk *k, unsigned device, uint64_t epoch)
{
	struct stream_seen *s = k->streams;

	while (s < k->streams + k->n_streams && (s->device != device || s->epoch != epoch))
		s++;
	if (s == k->streams + k->n_streams) {
		if (k->n_streams++ == STREAMS)
			sim_fail("too many streams", STREAMS, 0);
		s->device = device;
		s->epoch = epoch;
		s->last = s->highest = s->count = 0;
		s->seqs = calloc(SIM_LOGS + 1, 1);
		if (!s->seqs)
			abort();
	}
	return s;
}

static void end_item(struct disk *k)
{
	if (k->rest > 0)
		sim_fail("a part of an item is missing or lies in another block", k->seq, k->rest);
}

static uint32_t number(const struct disk *k, const struct journal_log *log, unsigned *device)
{
	const struct world *w = k->w;
	uint8_t text[OFTP_ITEM_RAW_MAX > UINT16_MAX ? UINT16_MAX : OFTP_ITEM_RAW_MAX];
	uint32_t n = 0;

	if (log->len < 8 || log->log[0] != 'D' || log->log[1] < '0')
		sim_fail("a log that nobody made", log->len, log->block);
	*device = log->log[1] - '0';
	for (unsigned i = 3; i < 8; i++)
		n = n * 10 + (uint32_t)(log->log[i] - '0');
	if (*device >= w->n_devices || n >= w->devices[*device]->n_made ||
		log->len != w->devices[*device]->made[n].len)
		sim_fail("a log that nobody made", *device, n);
	device_text(w->devices[*device], n, text, log->len);
	if (memcmp(text, log->log, log->len) != 0)
		sim_fail("a log is altered", *device, n);
	return n;
}

static void begin_item(struct disk *k, const struct journal_log *log, unsigned device, uint32_t n)
{
	const struct gadget *v = k->w->devices[device];
	struct stream_seen *s = stream_of(k, device, log->epoch);

	end_item(k);
	if (v->made[n].count == 0)
		sim_fail("an item begins in its middle", device, n);
	if (log->seq_no == 0 || log->seq_no > SIM_LOGS)
		sim_fail("no such seq_no", device, log->seq_no);
	if (s->seqs[log->seq_no])
		sim_fail("an item is stored twice", n, log->seq_no);
	if (!(log->flags & LOG_FLAG_LATE)) {
		if (log->seq_no <= s->last)
			sim_fail("an item is out of order", log->seq_no, s->last);
		s->last = log->seq_no;
	}
	s->seqs[log->seq_no] = 1;
	s->count++;
	if (log->seq_no > s->highest)
		s->highest = log->seq_no;
	k->at = s;
	k->seq = log->seq_no;
	k->block = log->block;
	k->rest = v->made[n].count;
	k->next = n;
}

/* Its number; SIM_LOGS: the beginning of some log, which does not say it. */
static uint32_t plain_number(const struct plain *p, const struct journal_log *log)
{
	const bool part = log->flags & LOG_FLAG_PARTIAL;
	uint8_t text[SIM_SEGMENT];
	uint32_t n = 0;

	if (part && log->len < 11)
		return SIM_LOGS;
	if (part && p->kind != PLAIN_TCP)
		sim_fail("a part of a log that comes whole or not", p->kind, log->len);
	for (unsigned i = 5; i < 10; i++)
		n = n * 10 + (uint32_t)(log->log[i] - '0');
	if (n >= p->n_made || log->len > p->made[n].len || (log->len < p->made[n].len && !part))
		sim_fail("a plain log that nobody made", p->kind, n);
	plain_text(p, n, text);
	if (memcmp(text, log->log, log->len) != 0)
		sim_fail("a plain log is altered", p->kind, n);
	return n;
}

static struct plain *plain_of(const struct disk *k, const struct journal_log *log)
{
	static const uint8_t transports[PLAIN_KINDS] = {
		TRANSPORT_RELP, TRANSPORT_TCP, TRANSPORT_UDP};

	for (unsigned i = 0; i < PLAIN_KINDS; i++) {
		const struct ip_addr addr = wire_host_addr(SIM_DEVICES + i);

		if (k->w->plain[i] && log->has_source && log->transport == transports[i] &&
			memcmp(&log->source, &addr, sizeof(addr)) == 0)
			return k->w->plain[i];
	}
	sim_fail("a log from nowhere", log->transport, log->len);
}

static void take_plain(struct disk *k, const struct journal_log *log)
{
	struct plain *p = plain_of(k, log);
	uint32_t n = plain_number(p, log);
	uint32_t *last = &k->last_of_port[(uint16_t)(log->source_port - FIRST_PORT) % PORTS];

	end_item(k);
	k->logs++;
	k->plain_logs[p->kind]++;
	if (n == SIM_LOGS)
		return;
	if (++k->plain[p->kind][n] > p->made[n].sent)
		sim_fail("a plain log is there more often than it was sent", p->kind, n);
	if (p->kind == PLAIN_UDP)
		return;
	if (n < *last)
		sim_fail("a connection's logs are out of order", p->kind, n);
	*last = n + 1;
}

static void take_log(struct disk *k, const struct journal_log *log)
{
	unsigned device;
	uint32_t n;

	if (log->len > 0 && log->log[0] == '<') {
		take_plain(k, log);
		return;
	}
	n = number(k, log, &device);
	if (!log->has_stream)
		sim_fail("a log without its stream", device, n);
	if (strlen(k->w->devices[device]->serial) != log->device_len ||
		memcmp(k->w->devices[device]->serial, log->device, log->device_len) != 0)
		sim_fail("a log is another device's", device, n);
	if (k->rest == 0 || k->at->device != device || k->at->epoch != log->epoch ||
		k->seq != log->seq_no || k->block != log->block)
		begin_item(k, log, device, n);
	if (n != k->next)
		sim_fail("an item is mixed up", n, k->next);
	k->next++;
	k->rest--;
	k->logs++;
	if (k->stored[device][n]++ && !k->w->devices[device]->restored)
		sim_fail("a log is stored twice", device, n);
}

static void read_disk(struct disk *k, struct memfs *real)
{
	struct memfs *fs = memfs_kill(real); /* nothing fails on it */
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	struct journal_reader_stats st;
	struct journal_reader *r;
	struct journal_log log;
	int rc = journal_reader_open_fs(memfs_table(fs), "/j", &q, &r, NULL);

	if (rc != JOURNAL_OK)
		sim_fail("the journal cannot be read", (uint64_t)-rc, 0);
	while ((rc = journal_reader_next(r, &log)) == 1)
		take_log(k, &log);
	end_item(k);
	journal_reader_stats(r, &st);
	journal_reader_close(r);
	memfs_free(fs);
	if (rc != 0 || st.corrupt_blocks)
		sim_fail("the journal reads badly", (uint64_t)-rc, st.corrupt_blocks);
}

static struct disk *new_disk(struct world *w)
{
	struct disk *k = calloc(1, sizeof(*k));

	if (!k)
		abort();
	k->w = w;
	return k;
}

static void free_disk(struct disk *k)
{
	for (unsigned i = 0; i < k->n_streams; i++)
		free(k->streams[i].seqs);
	free(k);
}

/* What the client has let go of is durable, or it has counted it. */
static void check_confirmed(const struct disk *k, const struct gadget *v)
{
	struct client_stats st;
	uint64_t missing = 0, gone;

	client_stats(v->c, &st);
	if (st.added != st.confirmed_logs + st.dropped + st.memory.logs + st.confirm.logs)
		sim_fail("the client's accounts do not add up", st.added, st.confirmed_logs);
	gone = v->n_ids - st.memory.logs - st.confirm.logs;
	for (uint64_t i = 0; i < gone; i++)
		missing += !k->stored[v->index][v->ids[i]] && !v->made[v->ids[i]].rolled_back;
	if (missing > st.dropped + v->counted)
		sim_fail("confirmed logs are not durable", missing, st.dropped + v->counted);
}

/* ---- what the journal itself says of its streams and devices ---- */

static void check_stream(
	void *ctx, const char *device, size_t len, const struct journal_state_stream *s)
{
	struct disk *k = ctx;
	const struct stream_seen *seen = k->streams;
	uint64_t told = 0;

	(void)device, (void)len;
	while (seen < k->streams + k->n_streams && seen->epoch != s->epoch)
		seen++;
	if (seen == k->streams + k->n_streams)
		sim_fail("a stream of which nothing is stored", s->epoch, s->confirmed);
	if (s->confirmed < seen->highest)
		sim_fail("what is stored is not confirmed", s->confirmed, seen->highest);
	for (uint32_t i = 0; i < s->gap_count; i++)
		for (uint64_t q = s->gaps[i].first; q <= s->gaps[i].last; q++, told++)
			if (q <= SIM_LOGS && seen->seqs[q])
				sim_fail("what is stored is told as missing", q, s->confirmed);
	if (seen->count + told + s->gaps_forgotten != s->confirmed)
		sim_fail("stored and missing are not all", seen->count + told, s->confirmed);
}

struct totals {
	uint64_t stored, client_dropped;
};

static void add_device(
	void *ctx, const char *device, size_t len, const struct journal_state_device *d)
{
	struct totals *t = ctx;

	(void)device, (void)len;
	t->stored += d->stored;
	t->client_dropped += d->client_dropped;
}

static void check_accounts(struct disk *k)
{
	struct journal *j = k->w->server.j;
	struct totals t = {0};
	uint64_t dropped = 0;

	journal_each_stream(j, check_stream, k);
	journal_each_device(j, add_device, &t);
	if (t.stored != k->logs)
		sim_fail("the accounts do not say what is stored", t.stored, k->logs);
	for (unsigned i = 0; i < k->w->n_devices; i++) {
		struct client_stats st;

		client_stats(k->w->devices[i]->c, &st);
		dropped += st.dropped;
	}
	if (!k->w->restores && t.client_dropped > dropped)
		sim_fail("more is told as dropped than was", t.client_dropped, dropped);
}

/* ---- plain senders ---- */

/* What RELP has answered is there; what it sent once is not there twice, which take_plain() saw. */
static void check_answered(const struct disk *k, const struct plain *p)
{
	for (uint32_t n = 0; n < p->acked; n++) {
		if (!k->plain[PLAIN_RELP][n] && !p->made[n].rolled_back)
			sim_fail("an answered log is not durable", n, p->acked);
		k->w->met.answered_twice += k->plain[PLAIN_RELP][n] > 1;
	}
}

static void check_one_plain(const struct disk *k, struct plain *p, bool begins)
{
	if (p->kind == PLAIN_RELP)
		check_answered(k, p);
	if (k->plain_logs[p->kind] < p->promised)
		sim_fail("logs that were stored are gone", k->plain_logs[p->kind], p->promised);
	if (!begins)
		return;
	p->base = p->promised = k->plain_logs[p->kind];
	p->begun = p->owed = 0;
}

void check_promises(struct world *w)
{
	for (unsigned i = 0; i < PLAIN_KINDS; i++) {
		struct plain *p = w->plain[i];
		uint64_t now = p ? p->base + server_account(w, SIM_DEVICES + i).stored : 0;

		if (p && now > p->promised)
			p->promised = now;
	}
}

/* All that came is stored or counted as dropped. */
static void check_account(const struct disk *k, const struct plain *p)
{
	const struct account a = server_account(k->w, p->peer.host);

	if (a.pending || a.duplicate || a.received != a.stored + a.dropped)
		sim_fail("a plain sender's account does not add up", a.received, a.stored);
	if (p->base + a.stored != k->plain_logs[p->kind])
		sim_fail("its account does not say what is stored", a.stored,
			k->plain_logs[p->kind] - p->base);
	if (p->kind == PLAIN_UDP && a.received != p->begun)
		sim_fail("datagrams came that were not counted", p->begun, a.received);
	if (p->kind == PLAIN_TCP && (a.received < p->owed || a.received > p->begun))
		sim_fail("lines that TCP took were not counted", p->owed, a.received);
	k->w->met.plain_dropped += a.dropped;
}

void check_plain(struct world *w)
{
	struct disk *k = new_disk(w);

	read_disk(k, w->server.fs);
	for (unsigned i = 0; i < PLAIN_KINDS; i++)
		if (w->plain[i])
			check_account(k, w->plain[i]);
	free_disk(k);
}

void check_disk(struct world *w, bool begins)
{
	struct disk *k = new_disk(w);

	read_disk(k, w->server.fs);
	for (unsigned i = 0; i < w->n_devices; i++)
		check_confirmed(k, w->devices[i]);
	for (unsigned i = 0; i < PLAIN_KINDS; i++)
		if (w->plain[i])
			check_one_plain(k, w->plain[i], begins);
	if (w->server.j)
		check_accounts(k);
	free_disk(k);
}

void check_told(struct world *w, const struct gadget *v)
{
	struct disk *k = new_disk(w);
	struct client_stats st;
	uint64_t gone;

	read_disk(k, w->server.fs);
	client_stats(v->c, &st);
	/* What it has dropped may have been anywhere in its queue. */
	gone = v->n_ids - st.memory.logs - st.confirm.logs;
	for (uint64_t i = gone; st.dropped == 0 && i < v->n_ids; i++)
		if (k->stored[v->index][v->ids[i]])
			sim_fail("stored, and the goodbye came without an answer", v->index,
				v->ids[i]);
	free_disk(k);
}

void check_roll_back(struct world *w)
{
	struct disk *now = new_disk(w), *then = new_disk(w);

	read_disk(now, w->server.fs);
	read_disk(then, w->server.snapshot);
	for (unsigned d = 0; d < w->n_devices; d++)
		for (uint32_t i = 0; i < w->devices[d]->n_made; i++)
			if (now->stored[d][i] && !then->stored[d][i])
				w->devices[d]->made[i].rolled_back = true;
	for (unsigned i = 0; i < PLAIN_KINDS; i++) {
		struct plain *p = w->plain[i];

		for (uint32_t n = 0; p && n < p->n_made; n++)
			p->made[n].rolled_back |= now->plain[i][n] && !then->plain[i][n];
		if (p)
			p->base = p->promised = 0;
	}
	free_disk(now);
	free_disk(then);
}
