/* Where a log ends in a byte stream, rule by rule. max_len is 8 unless said otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "tests/unit/framing/deliver.h"

/*
 * What comes out of a stream that the peer has then closed, as text: each log, its flags behind a
 * slash (cut, lf, crlf, nul, counted, partial), then ';'. "broken" at the end where it is.
 */
static const char *framed(enum stream_kind kind, uint32_t max_len, const char *stream, size_t len)
{
	static const struct {
		uint8_t flag;
		const char *name;
	} names[] = {{LOG_FLAG_CUT, "X"}, {LOG_FLAG_LF, "L"}, {LOG_FLAG_CRLF, "R"},
		{LOG_FLAG_NUL, "N"}, {LOG_FLAG_COUNTED, "C"}, {LOG_FLAG_PARTIAL, "P"}};
	static char text[4096];
	struct tape t = deliver(kind, max_len, (const uint8_t *)stream, len, 0);
	char *to = text;

	for (size_t at = 0; at < t.len;) {
		uint8_t flags = t.buf[at];
		uint32_t n;

		memcpy(&n, t.buf + at + 1, sizeof(n));
		at += 1 + sizeof(n);
		memcpy(to, t.buf + at, n);
		to += n;
		*to++ = '/';
		for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (flags & names[i].flag)
				*to++ = *names[i].name;
		*to++ = ';';
		at += n;
	}
	snprintf(to, sizeof("broken"), "%s", t.broken ? "broken" : "");
	if (!t.broken)
		assert_int_equal(t.consumed, len);
	tape_free(&t);
	return text;
}

#define lines(s)	 framed(STREAM_LINES, 8, s, sizeof(s) - 1)
#define counted(s)	 framed(STREAM_COUNTED, 8, s, sizeof(s) - 1)
#define lines_of(n, s)	 framed(STREAM_LINES, n, s, sizeof(s) - 1)
#define counted_of(n, s) framed(STREAM_COUNTED, n, s, sizeof(s) - 1)

/* Newline framing */

static void a_line_ends_with_lf(void **state)
{
	(void)state;
	assert_string_equal(lines("ab\ncd\n"), "ab/L;cd/L;");
}

static void a_line_ends_with_crlf(void **state)
{
	(void)state;
	assert_string_equal(lines("ab\r\ncd\r\n"), "ab/R;cd/R;");
}

static void a_cr_that_no_lf_follows_is_the_logs(void **state)
{
	(void)state;
	assert_string_equal(lines("a\rb\n\rc\n"), "a\rb/L;\rc/L;");
	assert_string_equal(lines("ab\r"), "ab\r/;");
	assert_string_equal(lines("ab\r\r\n"), "ab\r/R;");
}

static void only_one_trailer_is_taken_off(void **state)
{
	(void)state;
	assert_memory_equal(lines("ab\0\ncd\n"), "ab\0/L;cd/L;", 11);
}

static void empty_lines_are_skipped(void **state)
{
	(void)state;
	assert_string_equal(lines("\n\r\n\nab\n\n"), "ab/L;");
	assert_string_equal(lines(""), "");
}

static void the_last_line_needs_no_newline(void **state)
{
	(void)state;
	assert_string_equal(lines("ab\ncd"), "ab/L;cd/;");
}

static void at_the_end_one_nul_is_framing(void **state)
{
	(void)state;
	assert_string_equal(lines("ab\0"), "ab/N;");
	assert_memory_equal(lines("ab\0\0"), "ab\0/N;", 7);
	assert_string_equal(lines("ab\n\0"), "ab/L;");
}

static void a_line_of_max_len_is_whole_with_any_trailer(void **state)
{
	(void)state;
	assert_string_equal(lines("12345678\nab\n"), "12345678/L;ab/L;");
	assert_string_equal(lines("12345678\r\nab\n"), "12345678/R;ab/L;");
	assert_string_equal(lines("12345678\0"), "12345678/N;");
	assert_string_equal(lines("12345678"), "12345678/;");
}

static void a_longer_line_is_cut_and_its_rest_skipped(void **state)
{
	(void)state;
	assert_string_equal(lines("123456789\nab\n"), "12345678/X;ab/L;");
	assert_string_equal(lines("123456789\r\nab\n"), "12345678/X;ab/L;");
	assert_string_equal(lines("12345678\rx\nab\n"), "12345678/X;ab/L;");
	assert_string_equal(lines("12345678\r\r\nab\n"), "12345678/X;ab/L;");
	assert_string_equal(lines("12345678\r"), "12345678/X;");
	assert_memory_equal(lines("12345678\0\nab\n"), "12345678/X;ab/L;", 16);
	assert_string_equal(lines("1234567890123456789012345"), "12345678/X;");
}

static void a_digit_at_the_begin_of_a_later_line_is_no_count(void **state)
{
	(void)state;
	assert_string_equal(lines("ab\n3 <1>x\n"), "ab/L;3 <1>x/L;");
}

/* Octet counting */

static void counted_frames_follow_each_other_with_nothing_between(void **state)
{
	(void)state;
	assert_string_equal(counted("5 <1>ab4 <2>c"), "<1>ab/C;<2>c/C;");
}

static void one_trailer_inside_of_the_count_is_taken_off(void **state)
{
	(void)state;
	assert_string_equal(counted("6 <1>ab\n"), "<1>ab/LC;");
	assert_string_equal(counted("7 <1>ab\r\n"), "<1>ab/RC;");
	assert_string_equal(counted("6 <1>ab\0"), "<1>ab/NC;");
	assert_memory_equal(counted("7 <1>ab\n\0"), "<1>ab\n/NC;", 10);
	assert_memory_equal(counted("7 <1>ab\0\n"), "<1>ab\0/LC;", 10);
	assert_string_equal(counted("6 <1>ab\r"), "<1>ab\r/C;");
}

static void a_trailer_outside_of_the_count_is_skipped(void **state)
{
	(void)state;
	assert_string_equal(counted("5 <1>ab\n4 <2>c\r\n4 <3>d\0\n\0"), "<1>ab/C;<2>c/C;<3>d/C;");
}

static void newlines_inside_of_a_counted_log_are_the_logs(void **state)
{
	(void)state;
	assert_string_equal(counted("8 <1>a\nb\nc"), "<1>a\nb\nc/C;");
}

static void a_counted_frame_that_is_all_trailer_is_no_log(void **state)
{
	(void)state;
	assert_string_equal(counted("1 \n2 \r\n1 \0"
				    "4 <1>a"),
		"<1>a/C;");
}

static void after_the_first_frame_no_pri_is_asked_for(void **state)
{
	(void)state;
	assert_string_equal(counted("4 <1>a6 date=x"), "<1>a/C;date=x/C;");
}

static void a_broken_count_breaks_the_stream(void **state)
{
	(void)state;
	assert_string_equal(counted("4 <1>abc 4 <1>a"), "<1>a/C;broken");
	assert_string_equal(counted("4 <1>a04 <1>a"), "<1>a/C;broken");
	assert_string_equal(counted("4 <1>a 4 <1>a"), "<1>a/C;broken");
	assert_string_equal(counted("4 <1>a4x<1>a"), "<1>a/C;broken");
	assert_string_equal(counted("12345678 <1>a"), "broken");
	assert_string_equal(counted("4 <1>a\rx"), "<1>a/C;broken");
	assert_string_equal(counted("4 <1>a-4 <1>a"), "<1>a/C;broken");
}

static void a_broken_stream_stays_broken(void **state)
{
	const struct framing_span v = {(const uint8_t *)"4 <1>a", 6};
	const struct framing_span bad = {(const uint8_t *)"x", 1};
	struct framer f;
	struct frame out;

	(void)state;
	framer_init(&f, STREAM_COUNTED, 8);
	assert_int_equal(framer_next(&f, &bad, 1, false, &out), FRAME_BROKEN);
	assert_int_equal(framer_next_from(&f, framer_resume(&f), &v, 1, false, &out), FRAME_BROKEN);
	assert_int_equal(framer_next_from(&f, framer_resume(&f), &v, 1, true, &out), FRAME_BROKEN);
}

static void a_counted_log_of_max_len_is_whole_with_any_trailer(void **state)
{
	(void)state;
	assert_string_equal(counted("8 <1>45678"), "<1>45678/C;");
	assert_string_equal(counted("9 <1>45678\n"), "<1>45678/LC;");
	assert_string_equal(counted("9 <1>45678\0"), "<1>45678/NC;");
	assert_string_equal(counted("10 <1>45678\r\n"), "<1>45678/RC;");
}

static void a_longer_counted_log_is_cut_and_its_rest_skipped(void **state)
{
	(void)state;
	assert_string_equal(counted("9 <1>4567894 <2>a"), "<1>45678/XC;<2>a/C;");
	assert_string_equal(counted("10 <1>456789\n4 <2>a"), "<1>45678/XC;<2>a/C;");
	assert_string_equal(counted("11 <1>456789\r\n4 <2>a"), "<1>45678/XC;<2>a/C;");
	assert_string_equal(counted("20 <1>456789012345678904 <2>a"), "<1>45678/XC;<2>a/C;");
}

static void a_counted_log_that_the_end_interrupts_is_partial(void **state)
{
	(void)state;
	assert_string_equal(counted("9 <1>ab"), "<1>ab/CP;");
	assert_string_equal(counted("9 <1>ab\n"), "<1>ab\n/CP;");
	assert_string_equal(counted("10 <1>456789"), "<1>45678/XCP;");
	assert_string_equal(counted("99 <1>45"), "<1>45/CP;");
	assert_string_equal(counted("99 <1>4567890"), "<1>45678/XC;");
}

static void a_count_that_the_end_interrupts_is_skipped(void **state)
{
	(void)state;
	assert_string_equal(counted("4 <1>a12"), "<1>a/C;");
	assert_string_equal(counted("4 <1>a12 "), "<1>a/C;");
	assert_string_equal(counted("4 <1>a\r"), "<1>a/C;");
}

static void seven_digits_are_the_longest_count(void **state)
{
	struct framer f;
	struct frame out;
	const struct framing_span v = {(const uint8_t *)"9999999 <1>log", 14};

	(void)state;
	framer_init(&f, STREAM_COUNTED, 5);
	assert_int_equal(framer_next(&f, &v, 1, false, &out), FRAME_LOG);
	assert_int_equal(out.skip, 8);
	assert_int_equal(out.len, 5);
	assert_int_equal(out.total, 13);
	assert_int_equal(f.discard, 9999994);
}

static void a_max_len_of_one_byte_works(void **state)
{
	(void)state;
	assert_string_equal(lines_of(1, "a\nbc\r\nd\r\n"), "a/L;b/X;d/R;");
	assert_string_equal(counted_of(1, "1 a2 b\n3 c\r\n4 dddd"), "a/C;b/LC;c/RC;d/XC;");
}

/* How it is delivered */

static void a_cut_log_comes_out_as_soon_as_it_is_certain(void **state)
{
	const struct framing_span v[] = {
		{(const uint8_t *)"12345678", 8}, {(const uint8_t *)"9", 1}};
	const struct framing_span cr[] = {
		{(const uint8_t *)"12345678", 8}, {(const uint8_t *)"\r", 1}};
	struct framer f;
	struct frame out;

	(void)state;
	framer_init(&f, STREAM_LINES, 8);
	assert_int_equal(framer_next(&f, v, 1, false, &out), FRAME_MORE);
	assert_int_equal(framer_next(&f, v, 2, false, &out), FRAME_LOG);
	assert_int_equal(out.len, 8);
	assert_int_equal(out.flags, LOG_FLAG_CUT);
	assert_int_equal(framer_resume(&f), 1); /* the 9 was looked at */

	framer_init(&f, STREAM_LINES, 8);
	assert_int_equal(framer_next(&f, cr, 2, false, &out), FRAME_MORE); /* a LF may follow */
}

static void the_rest_of_a_cut_log_is_skipped_as_it_comes(void **state)
{
	const struct framing_span v = {(const uint8_t *)"123456789", 9};
	const struct framing_span rest = {(const uint8_t *)"9xxx", 4};
	const struct framing_span end = {(const uint8_t *)"x\nab", 4};
	struct framer f;
	struct frame out;

	(void)state;
	framer_init(&f, STREAM_LINES, 8);
	assert_int_equal(framer_next(&f, &v, 1, false, &out), FRAME_LOG);
	assert_int_equal(framer_next(&f, &rest, 1, false, &out), FRAME_SKIP);
	assert_int_equal(out.total, 4);
	assert_int_equal(framer_next(&f, NULL, 0, false, &out), FRAME_MORE);
	assert_int_equal(framer_next(&f, &end, 1, false, &out), FRAME_SKIP);
	assert_int_equal(out.total, 2);
}

static void a_framer_that_is_put_back_gives_the_log_again(void **state)
{
	static const char *const streams[] = {
		"ab\n", "123456789\nab\n", "5 <1>ab", "20 <1>4567890"};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		const struct framing_span v = {
			(const uint8_t *)streams[i], (uint32_t)strlen(streams[i])};
		struct framer f, before;
		struct frame first, again;

		framer_init(&f, i < 2 ? STREAM_LINES : STREAM_COUNTED, 8);
		before = f;
		assert_int_equal(framer_next(&f, &v, 1, false, &first), FRAME_LOG);
		f = before;
		assert_int_equal(framer_next(&f, &v, 1, false, &again), FRAME_LOG);
		assert_memory_equal(&first, &again, sizeof(first));
	}
}

/* A byte at a time, and what was looked at is overwritten with what would end the log. */
static void no_byte_is_looked_at_twice(void **state)
{
	enum { LEN = 64 * 1024 };
	static uint8_t stream[LEN + 16];
	const enum stream_kind kinds[] = {STREAM_LINES, STREAM_COUNTED};

	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		uint32_t head = k ? 6 : 0, total = head + LEN + 1;
		struct framing_span v[2];
		struct framer f;
		struct frame out;

		memset(stream, 'x', sizeof(stream));
		memcpy(stream, "65537 ", head);
		stream[total - 1] = '\n';
		framer_init(&f, kinds[k], LEN);
		for (uint32_t there = 1; there < total; there++) {
			uint32_t at = framer_resume(&f);

			assert_true(there - at <= 3);
			v[0] = (struct framing_span){stream, at};
			v[1] = (struct framing_span){stream + at, there - at};
			if (there % 2)
				assert_int_equal(framer_next(&f, v, 2, false, &out), FRAME_MORE);
			else
				assert_int_equal(framer_next_from(&f, at, v + 1, 1, false, &out),
					FRAME_MORE);
			memset(stream, '\n', framer_resume(&f));
		}
		v[0] = (struct framing_span){stream, total};
		assert_int_equal(framer_next(&f, v, 1, false, &out), FRAME_LOG);
		assert_int_equal(out.skip, head);
		assert_int_equal(out.len, LEN);
		assert_int_equal(out.total, total);
	}
}

static void more_spans_than_fit_an_array_are_given_in_turns(void **state)
{
	static const uint8_t stream[] = "12 <1>345678901";
	struct framer f;
	struct frame out;
	enum frame_result r = FRAME_MORE;

	(void)state;
	framer_init(&f, STREAM_COUNTED, 64);
	for (unsigned turns = 0; r == FRAME_MORE; turns++) {
		struct framing_span v[4];

		assert_true(turns < sizeof(stream));
		for (unsigned i = 0; i < 4; i++) {
			uint32_t at = framer_resume(&f) + i;

			v[i] = (struct framing_span){stream + at, at < sizeof(stream) - 1};
		}
		r = framer_next_from(&f, framer_resume(&f), v, 4, false, &out);
	}
	assert_int_equal(r, FRAME_LOG);
	assert_int_equal(out.len, 12);
}

/* Datagrams */

static const char *trimmed(const char *data, uint32_t len, uint32_t max_len)
{
	static char text[64];
	uint8_t flags = datagram_trim((const uint8_t *)data, &len, max_len);

	snprintf(text, sizeof(text), "%.*s %02x", (int)len, data, flags);
	return text;
}

static void a_datagram_loses_one_trailer(void **state)
{
	(void)state;
	assert_string_equal(trimmed("ab", 2, 8), "ab 00");
	assert_string_equal(trimmed("ab\n", 3, 8), "ab 02");
	assert_string_equal(trimmed("ab\r\n", 4, 8), "ab 04");
	assert_string_equal(trimmed("ab\0", 3, 8), "ab 08");
	assert_string_equal(trimmed("ab\n\n", 4, 8), "ab\n 02");
	assert_string_equal(trimmed("ab\n\0", 4, 8), "ab\n 08");
	assert_string_equal(trimmed("ab\r", 3, 8), "ab\r 00");
	assert_string_equal(trimmed("a\nb", 3, 8), "a\nb 00");
}

static void a_datagram_is_cut_behind_its_trailer(void **state)
{
	(void)state;
	assert_string_equal(trimmed("12345678\r\n", 10, 8), "12345678 04");
	assert_string_equal(trimmed("123456789\n", 10, 8), "12345678 03");
	assert_string_equal(trimmed("123456789", 9, 8), "12345678 01");
}

static void a_datagram_may_be_nothing_but_trailer(void **state)
{
	(void)state;
	assert_string_equal(trimmed("", 0, 8), " 00");
	assert_string_equal(trimmed("\n", 1, 8), " 02");
	assert_string_equal(trimmed("\r\n", 2, 8), " 04");
	assert_string_equal(trimmed("\0", 1, 8), " 08");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_ends_with_lf),
		cmocka_unit_test(a_line_ends_with_crlf),
		cmocka_unit_test(a_cr_that_no_lf_follows_is_the_logs),
		cmocka_unit_test(only_one_trailer_is_taken_off),
		cmocka_unit_test(empty_lines_are_skipped),
		cmocka_unit_test(the_last_line_needs_no_newline),
		cmocka_unit_test(at_the_end_one_nul_is_framing),
		cmocka_unit_test(a_line_of_max_len_is_whole_with_any_trailer),
		cmocka_unit_test(a_longer_line_is_cut_and_its_rest_skipped),
		cmocka_unit_test(a_digit_at_the_begin_of_a_later_line_is_no_count),
		cmocka_unit_test(counted_frames_follow_each_other_with_nothing_between),
		cmocka_unit_test(one_trailer_inside_of_the_count_is_taken_off),
		cmocka_unit_test(a_trailer_outside_of_the_count_is_skipped),
		cmocka_unit_test(newlines_inside_of_a_counted_log_are_the_logs),
		cmocka_unit_test(a_counted_frame_that_is_all_trailer_is_no_log),
		cmocka_unit_test(after_the_first_frame_no_pri_is_asked_for),
		cmocka_unit_test(a_broken_count_breaks_the_stream),
		cmocka_unit_test(a_broken_stream_stays_broken),
		cmocka_unit_test(a_counted_log_of_max_len_is_whole_with_any_trailer),
		cmocka_unit_test(a_longer_counted_log_is_cut_and_its_rest_skipped),
		cmocka_unit_test(a_counted_log_that_the_end_interrupts_is_partial),
		cmocka_unit_test(a_count_that_the_end_interrupts_is_skipped),
		cmocka_unit_test(seven_digits_are_the_longest_count),
		cmocka_unit_test(a_max_len_of_one_byte_works),
		cmocka_unit_test(a_cut_log_comes_out_as_soon_as_it_is_certain),
		cmocka_unit_test(the_rest_of_a_cut_log_is_skipped_as_it_comes),
		cmocka_unit_test(a_framer_that_is_put_back_gives_the_log_again),
		cmocka_unit_test(no_byte_is_looked_at_twice),
		cmocka_unit_test(more_spans_than_fit_an_array_are_given_in_turns),
		cmocka_unit_test(a_datagram_loses_one_trailer),
		cmocka_unit_test(a_datagram_is_cut_behind_its_trailer),
		cmocka_unit_test(a_datagram_may_be_nothing_but_trailer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
