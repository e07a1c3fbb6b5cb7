#include "control/cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/cli/conn.h"
#include "control/cli/show.h"
#include "control/config/config.h"
#include "control/text.h"

/* A command that is one request and one answer. */
static int run_request(struct cli *cli, const struct args *args)
{
	const struct command *c = args->command;
	json_t *params = c->params(cli, args), *result;
	int rc;

	if (!params)
		return CLI_USAGE;
	rc = cli_call(cli, c->method, params, CALL_TIMEOUT_US, &result);
	if (rc == CLI_DONE && (cli->json || !c->show))
		cli_print_json(cli, result);
	else if (rc == CLI_DONE)
		c->show(cli, result);
	json_decref(result);
	return rc;
}

/* --socket, SLUICE_SOCKET, control.socket of the configuration (whatever else is wrong there), or
 * the usual place. Points into the arguments, the environment, or *cfg. */
static const char *find_socket(const struct args *args, const char *config_file, struct config *cfg)
{
	const char *socket = args->socket ? args->socket : getenv("SLUICE_SOCKET");
	struct config_errors *errors;

	if (socket && socket[0])
		return socket;
	errors = malloc(sizeof(*errors));
	if (errors && access(config_file, R_OK) == 0)
		config_load(config_file, cfg, errors);
	else
		config_defaults(cfg);
	free(errors);
	return cfg->control.socket;
}

static void help(const struct args *args, FILE *out)
{
	if (args->command)
		help_command(args->command, out);
	else if (args->noun)
		help_noun(args->noun, out);
	else
		help_all(out);
}

/* Output that did not arrive is no success. */
static int flushed(struct cli *cli, int rc)
{
	if (fflush(cli->out) != 0 || ferror(cli->out)) {
		cli_error(cli, "cannot write the output");
		return rc == CLI_DONE ? CLI_FAILED : rc;
	}
	return rc;
}

/* Requests are JSON, which is UTF-8; false after a message. */
static bool is_text(struct cli *cli, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (utf8_valid(argv[i], strlen(argv[i])))
			continue;
		cli_error(cli, "\"%s\" is not text (UTF-8)", argv[i]);
		return false;
	}
	return true;
}

int cli_main(int argc, char **argv, const char *config_file, FILE *out, FILE *err)
{
	struct cli cli = {.out = out, .err = err};
	struct args args;
	struct config *cfg;
	int rc = is_text(&cli, argc, argv) ? args_parse(&args, argc, argv, err) : CLI_USAGE;

	if (rc != CLI_DONE)
		return rc;
	if (args.help) {
		help(&args, out);
		return flushed(&cli, CLI_DONE);
	}
	if (args.version) {
		fprintf(out, "sluicectl %s\n", SLUICE_VERSION);
		return flushed(&cli, CLI_DONE);
	}
	cfg = malloc(sizeof(*cfg));
	if (!cfg)
		return CLI_FAILED;
	cli.socket = find_socket(&args, config_file, cfg);
	cli.json = args.json;
	rc = args.command->run ? args.command->run(&cli, &args) : run_request(&cli, &args);
	rc = flushed(&cli, rc);
	free(cfg);
	return rc;
}
