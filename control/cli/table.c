#include "control/cli/table.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAX_COLUMNS 20
#define GAP	    2

struct table {
	unsigned columns;
	size_t count, room; /* cells, headers among them */
	char **cells;
	bool right[MAX_COLUMNS];
};

static void add(struct table *t, char *text)
{
	assert(text);
	if (t->count == t->room) {
		t->room = t->room ? 2 * t->room : 64;
		t->cells = realloc(t->cells, t->room * sizeof(*t->cells));
		assert(t->cells);
	}
	t->cells[t->count++] = text;
}

struct table *table_new(const char *headers)
{
	struct table *t = calloc(1, sizeof(*t));

	assert(t);
	while (true) {
		size_t n = strcspn(headers, "|");

		assert(t->columns < MAX_COLUMNS);
		t->right[t->columns] = headers[0] == '>';
		add(t, strndup(headers + t->right[t->columns], n - t->right[t->columns]));
		t->columns++;
		if (headers[n] == '\0')
			return t;
		headers += n + 1;
	}
}

void table_free(struct table *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
}

/* The safe form, from malloc. */
static char *safe_copy(const char *text)
{
	char *copy = NULL;
	size_t len;
	FILE *f = open_memstream(&copy, &len);

	assert(f);
	print_safe(text, strlen(text), f);
	fclose(f);
	return copy;
}

void table_cell(struct table *t, const char *text)
{
	add(t, safe_copy(text));
}

void table_cellf(struct table *t, const char *format, ...)
{
	char *text;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	assert(n >= 0);
	table_cell(t, text);
	free(text);
}

size_t table_rows(const struct table *t)
{
	return t->count / t->columns - 1;
}

static void pad(size_t n, FILE *out)
{
	while (n--)
		fputc(' ', out);
}

void table_print(const struct table *t, FILE *out, unsigned indent)
{
	size_t width[MAX_COLUMNS] = {0};

	assert(t->count % t->columns == 0);
	if (table_rows(t) == 0)
		return;
	for (size_t i = 0; i < t->count; i++) {
		size_t w = text_width(t->cells[i]);

		if (w > width[i % t->columns])
			width[i % t->columns] = w;
	}
	for (size_t i = 0; i < t->count; i++) {
		unsigned column = (unsigned)(i % t->columns);
		size_t room = width[column] - text_width(t->cells[i]);
		bool last = column + 1 == t->columns;

		pad(column == 0 ? indent : GAP, out);
		if (t->right[column])
			pad(room, out);
		fputs(t->cells[i], out);
		if (!t->right[column] && !last)
			pad(room, out);
		if (last)
			fputc('\n', out);
	}
}

/* ---- safe text -------------------------------------------------------------------------- */

/* Bytes of the UTF-8 character at `p` that a terminal may show as it is; 0: none (RFC 3629). */
static size_t printable(const uint8_t *p, size_t len)
{
	size_t n = p[0] < 0x80	 ? 1
		   : p[0] < 0xc2 ? 0
		   : p[0] < 0xe0 ? 2
		   : p[0] < 0xf0 ? 3
		   : p[0] < 0xf5 ? 4
				 : 0;

	if (n == 0 || n > len || p[0] == 0x7f || (p[0] < 0x20 && p[0] != '\t'))
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if (n == 2 && p[0] == 0xc2 && p[1] < 0xa0) /* C1 control characters */
		return 0;
	if (n == 3 && ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f)))
		return 0;
	if (n == 4 && ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)))
		return 0;
	return n;
}

void print_safe(const void *data, size_t len, FILE *out)
{
	const uint8_t *p = data, *end = p + len, *from = p;

	while (p < end) {
		size_t n = printable(p, (size_t)(end - p));

		if (n) {
			p += n;
			continue;
		}
		fwrite(from, 1, (size_t)(p - from), out);
		fprintf(out, "\\x%02x", *p);
		from = ++p;
	}
	fwrite(from, 1, (size_t)(end - from), out);
}

size_t text_width(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((uint8_t)*text & 0xc0) != 0x80;
	return n;
}

/* ---- numbers ---------------------------------------------------------------------------- */

void human_count(uint64_t n, char text[HUMAN_TEXT])
{
	char plain[HUMAN_TEXT];
	size_t len = (size_t)snprintf(plain, sizeof(plain), "%" PRIu64, n);
	char *to = text;

	for (size_t i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = plain[i];
	}
	*to = '\0';
}

void human_bytes(uint64_t bytes, char text[HUMAN_TEXT])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes;
	unsigned i = 0;

	/* What would be printed as 1024.0 belongs to the next unit. */
	while (value >= 1023.95 && i + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		i++;
	}
	if (i == 0)
		snprintf(text, HUMAN_TEXT, "%" PRIu64 " B", bytes);
	else
		snprintf(text, HUMAN_TEXT, "%.1f %s", value, units[i]);
}

void human_span(uint64_t s, char text[HUMAN_TEXT])
{
	if (s >= 86400)
		snprintf(text, HUMAN_TEXT, "%" PRIu64 "d %" PRIu64 "h", s / 86400, s / 3600 % 24);
	else if (s >= 3600)
		snprintf(text, HUMAN_TEXT, "%" PRIu64 "h %" PRIu64 "m", s / 3600, s / 60 % 60);
	else if (s >= 60)
		snprintf(text, HUMAN_TEXT, "%" PRIu64 "m %" PRIu64 "s", s / 60, s % 60);
	else
		snprintf(text, HUMAN_TEXT, "%" PRIu64 "s", s);
}

void human_rate(double per_s, char text[HUMAN_TEXT])
{
	if (per_s < 99.95 && per_s > 0)
		snprintf(text, HUMAN_TEXT, "%.1f", per_s);
	else
		human_count((uint64_t)(per_s + 0.5), text);
}
