/* journal list and verify: asked of sluiced, or read from a directory without it. */
#include <inttypes.h>
#include <string.h>

#include "control/cli/cli.h"
#include "control/cli/conn.h"
#include "control/cli/show.h"
#include "control/text.h"
#include "dataplane/journal/reader.h"

static int fault(struct cli *cli, int rc, const struct journal_fault *f)
{
	cli_error(cli, "%s", f->text[0] ? f->text : journal_error_text(rc));
	return rc == JOURNAL_E_MISSING ? CLI_NOT_FOUND : CLI_FAILED;
}

/* The same objects as sluiced's (docs/control-api.md). */
static void add_segment(void *ctx, const struct journal_segment_info *s)
{
	json_array_append_new(
		ctx, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:b}", "name",
			     s->name, "bytes", (json_int_t)s->bytes, "first_block",
			     (json_int_t)s->first_block, "last_block", (json_int_t)s->last_block,
			     "blocks", (json_int_t)s->blocks, "logs", (json_int_t)s->logs,
			     "raw_bytes", (json_int_t)s->raw_bytes, "first", time_json(s->first_ns),
			     "last", time_json(s->last_ns), "finished", s->finished));
}

static void add_finding(void *ctx, const struct journal_finding *f)
{
	json_array_append_new(
		ctx, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s}", "kind",
			     f->kind == FINDING_TORN_TAIL ? "torn_tail" : "corruption", "segment",
			     f->segment, "offset", (json_int_t)f->offset, "length_bytes",
			     (json_int_t)f->length, "first_block", (json_int_t)f->first_block,
			     "last_block", (json_int_t)f->last_block, "logs", (json_int_t)f->logs,
			     "text", f->text));
}

static int list_dir(struct cli *cli, const char *dir, json_t **result)
{
	struct journal_fault f = {0};
	json_t *segments = json_array();
	int rc = journal_list(dir, add_segment, segments, &f);

	*result = json_pack("{s:i, s:o}", "schema", 1, "segments", segments);
	return rc == JOURNAL_OK ? CLI_DONE : fault(cli, rc, &f);
}

static int verify_dir(struct cli *cli, const char *dir, json_t **result)
{
	struct journal_verify_totals t = {0};
	struct journal_fault f = {0};
	json_t *findings = json_array();
	int rc = journal_verify(dir, JOURNAL_UNBOUNDED, add_finding, findings, &t, &f);

	*result = json_pack("{s:i, s:o, s:i, s:I, s:I, s:I, s:I, s:I, s:I}", "schema", 1,
		"findings", findings, "omitted", 0, "segments", (json_int_t)t.segments, "blocks",
		(json_int_t)t.blocks, "logs", (json_int_t)t.logs, "bytes", (json_int_t)t.bytes,
		"torn", (json_int_t)t.torn, "corrupt", (json_int_t)t.corrupt);
	return rc == JOURNAL_OK ? CLI_DONE : fault(cli, rc, &f);
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
