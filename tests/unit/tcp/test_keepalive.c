/* Keepalives (RFC 9293 section 3.8.4). */
#include "drill.h"

static void keepalive(struct tcp_config *cfg)
{
	cfg->keepalive_idle_us = SEC(100);
	cfg->keepalive_interval_us = (uint32_t)SEC(10);
	cfg->keepalive_probes = 3;
}

static void an_idle_connection_is_probed_and_given_up(void **state)
{
	struct drill *d = accepted(keepalive, OPTS_NONE);

	(void)state;
	pass(d, SEC(500));
	out_at(d, SEC(100), ". 0:0(0) ack 1");
	out_at(d, SEC(110), ". 0:0(0) ack 1");
	out_at(d, SEC(120), ". 0:0(0) ack 1");
	out_at(d, SEC(130), "R. 1:1(0) ack 1");
	events(d, "C");
	assert_int_equal(d->why, TCP_CLOSED_TIMEOUT);
	drill_free(d);
}

static void an_answer_keeps_it_alive(void **state)
{
	struct drill *d = accepted(keepalive, OPTS_NONE);

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		pass(d, SEC(100));
		out(d, ". 0:0(0) ack 1");
		in(d, ". 1:1(0) ack 1");
	}
	events(d, "");
	assert_int_equal(counters(d)->keepalives, 20);
	drill_free(d);
}

static void data_puts_keepalives_off(void **state)
{
	struct drill *d = accepted(keepalive, OPTS_NONE);

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		pass(d, SEC(99));
		in(d, "P. %u:%u(1) ack 1", 1 + i, 2 + i);
	}
	forget(d);
	assert_int_equal(counters(d)->keepalives, 0);
	pass(d, SEC(100));
	assert_int_equal(counters(d)->keepalives, 1);
	forget(d);
	drill_free(d);
}

static void while_data_is_out_no_keepalive_is_sent(void **state)
{
	struct drill *d = accepted(keepalive, OPTS_NONE);

	(void)state;
	pass(d, SEC(90));
	wr(d, 10);
	pass(d, SEC(60));
	assert_int_equal(counters(d)->keepalives, 0);
	assert_true(counters(d)->rto_fired > 0);
	forget(d);
	drill_free(d);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(an_idle_connection_is_probed_and_given_up),
	cmocka_unit_test(an_answer_keeps_it_alive),
	cmocka_unit_test(data_puts_keepalives_off),
	cmocka_unit_test(while_data_is_out_no_keepalive_is_sent),
};

DRILL_MAIN(tests)
