/*
 * Handshakes that stall, handshakes that come and refusals without end, beside a steady stream. The
 * stream must move on in every round of the lcore in which it has something to read; so a probe is
 * run at the begin of every round, and counts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/tell.h"
#include "dataplane/worker.h"
#include "tests/unit/dp/rig_tls.h"
#include "tests/unit/tls/world.h"

#define STALLED	 1000u
#define NEW	 200u
#define AT_ONCE	 8u
#define REFUSALS 1000000u
#define BROKEN	 4u  /* who break off behind their ClientHello */
#define PARKED	 32u /* who show a chain and then nothing */
#define LARGE	 17u /* weight of a step with a signature by RSA-4096 */
#define CHAIN	 8u  /* and of one that verifies two certificates of P-384 */

static struct rig rig;
static struct world world;
static struct dp_config cfg;
static struct rig_tcp steady, stalled[STALLED];
static uint64_t steady_logs;
static struct pki_cert large, root384, sub384, device384;
static char *large_pem, *large_key, *root384_pem;
static unsigned strangers;

/* ---- the probe ---- */

struct probe {
	struct lcore_call call;
	_Atomic bool stop;
	struct session *s; /* the steady one */
	uint64_t logs, shaken;
	_Atomic uint64_t weight;
	uint64_t rounds, moved, stuck, crowded;
	uint64_t owed, most_owed; /* weight of steps that rounds have not paid for */
	uint64_t heaviest;	  /* step */
};

static void probe_round(struct lcore *l, void *arg)
{
	struct probe *p = arg;
	struct worker *w = l->worker;
	uint64_t shaken = w->handshakes + w->handshakes_failed;

	for (uint32_t i = 0; !p->s && i < w->slots; i++)
		if (w->sessions[i].conn && w->sessions[i].src.port == steady.port)
			p->s = &w->sessions[i];
	if (!p->s)
		abort(); /* start() has opened it */
	if (p->rounds++ > 0) {
		bool moved = p->s->logs > p->logs;

		/* What came in a round is read in it: who still waits at the next was passed by. */
		p->moved += moved;
		p->stuck += p->s->queued && !moved && !w->no_room;
		p->crowded += shaken - p->shaken > 1;
		p->owed -= p->owed < HANDSHAKE_PAID ? p->owed : HANDSHAKE_PAID;
		p->owed += w->step_weight - p->weight;
		p->most_owed = p->owed > p->most_owed ? p->owed : p->most_owed;
		if (w->step_weight - p->weight > p->heaviest)
			p->heaviest = w->step_weight - p->weight;
	}
	p->weight = w->step_weight;
	p->logs = p->s->logs;
	p->shaken = shaken;
	if (!atomic_load(&p->stop))
		atomic_store(&l->call, &p->call); /* the next round's */
}

static struct lcore *worker_lcore(void)
{
	return rig.dp->workers[0];
}

static void probe_start(struct probe *p)
{
	memset(p, 0, sizeof(*p));
	p->call = (struct lcore_call){.fn = probe_round, .arg = p};
	atomic_store(&worker_lcore()->call, &p->call);
}

static void probe_stop(struct probe *p)
{
	atomic_store(&p->stop, true);
	while (atomic_load(&worker_lcore()->call) == &p->call)
		rig_pump(&rig);
}

/* ---- help ---- */

static void publish(void)
{
	struct auth_device d = {.serial = WORLD_SERIAL, .state = AUTH_AUTHORIZED};
	char err[128];

	cfg.policy.auth = auth_snapshot_new(&d, 1, "[A-Z0-9-]{8,24}", false, err, sizeof(err));
	cfg.policy.tls = world_set(&world);
	assert_non_null(cfg.policy.auth);
	dp_policy_publish(rig.dp, &cfg.policy);
	auth_snapshot_unref(cfg.policy.auth);
	tls_set_unref(cfg.policy.tls);
}

static void stream_on(void)
{
	static const char logs[] = "<13>steady 1\n<13>steady 2\n<13>steady 3\n<13>steady 4\n";

	assert_true(rig_tcp_send(&rig, &steady, logs, sizeof(logs) - 1));
	steady_logs += 4;
}

/* Handshakes, all at once, in whose every step the stream has something to say. */
static void come_as(uint16_t port, unsigned n, const struct tls_client_options *as)
{
	struct rig_tls t[AT_ONCE];
	unsigned under_way = n;

	assert_true(n <= AT_ONCE);
	for (unsigned i = 0; i < n; i++)
		rig_tls_connect(&rig, &t[i], 20, (uint16_t)(port + i), as);
	for (unsigned i = 0; i < n; i++)
		rig_tls_hello(&rig, &t[i]);
	while (under_way > 0) {
		stream_on();
		under_way = 0;
		for (unsigned i = 0; i < n; i++)
			under_way += !rig_tls_step(&rig, &t[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(t[i].rc, 1); /* in TLS 1.3 one may still be refused */
		if (as->cert == &world.device)
			rig_tls_close(&rig, &t[i]);
		else
			rig_tls_wait_end(&rig, &t[i]);
		rig_tls_free(&rig, &t[i]);
	}
}

/* A P-384 authority instead, and RSA-4096 of ours: what costs most. */
static void be_dear(struct tls_spec *was)
{
	struct tls_context_spec *c = &world.spec.contexts[0];

	*was = world.spec;
	world.spec.anchors_pem = root384_pem;
	c->identities[0] = (struct tls_identity){large_pem, large_key};
	c->identities_count = 1;
	publish();
}

static void be_cheap(const struct tls_spec *was)
{
	world.spec = *was;
	publish();
	rig_wait_stored(&rig, steady_logs);
}

static uint64_t weighed(void)
{
	return rig_counter(&rig, "tls_step_weight");
}

static void come_in(uint16_t port, unsigned n)
{
	come_as(port, n, &(struct tls_client_options){.cert = &world.device});
}

static int start(void **state)
{
	(void)state;
	world_make(&world);
	large = pki_issue(&world.root,
		&(struct pki_options){.cn = "large", .eku = "serverAuth", .rsa_bits = 4096});
	root384 = pki_issue(NULL,
		&(struct pki_options){.cn = "root", .o = "384", .ca = true, .curve = "P-384"});
	sub384 = pki_issue(&root384,
		&(struct pki_options){.cn = "sub", .o = "384", .ca = true, .curve = "P-384"});
	device384 = pki_issue(&sub384, &(struct pki_options){.cn = WORLD_SERIAL});
	large_pem = pki_pem((const struct pki_cert *[]){&large}, 1);
	large_key = pki_key_pem(&large);
	root384_pem = pki_pem((const struct pki_cert *[]){&root384}, 1);
	rig_start(&rig,
		&(struct rig_options){.lcores = RIG_ONE, .sessions = 2 * STALLED, .busy = true});
	dp_config_defaults(&cfg);
	cfg.policy.handshake_timeout_us = 0; /* else they would go by themselves on a slow day */
	publish();
	rig_tcp_open(&rig, &steady, 10, 3000, 514);
	stream_on();
	rig_wait_stored(&rig, steady_logs);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	if (rig.dp)
		rig_stop(&rig);
	rig_clean(&rig);
	world_free(&world);
	pki_free(&large);
	pki_free(&root384);
	pki_free(&sub384);
	pki_free(&device384);
	free(large_pem);
	free(large_key);
	free(root384_pem);
	return 0;
}

static uint64_t refusals(enum refusal_reason why)
{
	uint64_t counts[REFUSAL_REASON_COUNT];

	dp_refusals(rig.dp, counts);
	return counts[why];
}

/* ---- tests ---- */

static void stalled_and_new_handshakes_leave_each_round_to_the_stream(void **state)
{
	struct probe probe;

	(void)state;
	for (unsigned i = 0; i < STALLED; i++) {
		rig_tcp_open(
			&rig, &stalled[i], (uint8_t)(30 + i % 200), (uint16_t)(20000 + i), 514);
		rig_tcp_send(&rig, &stalled[i], "\x16\x03\x01\x01\x00\x01", 6);
	}
	rig_wait_frames(&rig);
	probe_start(&probe);
	for (unsigned i = 0; i < NEW; i += AT_ONCE)
		come_in((uint16_t)(40000 + i), AT_ONCE);
	probe_stop(&probe);
	assert_true(probe.moved > 0);
	assert_int_equal(probe.stuck, 0);
	assert_int_equal(probe.crowded, 0);
	rig_wait_stored(&rig, steady_logs);
}

static void refusals_leave_each_round_to_the_stream(void **state)
{
	struct pki_cert stranger = pki_issue(&world.other_root,
		&(struct pki_options){.cn = WORLD_SERIAL, .o = "Else", .eku = "clientAuth"});
	uint64_t before = refusals(REFUSAL_wrong_ca);
	struct probe probe;

	(void)state;
	probe_start(&probe);
	for (unsigned i = 0; i < strangers; i += AT_ONCE)
		come_as((uint16_t)(44000 + i), AT_ONCE,
			&(struct tls_client_options){.cert = &stranger});
	probe_stop(&probe);
	assert_int_equal(refusals(REFUSAL_wrong_ca), before + strangers);
	assert_true(probe.moved > 0);
	assert_int_equal(probe.stuck, 0);
	assert_int_equal(probe.crowded, 0);
	rig_wait_stored(&rig, steady_logs);
	pki_free(&stranger);
}

/* A signature with a large key is one step, and then there is none until rounds have paid for it.
 */
static void a_large_key_is_paid_for_by_rounds(void **state)
{
	struct tls_spec was;
	struct probe probe;

	(void)state;
	be_dear(&was);
	world.spec.anchors_pem = was.anchors_pem;
	publish();
	probe_start(&probe);
	come_in(43000, AT_ONCE);
	probe_stop(&probe);
	assert_int_equal(probe.stuck, 0);
	assert_int_equal(probe.heaviest, LARGE);
	assert_int_equal(probe.most_owed, LARGE);
	be_cheap(&was);
}

/* A ClientHello with nonsense behind it, at once: it was signed for, and then failed. */
static void who_breaks_off_is_paid_for(void **state)
{
	static const uint8_t nonsense[] = {0x17, 3, 3, 0, 5, 'h', 'e', 'l', 'l', 'o'};
	static struct rig_tls t[BROKEN];
	struct tls_spec was;
	struct probe probe;
	uint64_t before;

	(void)state;
	be_dear(&was);
	before = weighed();
	for (unsigned i = 0; i < BROKEN; i++)
		rig_tls_connect(&rig, &t[i], 20, (uint16_t)(45000 + i),
			&(struct tls_client_options){.cert = &device384});
	probe_start(&probe);
	for (unsigned i = 0; i < BROKEN; i++) {
		uint8_t out[4096];
		int n = tls_client_take(&t[i].client, out, sizeof(out) - sizeof(nonsense));

		memcpy(out + n, nonsense, sizeof(nonsense));
		assert_true(rig_tcp_send(&rig, &t[i].tcp, out, (uint32_t)n + sizeof(nonsense)));
	}
	stream_on();
	for (unsigned i = 0; i < BROKEN; i++)
		rig_tls_wait_end(&rig, &t[i]);
	probe_stop(&probe);
	assert_int_equal(probe.weight - before, BROKEN * LARGE);
	assert_int_equal(probe.most_owed, LARGE);
	assert_int_equal(probe.stuck, 0);
	assert_int_equal(probe.crowded, 0);
	for (unsigned i = 0; i < BROKEN; i++)
		rig_tls_free(&rig, &t[i]);
	be_cheap(&was);
}

/* A chain that is to be verified, and no proof behind it, by many at one moment: each then waits
 * for its peer, and still there is one in a round, and none until it is paid for. */
static void chains_without_a_proof_are_paid_for(void **state)
{
	static struct rig_tls t[PARKED];
	struct tls_spec was;
	struct probe probe;
	uint64_t before = weighed();

	(void)state;
	be_dear(&was);
	world.spec.contexts[0] = was.contexts[0];
	publish();
	for (unsigned i = 0; i < PARKED; i++)
		rig_tls_begin(&rig, &t[i], 20, (uint16_t)(46000 + i),
			&(struct tls_client_options){.cert = &device384,
				.via = &sub384,
				.min_version = TLS1_2_VERSION,
				.max_version = TLS1_2_VERSION});
	while (weighed() < before + PARKED) /* all hellos are answered */
		rig_pump(&rig);
	rig_wait_frames(&rig);
	before = weighed();
	probe_start(&probe);
	for (unsigned i = 0; i < PARKED; i++) {
		uint8_t out[4096];

		tls_client_feed(&t[i].client, t[i].in, (int)t[i].tcp.in_len);
		t[i].tcp.in_len = 0;
		assert_int_equal(tls_client_handshake(&t[i].client), 0);
		assert_true(tls_client_take(&t[i].client, out, sizeof(out)) > 5);
		/* The first record is Certificate. */
		assert_true(
			rig_tcp_send(&rig, &t[i].tcp, out, 5 + ((uint32_t)out[3] << 8 | out[4])));
	}
	stream_on();
	while (atomic_load(&probe.weight) < before + PARKED * CHAIN)
		rig_pump(&rig);
	probe_stop(&probe);
	assert_int_equal(probe.weight - before, PARKED * CHAIN);
	assert_int_equal(probe.heaviest, CHAIN);
	assert_int_equal(probe.most_owed, CHAIN);
	assert_int_equal(probe.stuck, 0);
	for (unsigned i = 0; i < PARKED; i++)
		rig_tls_free(&rig, &t[i]);
	be_cheap(&was);
}

static void who_stalls_gives_his_place_to_who_waits(void **state)
{
	uint64_t before = refusals(REFUSAL_handshake_timeout);

	(void)state;
	cfg.policy.handshakes = STALLED / 2; /* all of them are taken */
	publish();
	come_in(41000, 1);
	assert_true(refusals(REFUSAL_handshake_timeout) > before);
	/* And no more go than need to. */
	assert_true(refusals(REFUSAL_handshake_timeout) <= before + STALLED / 2 + 64);
	cfg.policy.handshakes = 2 * STALLED;
	publish();
	rig_wait_stored(&rig, steady_logs);
}

static void flood(struct lcore *l, void *arg)
{
	struct auth_event ev = {.kind = AUTH_EV_REFUSED, .reason = REFUSAL_wrong_ca};
	uint64_t *kept = arg;

	for (uint32_t i = 0; i < REFUSALS; i++)
		*kept += tell_event(l, &ev);
}

struct heard {
	uint64_t refused, lost, up;
};

static void hear(void *ctx, const struct auth_event *ev)
{
	struct heard *h = ctx;

	h->refused += ev->kind == AUTH_EV_REFUSED;
	h->up += ev->kind == AUTH_EV_UP;
	if (ev->kind == AUTH_EV_LOST)
		h->lost += ev->count;
}

static void a_million_refusals_hide_nobody(void **state)
{
	struct heard h = {0};
	uint64_t kept = 0;

	(void)state;
	while (dp_auth_events(rig.dp, 1000, hear, &h) > 0)
		;
	h = (struct heard){0};
	assert_int_equal(lcore_run(worker_lcore(), flood, &kept), 0);
	come_in(42000, 1);
	while (dp_auth_events(rig.dp, 1000, hear, &h) > 0)
		;
	assert_int_equal(h.up, 1);
	assert_int_equal(h.refused, kept);
	assert_int_equal(h.refused + h.lost, REFUSALS);
	assert_in_range(kept, 1, TELL_EVENTS / 2);
	rig_wait_stored(&rig, steady_logs);
	rig_check_equations(&rig);
}

static void say_lines(struct lcore *l, void *arg)
{
	const struct ip_addr peer = {{0}};

	for (unsigned i = *(unsigned *)arg; i > 0; i--)
		trace_say(l, "tls", &peer, "a line");
}

struct watched {
	uint64_t lines, lost;
};

static void watch(void *ctx, const char *line, uint64_t lost)
{
	struct watched *w = ctx;

	(void)line;
	w->lines++;
	w->lost += lost;
}

/* The watcher does not look for a while: the lcore goes on, and what was left out is told. */
static void a_slow_watcher_loses_lines_that_are_counted(void **state)
{
	unsigned many = 5 * TELL_LINES, one = 1;
	struct watched seen = {0};

	(void)state;
	while (dp_trace_lines(rig.dp, 1000, watch, &seen) > 0)
		;
	seen = (struct watched){0};
	assert_int_equal(lcore_run(worker_lcore(), say_lines, &many), 0);
	while (dp_trace_lines(rig.dp, 1000, watch, &seen) > 0)
		;
	assert_in_range(seen.lines, 1, TELL_LINES);
	assert_int_equal(seen.lost, 0); /* the next line says how many were left out before it */
	assert_int_equal(lcore_run(worker_lcore(), say_lines, &one), 0);
	while (dp_trace_lines(rig.dp, 1000, watch, &seen) > 0)
		;
	assert_int_equal(seen.lines + seen.lost, many + one);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stalled_and_new_handshakes_leave_each_round_to_the_stream),
		cmocka_unit_test(refusals_leave_each_round_to_the_stream),
		cmocka_unit_test(a_large_key_is_paid_for_by_rounds),
		cmocka_unit_test(who_breaks_off_is_paid_for),
		cmocka_unit_test(chains_without_a_proof_are_paid_for),
		cmocka_unit_test(who_stalls_gives_his_place_to_who_waits),
		cmocka_unit_test(a_million_refusals_hide_nobody),
		cmocka_unit_test(a_slow_watcher_loses_lines_that_are_counted),
	};

	if (argc != 2)
		return 2;
	strangers = (unsigned)atoi(argv[1]); /* a multiple of AT_ONCE */
	return cmocka_run_group_tests(tests, start, stop);
}
