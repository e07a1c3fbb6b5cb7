/* log show: asked of sluiced, or read from a directory without it. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "control/cli/cli.h"
#include "control/cli/conn.h"
#include "control/cli/dir_watch.h"
#include "control/cli/log_print.h"
#include "control/cli/when.h"

/* Following a directory: the kernel tells when it changes, but not when another machine does it. */
#define LOOK_AGAIN_MS 5000

static uint64_t wall_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int take_time(struct cli *cli, const struct args *args, const char *option, uint64_t *ns)
{
	const char *text = args_option(args, option);

	if (!text || when_parse(text, wall_now_ns(), ns) == 0)
		return CLI_DONE;
	cli_error(cli, "--%s \"%s\": expected %s", option, text, WHEN_FORMS);
	return CLI_USAGE;
}

/* ---- from sluiced ----------------------------------------------------------------------- */

static json_t *request_of(const struct args *args, const struct journal_query *q)
{
	json_t *params = json_object();

	if (q->device)
		json_object_set_new(params, "device", json_string(q->device));
	if (q->grep)
		json_object_set_new(params, "grep", json_string(q->grep));
	if (q->since_ns)
		json_object_set_new(params, "since_ns", json_integer((json_int_t)q->since_ns));
	if (q->until_ns != UINT64_MAX)
		json_object_set_new(params, "until_ns", json_integer((json_int_t)q->until_ns));
	if (args_option(args, "follow"))
		json_object_set_new(params, "follow", json_true());
	return params;
}

/* What was not looked at. */
static void warn(struct cli *cli, uint64_t corrupt, uint64_t undecided)
{
	if (corrupt)
		cli_error(cli, "%" PRIu64 " corrupt block%s skipped: see journal verify", corrupt,
			corrupt == 1 ? " was" : "s were");
	if (undecided)
		cli_error(cli,
			"%" PRIu64 " log%s left out: the expression takes too many steps on %s",
			undecided, undecided == 1 ? " was" : "s were",
			undecided == 1 ? "it" : "them");
}

static uint64_t number(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

/* false: what came is no batch of logs. */
static bool print_batch(struct cli *cli, const json_t *params, enum log_form form)
{
	const json_t *logs = json_object_get(params, "logs"), *log;
	size_t i;

	if (!json_is_array(logs))
		return false;
	json_array_foreach(logs, i, log)
	{
		if (log_print_json(log, form, cli->out) != 0)
			return false;
	}
	fflush(cli->out);
	return true;
}

static int stream(struct cli *cli, struct conn *conn, json_t *params, enum log_form form)
{
	json_int_t id = conn_send(conn, "log.show", params);
	int rc = id < 0 ? (int)id : CONN_OK;

	while (rc == CONN_OK && !ferror(cli->out)) {
		const char *method;
		json_t *message, *result;

		/* A search may find nothing for long; who waits too long for it may interrupt it.
		 */
		rc = conn_read(conn, CONN_FOREVER, &message);
		if (rc != CONN_OK)
			break;
		method = json_string_value(json_object_get(message, "method"));
		if (method) {
			if (strcmp(method, "log.entries") == 0 &&
				!print_batch(cli, json_object_get(message, "params"), form))
				rc = CONN_BAD;
			json_decref(message);
			continue;
		}
		result = json_object_get(message, "result");
		if (result) {
			warn(cli, number(result, "corrupt_blocks"), number(result, "undecided"));
			rc = CLI_DONE;
		} else {
			rc = cli_refused(cli, json_object_get(message, "error"));
		}
		json_decref(message);
		return rc;
	}
	return rc == CONN_OK ? CLI_FAILED : cli_broken(cli, rc);
}

static int show_from_sluiced(
	struct cli *cli, const struct args *args, const struct journal_query *q, enum log_form form)
{
	struct conn conn;
	int rc = cli_connect(cli, &conn);

	if (rc != CLI_DONE)
		return rc;
	rc = stream(cli, &conn, request_of(args, q), form);
	conn_close(&conn);
	return rc;
}

/* ---- from a directory ------------------------------------------------------------------- */

/* `watch`: of its directory, to follow it; -1: not. */
static int read_all(struct cli *cli, struct journal_reader *r, int watch, enum log_form form)
{
	struct journal_reader_stats st;
	struct journal_log log;
	int waited = 0;
	int rc;

	do {
		while ((rc = journal_reader_next(r, &log)) == 1 && !ferror(cli->out))
			log_print_record(&log, form, cli->out);
		fflush(cli->out);
		if (watch >= 0 && rc == 0 && !ferror(cli->out))
			waited = dir_watch_wait(watch, fileno(cli->out), LOOK_AGAIN_MS);
	} while (watch >= 0 && rc == 0 && waited >= 0 && !ferror(cli->out));
	journal_reader_stats(r, &st);
	warn(cli, st.corrupt_blocks, st.undecided);
	if (rc < 0)
		cli_error(cli, "%s", journal_error_text(rc));
	return rc < 0 || waited < 0 || ferror(cli->out) ? CLI_FAILED : CLI_DONE;
}

static int show_from_dir(struct cli *cli, const char *dir, bool follow,
	const struct journal_query *q, enum log_form form)
{
	struct journal_fault fault = {0};
	struct journal_reader *r;
	int watch = -1;
	int rc = journal_reader_open(dir, q, &r, &fault);

	if (rc != JOURNAL_OK) {
		cli_error(cli, "%s", fault.text[0] ? fault.text : journal_error_text(rc));
		return rc == JOURNAL_E_MISSING ? CLI_NOT_FOUND : CLI_FAILED;
	}
	/* Before anything is read: what comes while it is read is noticed. */
	if (follow)
		watch = dir_watch_open(dir);
	if (follow && watch < 0) {
		cli_error(cli, "%s: cannot be watched: %s", dir, strerror(-watch));
		rc = CLI_FAILED;
	} else {
		rc = read_all(cli, r, watch, form);
	}
	dir_watch_close(watch);
	journal_reader_close(r);
	return rc;
}

int run_log_show(struct cli *cli, const struct args *args)
{
	const char *dir = args_option(args, "dir");
	const bool raw = args_option(args, "raw") != NULL,
		   follow = args_option(args, "follow") != NULL;
	struct journal_query q = {
		.device = args_option(args, "device"),
		.grep = args_option(args, "grep"),
		.until_ns = UINT64_MAX,
		.max_block = JOURNAL_UNBOUNDED,
	};
	const enum log_form form = cli->json ? LOG_JSON : raw ? LOG_RAW : LOG_TEXT;
	int rc = take_time(cli, args, "since", &q.since_ns);

	if (rc == CLI_DONE)
		rc = take_time(cli, args, "until", &q.until_ns);
	if (rc == CLI_DONE && q.since_ns > q.until_ns) {
		cli_error(cli, "--since is later than --until");
		rc = CLI_USAGE;
	}
	if (rc == CLI_DONE && raw && cli->json) {
		cli_error(cli, "--raw and --json exclude each other");
		rc = CLI_USAGE;
	}
	if (rc != CLI_DONE)
		return rc;
	if (dir)
		return show_from_dir(cli, dir, follow, &q, form);
	return show_from_sluiced(cli, args, &q, form);
}
