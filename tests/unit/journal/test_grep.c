/* Expressions: the text that every match must have, and that it never hides a match. */
#include <regex.h>
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
	literal_is("xa+?y", "x"); /* x(a+)?y */
	literal_is("x{(}b)?y", "x{");
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

/* What an expression means. */
static void means(const char *pattern, const char *text, bool expected)
{
	struct grep g = {0};
	char why[200];

	if (grep_compile(&g, pattern, why) != 0)
		fail_msg("\"%s\": %s", pattern, why);
	for (unsigned i = 0; i < 2; i++) {
		const uint8_t *log = (const uint8_t *)text;
		bool is = grep_seek(&g, log, log + strlen(text)) != NULL &&
			  grep_confirm(&g, log, strlen(text));

		if (is != expected)
			fail_msg("\"%s\" and \"%s\": %d", pattern, text, is);
		g.jit = false;
	}
	grep_free(&g);
}

static void means_what_grep_says(void **state)
{
	(void)state;
	means("a+?b", "b", true); /* (a+)? */
	means("^a{,2}$", "aaa", false);
	means("^a{,2}$", "aa", true);
	means("x{2}{3}", "xxxxxx", true);
	means("^x{2}{3}$", "xxxxx", false);
	means("a{b", "a{b", true);
	means("a{1,b}", "a{1,b}", true);
	means("x{(}b)?y", "x{y", true);
	means("[\\d]", "\\", true);
	means("[\\d]", "7", false);
	means("[]x]+$", "]x]", true);
	means("[[.-.]a]b", "-b", true);
	means("[+[.-.]z]b", "9b", false);
	means("[[=a=]]b", "ab", true);
	means("[[:digit:][:upper:]]z", "Qz", true);
	means("\\<cat\\>", "a cat.", true);
	means("\\<cat\\>", "concat", false);
	means("(a|b)\\1c", "xbbc", true);
	means("(a|b)\\1c", "xabc", false);
	means("(a)\\10", "aa0", true);
	means("^b.$", "a\nbc", false); /* a log is one text */
	means("a.b", "a\nb", true);
	means("b$", "b\n", false);
	means("#x y", "#x y", true);
	means("\\d\\d\\D", "12x", true);
	means("a|", "", true);
	/* By bytes, or by characters where there are any beyond ASCII. */
	means("^a..b$",
		"a\xc3\xa9"
		"b",
		true);
	means("^\xc3\xa9?b$", "b", true);
	means("^\xc3\xa9.b$",
		"\xc3\xa9\xc3\xa4"
		"b",
		true);
	means("^[\xc3\xa4\xc3\xb6]b$",
		"\xc3\xb6"
		"b",
		true);
	means("\xc3\xa9+$", "\xff\xc3\xa9\xc3\xa9", true);
	means("^\xe9+$", "\xe9\xe9", true); /* no UTF-8 */
}

static void refuses_what_is_no_expression(void **state)
{
	static const char *const bad[] = {"a(b", "a)b", "*a", "a|*", "(*UTF)a", "(?i)a", "^*", "[a",
		"[[:alpha", "[[:foo:]]", "[:alpha:]", "[[.space.]]", "a\\", "a\\q", "\\0", "(a)\\2",
		"x{3,2}", "x{70000}", "((((a{1,250}){1,250}){1,250}){1,250})"};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct grep g = {0};
		char why[200] = "";

		if (grep_compile(&g, bad[i], why) != -1 || why[0] == 0)
			fail_msg("\"%s\": %s", bad[i], why);
		grep_free(&g);
	}
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

/* What the C library says, which has the same syntax. */
static unsigned found_by_c_library(const regex_t *re, const char *text, size_t len)
{
	unsigned n = 0;

	for (size_t off = 0; off < len;) {
		const char *newline = memchr(text + off, '\n', len - off);
		regmatch_t m = {.rm_so = 0, .rm_eo = (regoff_t)(newline - (text + off))};

		n = n * 2 + (regexec(re, text + off, 1, &m, REG_STARTEND) == 0);
		off = (size_t)(newline - text) + 1;
	}
	return n;
}

static unsigned next(uint64_t *s)
{
	*s = *s * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(*s >> 33);
}

static void agrees_with_the_c_library(void **state)
{
	static const char *const piece[] = {"a", "b", "ab", "c", ".", "a*", "b+", "c?", "(ab|c)",
		"[ab]", "[^a]", "\\.", "a{2}", "b{0,2}", "(a)*", "^", "$", "|b", "[]]",
		"[[:alpha:]]c", "\\w", "\\bc", "b+?", "(a|b)*{2}", "c{,2}", "\\<a", "b\\>", "[\\]]",
		"(|a)", "[[.].]a]"};
	uint64_t seed = 1;
	unsigned compared = 0;
	unsigned matched = 0;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		char pattern[100] = "";
		char text[64];
		size_t len = 0;
		struct grep g = {0};
		char why[200];
		regex_t re;

		for (unsigned k = next(&seed) % 5 + 1; k > 0; k--)
			strcat(pattern, piece[next(&seed) % (sizeof(piece) / sizeof(piece[0]))]);
		for (unsigned k = 0; k < 6; k++) {
			for (unsigned n = next(&seed) % 8; n > 0; n--)
				text[len++] = "abc.]"[next(&seed) % 5];
			text[len++] = '\n';
		}
		if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
			continue;
		if (grep_compile(&g, pattern, why) == 0) {
			unsigned n = found_by_c_library(&re, text, len);

			compared++;
			matched += n != 0;
			if (found(&g, text, len) != n)
				fail_msg("pattern \"%s\", text \"%.*s\"", pattern, (int)len, text);
			g.jit = false;
			if (found(&g, text, len) != n)
				fail_msg("pattern \"%s\", without machine code", pattern);
		}
		regfree(&re);
		grep_free(&g);
	}
	assert_true(compared > 15000);
	assert_true(matched > 5000);
}

/* An expression that would try for years is given up on this log, and the others are searched. */
static void a_log_gets_so_many_steps(void **state)
{
	static char many[65536];
	struct grep g = {0};
	char why[200];

	(void)state;
	memset(many, 'a', sizeof(many));
	assert_int_equal(grep_compile(&g, "(a*)*[bc]", why), 0);
	for (unsigned i = 1; i <= 2; i++) {
		assert_false(grep_confirm(&g, (const uint8_t *)many, sizeof(many)));
		assert_int_equal(g.undecided, 2 * i - 1);
		assert_true(grep_confirm(&g, (const uint8_t *)"aab", 3));
		assert_false(grep_confirm(&g, (const uint8_t *)many, 40));
		assert_int_equal(g.undecided, 2 * i);
		g.jit = false;
	}
	grep_free(&g);
	/* What takes room for each byte finds it in a log of the greatest length. */
	assert_int_equal(grep_compile(&g, "^(a|b)*$", why), 0);
	assert_true(grep_confirm(&g, (const uint8_t *)many, sizeof(many)));
	g.jit = false;
	assert_true(grep_confirm(&g, (const uint8_t *)many, sizeof(many)));
	assert_int_equal(g.undecided, 0);
	grep_free(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_text_that_must_be_there),
		cmocka_unit_test(means_what_grep_says),
		cmocka_unit_test(refuses_what_is_no_expression),
		cmocka_unit_test(agrees_with_the_c_library),
		cmocka_unit_test(a_log_gets_so_many_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
