/* What is wrong with a configuration, and where: noted, and put into words. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/config/schema.h"

__attribute__((format(printf, 5, 0))) static void add_error(struct config_errors *errors,
	unsigned line, unsigned column, const char *path, const char *format, va_list args)
{
	struct config_error *e;

	assert(errors);
	if (errors->count == CONFIG_MAX_ERRORS) {
		errors->omitted++;
		return;
	}
	e = &errors->v[errors->count++];
	e->line = line;
	e->column = column;
	snprintf(e->path, sizeof(e->path), "%s", path);
	vsnprintf(e->text, sizeof(e->text), format, args);
	/* Values are quoted in it, and it goes to a terminal: printable ASCII only. */
	for (char *p = e->text; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	for (char *p = e->path; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
}

void config_errors_init(struct config_errors *errors, const char *name)
{
	memset(errors, 0, sizeof(*errors));
	snprintf(errors->file, sizeof(errors->file), "%s", name);
}

void config_file_error(struct config_errors *errors, const yaml_mark_t *at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_error(errors, at ? (unsigned)at->line + 1 : 0, at ? (unsigned)at->column + 1 : 0, "",
		format, args);
	va_end(args);
}

bool loader_error(struct loader *l, const yaml_node_t *n, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_error(l->errors, (unsigned)n->start_mark.line + 1, (unsigned)n->start_mark.column + 1,
		l->path, format, args);
	va_end(args);
	return false;
}

/* The first mark of a place is the innermost: an entry is noted before its list, a key before its
 * mapping, and they begin at the same address. */
const struct loader_mark *loader_find_mark(const struct loader *l, const void *value)
{
	for (unsigned i = 0; i < l->marks_count; i++)
		if (l->marks[i].value == value)
			return &l->marks[i];
	return NULL;
}

void loader_error_about(
	struct loader *l, const void *value, const char *path, const char *format, ...)
{
	const struct loader_mark *m = loader_find_mark(l, value);
	va_list args;

	va_start(args, format);
	add_error(l->errors, m ? m->line : 0, m ? m->column : 0, path, format, args);
	va_end(args);
}

void loader_mark(struct loader *l, const yaml_node_t *n, const void *value)
{
	if (l->marks_count == l->marks_room)
		return;
	l->marks[l->marks_count++] = (struct loader_mark){
		value, (unsigned)n->start_mark.line + 1, (unsigned)n->start_mark.column + 1};
}

bool loader_unexpected(struct loader *l, const yaml_node_t *n, const char *expected)
{
	const char *text = loader_text(n);

	if (n->type == YAML_MAPPING_NODE)
		return loader_error(l, n, "expected %s, found a mapping", expected);
	if (n->type == YAML_SEQUENCE_NODE)
		return loader_error(l, n, "expected %s, found a list", expected);
	if (!text)
		return loader_error(l, n, "expected %s, found text with a NUL in it", expected);
	if (text[0] == '\0' && loader_is_plain(n))
		return loader_error(l, n, "expected %s, found nothing", expected);
	return loader_error(l, n, "expected %s, found \"%.80s\"", expected, text);
}

size_t config_error_format(const struct config_errors *errors, unsigned i, char *buf, size_t size)
{
	const struct config_error *e = &errors->v[i];
	char place[32] = "";
	int n;

	assert(i < errors->count);
	if (e->line)
		snprintf(place, sizeof(place), "%u:%u:", e->line, e->column);
	n = snprintf(buf, size, "%s:%s %s%s%s", errors->file, place, e->path,
		e->path[0] ? ": " : "", e->text);
	return (size_t)n < size ? (size_t)n : size - 1;
}

void config_errors_print(const struct config_errors *errors, FILE *out)
{
	char line[sizeof(errors->file) + sizeof(struct config_error) + 64];

	for (unsigned i = 0; i < errors->count; i++) {
		config_error_format(errors, i, line, sizeof(line));
		fprintf(out, "%s\n", line);
	}
	if (errors->omitted)
		fprintf(out, "%s: %u more errors\n", errors->file, errors->omitted);
}
