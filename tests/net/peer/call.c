#include "call.h"

static uint8_t roll(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	return (uint8_t)(z >> 56);
}

void call_begin(struct call *c, uint32_t size, uint64_t seed)
{
	c->size = size;
	c->tx = c->rx = seed;
}

static void listen_to(struct call *c, uint64_t now)
{
	struct tcp_span v;

	while (tcp_peek(c->conn, &v, 1) == 1) {
		for (uint32_t i = 0; i < v.len; i++)
			c->wrong |= v.data[i] != roll(&c->rx);
		c->got += v.len;
		tcp_consume(c->conn, v.len, now);
	}
}

static void speak(struct call *c, uint64_t now)
{
	uint8_t bytes[4096];

	while (c->sent < c->size) {
		uint32_t n = tcp_write_room(c->conn);

		n = n < sizeof(bytes) ? n : (uint32_t)sizeof(bytes);
		n = n < c->size - c->sent ? n : c->size - c->sent;
		for (uint32_t i = 0; i < n; i++)
			bytes[i] = roll(&c->tx);
		/* One byte more than there is room for has TCP say when there is room again. */
		if (n == 0) {
			tcp_write(c->conn, bytes, 1, now);
			return;
		}
		c->sent += tcp_write(c->conn, bytes, n, now);
	}
	if (!c->closed) {
		c->closed = true;
		tcp_close(c->conn, now);
	}
}

void call_event(struct call *c, enum tcp_event ev, uint64_t now)
{
	struct tcp_info info;

	if (ev == TCP_EV_CONNECTED) {
		c->open = true;
		tcp_write(c->conn, "E", 1, now);
	}
	listen_to(c, now);
	if (ev == TCP_EV_CLOSED) {
		tcp_info(c->conn, &info);
		c->wrong |= info.why != TCP_CLOSED_NORMALLY;
		c->over = true;
		c->conn = NULL;
		return;
	}
	c->fin |= ev == TCP_EV_PEER_FIN;
	if (c->open)
		speak(c, now);
}

bool call_good(const struct call *c)
{
	return c->over && c->open && c->fin && !c->wrong && c->got == c->size;
}
