/* wait ready: until sluiced is there and takes logs in. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "control/cli/cli.h"
#include "control/cli/conn.h"
#include "control/cli/when.h"
#include "control/config/units.h"

#define WAIT_DEFAULT_US 60000000u
#define RETRY_FIRST_MS	10
#define RETRY_LAST_MS	200
#define LONGEST_US	86400000000u
#define ANSWER_SLACK_US 2000000u /* sluiced keeps the time; this is for its answer's way */

/* Is there nobody to talk to, but may be soon? */
static bool may_come(int error)
{
	return error == ENOENT || error == ECONNREFUSED || error == ENOTDIR || error == EAGAIN;
}

/* Until sluiced takes a connection. 0, or errno of the last attempt. */
static int await_connection(struct conn *conn, const char *socket, uint64_t deadline_us)
{
	int ms = RETRY_FIRST_MS, error = conn_open(conn, socket);

	while (may_come(error) && conn_now_us() < deadline_us) {
		poll(NULL, 0, ms);
		if (ms < RETRY_LAST_MS)
			ms *= 2;
		error = conn_open(conn, socket);
	}
	return error;
}

/* One connection's worth of waiting. CONN_CLOSED: it ended before sluiced said anything. */
static int ask_ready(struct conn *conn, uint64_t deadline_us, json_t **message)
{
	const uint64_t now = conn_now_us(), left = deadline_us > now ? deadline_us - now : 0;
	json_int_t id =
		conn_send(conn, "wait.ready", json_pack("{s:f}", "timeout_s", (double)left / 1e6));

	if (id < 0)
		return (int)id;
	return conn_read(conn, deadline_us + ANSWER_SLACK_US, message);
}

static int ready_answer(struct cli *cli, json_t *message)
{
	const json_t *result = json_object_get(message, "result");
	int rc = CLI_DONE;

	if (!result)
		rc = cli_refused(cli, json_object_get(message, "error"));
	else if (cli->json)
		cli_print_json(cli, result);
	else
		fputs("ready\n", cli->out);
	json_decref(message);
	return rc;
}

int run_wait_ready(struct cli *cli, const struct args *args)
{
	const char *text = args_option(args, "timeout");
	uint64_t timeout = WAIT_DEFAULT_US, deadline;

	if (text && (when_parse_span(text, &timeout) != 0 || timeout > LONGEST_US)) {
		cli_error(cli,
			"--timeout \"%s\": expected seconds, or a number with one "
			"of " UNIT_DURATIONS,
			text);
		return CLI_USAGE;
	}
	deadline = conn_now_us() + timeout;
	while (true) {
		struct conn conn;
		json_t *message;
		int rc = await_connection(&conn, cli->socket, deadline);

		if (may_come(rc)) {
			cli_error(cli, "no sluiced at %s in time: %s", cli->socket, strerror(rc));
			return CLI_TIMEOUT;
		}
		if (rc == EACCES || rc == EPERM) {
			cli_error(cli, "no right to use %s", cli->socket);
			return CLI_NO_RIGHT;
		}
		if (rc != 0) {
			cli_error(cli, "no sluiced at %s: %s", cli->socket, strerror(rc));
			return CLI_ABSENT;
		}
		rc = ask_ready(&conn, deadline, &message);
		conn_close(&conn);
		if (rc == CONN_OK)
			return ready_answer(cli, message);
		/* It went away: another may come in its place. */
		if (rc != CONN_CLOSED || conn_now_us() >= deadline)
			return rc == CONN_CLOSED ? cli_broken(cli, CONN_TIMEOUT)
						 : cli_broken(cli, rc);
		poll(NULL, 0, RETRY_FIRST_MS);
	}
}
