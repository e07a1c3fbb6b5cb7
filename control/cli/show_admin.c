/* settings, audit, config, journal: what was decided, and where it is kept. */
#include <string.h>

#include "control/cli/show.h"

void show_settings(struct cli *cli, const json_t *r)
{
	const json_t *list = get_list(cli, r, "settings");
	struct table *t;
	const json_t *s;
	size_t i;

	if (!list)
		return;
	t = table_new("SETTING|VALUE|DEFAULT|CHANGED|BY");
	json_array_foreach(list, i, s)
	{
		cell_text(t, s, "name");
		cell_text(t, s, "value");
		cell_text(t, s, "default");
		cell_time(t, s, "changed");
		cell_text(t, s, "changed_by");
	}
	table_print(t, cli->out, 0);
	table_free(t);
}

void show_setting(struct cli *cli, const json_t *r)
{
	put_text(get_text(r, "name"), cli->out);
	fputs(" = ", cli->out);
	put_text(get_text(r, "value"), cli->out);
	fputc('\n', cli->out);
}

void show_audit(struct cli *cli, const json_t *r)
{
	const json_t *list = get_list(cli, r, "audit");
	struct table *t;
	const json_t *e;
	size_t i;

	if (!list)
		return;
	t = table_new(">ID|TIME|WHO|WHAT|TARGET|BEFORE|AFTER");
	json_array_foreach(list, i, e)
	{
		table_cellf(t, "%llu", (unsigned long long)get_uint(e, "id"));
		cell_time(t, e, "time");
		cell_text(t, e, "who");
		cell_text(t, e, "what");
		cell_text(t, e, "target");
		cell_text(t, e, "before");
		cell_text(t, e, "after");
	}
	if (table_rows(t))
		table_print(t, cli->out, 0);
	else
		fputs("nothing was changed yet\n", cli->out);
	table_free(t);
}

/* ---- config ----------------------------------------------------------------------------- */

void show_changes(const json_t *changes, FILE *out)
{
	struct table *t = table_new("CHANGED|FROM|TO|APPLIES");
	const json_t *c;
	size_t i;

	json_array_foreach(changes, i, c)
	{
		cell_text(t, c, "path");
		cell_text(t, c, "before");
		cell_text(t, c, "after");
		table_cell(t, get_bool(c, "live") ? "at a reload" : "after a restart");
	}
	table_print(t, out, 0);
	table_free(t);
}

void show_config_errors(const char *file, const json_t *errors, FILE *out)
{
	const json_t *e;
	size_t i;

	json_array_foreach(errors, i, e)
	{
		put_text(file, out);
		fputc(':', out);
		if (get_uint(e, "line"))
			fprintf(out, "%u:%u:", (unsigned)get_uint(e, "line"),
				(unsigned)get_uint(e, "column"));
		fputc(' ', out);
		if (get_text(e, "path")[0]) {
			put_text(get_text(e, "path"), out);
			fputs(": ", out);
		}
		put_text(get_text(e, "text"), out);
		fputc('\n', out);
	}
}

void show_config(struct cli *cli, const json_t *r)
{
	const char *file = get_text(r, "file");

	fprintf(cli->out, "# in effect, from ");
	put_text(file, cli->out);
	fputc('\n', cli->out);
	fputs(get_text(r, "yaml"), cli->out);
	if (json_array_size(get(r, "errors"))) {
		fputs("\n# the file as it is now is wrong:\n", cli->out);
		show_config_errors(file, get(r, "errors"), cli->out);
	}
	if (json_array_size(get(r, "changes"))) {
		fputs("\n# the file as it is now differs:\n", cli->out);
		show_changes(get(r, "changes"), cli->out);
	}
}

static bool needs_restart(const json_t *changes)
{
	const json_t *c;
	size_t i;

	json_array_foreach(changes, i, c)
	{
		if (!get_bool(c, "live"))
			return true;
	}
	return false;
}

void show_config_check(struct cli *cli, const json_t *r)
{
	const char *file = get_text(r, "file");

	show_config_errors(file, get(r, "errors"), cli->out);
	if (get_uint(r, "omitted"))
		fprintf(cli->out, "and %u more errors\n", (unsigned)get_uint(r, "omitted"));
	if (!get_bool(r, "valid"))
		return;
	put_text(file, cli->out);
	fputs(needs_restart(get(r, "changes"))
			? " is valid; a reload refuses it, a restart takes it\n"
			: " is valid\n",
		cli->out);
	show_changes(get(r, "changes"), cli->out);
}

void show_reload(struct cli *cli, const json_t *r)
{
	size_t n = json_array_size(get(r, "changes"));

	fprintf(cli->out, "reloaded, %zu change%s\n", n, n == 1 ? "" : "s");
	show_changes(get(r, "changes"), cli->out);
}

/* ---- journal ---------------------------------------------------------------------------- */

void show_journal_list(struct cli *cli, const json_t *r)
{
	const json_t *list = get_list(cli, r, "segments");
	struct table *t;
	const json_t *s;
	size_t i;

	if (!list)
		return;
	t = table_new("SEGMENT|>BLOCKS|>LOGS|>RAW|>ON DISK|>RATIO|FROM|TO|");
	json_array_foreach(list, i, s)
	{
		uint64_t disk = get_uint(s, "bytes");

		cell_text(t, s, "name");
		cell_count(t, s, "blocks");
		cell_count(t, s, "logs");
		cell_bytes(t, s, "raw_bytes");
		cell_bytes(t, s, "bytes");
		table_cellf(
			t, "%.1f", disk ? (double)get_uint(s, "raw_bytes") / (double)disk : 0.0);
		cell_time(t, s, "first");
		cell_time(t, s, "last");
		table_cell(t, get_bool(s, "finished") ? "finished" : "open");
	}
	if (table_rows(t))
		table_print(t, cli->out, 0);
	else
		fputs("no segments\n", cli->out);
	table_free(t);
}

void show_journal_verify(struct cli *cli, const json_t *r)
{
	const json_t *list = get_list(cli, r, "findings");
	struct table *t;
	char logs[HUMAN_TEXT], blocks[HUMAN_TEXT], bytes[HUMAN_TEXT];
	const json_t *f;
	size_t i;

	if (!list)
		return;
	t = table_new("FINDING|SEGMENT|>OFFSET|>BYTES|>BLOCKS|>LOGS|");
	json_array_foreach(list, i, f)
	{
		uint64_t first = get_uint(f, "first_block"), last = get_uint(f, "last_block");

		cell_text(t, f, "kind");
		cell_text(t, f, "segment");
		cell_count(t, f, "offset");
		cell_count(t, f, "length_bytes");
		if (!first)
			table_cell(t, "none");
		else if (!last)
			table_cellf(t, "from %llu", (unsigned long long)first);
		else
			table_cellf(t, "%llu..%llu", (unsigned long long)first,
				(unsigned long long)last);
		if (json_is_integer(get(f, "logs")))
			cell_count(t, f, "logs");
		else
			table_cell(t, "unknown");
		cell_text(t, f, "text");
	}
	table_print(t, cli->out, 0);
	table_free(t);
	if (get_uint(r, "omitted"))
		fprintf(cli->out, "and %u more findings\n", (unsigned)get_uint(r, "omitted"));
	human_count(get_uint(r, "logs"), logs);
	human_count(get_uint(r, "blocks"), blocks);
	human_bytes(get_uint(r, "bytes"), bytes);
	fprintf(cli->out, "%s logs in %s blocks of %u segment%s, %s: ", logs, blocks,
		(unsigned)get_uint(r, "segments"), get_uint(r, "segments") == 1 ? "" : "s", bytes);
	if (get_uint(r, "corrupt"))
		fputs("corrupt\n", cli->out);
	else if (get_uint(r, "torn"))
		fputs("a torn tail\n", cli->out);
	else
		fputs("clean\n", cli->out);
}

void show_journal_resume(struct cli *cli, const json_t *r)
{
	fputs("the journal is ", cli->out);
	put_text(get_text(r, "state"), cli->out);
	fputc('\n', cli->out);
}

/* Names as they are: this one is for looking closely. */
void show_journal_status(struct cli *cli, const json_t *r)
{
	struct table *t = table_new("JOURNAL|VALUE");
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)r, name, value)
	{
		if (strcmp(name, "schema") == 0)
			continue;
		table_cell(t, name);
		if (json_is_string(value) && json_string_value(value)[0])
			table_cell(t, json_string_value(value));
		else
			cell_count(t, r, name);
	}
	table_print(t, cli->out, 0);
	table_free(t);
}
