/* The walks over a whole configuration: print it, go through its keys, compare two. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/schema.h"

static const void *place(const struct config_key *k, const void *base)
{
	return (const uint8_t *)base + k->offset;
}

static const void *entry(const struct config_key *k, const void *base, unsigned i)
{
	return (const uint8_t *)place(k, base) + i * k->elem_size;
}

static unsigned count_of(const struct config_key *k, const void *base)
{
	unsigned n;

	memcpy(&n, (const uint8_t *)base + k->count_offset, sizeof(n));
	return n;
}

bool config_key_equal(const struct config_key *k, const void *a, const void *b)
{
	if (k->elem && count_of(k, a) != count_of(k, b))
		return false;
	return memcmp(place(k, a), place(k, b), k->size) == 0;
}

/* ---- print ------------------------------------------------------------------------------ */

static void indent(unsigned depth, FILE *out)
{
	while (depth--)
		fputs("  ", out);
}

/* `dashed`: the first key stands behind the dash of its list entry. */
static void print_keys(
	const struct config_key *keys, const void *base, unsigned depth, bool dashed, FILE *out)
{
	for (const struct config_key *k = keys; k->name; k++) {
		if (!dashed || k != keys)
			indent(depth, out);
		fprintf(out, "%s:", k->name);
		if (!k->type) {
			fputc('\n', out);
			print_keys(k->sub, base, depth + 1, false, out);
		} else if (k->flags & KEY_SPLIT) {
			fputc('\n', out);
			for (unsigned i = 0; i < count_of(k, base); i++) {
				indent(depth + 1, out);
				fputs("- ", out);
				print_keys(k->sub, entry(k, base, i), depth + 2, true, out);
			}
		} else {
			fputc(' ', out);
			k->type->print(k, place(k, base), out);
			fputc('\n', out);
		}
	}
}

void config_print(const struct config *cfg, FILE *out)
{
	print_keys(config_schema, cfg, 0, false, out);
}

/* ---- each and diff ---------------------------------------------------------------------- */

/* The value as YAML flow text, from malloc; the caller frees it. */
static char *value_text(const struct config_key *k, const void *base)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert(out);
	k->type->print(k, place(k, base), out);
	fclose(out);
	assert(text);
	return text;
}

struct each {
	config_item_fn fn;
	void *ctx;
};

static bool is_available(const struct config_key *k)
{
	return !(k->flags & KEY_LATER);
}

static void each_key(
	const struct config_key *keys, const void *base, const char *before, const struct each *e)
{
	char path[128];

	for (const struct config_key *k = keys; k->name; k++) {
		snprintf(path, sizeof(path), "%s%s%s", before, before[0] ? "." : "", k->name);
		if (!k->type) {
			each_key(k->sub, base, path, e);
		} else if (k->flags & KEY_SPLIT) {
			for (unsigned i = 0; i < count_of(k, base); i++) {
				snprintf(path, sizeof(path), "%s%s%s[%u]", before,
					before[0] ? "." : "", k->name, i);
				each_key(k->sub, entry(k, base, i), path, e);
			}
		} else {
			char *value = value_text(k, base);

			e->fn(e->ctx, &(struct config_item){path, value, (k->flags & KEY_LIVE) != 0,
					      is_available(k)});
			free(value);
		}
	}
}

void config_each(const struct config *cfg, config_item_fn fn, void *ctx)
{
	each_key(config_schema, cfg, "", &(struct each){fn, ctx});
}

struct diff {
	config_change_fn fn;
	void *ctx;
	unsigned count;
};

static void changed(struct diff *d, const struct config_key *k, const char *path,
	const char *before, const char *after)
{
	d->count++;
	if (d->fn)
		d->fn(d->ctx,
			&(struct config_change){path, before, after, (k->flags & KEY_LIVE) != 0});
}

static void diff_keys(const struct config_key *keys, const void *a, const void *b,
	const char *before, struct diff *d);

/* Entries by number; what one side has more is a change as a whole. */
static void diff_entries(
	const struct config_key *k, const void *a, const void *b, const char *name, struct diff *d)
{
	const struct config_key map = {.type = &config_map, .sub = k->sub};
	unsigned na = count_of(k, a), nb = count_of(k, b);
	char path[160];

	for (unsigned i = 0; i < na || i < nb; i++) {
		snprintf(path, sizeof(path), "%s[%u]", name, i);
		if (i < na && i < nb) {
			diff_keys(k->sub, entry(k, a, i), entry(k, b, i), path, d);
		} else {
			char *text = value_text(&map, i < na ? entry(k, a, i) : entry(k, b, i));

			changed(d, k, path, i < na ? text : "none", i < na ? "none" : text);
			free(text);
		}
	}
}

static void diff_keys(const struct config_key *keys, const void *a, const void *b,
	const char *before, struct diff *d)
{
	char path[128];

	for (const struct config_key *k = keys; k->name; k++) {
		snprintf(path, sizeof(path), "%s%s%s", before, before[0] ? "." : "", k->name);
		if (!k->type) {
			diff_keys(k->sub, a, b, path, d);
		} else if (k->flags & KEY_SPLIT) {
			diff_entries(k, a, b, path, d);
		} else if (!config_key_equal(k, a, b)) {
			char *ta = value_text(k, a), *tb = value_text(k, b);

			changed(d, k, path, ta, tb);
			free(ta);
			free(tb);
		}
	}
}

unsigned config_diff(
	const struct config *before, const struct config *after, config_change_fn fn, void *ctx)
{
	struct diff d = {fn, ctx, 0};

	diff_keys(config_schema, before, after, "", &d);
	return d.count;
}

static void take_live(const struct config_key *keys, void *to, const void *from)
{
	for (const struct config_key *k = keys; k->name; k++) {
		if (!k->type) {
			take_live(k->sub, to, from);
		} else if (k->flags & KEY_LIVE) {
			memcpy((uint8_t *)to + k->offset, place(k, from), k->size);
			if (k->elem)
				memcpy((uint8_t *)to + k->count_offset,
					(const uint8_t *)from + k->count_offset, sizeof(unsigned));
		}
	}
}

void config_take_live(struct config *running, const struct config *from)
{
	take_live(config_schema, running, from);
}
