/* config check: a file of the caller's, or sluiced's own. */
#include <stdlib.h>

#include "control/cli/cli.h"
#include "control/cli/show.h"
#include "control/config/config.h"

static json_t *errors_json(const struct config_errors *errors)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < errors->count; i++) {
		const struct config_error *e = &errors->v[i];

		json_array_append_new(
			list, json_pack("{s:i, s:i, s:s, s:s}", "line", (int)e->line, "column",
				      (int)e->column, "path", e->path, "text", e->text));
	}
	return list;
}

/* A file of the caller's, as config.check answers about sluiced's own. */
static json_t *check_file(const char *file)
{
	struct config *cfg = malloc(sizeof(*cfg));
	struct config_errors *errors = malloc(sizeof(*errors));
	json_t *result = NULL;

	if (cfg && errors) {
		int rc = config_load(file, cfg, errors);

		result = json_pack("{s:i, s:s, s:b, s:o, s:i}", "schema", 1, "file", file, "valid",
			rc == 0, "errors", errors_json(errors), "omitted", (int)errors->omitted);
	}
	free(cfg);
	free(errors);
	return result;
}

int run_config_check(struct cli *cli, const struct args *args)
{
	const char *file = args_operand(args, 0);
	json_t *result = NULL;
	int rc = CLI_DONE;

	if (file)
		result = check_file(file);
	else
		rc = cli_call(cli, "config.check", NULL, CALL_TIMEOUT_US, &result);
	if (rc != CLI_DONE)
		return rc;
	if (!result) {
		cli_error(cli, "%s: no UTF-8 name, or out of memory", file);
		return CLI_FAILED;
	}
	if (cli->json)
		cli_print_json(cli, result);
	else
		show_config_check(cli, result);
	rc = get_bool(result, "valid") ? CLI_DONE : CLI_FAILED;
	json_decref(result);
	return rc;
}
