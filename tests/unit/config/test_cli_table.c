#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/cli/table.h"

static char *text;
static size_t text_len;

static FILE *begin(void)
{
	FILE *f = open_memstream(&text, &text_len);

	assert_non_null(f);
	return f;
}

static void is(FILE *f, const char *expected)
{
	fclose(f);
	assert_string_equal(text, expected);
	free(text);
}

static void columns_are_aligned(void **state)
{
	struct table *t = table_new("NAME|>COUNT|LAST");
	FILE *f = begin();

	(void)state;
	table_cell(t, "a");
	table_cell(t, "1,234");
	table_cell(t, "x");
	table_cell(t, "longer");
	table_cellf(t, "%d", 7);
	table_cell(t, "y");
	assert_int_equal(table_rows(t), 2);
	table_print(t, f, 1);
	is(f, " NAME    COUNT  LAST\n"
	      " a       1,234  x\n"
	      " longer      7  y\n");
	table_free(t);
}

static void no_rows_print_nothing(void **state)
{
	struct table *t = table_new("A|B");
	FILE *f = begin();

	(void)state;
	table_print(t, f, 0);
	is(f, "");
	table_free(t);
}

static void letters_count_not_bytes(void **state)
{
	struct table *t = table_new("A|B");
	FILE *f = begin();

	(void)state;
	table_cell(t, "\xc3\xa9t\xc3\xa9");
	table_cell(t, "1");
	table_cell(t, "abcd");
	table_cell(t, "2");
	table_print(t, f, 0);
	is(f, "A     B\n"
	      "\xc3\xa9t\xc3\xa9   1\n"
	      "abcd  2\n");
	table_free(t);
}

static void what_could_drive_a_terminal_is_escaped(void **state)
{
	static const char bytes[] =
		"a\033[2J\tb\n\x7f\xc2\x9b\xff\xc0\x80\xed\xa0\x80\xe2\x82\xac\xf0\x9f\x98\x80\0z";
	FILE *f = begin();

	(void)state;
	print_safe(bytes, sizeof(bytes) - 1, f);
	is(f, "a\\x1b["
	      "2J\tb\\x0a\\x7f\\xc2\\x9b\\xff\\xc0\\x80\\xed\\xa0\\x80\xe2\x82\xac\xf0\x9f\x98\x80"
	      "\\x00z");
}

static void a_character_that_is_cut_is_escaped(void **state)
{
	FILE *f = begin();

	(void)state;
	print_safe("\xe2\x82", 2, f);
	is(f, "\\xe2\\x82");
}

static void cells_are_escaped(void **state)
{
	struct table *t = table_new("A");
	FILE *f = begin();

	(void)state;
	table_cell(t, "\033x");
	table_print(t, f, 0);
	is(f, "A\n\\x1bx\n");
	table_free(t);
}

static void numbers_for_people(void **state)
{
	char s[HUMAN_TEXT];

	(void)state;
	human_count(0, s);
	assert_string_equal(s, "0");
	human_count(999, s);
	assert_string_equal(s, "999");
	human_count(1234567, s);
	assert_string_equal(s, "1,234,567");
	human_count(UINT64_MAX, s);
	assert_string_equal(s, "18,446,744,073,709,551,615");

	human_bytes(1023, s);
	assert_string_equal(s, "1023 B");
	human_bytes(1536, s);
	assert_string_equal(s, "1.5 KiB");
	human_bytes((1 << 20) - 1, s);
	assert_string_equal(s, "1.0 MiB");
	human_bytes(UINT64_MAX, s);
	assert_string_equal(s, "16.0 EiB");

	human_span(59, s);
	assert_string_equal(s, "59s");
	human_span(3599, s);
	assert_string_equal(s, "59m 59s");
	human_span(3600, s);
	assert_string_equal(s, "1h 0m");
	human_span(100000, s);
	assert_string_equal(s, "1d 3h");

	human_rate(0, s);
	assert_string_equal(s, "0");
	human_rate(12.34, s);
	assert_string_equal(s, "12.3");
	human_rate(1234567.8, s);
	assert_string_equal(s, "1,234,568");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_aligned),
		cmocka_unit_test(no_rows_print_nothing),
		cmocka_unit_test(letters_count_not_bytes),
		cmocka_unit_test(what_could_drive_a_terminal_is_escaped),
		cmocka_unit_test(a_character_that_is_cut_is_escaped),
		cmocka_unit_test(cells_are_escaped),
		cmocka_unit_test(numbers_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
