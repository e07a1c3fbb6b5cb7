/* Clients of a server whose requests take long: one request a round, and everybody in turn. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/control/harness.h"

#define BUSY 5

/* A server whose requests take as long as a test says, on a clock of its own. */
static struct {
	uint64_t clock_us, each_us;
	const struct client *order[BUSY * 16];
	unsigned handled;
} slow;

static void slow_request(
	void *ctx, struct client *c, const char *line, size_t len, struct text *out)
{
	(void)ctx;
	(void)line;
	(void)len;
	(void)out; /* no id, no answer */
	assert_true(slow.handled < BUSY * 16);
	slow.order[slow.handled++] = c;
	slow.clock_us += slow.each_us;
}

static uint64_t slow_clock(void *ctx)
{
	(void)ctx;
	return slow.clock_us;
}

static int anybody(void *ctx, int fd, struct peer *out)
{
	(void)ctx;
	(void)fd;
	*out = (struct peer){.role = ROLE_READ};
	return 0;
}

/* Each of some clients has sent sixteen requests of `each_us`: what each round of the server
 * handles of them, until all are done. Returns the rounds. */
static unsigned rounds_of(struct harness *h, uint64_t each_us, unsigned most)
{
	static const struct server_handler handler = {
		.request = slow_request, .peer = anybody, .now_us = slow_clock};
	const struct peer_rules rules = {0};
	struct loop *loop = loop_new();
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char err[256], lines[16 * 2 + 1] = "";
	struct server *s;
	int fd[BUSY];
	unsigned n = 0;

	memset(&slow, 0, sizeof(slow));
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/slow.sock", h->dir);
	s = server_bind(sa.sun_path, (uid_t)-1, (gid_t)-1, err, sizeof(err));
	assert_non_null(s);
	assert_int_equal(server_start(s, loop, &rules, &handler), 0);
	for (unsigned i = 0; i < 16; i++)
		strcat(lines, "x\n");
	for (unsigned i = 0; i < BUSY; i++) {
		fd[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		assert_int_equal(connect(fd[i], (struct sockaddr *)&sa, sizeof(sa)), 0);
		harness_send(fd[i], lines);
	}
	/* All are there and were read, and none was handled. */
	while (server_clients(s) < BUSY)
		loop_once(loop, clock_mono_us());
	for (unsigned i = 0; i < BUSY; i++)
		loop_once(loop, clock_mono_us());
	slow.each_us = each_us;
	for (; slow.handled < BUSY * 16; n++) {
		const unsigned before = slow.handled;
		const uint64_t now = clock_mono_us();

		/* It has more to do, and says so: nothing is waited for. */
		assert_true(server_round(s, now) == now || slow.handled == BUSY * 16);
		assert_in_range(slow.handled - before, 1, most);
	}
	for (unsigned i = 0; i < BUSY; i++)
		close(fd[i]);
	server_free(s);
	loop_free(loop);
	return n;
}

/* Whatever clients ask, and however many: dp_control_round() and the watchdog come between. */
static void what_takes_long_is_one_request_a_round_and_everybody_has_a_turn(void **state)
{
	assert_int_equal(rounds_of(*state, SERVER_ROUND_US, 1), BUSY * 16);
	for (unsigned i = 0; i < BUSY; i++)
		for (unsigned k = 0; k < i; k++)
			assert_ptr_not_equal(slow.order[i], slow.order[k]);
	for (unsigned i = BUSY; i < slow.handled; i++)
		assert_ptr_equal(slow.order[i], slow.order[i - BUSY]);
	/* A quarter of a round each: four of one client, then the next. */
	assert_int_equal(rounds_of(*state, SERVER_ROUND_US / 4, 4), BUSY * 4);
	assert_ptr_equal(slow.order[0], slow.order[3]);
	assert_ptr_not_equal(slow.order[3], slow.order[4]);
	/* And what takes no time is done in one. */
	assert_int_equal(rounds_of(*state, 0, BUSY * 16), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_takes_long_is_one_request_a_round_and_everybody_has_a_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
