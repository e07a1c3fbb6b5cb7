#include "tests/unit/dp/rig_oftp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "dataplane/lcore.h"

#define WAIT_S 60
#define TAG    7u

struct rig_stage stage = {.options = {.sessions = 256}};
static uint16_t next_port = 5000;

/* ---- control ---- */

static void judge(void *ctx, struct login *g)
{
	(void)ctx;
	assert_null(stage.asked);
	stage.asked = g;
}

void rig_stage_options(const char *argv1)
{
	stage.options.lcores = rig_lcores_named(argv1);
}

int rig_stage_start(void **state)
{
	(void)state;
	world_make(&stage.world);
	rig_start(&stage.rig, &stage.options);
	dp_judge_set(stage.rig.dp, judge, NULL);
	return 0;
}

int rig_stage_stop(void **state)
{
	(void)state;
	rig_stop(&stage.rig);
	rig_clean(&stage.rig);
	world_free(&stage.world);
	return 0;
}

static void count_session(void *ctx, const struct dp_session_info *s)
{
	(void)s;
	(*(unsigned *)ctx)++;
}

static unsigned sessions(void)
{
	time_t end = time(NULL) + WAIT_S;
	unsigned n = 0;

	while (dp_sessions(stage.rig.dp, count_session, &n) != 0) {
		assert_true(time(NULL) < end); /* a worker that has no CPU answers later */
		n = 0;
	}
	return n;
}

struct kind {
	const char *name, *device;
	bool there;
};

static void note_kind(void *ctx, const struct dp_session_info *s)
{
	struct kind *k = ctx;

	k->there |= strcmp(s->kind, k->name) == 0;
}

void rig_wait_kind(const char *kind)
{
	time_t end = time(NULL) + WAIT_S;
	struct kind k = {.name = kind};

	while (!k.there) {
		rig_turn();
		assert_true(time(NULL) < end);
		dp_sessions(stage.rig.dp, note_kind, &k);
	}
}

static void note_certified(void *ctx, const struct dp_session_info *s)
{
	struct kind *k = ctx;

	k->there |= s->certified && strcmp(s->device, k->device) == 0;
}

bool rig_is_certified(const char *device)
{
	time_t end = time(NULL) + WAIT_S;
	struct kind k = {.device = device};

	while (dp_sessions(stage.rig.dp, note_certified, &k) != 0)
		assert_true(time(NULL) < end);
	return k.there;
}

void rig_publish(void)
{
	struct dp_policy *pol = &stage.cfg.policy;
	struct auth_device v[2];
	unsigned n = 0;
	char err[256];

	memset(v, 0, sizeof(v));
	if (stage.world_state != AUTH_UNKNOWN) {
		snprintf(v[n].serial, sizeof(v[n].serial), "%s", WORLD_SERIAL);
		v[n++].state = (uint8_t)stage.world_state;
	}
	if (stage.other_state != AUTH_UNKNOWN) {
		snprintf(v[n].serial, sizeof(v[n].serial), "%s", OTHER_SERIAL);
		v[n].certified = stage.other_certified;
		v[n++].state = (uint8_t)stage.other_state;
	}
	pol->auth = auth_snapshot_new(v, n, "[A-Z0-9-]{8,24}", stage.legacy, err, sizeof(err));
	pol->tls = world_set(&stage.world);
	assert_non_null(pol->auth);
	assert_true(auth_snapshot_passwords(pol->auth, &stage.password, 1));
	dp_policy_publish(stage.rig.dp, pol);
	auth_snapshot_unref(pol->auth);
	tls_set_unref(pol->tls);
	pol->auth = NULL;
	pol->tls = NULL;
	for (unsigned i = 0; i < 2; i++)
		sessions(); /* each worker has answered, so it has begun a round since */
}

void rig_set(enum auth_state state)
{
	stage.world_state = state;
	rig_publish();
}

uint64_t rig_refusals(enum refusal_reason why)
{
	uint64_t v[REFUSAL_REASON_COUNT];

	dp_refusals(stage.rig.dp, v);
	return v[why];
}

static void take_event(void *ctx, const struct auth_event *ev)
{
	(void)ctx;
	stage.newest[ev->kind] = *ev;
	stage.events[ev->kind]++;
	stage.told++;
}

void rig_wire_turn(void)
{
	rig_pump(&stage.rig);
	dp_auth_events(stage.rig.dp, 1, take_event, NULL);
}

void rig_turn(void)
{
	rig_wire_turn();
	dp_control_round(stage.rig.dp, ++stage.now_us);
}

int rig_stage_begin(void **state)
{
	(void)state;
	dp_config_defaults(&stage.cfg);
	stage.world_state = AUTH_AUTHORIZED;
	stage.other_state = AUTH_UNKNOWN;
	stage.legacy = stage.other_certified = false;
	stage.password = 7;
	rig_publish();
	for (uint64_t before = ~0ull; before != stage.told;) {
		before = stage.told;
		rig_turn();
	}
	memset(stage.events, 0, sizeof(stage.events));
	return 0;
}

const struct auth_event *rig_wait_told(enum auth_event_kind kind, const char *serial)
{
	time_t end = time(NULL) + WAIT_S;

	while (stage.events[kind] == 0) {
		rig_turn();
		assert_true(time(NULL) < end);
	}
	stage.events[kind] = 0;
	if (serial)
		assert_string_equal(stage.newest[kind].serial, serial);
	return &stage.newest[kind];
}

void rig_wait_refused(enum refusal_reason why, const char *words)
{
	const struct auth_event *ev = rig_wait_told(AUTH_EV_REFUSED, NULL);

	assert_string_equal(refusal_reason_slug(ev->reason), refusal_reason_slug(why));
	if (!strstr(ev->detail, words))
		fail_msg("no \"%s\" in \"%s\"", words, ev->detail);
}

void rig_wait_sessions(unsigned most)
{
	time_t end = time(NULL) + WAIT_S;

	do {
		rig_turn();
		assert_true(time(NULL) < end);
	} while (sessions() > most);
}

void rig_wait_asked(void)
{
	time_t end = time(NULL) + WAIT_S;
	unsigned n = 0;

	while (n == 0) {
		rig_wire_turn();
		for (unsigned i = 0; i < stage.rig.dp->lcores_count; i++)
			n += rte_ring_count(stage.rig.dp->lcores[i]->asks);
		assert_true(time(NULL) < end);
	}
}

/* ---- a device ---- */

void rig_oftp_say(struct rig_oftp *d, const struct oftp_msg *m)
{
	uint8_t to[4096];
	size_t n = oftp_encode(m, to, sizeof(to));

	assert_true(n > 0);
	rig_tls_send(&stage.rig, &d->tls, to, (uint32_t)n);
}

static bool is_there(struct rig_oftp *d)
{
	struct oftp_header h;

	if (d->len < OFTP_HEADER)
		return false;
	assert_int_equal(oftp_header_decode(d->in, sizeof(d->in), &h), OFTP_OK);
	return d->len >= OFTP_HEADER + h.length;
}

const struct oftp_msg *rig_oftp_hear(struct rig_oftp *d)
{
	static uint8_t body[sizeof(d->in)];
	time_t end = time(NULL) + WAIT_S;
	struct oftp_header h;

	while (!is_there(d)) {
		rig_turn();
		rig_tls_step(&stage.rig, &d->tls);
		d->len += rig_tls_take(&d->tls, d->in + d->len, sizeof(d->in) - d->len);
		assert_true(time(NULL) < end);
	}
	oftp_header_decode(d->in, sizeof(d->in), &h);
	memcpy(body, d->in + OFTP_HEADER, h.length);
	d->len -= OFTP_HEADER + h.length;
	memmove(d->in, d->in + OFTP_HEADER + h.length, d->len);
	assert_int_equal(oftp_decode(&h, body, &d->m), OFTP_OK);
	return &d->m;
}

static struct text text_of(const char *s)
{
	return (struct text){s, (uint32_t)strlen(s)};
}

void rig_oftp_connect(struct rig_oftp *d, uint8_t host, const struct rig_login *l)
{
	const struct tls_client_options o = {
		.cert = l->without  ? NULL
			: l->cert   ? l->cert
			: l->serial ? &stage.world.device_of_sub
				    : &stage.world.device,
		.via = l->serial && !l->cert ? &stage.world.sub : NULL,
	};

	d->len = 0;
	assert_true(rig_tls_open(&stage.rig, &d->tls, host, next_port++, &o));
}

static size_t encode_login(const struct rig_login *l, uint8_t *to, size_t size)
{
	struct oftp_msg m = {.version = OFTP_VERSION,
		.type = l->sasl ? OFTP_LOGIN_REQUEST_LEGACY : OFTP_LOGIN_REQUEST,
		.tag = TAG,
		.serial = text_of(l->serial ? l->serial : WORLD_SERIAL),
		.reliable = !l->unreliable,
		.n_streams = l->streams};

	m.has = 1u << OFTP_O_SERIAL | 1u << OFTP_O_FEATURES | 1u << OFTP_O_RELIABLE;
	if (l->key) {
		m.preshared_key = text_of(l->key);
		m.has |= 1u << OFTP_O_PRESHARED_KEY;
	}
	if (l->sasl) {
		m.sasl = (struct oftp_bytes){(const uint8_t *)l->sasl, (uint32_t)strlen(l->sasl)};
		m.has |= 1u << OFTP_O_SASL;
	}
	for (uint32_t i = 0; i < l->streams; i++)
		m.stream[i] = (struct oftp_stream){.conn_id = l->conn_id + i, .epoch = l->epoch};
	if (l->streams)
		m.has |= 1u << OFTP_O_STREAM;
	return oftp_encode(&m, to, size);
}

void rig_oftp_request(struct rig_oftp *d, const struct rig_login *l)
{
	uint8_t to[4096];
	size_t n = encode_login(l, to, sizeof(to));

	assert_true(n > 0);
	rig_tls_send(&stage.rig, &d->tls, to, (uint32_t)n);
}

void rig_oftp_request_apart(struct rig_oftp *d, const struct rig_login *l)
{
	uint8_t to[4096];
	uint32_t n = (uint32_t)encode_login(l, to, sizeof(to));

	assert_true(n > OFTP_HEADER);
	rig_tls_send_apart(&stage.rig, &d->tls, to, (uint32_t[]){OFTP_HEADER, n - OFTP_HEADER}, 2);
}

void rig_oftp_request_part(
	struct rig_oftp *d, const struct rig_login *l, uint32_t from, uint32_t upto)
{
	uint8_t to[4096];
	uint32_t n = (uint32_t)encode_login(l, to, sizeof(to));

	if (upto > n)
		upto = n;
	assert_true(from < upto);
	rig_tls_send(&stage.rig, &d->tls, to + from, upto - from);
}

void rig_oftp_log_in(struct rig_oftp *d, uint8_t host, const struct rig_login *l)
{
	rig_oftp_connect(d, host, l);
	rig_oftp_request(d, l);
}

void rig_expect_type(struct rig_oftp *d, enum oftp_type type)
{
	assert_string_equal(oftp_type_name(rig_oftp_hear(d)->type), oftp_type_name(type));
}

static void expect_reason(const struct oftp_msg *m, const char *reason)
{
	assert_int_equal(m->reason.len, strlen(reason));
	if (reason[0])
		assert_memory_equal(m->reason.at, reason, m->reason.len);
}

void rig_expect_verdict(
	struct rig_oftp *d, enum oftp_type type, enum oftp_result result, const char *reason)
{
	rig_expect_type(d, type);
	assert_int_equal(d->m.result, result);
	if (reason)
		expect_reason(&d->m, reason);
}

void rig_expect_reply(struct rig_oftp *d, enum oftp_result result, const char *reason)
{
	rig_expect_verdict(d, OFTP_LOGIN_REPLY, result, reason);
	assert_int_equal(d->m.tag, TAG);
}

void rig_expect_bye(struct rig_oftp *d, const char *reason)
{
	rig_expect_type(d, OFTP_BYE);
	expect_reason(&d->m, reason);
}

void rig_status_text_is(const struct rig_oftp *d, const char *text)
{
	assert_int_equal(d->m.status_text.len, strlen(text));
	assert_memory_equal(d->m.status_text.at, text, d->m.status_text.len);
}

void rig_oftp_item(struct rig_oftp *d, uint32_t conn_id, uint64_t epoch, uint64_t seq_no)
{
	const uint8_t length[4] = {0, 0, 0, 6};
	struct oftp_msg m = {.version = OFTP_VERSION,
		.type = OFTP_LOG_DATA,
		.conn_id = conn_id,
		.epoch = epoch,
		.seq_no = seq_no,
		.log_count = 1,
		.raw_len = 6,
		.lengths = {length, 4},
		.payload = {(const uint8_t *)"<13>it", 6}};

	m.has = 1u << OFTP_O_CONN_ID | 1u << OFTP_O_EPOCH | 1u << OFTP_O_SEQ_NO |
		1u << OFTP_O_LOG_TYPE | 1u << OFTP_O_CATEGORY | 1u << OFTP_O_LOG_COUNT |
		1u << OFTP_O_CODEC | 1u << OFTP_O_RAW_LEN | 1u << OFTP_O_LENGTHS |
		1u << OFTP_O_PAYLOAD;
	rig_oftp_say(d, &m);
	while (rig_oftp_hear(d)->type != OFTP_SEQ_REPLY || d->m.stream[0].confirmed < seq_no)
		assert_int_equal(d->m.type, OFTP_SEQ_REPLY);
}

void rig_oftp_hang_up(struct rig_oftp *d)
{
	rig_tls_close(&stage.rig, &d->tls);
	rig_tls_free(&stage.rig, &d->tls);
}

void rig_oftp_end(struct rig_oftp *d)
{
	rig_tls_wait_end(&stage.rig, &d->tls);
	if (!d->tls.tcp.reset)
		rig_tcp_close(&stage.rig, &d->tls.tcp);
	rig_tls_free(&stage.rig, &d->tls);
}

void rig_time_is_up(struct rig_oftp *d)
{
	stage.cfg.policy.handshake_timeout_us = 1;
	rig_publish();
	rig_expect_bye(d, "handshake_timeout");
	rig_wait_refused(REFUSAL_handshake_timeout, "its login does not end");
	rig_oftp_end(d);
}
