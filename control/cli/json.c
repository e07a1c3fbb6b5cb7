/* Members of the objects that sluiced answers with. */
#include <string.h>

#include "control/cli/show.h"

#define SECONDS 19 /* bytes of "2025-11-21T22:08:01" */

const json_t *get(const json_t *o, const char *path)
{
	const char *dot;

	while ((dot = strchr(path, '.')) != NULL) {
		o = json_object_getn(o, path, (size_t)(dot - path));
		path = dot + 1;
	}
	return json_object_get(o, path);
}

uint64_t get_uint(const json_t *o, const char *path)
{
	json_int_t v = json_integer_value(get(o, path));

	return v > 0 ? (uint64_t)v : 0;
}

double get_number(const json_t *o, const char *path)
{
	return json_number_value(get(o, path));
}

const char *get_text(const json_t *o, const char *path)
{
	const char *text = json_string_value(get(o, path));

	return text ? text : "-";
}

bool get_bool(const json_t *o, const char *path)
{
	return json_is_true(get(o, path));
}

const json_t *get_list(struct cli *cli, const json_t *r, const char *name)
{
	const json_t *list = get(r, name);

	if (json_is_array(list))
		return list;
	cli_print_json(cli, r);
	return NULL;
}

void cell_text(struct table *t, const json_t *o, const char *path)
{
	table_cell(t, get_text(o, path));
}

/* Is there a number? If not, its cell is "-". */
static bool has_number(struct table *t, const json_t *o, const char *path)
{
	if (json_is_number(get(o, path)))
		return true;
	table_cell(t, "-");
	return false;
}

void cell_count(struct table *t, const json_t *o, const char *path)
{
	char text[HUMAN_TEXT];

	if (!has_number(t, o, path))
		return;
	human_count(get_uint(o, path), text);
	table_cell(t, text);
}

void cell_bytes(struct table *t, const json_t *o, const char *path)
{
	char text[HUMAN_TEXT];

	if (!has_number(t, o, path))
		return;
	human_bytes(get_uint(o, path), text);
	table_cell(t, text);
}

void cell_rate(struct table *t, const json_t *o, const char *path)
{
	char text[HUMAN_TEXT];

	if (!has_number(t, o, path))
		return;
	human_rate(get_number(o, path), text);
	table_cell(t, text);
}

void cell_time(struct table *t, const json_t *o, const char *path)
{
	const char *time = get_text(o, path);

	if (strlen(time) > SECONDS)
		table_cellf(t, "%.*sZ", SECONDS, time);
	else
		table_cell(t, time);
}

void list_counts(const json_t *counts, char *text, size_t size)
{
	const char *name;
	json_t *value;
	size_t n = 0;

	text[0] = '\0';
	json_object_foreach((json_t *)counts, name, value)
	{
		char number[HUMAN_TEXT];

		if (json_integer_value(value) <= 0 || n >= size)
			continue;
		human_count((uint64_t)json_integer_value(value), number);
		n += (size_t)snprintf(text + n, size - n, "%s%s %s", n ? ", " : "", name, number);
	}
}

uint64_t sum_counts(const json_t *counts)
{
	const char *name;
	json_t *value;
	uint64_t sum = 0;

	json_object_foreach((json_t *)counts, name, value)
	{
		if (json_integer_value(value) > 0)
			sum += (uint64_t)json_integer_value(value);
	}
	return sum;
}

void put_text(const char *text, FILE *out)
{
	print_safe(text, strlen(text), out);
}
