#include "dataplane/framing/fields.h"

#include <string.h>

#include "dataplane/framing/fields_internal.h"

/* The byte behind a CEF header's fields ("CEF:0|vendor|...|severity|"), or NULL. */
static const char *cef_extension(const char *cef, const char *end)
{
	const char *p = cef;

	for (unsigned pipes = 0; pipes < 7; pipes++) {
		do {
			p = memchr(p, '|', (size_t)(end - p));
			if (!p)
				return NULL;
			p++;
		} while (escaped(cef, p - 1));
	}
	return p;
}

/* "CEF:" and its version, where a word may begin in [p, to). */
static const char *find_cef(const char *p, const char *to)
{
	const char *c = memmem(p, (size_t)(to - p), "CEF:", 4);

	if (!c || to - c < 6 || (c > p && c[-1] != ' '))
		return NULL;
	return c[4] >= '0' && c[4] <= '9' && c[5] == '|' ? c : NULL;
}

void fields_begin(struct fields_iter *it, const char *log, size_t len)
{
	uint32_t pri = 0;

	fields_pri(log, len, &pri);
	*it = (struct fields_iter){.at = log + pri, .end = log + len};
}

/* The next '=' that is no part of a CEF value. */
static const char *cef_equals(const char *p, const char *end)
{
	const char *from = p;

	for (;;) {
		const char *eq = memchr(p, '=', (size_t)(end - p));

		if (!eq || !escaped(from, eq))
			return eq;
		p = eq + 1;
	}
}

/* What may stand behind the last value of a line and is no part of it. */
static const char *trim_end(const char *from, const char *to)
{
	while (to > from && (to[-1] == '|' || to[-1] == ' ' || to[-1] == '\n' || to[-1] == '\r' ||
				    to[-1] == '\0'))
		to--;
	return to;
}

static struct text text_of(const char *from, const char *to)
{
	return (struct text){from, (uint32_t)(to - from)};
}

/* The value that begins at `v`, up to the space before the next key. */
static struct text cef_value(struct fields_iter *it, const char *v)
{
	const char *from = v, *eq, *to;
	struct text value;

	for (;;) {
		const char *space;

		eq = cef_equals(from, it->end);
		if (!eq) {
			it->at = it->end;
			break;
		}
		space = memrchr(from, ' ', (size_t)(eq - from));
		if (space) {
			it->at = space;
			break;
		}
		from = eq + 1; /* a sender that does not escape: still the same value */
	}
	to = trim_end(v, it->at);
	value = text_of(v, to);
	if (value.len >= 2 && *v == '"' && memchr(v + 1, '"', value.len - 1) == to - 1)
		value = text_of(v + 1, to - 1);
	return value;
}

/*
 * The value from `v` to the first quote that is not escaped; to the first with one backslash before
 * it where a relay has escaped the quotes themselves; else to the end.
 */
static struct text quoted_value(struct fields_iter *it, const char *v, bool relayed)
{
	for (const char *p = v;;) {
		const char *q = memchr(p, '"', (size_t)(it->end - p));
		size_t slashes;

		if (!q) {
			it->at = it->end;
			return text_of(v, it->end);
		}
		slashes = backslashes(v, q);
		if (relayed ? slashes == 1 : slashes % 2 == 0) {
			it->at = q + 1;
			it->glued = it->at < it->end && *it->at != ' ';
			return text_of(v, relayed ? q - 1 : q);
		}
		p = q + 1;
	}
}

struct text fields_plain_value(struct fields_iter *it, const char *v)
{
	size_t left = (size_t)(it->end - v);
	const char *space;

	if (left >= 1 && v[0] == '"')
		return quoted_value(it, v + 1, false);
	if (left >= 2 && v[0] == '\\' && v[1] == '"')
		return quoted_value(it, v + 2, true);
	space = memchr(v, ' ', left);
	it->at = space ? space : it->end;
	return text_of(v, space ? space : trim_end(v, it->end));
}

static bool is_bom(const char *p, const char *to)
{
	return to - p >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0;
}

bool fields_next(struct fields_iter *it, struct text *key, struct text *value)
{
	while (it->at < it->end) {
		const char *p = it->at;
		size_t left = (size_t)(it->end - p);
		const char *eq = it->cef ? cef_equals(p, it->end) : memchr(p, '=', left);
		const char *space, *k;

		if (!eq)
			break;
		space = memrchr(p, ' ', (size_t)(eq - p));
		/* Words without '=' came by: they may be the header of a CEF message. */
		if (!it->cef && (!it->begun || (space && space > p))) {
			const char *cef = find_cef(p, eq);

			if (cef) {
				const char *ext = cef_extension(cef, it->end);

				it->cef = it->begun = true;
				it->glued = false;
				it->at = ext ? ext : it->end;
				continue;
			}
		}
		k = space ? space + 1 : p;
		if (is_bom(k, eq))
			k += 3;
		*key = space || !it->glued ? text_of(k, eq) : text_of(k, k);
		it->begun = true;
		it->glued = false;
		*value = it->cef ? cef_value(it, eq + 1) : fields_plain_value(it, eq + 1);
		return true;
	}
	it->at = it->end;
	return false;
}

struct text fields_find(const char *log, size_t len, const char *key)
{
	size_t key_len = strlen(key);
	struct fields_iter it;
	struct text k, v;

	fields_begin(&it, log, len);
	while (fields_next(&it, &k, &v))
		if (k.len == key_len && memcmp(k.at, key, key_len) == 0)
			return v;
	return (struct text){NULL, 0};
}

int fields_pri(const char *log, size_t len, uint32_t *header_len)
{
	int pri = 0;

	if (len < 3 || log[0] != '<')
		return -1;
	for (uint32_t i = 1; i < len && i <= 4; i++) {
		if (log[i] == '>' && i > 1) {
			if (pri > 191)
				return -1;
			*header_len = i + 1;
			return pri;
		}
		if (log[i] < '0' || log[i] > '9')
			return -1;
		pri = pri * 10 + (log[i] - '0');
	}
	return -1;
}
