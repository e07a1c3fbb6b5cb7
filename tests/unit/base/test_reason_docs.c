/* docs/accounts.md tells of every reason: the same word in accounts, metrics, refusals and docs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/base/reason.h"

static char *page;

static int read_page(void **state)
{
	FILE *f = fopen(ACCOUNTS_MD, "r");
	size_t n;

	(void)state;
	page = calloc(1, 1 << 20);
	if (!f || !page)
		return -1;
	n = fread(page, 1, (1 << 20) - 1, f);
	fclose(f);
	return n > 0 ? 0 : -1;
}

static int free_page(void **state)
{
	(void)state;
	free(page);
	return 0;
}

static void all_are_there(const char *(*slug)(unsigned), unsigned count, bool in_table)
{
	for (unsigned i = 0; i < count; i++) {
		char text[64];

		snprintf(text, sizeof(text), "%s`%s`%s", in_table ? "| " : "", slug(i),
			in_table ? " | " : "");
		if (!strstr(page, text))
			fail_msg("not in accounts.md: %s", text);
	}
}

static void every_reason_is_in_the_docs(void **state)
{
	(void)state;
	all_are_there(drop_reason_slug, DROP_REASON_COUNT, true);
	all_are_there(wire_reason_slug, WIRE_REASON_COUNT, true);
	all_are_there(refusal_reason_slug, REFUSAL_REASON_COUNT, false);
}

static void every_refusal_has_words(void **state)
{
	(void)state;
	for (unsigned i = 0; i < REFUSAL_REASON_COUNT; i++)
		assert_non_null(refusal_reason_words(refusal_reason_slug(i)));
	assert_null(refusal_reason_words("it does not prove that it knows the password"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_reason_is_in_the_docs),
		cmocka_unit_test(every_refusal_has_words)};

	return cmocka_run_group_tests(tests, read_page, free_page);
}
