/*
 * A client end of its own making, as plain as it can be while a stranger to the stack: positions
 * are 64-bit offsets (0 is the SYN, 1 the first byte), what has arrived is a map of bytes, lost
 * data is sent again by going back. It watches what the server does and fails the run where that
 * is not what the RFCs allow.
 */
#include "client.h"

static void on_read(struct client *c)
{
	uint64_t ready = c->rcv_nxt - 1 - c->read_to;
	uint64_t n = rng_range(&c->rng, 1, c->rbuf);

	if (c->fin_at != NEVER && c->rcv_nxt > c->fin_at)
		ready = c->plan.down - c->read_to;
	c->read_to += n < ready ? n : ready;
	c->read_at = c->slow_reader ? c->w->now + rng_below(&c->rng, 400000) : NEVER;
	if (c->read_to == c->plan.down)
		c->read_at = NEVER;
	/* Says so once; where that is lost, the server has to ask. */
	if (c->state == OPEN && c->rcv_nxt + client_window(c) >= c->adv + c->mss &&
		c->adv < c->rcv_nxt + c->mss)
		client_ack(c);
}

/*
 * A server that sent a cookie knows nothing of us until our ACK arrives. Where we have nothing to
 * say either, only this helps against its loss.
 */
static void on_hello(struct client *c)
{
	c->hello_at = NEVER;
	if (c->state == OPEN && c->una == 1 && c->rcv_nxt == 1) {
		c->hello_at = c->w->now + 5000000;
		client_ack(c);
	}
}

uint64_t client_next(const struct client *c)
{
	uint64_t next = c->state == WAITING ? c->begin : NEVER;

	next = c->rtx_at < next ? c->rtx_at : next;
	next = c->write_at < next ? c->write_at : next;
	next = c->read_at < next ? c->read_at : next;
	next = c->hello_at < next ? c->hello_at : next;
	return c->ack_at < next ? c->ack_at : next;
}

void client_run(struct client *c)
{
	uint64_t now = c->w->now;

	if (c->state == WAITING && c->begin <= now)
		client_begin(c);
	if (c->rtx_at <= now)
		client_timeout(c);
	if (c->write_at <= now)
		client_write(c);
	if (c->read_at <= now)
		on_read(c);
	if (c->ack_at <= now)
		client_ack(c);
	if (c->hello_at <= now)
		on_hello(c);
}

bool client_done(const struct client *c)
{
	return c->lives == 0;
}

uint16_t client_port(const struct client *c)
{
	return c->port;
}

const struct plan *client_plan(const struct client *c)
{
	return &c->plan;
}

static void draw_plan(struct client *c)
{
	struct rng *r = &c->rng;
	uint32_t most;

	c->habit = (enum habit)rng_below(r, 3);
	most = c->habit == DRIBBLER ? 1500 : c->habit == CHOPPER ? 40000 : 200000;
	c->plan.up = rng_chance(r, 50) ? 0 : rng_below(r, most);
	c->plan.down = rng_chance(r, 300) ? rng_below(r, 150000) : rng_below(r, 2000);
	c->plan.close = rng_below(r, 5);
	/* Mostly the ways that end in peace: only these can show that all bytes arrived. */
	if (c->plan.close >= ABORT_CLIENT && rng_chance(r, 600))
		c->plan.close = rng_below(r, 3);
	c->plan.abort_at = rng_below(r, c->plan.up + 1);
	c->opt_ts = rng_chance(r, 600);
	c->opt_sack = rng_chance(r, 600);
	c->opt_ws = rng_chance(r, 600);
	c->my_ws = (uint8_t)rng_below(r, 9);
	c->my_mss = (uint16_t)(rng_chance(r, 500) ? 1460 : rng_range(r, 200, 1460));
	c->cwnd = rng_range(r, 1, 64) * 1460;
	c->slow_reader = rng_chance(r, 250);
	c->rbuf = rng_chance(r, 300) ? rng_range(r, 2000, 8000) : rng_range(r, 8000, 200000);
}

static void begin(struct client *c, uint64_t at)
{
	struct world *w = c->w;

	draw_plan(c);
	free(c->got);
	free(c->sacked);
	c->got = calloc((size_t)c->plan.down + 2, 1);
	c->sacked = calloc((size_t)c->plan.up + 3, 1);
	CHECK(w, c->got && c->sacked);
	c->state = WAITING;
	c->begin = at;
	c->aborted = c->accepted = c->server_closed = c->haunted = c->forgotten = false;
	c->ts = c->sack = c->ws = false;
	c->una = c->nxt = c->max = c->avail = c->edge = c->best_edge = 0;
	c->rcv_nxt = 1;
	c->fin_at = NEVER;
	c->read_to = 0;
	c->adv = c->adv_max = 0;
	c->mss = c->my_mss;
	c->dups = c->tries = 0;
	c->newest = c->top = 0;
	c->unacked = 0;
	c->irs = 0;
	c->ts_recent = 0;
	c->rtx_at = c->write_at = c->read_at = c->ack_at = c->hello_at = NEVER;
}

/* Dice of its own, as in world_init(). */
static void draw_opener(struct client *c)
{
	struct rng other = {.s = c->w->seed * 0x9e3779b97f4a7c15ULL + 7};

	if (!rng_chance(&other, 200) || c->w->restart_at != NEVER)
		return;
	other.s += c->plan.id * 0xda942042e4dd58b5ULL;
	c->plan.opener = (enum opener)rng_below(&other, 3);
	c->strict = rng_chance(&other, 500);
	if (c->plan.opener != OPEN_CLIENT)
		c->lives = 1; /* its flow would be found in TIME-WAIT */
}

static void draw_liar(struct client *c)
{
	struct rng other = {.s = c->w->seed * 0xd6e8feb86659fd93ULL + c->plan.id};

	if (rng_chance(&other, 150))
		c->lies.s = rng_next(&other) | 1;
}

struct client *client_new(struct world *w, uint32_t id)
{
	struct client *c = calloc(1, sizeof(*c));

	CHECK(w, c);
	c->w = w;
	c->plan.id = id;
	c->plan.v6 = rng_chance(&w->rng, 200);
	c->port = (uint16_t)(10000 + id);
	c->rng.s = rng_next(&w->rng);
	c->lives = rng_chance(&c->rng, 200) ? rng_range(&c->rng, 2, 3) : 1;
	/* Often so that the numbers wrap around on the way. */
	c->isn = rng_chance(&c->rng, 500) ? 0U - rng_below(&c->rng, 100000)
					  : (uint32_t)rng_next(&c->rng);
	c->ts_base = rng_chance(&c->rng, 500)
			     ? 0U - (uint32_t)(w->now / 1000) - rng_below(&c->rng, 3000)
			     : (uint32_t)rng_next(&c->rng);
	begin(c, w->now + rng_below(&w->rng, 200000));
	draw_opener(c);
	draw_liar(c);
	return c;
}

void client_free(struct client *c)
{
	free(c->got);
	free(c->sacked);
	free(c);
}

/*
 * The same port again, as soon as nothing of the old connection can be mistaken for the new one:
 * our numbers go on past the old ones; the server's do so from TIME-WAIT, else we wait.
 */
static void reincarnate(struct client *c)
{
	uint64_t wait = c->plan.close == CLOSE_SERVER ? 1 : 6000000;

	c->isn += (uint32_t)c->max + 300000;
	c->plan.id += 1000;
	begin(c, c->w->now + wait);
}

void client_server_closed(struct client *c, bool normally, uint64_t bytes)
{
	struct world *w = c->w;

	w->focus = c->port - 10000U;
	if (c->plan.close < ABORT_CLIENT) {
		CHECK(w, normally);
		CHECK(w, bytes == c->plan.up);
		CHECK(w, c->rcv_nxt >= 1 + (uint64_t)c->plan.down);
	}
	c->server_closed = true;
	if (c->state == OPEN && c->rtx_at == NEVER)
		c->rtx_at = w->now + c->rto;
}

void client_forgotten(struct client *c)
{
	c->forgotten = c->state == SYN_SENT || c->state == OPEN;
	if (c->state == WAITING || c->state == SYN_SENT || c->lives == 0)
		return;
	/* Its bytes are lost, as the server's own are: another life shows that it is served again.
	 */
	if (c->state == OPEN)
		c->lives++;
	c->plan.close = ABORT_SERVER;
	c->server_closed = true;
	c->tries = 0;
	c->rto = 300000;
	if (c->state == OPEN)
		c->rtx_at = c->w->now;
}

void client_after(struct client *c)
{
	/* In an aborted life the RST may have been lost: nothing to wait for at our end. */
	if (c->state == OVER && c->server_closed && c->lives > 0) {
		c->lives--;
		if (c->lives > 0)
			reincarnate(c);
	}
}

void client_quiet(struct client *c)
{
	c->w->focus = c->port - 10000U;
	CHECK(c->w, client_done(c) || (c->aborted && !c->accepted));
	c->lives = 0;
}

bool client_accepted(struct client *c, uint32_t number)
{
	bool before = c->accepted;

	c->haunted = true;
	/* Of an earlier life: a cookie that a late duplicate brought again. */
	if (c->state == WAITING || number - (c->isn + 1) > 250000)
		return true;

	/* One handshake, one connection: late copies of its last ACK find the cookie spent. */
	CHECK(c->w, !before);
	c->accepted = true;
	c->haunted = false;
	return false;
}

void client_describe(const struct client *c)
{
	printf("  client %u port %u: state %d habit %d close %d lives %u up %u (una %llu nxt %llu "
	       "edge "
	       "%llu) down %u (rcv %llu read %llu) server_closed %d ts %d sack %d ws %d mss %u\n",
		c->plan.id, c->port, (int)c->state, (int)c->habit, (int)c->plan.close, c->lives,
		c->plan.up, (unsigned long long)c->una, (unsigned long long)c->nxt,
		(unsigned long long)c->edge, c->plan.down, (unsigned long long)c->rcv_nxt,
		(unsigned long long)c->read_to, c->server_closed, c->ts, c->sack, c->ws, c->mss);
}
