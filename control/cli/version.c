#include "control/cli/cli.h"
#include "control/cli/show.h"

int run_version(struct cli *cli, const struct args *args)
{
	json_t *result;
	int rc;

	(void)args;
	if (!cli->json)
		fprintf(cli->out, "sluicectl %s\n", SLUICE_VERSION);
	fflush(cli->out);
	rc = cli_call(cli, "version", NULL, CALL_TIMEOUT_US, &result);
	if (rc != CLI_DONE)
		return rc;
	if (cli->json) {
		json_object_set_new(result, "sluicectl", json_string(SLUICE_VERSION));
		cli_print_json(cli, result);
	} else {
		fputs("sluiced   ", cli->out);
		put_text(get_text(result, "version"), cli->out);
		fputc('\n', cli->out);
	}
	json_decref(result);
	return CLI_DONE;
}
