/* The pages name what the program knows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/method.h"
#include "tests/unit/control/harness.h"

static char *page(const char *name)
{
	FILE *f = fopen(name, "r");
	char *text = calloc(1, 1 << 20);
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, (1 << 20) - 1, f);
	assert_true(n > 0 && n < (1 << 20) - 1);
	fclose(f);
	return text;
}

static void every_refusal_is_in_the_troubleshooting_page(void **state)
{
	char *text = page(TROUBLESHOOTING_MD);
	unsigned missing = 0;

	(void)state;
	for (unsigned i = 0; i < REFUSAL_REASON_COUNT; i++) {
		char row[80];

		snprintf(row, sizeof(row), "\n| `%s` | ", refusal_reason_slug(i));
		if (!strstr(text, row)) {
			print_error("no row for %s\n", refusal_reason_slug(i));
			missing++;
		}
	}
	free(text);
	assert_int_equal(missing, 0);
}

static void every_method_is_in_the_api_page(void **state)
{
	char *text = page(CONTROL_API_MD);
	unsigned missing = 0;

	(void)state;
	for (const struct method *m = methods; m->name; m++) {
		char name[80];

		snprintf(name, sizeof(name), "`%s", m->name);
		if (!strstr(text, name)) {
			print_error("nothing about %s\n", m->name);
			missing++;
		}
	}
	free(text);
	assert_int_equal(missing, 0);
}

/* What stands in the braces behind the method's name, or behind those that it is named with. */
static bool has_param(const char *text, const char *method, const char *param)
{
	const size_t n = strlen(param);
	char head[80];
	const char *at, *end;

	snprintf(head, sizeof(head), "`%s", method);
	for (at = text; (at = strstr(at, head)) != NULL; at++) {
		const char *brace = strchr(at, '{');

		end = brace ? strchr(brace, '}') : NULL;
		/* Named only, in a list or a sentence. */
		if (!end || end - at > 160 || !strchr("` ", at[strlen(head)]))
			continue;
		for (const char *w = brace; (w = strstr(w, param)) != NULL && w < end; w++)
			if (strchr("{ \"", w[-1]) && strchr(",}?\"", w[n]))
				return true;
	}
	return false;
}

static void every_parameter_is_in_the_api_page(void **state)
{
	char *text = page(CONTROL_API_MD);
	unsigned missing = 0;

	(void)state;
	for (const struct method *m = methods; m->name; m++)
		for (const struct param *p = m->params; p && p->name; p++)
			if (!has_param(text, m->name, p->name)) {
				print_error("%s: nothing about %s\n", m->name, p->name);
				missing++;
			}
	free(text);
	assert_int_equal(missing, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_refusal_is_in_the_troubleshooting_page),
		cmocka_unit_test(every_method_is_in_the_api_page),
		cmocka_unit_test(every_parameter_is_in_the_api_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
