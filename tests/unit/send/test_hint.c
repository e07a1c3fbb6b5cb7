/* What sluice-send says is to be done about a refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/base/reason.h"
#include "send/hint.h"

/* A login is refused for what it says too, and then the certificate need not be at fault. */
static void a_serial_number_that_is_none_is_told_how_to_come_by_one(void **state)
{
	const char *hint = hint_for("no_legal_sn"), *words = refusal_reason_words("no_legal_sn");

	(void)state;
	assert_non_null(hint);
	assert_non_null(strstr(hint, "`sluicectl cert issue SERIAL`"));
	assert_non_null(strstr(hint, "auth.serial-pattern"));
	assert_non_null(strstr(hint, "`device-serial`"));
	assert_non_null(strstr(words, "certificate"));
	assert_non_null(strstr(words, "login"));
}

/* Those that a login is told, and whose words do not say what to do. */
static void hints_are_of_reasons_that_there_are(void **state)
{
	static const char *const slugs[] = {"no_certificate", "no_legal_sn", "sn_mismatch",
		"not_authorized", "denied", "duplicate_serial"};
	unsigned hints = 0;

	(void)state;
	for (unsigned i = 0; i < REFUSAL_REASON_COUNT; i++)
		hints += hint_for(refusal_reason_slug(i)) != NULL;
	assert_int_equal(hints, sizeof(slugs) / sizeof(slugs[0]));
	for (size_t i = 0; i < sizeof(slugs) / sizeof(slugs[0]); i++)
		assert_non_null(hint_for(slugs[i]));
	assert_null(hint_for(""));
	assert_null(hint_for("nothing of ours"));
}

/* A hint is a line of tell(), behind the server's name. */
static void a_hint_fits_into_a_line(void **state)
{
	(void)state;
	for (unsigned i = 0; i < REFUSAL_REASON_COUNT; i++) {
		const char *hint = hint_for(refusal_reason_slug(i));

		assert_true(!hint || (strlen(hint) < 300 && !strchr(hint, '\n')));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_serial_number_that_is_none_is_told_how_to_come_by_one),
		cmocka_unit_test(hints_are_of_reasons_that_there_are),
		cmocka_unit_test(a_hint_fits_into_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
