/*
 * Sessions of the OFTP profile in a whole data plane, where the test is control: bounds that only
 * show when control is slow, or nobody decides. Run as `test_oftp one|apart|many`. What a client
 * sees of a whole sluiced is tests/net/case_oftp*.py's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "dataplane/framing/oftp.h"
#include "dataplane/login.h"
#include "tests/unit/dp/rig_tls.h"
#include "tests/unit/tls/world.h"

#define OTHER_SERIAL "FGVM010000777777" /* of world.device_of_sub */
#define WAIT_S	     60

static struct rig rig;
static struct world world;
static struct rig_options options = {.sessions = 256};
static struct dp_config cfg;
static bool authorized;
static struct login *asked;	  /* what control was asked last, and has not answered */
static struct auth_event refusal; /* the newest */
static bool refused;		  /* there was one since it was asked for last */
static uint64_t told;		  /* events */
static uint16_t next_port = 5000;

static void judge(void *ctx, struct login *g)
{
	(void)ctx;
	assert_null(asked);
	asked = g;
}

static void publish(void)
{
	struct auth_device device = {.serial = WORLD_SERIAL, .state = AUTH_AUTHORIZED};
	char err[256];

	cfg.policy.auth =
		auth_snapshot_new(&device, authorized, "[A-Z0-9-]{8,24}", false, err, sizeof(err));
	cfg.policy.tls = world_set(&world);
	assert_non_null(cfg.policy.auth);
	dp_policy_publish(rig.dp, &cfg.policy);
	auth_snapshot_unref(cfg.policy.auth);
	tls_set_unref(cfg.policy.tls);
	cfg.policy.auth = NULL;
	cfg.policy.tls = NULL;
}

static int start(void **state)
{
	(void)state;
	world_make(&world);
	rig_start(&rig, &options);
	dp_judge_set(rig.dp, judge, NULL);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	rig_stop(&rig);
	rig_clean(&rig);
	world_free(&world);
	return 0;
}

static void take_event(void *ctx, const struct auth_event *ev)
{
	(void)ctx;
	if (ev->kind == AUTH_EV_REFUSED) {
		refusal = *ev;
		refused = true;
	}
	told++;
}

/* The wire and control make a round. */
static void pump(void)
{
	static uint64_t now_us;

	rig_pump(&rig);
	dp_control_round(rig.dp, ++now_us);
	dp_auth_events(rig.dp, 1, take_event, NULL);
}

static int begin(void **state)
{
	(void)state;
	dp_config_defaults(&cfg);
	authorized = true;
	publish();
	for (uint64_t before = ~0ull; before != told;) {
		before = told;
		pump();
	}
	refused = false;
	return 0;
}

static void wait_refused(enum refusal_reason why, const char *words)
{
	time_t end = time(NULL) + WAIT_S;

	while (!refused) {
		pump();
		assert_true(time(NULL) < end);
	}
	assert_string_equal(refusal_reason_slug(refusal.reason), refusal_reason_slug(why));
	if (!strstr(refusal.detail, words))
		fail_msg("no \"%s\" in \"%s\"", words, refusal.detail);
	refused = false;
}

static void count_session(void *ctx, const struct dp_session_info *s)
{
	(void)s;
	(*(unsigned *)ctx)++;
}

/* Until no more than so many sessions are left. */
static void wait_sessions(unsigned most)
{
	time_t end = time(NULL) + WAIT_S;
	unsigned n;

	do {
		pump();
		n = 0;
		assert_int_equal(dp_sessions(rig.dp, count_session, &n), 0);
		assert_true(time(NULL) < end);
	} while (n > most);
}

/* ---- a client ---- */

struct device {
	struct rig_tls tls;
	struct oftp_msg m; /* what came last */
	uint32_t len;
	uint8_t in[4096];
};

static void say(struct device *d, const struct oftp_msg *m)
{
	uint8_t to[4096];
	size_t n = oftp_encode(m, to, sizeof(to));

	assert_true(n > 0);
	rig_tls_send(&rig, &d->tls, to, (uint32_t)n);
}

static bool heard(struct device *d)
{
	struct oftp_header h;

	if (d->len < OFTP_HEADER)
		return false;
	assert_int_equal(oftp_header_decode(d->in, sizeof(d->in), &h), OFTP_OK);
	return d->len >= OFTP_HEADER + h.length;
}

/* The next message. */
static const struct oftp_msg *hear(struct device *d)
{
	static uint8_t body[sizeof(d->in)];
	time_t end = time(NULL) + WAIT_S;
	struct oftp_header h;

	while (!heard(d)) {
		pump();
		rig_tls_step(&rig, &d->tls);
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

struct login_of {
	const char *serial, *key; /* NULL: WORLD_SERIAL, none */
	bool unreliable;
	uint32_t conn_id, streams; /* so many from conn_id on */
	uint64_t epoch;
};

static void log_in(struct device *d, uint8_t host, const struct login_of *l)
{
	const char *serial = l->serial ? l->serial : WORLD_SERIAL;
	const struct tls_client_options o = {
		.cert = l->serial ? &world.device_of_sub : &world.device,
		.via = l->serial ? &world.sub : NULL,
	};
	struct oftp_msg m = {.version = OFTP_VERSION,
		.type = OFTP_LOGIN_REQUEST,
		.tag = 7,
		.serial = text_of(serial),
		.reliable = !l->unreliable,
		.n_streams = l->streams};

	d->len = 0;
	assert_true(rig_tls_open(&rig, &d->tls, host, next_port++, &o));
	m.has = 1u << OFTP_O_SERIAL | 1u << OFTP_O_FEATURES | 1u << OFTP_O_RELIABLE;
	if (l->key) {
		m.preshared_key = text_of(l->key);
		m.has |= 1u << OFTP_O_PRESHARED_KEY;
	}
	for (uint32_t i = 0; i < l->streams; i++)
		m.stream[i] = (struct oftp_stream){.conn_id = l->conn_id + i, .epoch = l->epoch};
	if (l->streams)
		m.has |= 1u << OFTP_O_STREAM;
	say(d, &m);
}

static void expect_reply(struct device *d, enum oftp_result result, const char *reason)
{
	const struct oftp_msg *m = hear(d);

	assert_string_equal(oftp_type_name(m->type), oftp_type_name(OFTP_LOGIN_REPLY));
	assert_int_equal(m->result, result);
	assert_int_equal(m->tag, 7);
	if (reason) {
		assert_int_equal(m->reason.len, strlen(reason));
		assert_memory_equal(m->reason.at, reason, m->reason.len);
	}
}

static void expect_bye(struct device *d, const char *reason)
{
	const struct oftp_msg *m = hear(d);

	assert_string_equal(oftp_type_name(m->type), oftp_type_name(OFTP_BYE));
	assert_int_equal(m->reason.len, strlen(reason));
	if (reason[0])
		assert_memory_equal(m->reason.at, reason, m->reason.len);
}

static void item(struct device *d, uint32_t conn_id, uint64_t epoch, uint64_t seq_no)
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
	say(d, &m);
	while (hear(d)->type != OFTP_SEQ_REPLY || d->m.stream[0].confirmed < seq_no)
		assert_int_equal(d->m.type, OFTP_SEQ_REPLY);
}

static void hang_up(struct device *d)
{
	rig_tls_close(&rig, &d->tls);
	rig_tls_free(&rig, &d->tls);
}

static void end(struct device *d)
{
	rig_tls_wait_end(&rig, &d->tls);
	rig_tls_free(&rig, &d->tls);
}

/* ---- tests ---- */

/* Control was asked, and does not answer: the login ends, and a late answer is nobody's. */
static void a_login_that_nobody_decides_ends(void **state)
{
	struct device d;

	(void)state;
	authorized = false;
	publish();
	log_in(&d, 20,
		&(struct login_of){.key = "open sesame", .conn_id = 1, .streams = 1, .epoch = 5});
	while (!asked)
		pump();
	cfg.policy.handshake_timeout_us = 1;
	publish();
	expect_bye(&d, "handshake_timeout");
	wait_refused(REFUSAL_handshake_timeout, "nobody decides");
	end(&d);
	asked->granted = true;
	dp_login_answer(rig.dp, asked);
	asked = NULL;
	/* All is well for the next one. */
	authorized = true;
	cfg.policy.handshake_timeout_us = 10000000;
	publish();
	log_in(&d, 20, &(struct login_of){.conn_id = 1, .streams = 1, .epoch = 5});
	expect_reply(&d, OFTP_ALLOWED, NULL);
	hang_up(&d);
}

/* Who waits to be authorized costs a session: an address has so many. */
static void so_many_of_an_address_wait(void **state)
{
	const struct login_of stranger = {.serial = OTHER_SERIAL};
	struct device d[4];

	(void)state;
	cfg.policy.pending_per_source = 2;
	publish();
	for (unsigned i = 0; i < 2; i++) {
		log_in(&d[i], 21, &stranger);
		expect_reply(&d[i], OFTP_PENDING, "not_authorized");
	}
	log_in(&d[2], 21, &stranger);
	expect_reply(&d[2], OFTP_REFUSED, "session_limit");
	wait_refused(REFUSAL_session_limit, "limits.pending-per-source");
	end(&d[2]);
	log_in(&d[3], 22, &stranger); /* another address is another one's business */
	expect_reply(&d[3], OFTP_PENDING, "not_authorized");
	/* One goes: another one may wait, and no second one. */
	hang_up(&d[0]);
	wait_sessions(2);
	log_in(&d[0], 21, &stranger);
	expect_reply(&d[0], OFTP_PENDING, "not_authorized");
	log_in(&d[2], 21, &stranger);
	expect_reply(&d[2], OFTP_REFUSED, "session_limit");
	wait_refused(REFUSAL_session_limit, "limits.pending-per-source");
	end(&d[2]);
	hang_up(&d[0]);
	hang_up(&d[1]);
	hang_up(&d[3]);
}

/* A device has so many streams: that it holds, and that the journal knows. */
static void streams_of_a_device_are_bounded(void **state)
{
	struct device d[2];

	(void)state;
	cfg.policy.device_streams = 4;
	publish();
	log_in(&d[0], 23, &(struct login_of){.conn_id = 100, .streams = 3, .epoch = 9});
	expect_reply(&d[0], OFTP_ALLOWED, NULL);
	log_in(&d[1], 23, &(struct login_of){.conn_id = 200, .streams = 2, .epoch = 9});
	expect_reply(&d[1], OFTP_REFUSED, "session_limit");
	wait_refused(REFUSAL_session_limit, "limits.device-streams");
	end(&d[1]);
	for (uint32_t i = 0; i < 3; i++)
		item(&d[0], 100 + i, 9, 1);
	/* Gone, it holds none; but the journal knows these. */
	hang_up(&d[0]);
	wait_sessions(0);
	log_in(&d[0], 23, &(struct login_of){.conn_id = 300, .streams = 2, .epoch = 9});
	expect_reply(&d[0], OFTP_REFUSED, "session_limit");
	wait_refused(REFUSAL_session_limit, "the device has 3 streams");
	end(&d[0]);
	log_in(&d[0], 23, &(struct login_of){.conn_id = 100, .streams = 4, .epoch = 9});
	expect_reply(&d[0], OFTP_ALLOWED, NULL);
	item(&d[0], 103, 9, 1);
	hang_up(&d[0]);
	/* They are known again where they are: nothing new. */
	log_in(&d[0], 23, &(struct login_of){.conn_id = 100, .streams = 4, .epoch = 9});
	expect_reply(&d[0], OFTP_ALLOWED, NULL);
	assert_int_equal(d[0].m.stream[3].confirmed, 1);
	hang_up(&d[0]);
}

/* `reliable disable`: its address is its own as long as its newest session lives. */
static void a_device_that_logs_by_udp_ends_its_older_session(void **state)
{
	const struct login_of l = {.unreliable = true};
	struct device d[2];

	(void)state;
	log_in(&d[0], 24, &l);
	expect_reply(&d[0], OFTP_ALLOWED, NULL);
	log_in(&d[1], 24, &l);
	expect_reply(&d[1], OFTP_ALLOWED, NULL);
	expect_bye(&d[0], "");
	end(&d[0]);
	log_in(&d[0], 25, &l); /* from elsewhere it is beside it */
	expect_reply(&d[0], OFTP_ALLOWED, NULL);
	hang_up(&d[0]);
	hang_up(&d[1]);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_login_that_nobody_decides_ends, begin),
		cmocka_unit_test_setup(so_many_of_an_address_wait, begin),
		cmocka_unit_test_setup(streams_of_a_device_are_bounded, begin),
		cmocka_unit_test_setup(a_device_that_logs_by_udp_ends_its_older_session, begin),
	};

	if (argc != 2)
		return 2;
	options.lcores = strcmp(argv[1], "one") == 0	 ? RIG_ONE
			 : strcmp(argv[1], "apart") == 0 ? RIG_APART
							 : RIG_MANY;
	return cmocka_run_group_tests(tests, start, stop);
}
