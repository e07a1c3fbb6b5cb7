/* Expressions: the text that every match must have, and that it never hides a match. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/journal/grep.h"
#include "tests/unit/journal/util.h"

static void literal_is(const char *pattern, const char *literal)
{
	struct grep g = {0};
	char why[200];

	assert_int_equal(grep_compile(&g, pattern, why), 0);
	if (!literal) {
		assert_null(g.literal);
	} else {
		assert_non_null(g.literal);
		assert_int_equal(g.literal_len, strlen(literal));
		assert_memory_equal(g.literal, literal, g.literal_len);
	}
	grep_free(&g);
}

static void finds_the_text_that_must_be_there(void **state)
{
	(void)state;
	literal_is("plain", "plain");
	literal_is("user=\"bob\" .* action=\"deny\"", " action=\"deny\"");
	literal_is("srcip=10\\.0\\.0\\.1 ", "srcip=10.0.0.1 ");
	literal_is("colou?r", "colo");
	literal_is("ab+cdef", "cdef");
	literal_is("xa+?y", "x"); /* which the C library reads as x(a+)?y */
	literal_is("uva+{0,2}y", "uv");
	literal_is("xyz*", "xy");
	literal_is("abc{0,3}d", "ab");
	literal_is("(any|of)these", "these");
	literal_is("either|or", NULL);
	literal_is("[]a-z]end", "end");
	literal_is("[[:alpha:]]+=[[:digit:]]", "=");
	literal_is("a[^]]b*", "a");
	literal_is("\\wword\\b", "word");
	literal_is("[0-9]+", NULL);
	literal_is("^begin$", "begin");
	literal_is("naïve?", "naïv");
	literal_is("caf\xc3\xa9*", "caf");
	literal_is("(a(b)[)]c)tail", "tail");
}

static void refuses_what_is_no_expression(void **state)
{
	struct grep g = {0};
	char why[200] = "";

	(void)state;
	assert_int_equal(grep_compile(&g, "a(b", why), -1);
	assert_true(why[0] != 0);
	grep_free(&g);
}

/* As the reader does it, one log after another. */
static unsigned found(struct grep *g, const char *text, size_t len)
{
	const uint8_t *at = (const uint8_t *)text;
	unsigned n = 0;

	for (size_t off = 0; off < len;) {
		const char *newline = memchr(text + off, '\n', len - off);
		size_t row = (size_t)(newline - (text + off));
		const uint8_t *hit = grep_seek(g, at + off, at + off + row);

		n = n * 2 + (hit && grep_confirm(g, at + off, row));
		off += row + 1;
	}
	return n;
}

static unsigned next(uint64_t *s)
{
	*s = *s * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(*s >> 33);
}

/* Any expression, any text: the same as the matcher alone says. */
static void agrees_with_the_matcher(void **state)
{
	static const char *const piece[] = {"a", "b", "ab", "c", ".", "a*", "b+", "c?", "(ab|c)",
		"[ab]", "[^a]", "\\.", "a{2}", "b{0,2}", "(a)*", "^", "$", "|b", "[]]",
		"[[:alpha:]]c", "\\w", "\\bc"};
	uint64_t seed = 1;
	unsigned matched = 0;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		char pattern[64] = "";
		char text[64];
		size_t len = 0;
		struct grep g = {0};
		struct grep alone;
		char why[200];

		for (unsigned k = next(&seed) % 5 + 1; k > 0; k--)
			strcat(pattern, piece[next(&seed) % (sizeof(piece) / sizeof(piece[0]))]);
		for (unsigned k = 0; k < 6; k++) {
			for (unsigned n = next(&seed) % 8; n > 0; n--)
				text[len++] = "abc.]"[next(&seed) % 5];
			text[len++] = '\n';
		}
		if (grep_compile(&g, pattern, why) != 0) {
			grep_free(&g);
			continue;
		}
		alone = g;
		if (g.has_regex)
			alone.literal = NULL;
		matched += found(&alone, text, len) != 0;
		if (found(&g, text, len) != found(&alone, text, len))
			fail_msg("pattern \"%s\"", pattern);
		grep_free(&g);
	}
	assert_true(matched > 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_text_that_must_be_there),
		cmocka_unit_test(refuses_what_is_no_expression),
		cmocka_unit_test(agrees_with_the_matcher),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
