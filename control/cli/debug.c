/* debug start: the live trace, line by line, until interrupted. */
#include <string.h>

#include "control/cli/cli.h"
#include "control/cli/conn.h"
#include "control/cli/show.h"
#include "control/config/units.h"

static void print_line(struct cli *cli, const json_t *params, uint64_t *lost)
{
	const uint64_t now = get_uint(params, "lost");

	if (cli->json) {
		cli_print_json(cli, params);
		return;
	}
	if (now > *lost)
		fprintf(cli->out, "(%llu lines lost)\n", (unsigned long long)(now - *lost));
	*lost = now;
	put_text(get_text(params, "line"), cli->out);
	fputc('\n', cli->out);
	fflush(cli->out);
}

static int stream(struct cli *cli, struct conn *conn)
{
	uint64_t lost = 0;
	int rc = CONN_OK;

	while (rc == CONN_OK && !ferror(cli->out)) {
		json_t *message;
		const char *method;

		rc = conn_read(conn, CONN_FOREVER, &message);
		if (rc != CONN_OK)
			break;
		method = json_string_value(json_object_get(message, "method"));
		if (method && strcmp(method, "debug.line") == 0)
			print_line(cli, json_object_get(message, "params"), &lost);
		json_decref(message);
	}
	return rc == CONN_OK ? CLI_DONE : cli_broken(cli, rc);
}

int run_debug_start(struct cli *cli, const struct args *args)
{
	const char *address = args_operand(args, 2);
	json_t *params, *result;
	struct conn conn;
	uint64_t level;
	int rc;

	if (!cli_number(cli, "level", args_operand(args, 1), 1, 255, &level))
		return CLI_USAGE;
	rc = cli_connect(cli, &conn);
	if (rc != CLI_DONE)
		return rc;
	params = json_pack("{s:s,s:I}", "what", args_operand(args, 0), "level", (json_int_t)level);
	if (address)
		json_object_set_new(params, "address", json_string(address));
	rc = cli_request(cli, &conn, "debug.start", params, CALL_TIMEOUT_US, &result);
	json_decref(result);
	if (rc == CLI_DONE)
		rc = stream(cli, &conn);
	conn_close(&conn);
	return rc;
}
