/*
 * The session with the server in use: it is connected, read and written, and told of; and whether
 * the primary is back while the other is in use.
 */
#include <stdio.h>

#include "send/hint.h"
#include "send/sender_priv.h"
#include "send/tell.h"

#define READ_BYTES 16384u

const char *session_server(const struct sender *s)
{
	return s->failover.server ? s->s->alt_server : s->s->server;
}

static void lost(struct sender *s)
{
	client_lost(s->client, s->now);
	failover_lost(&s->failover);
	if (s->state >= CLIENT_PENDING)
		s->alone_us = s->now;
	s->state = CLIENT_DOWN;
	datagrams_close(&s->datagrams);
}

static void hang_up(struct sender *s, const char *why)
{
	tell("%s: %s", session_server(s), why);
	link_close(&s->link);
	lost(s);
}

static void hang_up_for_reason(struct sender *s)
{
	char reason[CLIENT_REASON], why[CLIENT_REASON + 32];
	struct client_stats st;

	client_stats(s->client, &st);
	client_reason(s->client, reason, sizeof(reason));
	snprintf(why, sizeof(why), "%s%s",
		client_server(s->client)->refused ? "refused: " : "session ended: ",
		reason[0] ? reason : "no reason given");
	hang_up(s, why);
	if (hint_for(st.reason))
		tell("what to do: %s", hint_for(st.reason));
}

/* The server says its serial numbers: one must be its certificate's. */
static bool serials_hold(struct sender *s)
{
	const struct client_server *v = client_server(s->client);

	if (s->judged || v->serials_us == 0 || !s->s->certificate_verification)
		return true;
	s->judged = true;
	for (uint32_t i = 0; i < v->n_serials; i++)
		if (server_has_name(&s->link.server, v->serials[i]))
			return true;
	return false;
}

static void note_state(struct sender *s)
{
	struct client_stats st;

	client_stats(s->client, &st);
	if (st.state == s->state)
		return;
	s->state = st.state;
	if (st.state == CLIENT_PENDING)
		tell("%s: waiting to be authorized", session_server(s));
	if (st.state != CLIENT_OPEN)
		return;
	tell("%s: connected, serial number %s", session_server(s), s->link.server.facts.cn);
	failover_open(&s->failover, s->now);
	if (!s->s->reliable && datagrams_open(&s->datagrams, &s->link) != 0)
		hang_up(s, "no UDP socket");
}

static void read_all(struct sender *s)
{
	uint8_t data[READ_BYTES];
	ssize_t n;

	while ((n = link_read(&s->link, data, sizeof(data))) > 0) {
		if (client_received(s->client, data, (size_t)n, s->now) == CLIENT_DISCONNECT) {
			hang_up_for_reason(s);
			return;
		}
		if (!serials_hold(s)) {
			hang_up(s, "its serial numbers are not its certificate's");
			return;
		}
	}
	if (n == 0)
		note_state(s);
}

static void link_event(void *ctx, enum link_event e)
{
	struct sender *s = ctx;

	switch (e) {
	case LINK_UP:
		s->judged = false;
		client_connected(s->client, s->now);
		break;
	case LINK_READ:
		read_all(s);
		break;
	case LINK_WRITE:
		break; /* after the events all is written that goes */
	case LINK_DOWN:
		tell("%s: %s", session_server(s), s->link.why);
		lost(s);
		break;
	}
}

void session_write(struct sender *s)
{
	size_t len;
	const uint8_t *out;

	while (s->link.state == LINK_OPEN) {
		ssize_t n;

		out = client_output(s->client, &len, s->now);
		if (len == 0)
			break;
		if (!sender_keep(s, true))
			break;
		n = link_write(&s->link, out, len);
		if (n <= 0) {
			if (n == 0)
				link_want_write(&s->link, true);
			return;
		}
		client_sent(s->client, (size_t)n);
	}
	link_want_write(&s->link, false);
}

void session_tick(struct sender *s)
{
	switch (client_tick(s->client, s->now)) {
	case CLIENT_NOTHING:
		break;
	case CLIENT_CONNECT:
		client_aim(s->client, s->failover.server);
		link_open(&s->link, session_server(s));
		break;
	case CLIENT_DISCONNECT:
		hang_up(s, s->state >= CLIENT_PENDING ? "no word of it for too long"
						      : "no answer within conn-timeout");
		break;
	}
}

/* ---- is the primary back? ---- */

static void move_to_primary(struct sender *s)
{
	tell("%s: is there again", s->s->server);
	client_bye(s->client, s->now);
	session_write(s);
	link_close(&s->link);
	datagrams_close(&s->datagrams);
	client_lost(s->client, s->now);
	client_hurry(s->client, s->now);
	s->state = CLIENT_DOWN;
}

static void probed(struct sender *s, bool there)
{
	link_close(&s->probe);
	if (failover_probed(&s->failover, there, s->now))
		move_to_primary(s);
}

static void probe_event(void *ctx, enum link_event e)
{
	if (e == LINK_UP || e == LINK_DOWN)
		probed(ctx, e == LINK_UP);
}

void session_probe(struct sender *s)
{
	if (s->failover.probing && s->now >= s->probe_end_us)
		probed(s, false);
	if (s->now < failover_deadline(&s->failover))
		return;
	failover_probe(&s->failover);
	s->probe_end_us = s->now + s->s->conn_timeout * 1000000ull;
	link_open(&s->probe, s->s->server);
}

void session_init(struct sender *s)
{
	link_init(&s->link, s->s, s->tls, s->epoll);
	link_init(&s->probe, s->s, s->tls, s->epoll);
	s->link.event = link_event;
	s->probe.event = probe_event;
	s->link.ctx = s->probe.ctx = s;
}
