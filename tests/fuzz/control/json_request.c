/*
 * A request line of the control socket, as anybody on this machine may send one: parsed, checked
 * and carried out over a fake data plane, with each role. Each answer must be one line of JSON.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/control.h"
#include "tests/unit/control/fake_dp.h"
#include "tests/unit/control/fake_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct dp *dp;
static struct control *control;

static void start(void)
{
	static struct config cfg;
	const struct journal_recovery recovery = {.clean = true};
	const struct control_options options = {
		.config = &cfg, .owner = (uid_t)-1, .group = (gid_t)-1, .quiet = true};
	char err[512];

	config_defaults(&cfg);
	dp = fake_dp_new();
	fake_reader_journal = &dp->journal;
	control = control_new(&options, err, sizeof(err));
	if (control)
		control_take(control, dp);
	if (!control || control_attach(control, &recovery, NULL, err, sizeof(err)) != 0) {
		fprintf(stderr, "%s\n", err);
		abort();
	}
}

static void check(const struct text *out)
{
	json_t *v;

	if (out->len == 0)
		return; /* a notification */
	if (memchr(out->data, '\n', out->len) != out->data + out->len - 1)
		abort();
	v = json_loadb(out->data, out->len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	if (!v || !json_object_get(v, "id") ||
		!json_object_get(v, "result") == !json_object_get(v, "error"))
		abort();
	json_decref(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!control)
		start();
	for (enum role role = ROLE_NONE; role <= ROLE_WRITE; role++) {
		const struct peer who = {.pid = 1, .uid = 1, .role = role};
		struct text out = {0};

		dp->sessions_count = 1;
		control_request(control, NULL, &who, (const char *)data, size, &out);
		if (out.failed)
			abort();
		check(&out);
		text_free(&out);
	}
	return 0;
}
