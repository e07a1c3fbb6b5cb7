/* A mapping of YAML under a table of keys: what is there, what is not, and where that stands. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "control/config/nearest.h"
#include "control/config/schema.h"

/* ---- nodes ------------------------------------------------------------------------------ */

const char *loader_text(const yaml_node_t *n)
{
	const char *text;

	if (n->type != YAML_SCALAR_NODE)
		return NULL;
	text = (const char *)n->data.scalar.value;
	return strlen(text) == n->data.scalar.length ? text : NULL;
}

bool loader_is_plain(const yaml_node_t *n)
{
	return n->type == YAML_SCALAR_NODE && n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

size_t loader_path_push(struct loader *l, const char *name, unsigned index)
{
	size_t mark = l->path_len;
	size_t room = sizeof(l->path) - mark;
	int n;

	if (name)
		n = snprintf(l->path + mark, room, "%s%.64s", mark ? "." : "", name);
	else
		n = snprintf(l->path + mark, room, "[%u]", index);
	l->path_len = mark + (size_t)n < sizeof(l->path) ? mark + (size_t)n : sizeof(l->path) - 1;
	return mark;
}

void loader_path_pop(struct loader *l, size_t mark)
{
	l->path[mark] = '\0';
	l->path_len = mark;
}

/* ---- keys ------------------------------------------------------------------------------- */

static void *place(const struct config_key *k, void *base)
{
	return (uint8_t *)base + k->offset;
}

/* A default is YAML text in the table and takes the way of any other value. Most are one plain
 * word, for which no parser is needed. */
static void apply_default(const struct config_key *k, void *base)
{
	const unsigned char *text = (const unsigned char *)k->fallback;
	const bool word = !strpbrk(k->fallback, "[]{}\"");
	struct loader l = {0}; /* a default in the table that is wrong ends the program */
	yaml_node_t plain = {.type = YAML_SCALAR_NODE};
	const yaml_node_t *node = &plain;
	yaml_document_t doc = {0};
	yaml_parser_t parser;
	bool ok;

	plain.data.scalar.value = (yaml_char_t *)text;
	plain.data.scalar.length = strlen(k->fallback);
	plain.data.scalar.style = YAML_PLAIN_SCALAR_STYLE;
	if (!word) {
		ok = yaml_parser_initialize(&parser);
		assert(ok);
		yaml_parser_set_input_string(&parser, text, strlen(k->fallback));
		ok = yaml_parser_load(&parser, &doc);
		assert(ok);
		node = yaml_document_get_root_node(&doc);
		yaml_parser_delete(&parser);
	}
	l.doc = &doc;
	ok = k->type->parse(&l, k, node, place(k, base));
	assert(ok);
	if (!word)
		yaml_document_delete(&doc);
}

void config_apply_defaults(const struct config_key *keys, void *base)
{
	for (const struct config_key *k = keys; k->name; k++) {
		if (!k->type)
			config_apply_defaults(k->sub, base);
		else if (k->fallback)
			apply_default(k, base);
	}
}

/* After a value that was refused: as if the key had not been there. */
static void restore_default(const struct config_key *k, void *base)
{
	if (k->fallback && !(k->flags & KEY_SPLIT))
		apply_default(k, base);
}

static bool load_key(struct loader *l, const struct config_key *k, const yaml_node_t *n, void *base)
{
	if (!k->type)
		return loader_mapping(l, k->sub, n, base);
	if (!k->type->parse(l, k, n, place(k, base))) {
		restore_default(k, base);
		return false;
	}
	loader_mark(l, n, place(k, base));
	if ((k->flags & KEY_LATER) && !config_key_equal(k, l->cfg, l->defaults)) {
		restore_default(k, base);
		return loader_error(
			l, n, "not available yet: only the default %s is taken", k->fallback);
	}
	return true;
}

static bool unknown_key(
	struct loader *l, const struct config_key *keys, const yaml_node_t *n, const char *name)
{
	struct nearest nearest = {.word = name};
	char known[300];
	const char *meant;
	size_t len = 0;

	known[0] = '\0';
	for (const struct config_key *k = keys; k->name; k++) {
		nearest_offer(&nearest, k->name);
		if (len < sizeof(known))
			len += (size_t)snprintf(
				known + len, sizeof(known) - len, "%s%s", len ? ", " : "", k->name);
	}
	meant = nearest_word(&nearest);
	if (meant)
		return loader_error(
			l, n, "unknown key: expected one of %s; is %s meant?", known, meant);
	return loader_error(l, n, "unknown key: expected one of %s", known);
}

static unsigned find_key(const struct config_key *keys, const char *name)
{
	unsigned i = 0;

	while (keys[i].name && strcmp(keys[i].name, name) != 0)
		i++;
	return i;
}

#define MAX_KEYS 32 /* of one table */

bool loader_mapping(
	struct loader *l, const struct config_key *keys, const yaml_node_t *n, void *base)
{
	unsigned seen_line[MAX_KEYS] = {0};
	bool ok = true;
	size_t mark;

	if (n->type != YAML_MAPPING_NODE)
		return loader_unexpected(l, n, "a mapping of keys");
	for (const yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top;
		p++) {
		const yaml_node_t *key = yaml_document_get_node(l->doc, p->key);
		const yaml_node_t *value = yaml_document_get_node(l->doc, p->value);
		const char *name = loader_text(key);
		unsigned i;

		if (!name) {
			ok = loader_unexpected(l, key, "a key");
			continue;
		}
		i = find_key(keys, name);
		assert(i < MAX_KEYS);
		mark = loader_path_push(l, name, 0);
		if (!keys[i].name) {
			ok = unknown_key(l, keys, key, name);
		} else if (seen_line[i]) {
			ok = loader_error(l, key,
				"duplicate key: expected once, it is on line %u already",
				seen_line[i]);
		} else {
			seen_line[i] = (unsigned)key->start_mark.line + 1;
			ok = load_key(l, &keys[i], value, base) && ok;
		}
		loader_path_pop(l, mark);
	}
	for (unsigned i = 0; keys[i].name; i++) {
		if (!(keys[i].flags & KEY_REQUIRED) || seen_line[i])
			continue;
		mark = loader_path_push(l, keys[i].name, 0);
		ok = loader_error(l, n, "missing: expected this key");
		loader_path_pop(l, mark);
	}
	return ok;
}
