/*
 * A configuration file of any bytes is either refused with an error that has a text, or what it
 * says prints as YAML that loads back to the same.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/config.h"

#define MAX_INPUT 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct config cfg, again, defaults;
static struct dp_config dp;
static struct config_errors errors;

static void check_errors(void)
{
	char line[1024];

	assert(errors.count > 0 && errors.count <= CONFIG_MAX_ERRORS);
	for (unsigned i = 0; i < errors.count; i++) {
		assert(errors.v[i].text[0] != '\0');
		assert(config_error_format(&errors, i, line, sizeof(line)) == strlen(line));
		assert(i == 0 || errors.v[i - 1].line <= errors.v[i].line);
	}
}

static void count_change(void *ctx, const struct config_change *c)
{
	assert(strcmp(c->before, c->after) != 0);
	++*(unsigned *)ctx;
}

/* What is taken says the same in every way there is to look at it. */
static void check_use(void)
{
	unsigned n = 0;

	config_defaults(&defaults);
	assert(config_diff(&defaults, &cfg, count_change, &n) == n);
	config_take_live(&defaults, &cfg);
	assert(config_diff(&defaults, &cfg, NULL, NULL) <= n);
	config_to_dp(&cfg, &dp);
	assert(dp.ports_count >= 1 && dp.ports_count <= DP_MAX_PORTS);
	assert(dp.journal.pool_blocks >= 8 && dp.journal.block_size >= 2 * dp.policy.message_size);
}

static char *print(const struct config *c, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	assert(out);
	config_print(c, out);
	fclose(out);
	return text;
}

static void check_round_trip(void)
{
	size_t len = 0, len_again = 0;
	char *text = print(&cfg, &len), *text_again;

	if (config_parse(text, len, "printed", &again, &errors) != 0) {
		config_errors_print(&errors, stderr);
		fputs(text, stderr);
		abort();
	}
	text_again = print(&again, &len_again);
	assert(strcmp(text, text_again) == 0);
	assert(config_diff(&cfg, &again, NULL, NULL) == 0);
	free(text_again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > MAX_INPUT)
		return 0;
	if (config_parse((const char *)data, size, "fuzz", &cfg, &errors) != 0) {
		check_errors();
		return 0;
	}
	check_use();
	check_round_trip();
	return 0;
}
