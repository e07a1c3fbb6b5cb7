/* Requests, and what becomes of them. */
#include "control/cli/conn.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "control/cli/cli.h"
#include "control/cli/show.h"
#include "control/text.h"

void cli_error(struct cli *cli, const char *format, ...)
{
	char text[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fputs("sluicectl: ", cli->err);
	print_safe(text, strlen(text), cli->err);
	fputc('\n', cli->err);
}

bool cli_secret(struct cli *cli, const struct args *args, const char *what, bool twice,
	char secret[SECRET_MAX])
{
	char err[256];

	const char *file = args_option(args, "password-file");

	if (secret_read(file, "--password-file", what, twice, secret, err, sizeof(err)) != 0) {
		cli_error(cli, "%s", err);
		return false;
	}
	if (utf8_valid(secret, strlen(secret)))
		return true;
	/* JSON would not have it. */
	explicit_bzero(secret, SECRET_MAX);
	if (file)
		cli_error(cli, "%s: its first line is not text (UTF-8)", file);
	else
		cli_error(cli, "what was typed is not text (UTF-8)");
	return false;
}

int cli_connect(struct cli *cli, struct conn *conn)
{
	int error = conn_open(conn, cli->socket);

	switch (error) {
	case 0:
		return CLI_DONE;
	case EACCES:
	case EPERM:
		cli_error(cli, "no right to use %s", cli->socket);
		return CLI_NO_RIGHT;
	default:
		cli_error(cli, "no sluiced at %s: %s", cli->socket, strerror(error));
		return CLI_ABSENT;
	}
}

static int refused_status(const char *reason)
{
	if (!reason)
		return CLI_FAILED;
	if (strcmp(reason, "no_right") == 0)
		return CLI_NO_RIGHT;
	if (strcmp(reason, "not_found") == 0)
		return CLI_NOT_FOUND;
	if (strcmp(reason, "timeout") == 0)
		return CLI_TIMEOUT;
	return CLI_FAILED;
}

int cli_refused(struct cli *cli, const json_t *error)
{
	const json_t *data = json_object_get(error, "data");
	const char *message = json_string_value(json_object_get(error, "message"));
	const char *reason = json_string_value(json_object_get(data, "reason"));

	snprintf(cli->refused, sizeof(cli->refused), "%s", reason ? reason : "");
	if (cli->json) {
		fputs("{\"schema\":1,\"error\":", cli->err);
		json_dumpf(error, cli->err, JSON_COMPACT);
		fputs("}\n", cli->err);
		return refused_status(reason);
	}
	cli_error(cli, "%s%s%s%s", message ? message : "refused", reason ? " (" : "",
		reason ? reason : "", reason ? ")" : "");
	/* Of a reload: all that is wrong with the file, and what it would have changed. */
	if (json_array_size(json_object_get(data, "errors")) > 1)
		show_config_errors("configuration", json_object_get(data, "errors"), cli->err);
	show_changes(json_object_get(data, "changes"), cli->err);
	return refused_status(reason);
}

int cli_broken(struct cli *cli, int conn_result)
{
	switch (conn_result) {
	case CONN_TIMEOUT:
		cli_error(cli, "no answer from sluiced at %s in time", cli->socket);
		return CLI_TIMEOUT;
	case CONN_CLOSED:
		cli_error(cli, "sluiced at %s has closed the connection", cli->socket);
		return CLI_ABSENT;
	default:
		cli_error(cli, "what answers at %s does not speak JSON-RPC", cli->socket);
		return CLI_FAILED;
	}
}

int cli_request(struct cli *cli, struct conn *conn, const char *method, json_t *params,
	uint64_t timeout_us, json_t **result)
{
	const uint64_t deadline =
		timeout_us == CONN_FOREVER ? CONN_FOREVER : conn_now_us() + timeout_us;
	const json_int_t id = conn_send(conn, method, params);
	int rc = id < 0 ? (int)id : CONN_OK;

	*result = NULL;
	while (rc == CONN_OK) {
		json_t *message, *answer_id;

		rc = conn_read(conn, deadline, &message);
		if (rc != CONN_OK)
			break;
		/* An error with a null id is about a request that could not be read, and there is
		 * one. */
		answer_id = json_object_get(message, "id");
		if (answer_id && (json_integer_value(answer_id) == id || json_is_null(answer_id))) {
			const json_t *error = json_object_get(message, "error");
			int status = CLI_DONE;

			*result = json_incref(json_object_get(message, "result"));
			if (error)
				status = cli_refused(cli, error);
			else if (!*result)
				status = cli_broken(cli, CONN_BAD);
			json_decref(message);
			return status;
		}
		json_decref(message);
	}
	return cli_broken(cli, rc);
}

int cli_call(
	struct cli *cli, const char *method, json_t *params, uint64_t timeout_us, json_t **result)
{
	struct conn conn;
	int rc = cli_connect(cli, &conn);

	*result = NULL;
	if (rc != CLI_DONE) {
		json_decref(params);
		return rc;
	}
	rc = cli_request(cli, &conn, method, params, timeout_us, result);
	conn_close(&conn);
	return rc;
}

void cli_print_json(struct cli *cli, const json_t *value)
{
	json_dumpf(value, cli->out, JSON_COMPACT);
	fputc('\n', cli->out);
	fflush(cli->out);
}
