/* The device table against a plain list: who is found, who goes for whom, and that no count is
 * lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "dataplane/ledger/account.h"

#define MAX	64u
#define SILENCE (DEVICE_IDLE_NS + 1)

static const struct siphash_key key = {1, 2};

static struct ip_addr address(uint32_t n)
{
	struct ip_addr a;
	char text[32];

	snprintf(text, sizeof(text), "10.%u.%u.%u", n >> 16 & 255, n >> 8 & 255, n & 255);
	assert_int_equal(ip_addr_parse(&a, text), 0);
	return a;
}

static uint32_t by_addr(struct device_table *t, uint32_t n, uint64_t now)
{
	struct ip_addr a = address(n);

	return device_by_addr(t, &a, now);
}

/* As intake does: received, put into a block, stored. */
static void log_of(struct device_table *t, uint32_t index, uint64_t now)
{
	struct device *d = device_at(t, index);

	d->received++;
	d->appended++;
	d->stored++;
	d->last_seen_ns = now;
}

static uint64_t received(struct device_table *t)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < device_count(t); i++) {
		const struct device *d = device_at(t, i);

		assert_int_equal(d->received, d->stored);
		sum += d->received;
	}
	return sum;
}

static struct device_table *full(uint64_t now)
{
	struct device_table *t = device_table_new(MAX, &key);

	assert_non_null(t);
	for (uint32_t i = 0; i < MAX; i++)
		log_of(t, by_addr(t, i, now), now);
	assert_int_equal(device_count(t), MAX + 1);
	return t;
}

static void the_silent_give_their_place(void **state)
{
	uint64_t now = 1000000000;
	struct device_table *t = full(now);
	uint32_t busy = by_addr(t, 7, now);

	(void)state;
	/* Nobody was silent for long: a newcomer is one of the others. */
	assert_int_equal(by_addr(t, 1000, now), DEVICE_OTHER);
	assert_int_equal(device_table_full(t), 1);
	now += SILENCE;
	log_of(t, busy, now);
	for (uint32_t i = 0; i < MAX - 1; i++) {
		uint32_t at = by_addr(t, 1000 + i, now);

		assert_int_not_equal(at, DEVICE_OTHER);
		assert_int_not_equal(at, busy);
		log_of(t, at, now);
	}
	assert_int_equal(device_table_recycled(t), MAX - 1);
	assert_int_equal(by_addr(t, 2000, now), DEVICE_OTHER); /* all are new or busy */
	assert_int_equal(by_addr(t, 7, now), busy);
	assert_int_equal(device_at(t, busy)->received, 2);
	assert_int_equal(device_at(t, DEVICE_OTHER)->received, MAX - 1);
	assert_int_equal(received(t), MAX + 1 + MAX - 1);
	device_table_free(t);
}

static void whoever_is_referred_to_stays(void **state)
{
	uint64_t now = 1000000000;
	struct device_table *t = full(now);
	uint32_t held = by_addr(t, 0, now), pending = by_addr(t, 1, now),
		 telling = by_addr(t, 2, now);

	(void)state;
	device_hold(device_at(t, held));
	device_at(t, pending)->received++;
	device_at(t, pending)->appended++;
	device_mark_dirty(t, telling);
	now += SILENCE;
	for (uint32_t i = 0; i < 10 * MAX; i++)
		by_addr(t, 1000 + i, now);
	assert_int_equal(by_addr(t, 0, now), held);
	assert_int_equal(by_addr(t, 1, now), pending);
	assert_int_equal(by_addr(t, 2, now), telling);
	assert_int_equal(device_table_recycled(t), MAX - 3);
	device_release(device_at(t, held));
	device_table_free(t);
}

static void a_name_is_never_recycled(void **state)
{
	struct device_table *t = device_table_new(2, &key);
	uint32_t a = device_by_name(t, "FG1", 3, 1), b = device_by_name(t, "FG2", 3, 1);

	(void)state;
	assert_int_equal(by_addr(t, 1, 1 + 10 * SILENCE), DEVICE_OTHER);
	assert_int_equal(device_by_name(t, "FG1", 3, 1), a);
	assert_int_equal(device_by_name(t, "FG2", 3, 1), b);
	device_table_free(t);
}

/* Many more addresses than places, for days: each lookup finds the same device as a list of who is
 * there. */
static void none_is_lost_or_found_twice(void **state)
{
	struct device_table *t = device_table_new(MAX, &key);
	uint64_t now = 1, logs = 0, random = 88172645463325252u;

	(void)state;
	for (unsigned round = 0; round < 200000; round++) {
		uint32_t n, at, twin = DEVICE_OTHER;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		n = (uint32_t)(random % (MAX * 3));
		now += random >> 32 & 0x7fffffff;
		for (uint32_t i = 1; i < device_count(t); i++) {
			struct ip_addr a = address(n);

			if (ip_addr_equal(&device_at(t, i)->addr, &a)) {
				assert_int_equal(twin, DEVICE_OTHER);
				twin = i;
			}
		}
		at = by_addr(t, n, now);
		if (twin != DEVICE_OTHER)
			assert_int_equal(at, twin);
		log_of(t, at, now);
		logs++;
	}
	assert_true(device_table_recycled(t) > 1000);
	assert_int_equal(received(t), logs);
	device_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_silent_give_their_place),
		cmocka_unit_test(whoever_is_referred_to_stays),
		cmocka_unit_test(a_name_is_never_recycled),
		cmocka_unit_test(none_is_lost_or_found_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
