/* top: a screen again and again. */
#include <poll.h>
#include <unistd.h>

#include "control/cli/cli.h"
#include "control/cli/conn.h"
#include "control/cli/show.h"
#include "control/cli/when.h"
#include "control/config/units.h"

#define LONGEST_US     86400000000u

#define TOP_DEFAULT_US 2000000u

struct top {
	uint64_t interval_us, count;
	json_int_t limit;
};

static int top_options(struct cli *cli, const struct args *args, struct top *t)
{
	const char *interval = args_option(args, "interval"), *count = args_option(args, "count");
	const char *limit = args_option(args, "limit");
	uint64_t n = 20; /* devices */

	*t = (struct top){.interval_us = TOP_DEFAULT_US, .count = UINT64_MAX};
	if (args_option(args, "once"))
		t->count = 1;
	if (interval && (when_parse_span(interval, &t->interval_us) != 0 || t->interval_us == 0 ||
				t->interval_us > LONGEST_US)) {
		cli_error(cli,
			"--interval \"%s\": expected seconds, or a number with one "
			"of " UNIT_DURATIONS,
			interval);
		return CLI_USAGE;
	}
	if ((count && !cli_number(cli, "--count", count, 1, UINT32_MAX, &t->count)) ||
		(limit && !cli_number(cli, "--limit", limit, 0, 1000, &n)))
		return CLI_USAGE;
	t->limit = (json_int_t)n;
	return CLI_DONE;
}

static int ask_top(struct cli *cli, struct conn *conn, const struct top *t, json_t **result)
{
	return cli_request(
		cli, conn, "top", json_pack("{s:I}", "limit", t->limit), CALL_TIMEOUT_US, result);
}

/* sluiced makes rates out of two samples. The first that there is has none: it is not shown. */
static int top_first(struct cli *cli, struct conn *conn, const struct top *t, json_t **result)
{
	int rc = ask_top(cli, conn, t, result);

	if (rc != CLI_DONE || get_number(*result, "interval_s") > 0)
		return rc;
	json_decref(*result);
	poll(NULL, 0, (int)(t->interval_us / 1000));
	return ask_top(cli, conn, t, result);
}

static void show_screen(struct cli *cli, const json_t *result, bool clear)
{
	if (cli->json) {
		cli_print_json(cli, result);
		return;
	}
	if (clear)
		fputs("\033[H\033[2J", cli->out);
	show_top(cli, result);
	if (!clear)
		fputc('\n', cli->out);
	fflush(cli->out);
}

int run_top(struct cli *cli, const struct args *args)
{
	/* A screen that is repeated in place needs a terminal. */
	const int fd = fileno(cli->out);
	struct conn conn;
	struct top t;
	bool clear;
	int rc = top_options(cli, args, &t);

	if (rc == CLI_DONE)
		rc = cli_connect(cli, &conn);
	if (rc != CLI_DONE)
		return rc;
	clear = t.count > 1 && fd >= 0 && isatty(fd);
	for (uint64_t i = 0; i < t.count && rc == CLI_DONE && !ferror(cli->out); i++) {
		json_t *result;

		if (i > 0)
			poll(NULL, 0, (int)(t.interval_us / 1000));
		rc = i == 0 ? top_first(cli, &conn, &t, &result) : ask_top(cli, &conn, &t, &result);
		if (rc == CLI_DONE)
			show_screen(cli, result, clear);
		json_decref(result);
	}
	conn_close(&conn);
	return rc;
}
