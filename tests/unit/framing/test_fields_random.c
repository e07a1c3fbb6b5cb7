/*
 * Random text, made of what could lead fields_next() and fields_identity() astray. The first is
 * compared with a slow reader that goes byte by byte, the second with the first. SLUICE_SEED
 * replays a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#include "tests/unit/framing/deliver.h"
#include "tests/unit/framing/walk.h"

static uint64_t seed;

static size_t random_text(char *to, size_t room, const char *const *words, unsigned n_words)
{
	size_t len = 0;

	for (unsigned n = random_below(&seed, 60); n > 0 && len < room; n--) {
		const char *w = words[random_below(&seed, n_words)];

		while (*w && len < room)
			to[len++] = *w++;
	}
	return len;
}

/* One field of a text without CEF, a byte at a time. false: there are no more. */
static bool naive_next(
	const char *log, size_t len, size_t *i, bool *glued, struct text *key, struct text *value)
{
	size_t word = *i;
	bool spaced = !*glued;

	while (*i < len && log[*i] != '=') {
		if (log[*i] == ' ') {
			word = *i + 1;
			spaced = true;
		}
		++*i;
	}
	if (*i == len)
		return false;
	if (spaced && *i - word >= 3 && memcmp(log + word, "\xef\xbb\xbf", 3) == 0)
		word += 3;
	*key = (struct text){log + word, spaced ? (uint32_t)(*i - word) : 0};
	++*i;
	*glued = false;
	if (*i < len &&
		(log[*i] == '"' || (log[*i] == '\\' && *i + 1 < len && log[*i + 1] == '"'))) {
		bool relayed = log[*i] == '\\';
		size_t from = *i + 1 + relayed, slashes = 0, at;

		for (at = from; at < len; at++) {
			if (log[at] == '\\') {
				slashes++;
				continue;
			}
			if (log[at] == '"' && (relayed ? slashes == 1 : slashes % 2 == 0))
				break;
			slashes = 0;
		}
		*value = (struct text){log + from, (uint32_t)(at - from)};
		*i = at;
		if (at < len) {
			value->len -= relayed;
			*i = at + 1;
			*glued = *i < len && log[*i] != ' ';
		}
		return true;
	}
	*value = (struct text){log + *i, 0};
	while (*i < len && log[*i] != ' ')
		++*i;
	value->len = (uint32_t)(log + *i - value->at);
	while (*i == len && value->len > 0 && strchr("|\r\n", value->at[value->len - 1]))
		value->len--;
	return true;
}

static void fields_are_those_that_the_slow_reader_finds(void **state)
{
	static const char *const words[] = {"a", "bc", " ", " ", "=", "=", "\"", "\"", "\\", "\\\"",
		"=\"", "\" ", "  ", "|", "\n", "k=v ", "k=\"v w\" ", "\xef\xbb\xbf", "vd", "devid"};

	(void)state;
	for (unsigned round = 0; round < 60000; round++) {
		uint64_t before = seed;
		char log[512];
		size_t len = random_text(log, sizeof(log), words, sizeof(words) / sizeof(words[0]));
		struct text key, value, want_key = {0}, want_value = {0};
		struct fields_iter it;
		bool glued = false, more, same = true;
		size_t i = 0;

		fields_begin(&it, log, len);
		do {
			more = naive_next(log, len, &i, &glued, &want_key, &want_value);
			same = fields_next(&it, &key, &value) == more;
			if (same && more)
				same = key.len == want_key.len &&
				       memcmp(key.at, want_key.at, key.len) == 0 &&
				       walk_same(value, want_value);
		} while (same && more);
		if (!same)
			fail_msg("round %u, SLUICE_SEED=%llu: %.*s", round,
				(unsigned long long)before, (int)len, log);
	}
}

static void the_identity_is_what_the_fields_say(void **state)
{
	static const char *const words[] = {"vd=", "devid=", "device_id=", "deviceExternalId=",
		"ad.vd=", "vd=root", " vd=\"root\" ", " devid=\"FGTEST01\" ", " ", " ", " ", "=",
		"\"", "\"", "\" ", "=\"", "x", "FGTEST", "\\", "|", "CEF:0|", "v", "d",
		"date=2024-05-06 ", "devname=\"edge\" ", "srcip=192.0.2.1 ",
		"msg=\"one two three\" ", "action=\"deny\" ", "\xef\xbb\xbf",
		"logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" "};

	(void)state;
	for (unsigned round = 0; round < 60000; round++) {
		uint64_t before = seed;
		char log[1024];
		unsigned n_words = sizeof(words) / sizeof(words[0]);
		size_t len = random_text(log, sizeof(log), words, n_words);
		struct text devid, vdom, want_devid, want_vdom;

		walk(log, len, &want_devid, &want_vdom);
		fields_identity(log, len, &devid, &vdom);
		if (!walk_same(devid, want_devid) || !walk_same(vdom, want_vdom) ||
			!walk_same(fields_devid(log, len), want_devid) ||
			!walk_same(fields_vdom(log, len), want_vdom))
			fail_msg("round %u, SLUICE_SEED=%llu: %.*s", round,
				(unsigned long long)before, (int)len, log);
	}
}

/* Behind CEF's header, what was put in comes out. */
static void cef_extensions_come_out_as_they_were_put_in(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 5000; round++) {
		static const char *const parts[] = {
			"a", "b\\=c", "\"", "two words", "\\|", "x y  z", "1", "\\\\", "|", "="};
		unsigned n = 1 + random_below(&seed, 10);
		char values[10][64], log[1024];
		uint64_t before = seed;
		int len = sprintf(log, "<13>CEF:0|V\\|W|P|1|2|n a=b|3|");
		struct fields_iter it;
		struct text key, value;

		for (unsigned i = 0; i < n; i++) {
			const char *one = parts[random_below(&seed, 8)];
			/* Not escaped, a '=' behind a space begins another field. */
			const char *two = parts[random_below(&seed, strchr(one, ' ') ? 9 : 10)];

			snprintf(values[i], sizeof(values[i]), "%s%sz", one, two);
			len += sprintf(log + len, "k%u=%s ", i, values[i]);
		}
		fields_begin(&it, log, (size_t)len);
		for (unsigned i = 0; i < n; i++) {
			char want[16];

			sprintf(want, "k%u", i);
			if (!fields_next(&it, &key, &value) || !walk_is(key, want) ||
				!walk_is(value, values[i]))
				fail_msg("round %u, SLUICE_SEED=%llu: %.*s", round,
					(unsigned long long)before, len, log);
		}
		assert_false(fields_next(&it, &key, &value));
	}
}

/* What a sender would choose to make each search begin again; it takes minutes where one does. */
static void hostile_text_costs_no_more_than_its_length(void **state)
{
	static const char *const patterns[] = {"=", "a=", "\\", "\\\"", "=\"", "\"", "= ", "|",
		"CEF:0|", "a=\\", " CEF:0|\\|", "\\="};
	static char log[1 << 20];

	(void)state;
	for (unsigned head = 0; head < 2; head++) {
		for (unsigned i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
			size_t n = strlen(patterns[i]), len = 0;
			struct text devid, vdom;
			int64_t ns;

			if (head)
				len = (size_t)sprintf(log, "CEF:0|V|P|1|2|n|3|k=");
			while (len + n <= sizeof(log)) {
				memcpy(log + len, patterns[i], n);
				len += n;
			}
			walk(log, len, &devid, &vdom);
			assert_null(fields_devid(log, len).at);
			assert_false(fields_event_time(log, len, &ns));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_those_that_the_slow_reader_finds),
		cmocka_unit_test(the_identity_is_what_the_fields_say),
		cmocka_unit_test(cef_extensions_come_out_as_they_were_put_in),
		cmocka_unit_test(hostile_text_costs_no_more_than_its_length),
	};
	const char *given = getenv("SLUICE_SEED");

	seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 2654435761u + 1;
	printf("SLUICE_SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
