/* journal list and verify: asked of sluiced, or read from a directory without it. */
#include <limits.h>
#include <string.h>

#include "control/cli/cli.h"
#include "control/cli/conn.h"
#include "control/cli/show.h"
#include "control/journal_json.h"

static int fault(struct cli *cli, int rc, const struct journal_fault *f)
{
	cli_error(cli, "%s", f->text[0] ? f->text : journal_error_text(rc));
	return rc == JOURNAL_E_MISSING ? CLI_NOT_FOUND : CLI_FAILED;
}

/* What was written is read as if it came from sluiced. */
static int taken(
	struct cli *cli, int rc, const struct journal_fault *f, struct text *out, json_t **v)
{
	*v = NULL;
	if (rc == JOURNAL_OK && !out->failed)
		*v = json_loadb(out->data, out->len, 0, NULL);
	text_free(out);
	if (rc == JOURNAL_OK && !*v)
		rc = JOURNAL_E_NO_MEMORY;
	return rc == JOURNAL_OK ? CLI_DONE : fault(cli, rc, f);
}

static int list_dir(struct cli *cli, const char *dir, json_t **result)
{
	struct journal_fault f = {0};
	struct text out = {0};
	int rc = journal_json_list(&out, dir, &f);

	return taken(cli, rc, &f, &out, result);
}

static int verify_dir(struct cli *cli, const char *dir, json_t **result)
{
	struct journal_fault f = {0};
	struct text out = {0};
	int rc = journal_json_verify(&out, dir, JOURNAL_UNBOUNDED, UINT_MAX, &f);

	return taken(cli, rc, &f, &out, result);
}

/* From the directory or from sluiced, then shown. *result is the caller's where it is CLI_DONE. */
static int ask(struct cli *cli, const struct args *args,
	int (*from_dir)(struct cli *, const char *, json_t **), const char *method,
	void (*show)(struct cli *, const json_t *), json_t **result)
{
	const char *dir = args_option(args, "dir");
	int rc = dir ? from_dir(cli, dir, result)
		     : cli_call(cli, method, NULL, CONN_FOREVER, result);

	if (rc != CLI_DONE) {
		json_decref(*result);
		*result = NULL;
	} else if (cli->json) {
		cli_print_json(cli, *result);
	} else {
		show(cli, *result);
	}
	return rc;
}

int run_journal_list(struct cli *cli, const struct args *args)
{
	json_t *result;
	int rc = ask(cli, args, list_dir, "journal.list", show_journal_list, &result);

	json_decref(result);
	return rc;
}

int run_journal_verify(struct cli *cli, const struct args *args)
{
	json_t *result;
	int rc = ask(cli, args, verify_dir, "journal.verify", show_journal_verify, &result);

	if (rc == CLI_DONE && json_integer_value(json_object_get(result, "corrupt")) > 0)
		rc = CLI_CORRUPT;
	else if (rc == CLI_DONE && json_integer_value(json_object_get(result, "torn")) > 0)
		rc = CLI_TORN;
	json_decref(result);
	return rc;
}
