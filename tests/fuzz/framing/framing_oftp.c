/*
 * Any bytes as messages of the OFTP profile, before and after login. The first byte's bits: the
 * session is logged in already; it is pending; its logins are challenged; its disk stands still.
 * What is decoded is encoded and decoded again, and must be the same; the server's machine gets it,
 * with a real stream, and must keep to its bounds and stay ended where it has ended.
 */
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/bytes.h"
#include "dataplane/ledger/oftp_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LOGGED_IN = 1, PENDING = 2, CHALLENGED = 4, SLOW = 8 };

struct session {
	struct oftp_server s;
	struct stream streams[OFTP_STREAMS_MAX];
	struct stream_range ranges[OFTP_STREAMS_MAX][4];
	struct stream_mark last[OFTP_STREAMS_MAX];
	uint8_t logs[OFTP_ITEM_RAW_MAX];
	uint8_t mode;
	uint64_t untimely;
};

static void same_again(const struct oftp_msg *m)
{
	static uint8_t once[2 * OFTP_BODY_MAX], twice[2 * OFTP_BODY_MAX];
	static struct oftp_msg back;
	size_t n = oftp_encode(m, once, sizeof(once));
	struct oftp_header h;

	if (n == 0 || oftp_header_decode(once, (uint32_t)n, &h) != OFTP_OK ||
		oftp_decode(&h, once + OFTP_HEADER, &back) != OFTP_OK || back.has != m->has ||
		oftp_encode(&back, twice, sizeof(twice)) != n || memcmp(once, twice, n) != 0)
		abort();
}

static void attach(struct session *x, uint32_t i, uint64_t confirmed)
{
	stream_init(
		&x->streams[i], x->s.streams[i].epoch, x->s.streams[i].conn_id, x->ranges[i], 4);
	x->last[i].seq = 0;
	oftp_server_attach(&x->s, i, &x->streams[i], confirmed);
}

static void decide(struct session *x, const struct oftp_msg *m, bool challenge)
{
	const struct oftp_bytes sasl = {(const uint8_t *)"sasl", 4};
	struct oftp_verdict v = {.disk_used = 5, .disk_total = 10};

	if (challenge) {
		oftp_server_challenge(&x->s, sasl);
		return;
	}
	if (x->mode & PENDING)
		v = (struct oftp_verdict){.result = OFTP_PENDING, .reason = "not_authorized"};
	if (m->serial.len == 1 && m->type != OFTP_AUTH_RESPONSE)
		v = (struct oftp_verdict){.result = OFTP_REFUSED, .reason = "no_legal_sn"};
	if (m->type == OFTP_LOGIN_REQUEST_LEGACY || m->type == OFTP_AUTH_RESPONSE)
		v.sasl = sasl;
	for (uint32_t i = 0; v.result == OFTP_ALLOWED && i < x->s.n_streams; i++)
		attach(x, i, i < m->n_streams ? m->stream[i].confirmed : 0);
	oftp_server_verdict(&x->s, &v);
}

static void store(struct session *x, const struct oftp_msg *m)
{
	uint32_t i = x->s.current;
	const uint8_t *logs = oftp_item_logs(m, x->logs);

	if (!logs) {
		oftp_server_refuse(&x->s, OFTP_E_ITEM, m->tag);
		return;
	}
	switch (stream_accept(&x->streams[i], m->seq_no, 1)) {
	case STREAM_NEW:
	case STREAM_LATE:
		x->last[i] = (struct stream_mark){.seq = m->seq_no, .time_ns = 1};
		oftp_item_digest(m->seq_no, logs, m->raw_len, x->last[i].digest);
		break;
	case STREAM_BAD:
		oftp_server_bad_sequence(&x->s, m);
		break;
	case STREAM_DUPLICATE:
	case STREAM_STALE:
	case STREAM_WAIT:
		break;
	}
}

static void became_durable(struct session *x)
{
	for (uint32_t i = 0; i < x->s.n_streams; i++)
		if (x->s.streams[i].ledger && x->last[i].seq) {
			stream_durable(&x->streams[i], &x->last[i]);
			oftp_server_confirmed(&x->s, i);
		}
	oftp_server_status(&x->s, OFTP_HOLD, "disk_full");
	oftp_server_remind(&x->s, "disk_full");
	oftp_server_status(&x->s, OFTP_GO, NULL);
	oftp_server_flush(&x->s);
}

static void handle(struct session *x, enum oftp_event ev, const struct oftp_msg *m)
{
	switch (ev) {
	case OFTP_EV_LOGIN:
		decide(x, m, x->mode & CHALLENGED);
		break;
	case OFTP_EV_SASL:
		decide(x, m, false);
		break;
	case OFTP_EV_ITEM:
		store(x, m);
		break;
	case OFTP_EV_EPOCH:
		attach(x, x->s.current, 0);
		break;
	case OFTP_EV_UNTIMELY:
		x->untimely += m->log_count;
		if (x->untimely > 4) {
			for (uint32_t i = 0; i < x->s.n_streams; i++)
				attach(x, i, 0);
			oftp_server_changed(&x->s, &(struct oftp_verdict){.result = OFTP_ALLOWED});
		}
		break;
	case OFTP_EV_END:
		if (x->s.state != OFTP_ENDED)
			abort();
		break;
	case OFTP_EV_NONE:
		break;
	}
}

static void start(struct session *x, uint8_t mode)
{
	static const struct text serials[] = {{"SL-1", 4}, {"SL-2", 4}};
	static const uint8_t login[] = {
		0, 1, 0, 2, 'F', 'W', 0, 6, 0, 4, 0, 0, 0, 1, 0, 7, 0, 1, 1};
	struct oftp_header h = {.version = 1, .type = OFTP_LOGIN_REQUEST, .length = sizeof(login)};
	struct oftp_msg m;

	oftp_server_init(&x->s, serials, 2, 5, 0);
	x->mode = mode;
	x->untimely = 0;
	if (!(mode & LOGGED_IN))
		return;
	if (oftp_server_message(&x->s, &h, login, 0, &m) != OFTP_EV_LOGIN)
		abort();
	x->s.n_streams = 1; /* as if the login had named it */
	x->s.streams[0] = (struct oftp_server_stream){.conn_id = 65535, .epoch = 7};
	decide(x, &m, false);
	oftp_server_sent(&x->s, x->s.out_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct session x;
	static struct oftp_msg m;

	if (size < 1 || size > 65536)
		return 0;
	start(&x, data[0]);
	data++;
	size--;
	for (uint64_t now = 1; size >= OFTP_HEADER && oftp_server_ready(&x.s); now++) {
		struct oftp_header h;
		enum oftp_error e = oftp_header_decode(data, oftp_server_body_max(&x.s), &h);
		uint8_t *body;

		if (e != OFTP_OK) {
			handle(&x, oftp_server_refuse(&x.s, e, 0), &m);
			break;
		}
		if (h.length > size - OFTP_HEADER)
			break;
		/* Of exactly its length, so that ASan sees each step too far. */
		body = malloc(h.length ? h.length : 1);
		if (!body)
			abort();
		memcpy(body, data + OFTP_HEADER, h.length);
		if (oftp_decode(&h, body, &m) == OFTP_OK)
			same_again(&m);
		handle(&x, oftp_server_message(&x.s, &h, body, now, &m), &m);
		free(body);
		if (x.s.out_len > OFTP_SERVER_OUT)
			abort();
		if (!(x.mode & SLOW)) {
			became_durable(&x);
			oftp_server_sent(&x.s, x.s.out_len);
		}
		data += OFTP_HEADER + h.length;
		size -= OFTP_HEADER + h.length;
	}
	oftp_server_expire(&x.s, UINT64_MAX - 1);
	if (x.s.state != OFTP_ENDED && oftp_server_deadline(&x.s) != UINT64_MAX)
		abort();
	return 0;
}
