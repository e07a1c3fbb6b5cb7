#include "control/config/config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/schema.h"

#define MAX_DEPTH 8 /* the deepest key: ports, its entry, addresses, one of them */

/* What libyaml calls "a character that cannot start any token". Its index counts characters. */
static bool is_tab(const yaml_mark_t *mark, const char *text, size_t len)
{
	size_t character = 0;

	for (size_t i = 0; i < len; i++) {
		if (((unsigned char)text[i] & 0xc0) == 0x80)
			continue;
		if (character++ == mark->index)
			return text[i] == '\t';
	}
	return false;
}

static void syntax_error(
	struct config_errors *errors, const yaml_parser_t *parser, const char *text, size_t len)
{
	switch (parser->error) {
	case YAML_MEMORY_ERROR:
		config_file_error(errors, NULL, "out of memory");
		break;
	case YAML_READER_ERROR:
		config_file_error(errors, NULL, "no YAML text: %s at byte %zu", parser->problem,
			parser->problem_offset);
		break;
	default:
		if (parser->problem && strstr(parser->problem, "cannot start any token") &&
			is_tab(&parser->problem_mark, text, len)) {
			config_file_error(errors, &parser->problem_mark,
				"no YAML: a tab cannot indent: use spaces");
			break;
		}
		config_file_error(errors, &parser->problem_mark, "no YAML: %s%s%s",
			parser->context ? parser->context : "", parser->context ? ", " : "",
			parser->problem ? parser->problem : "cannot be read");
	}
}

static bool parser_open(yaml_parser_t *parser, const char *text, size_t len)
{
	if (!yaml_parser_initialize(parser))
		return false;
	yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(parser, (const unsigned char *)text, len);
	return true;
}

/* The features of YAML that a configuration has no use for are refused before any of it is built.
 */
static bool refuse_event(
	struct config_errors *errors, const yaml_event_t *e, unsigned *depth, unsigned *documents)
{
	const char *what = NULL;

	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++*documents > 1)
			what = "a second document: expected one in a file";
		break;
	case YAML_ALIAS_EVENT:
		what = "an alias (*name): expected the value itself";
		break;
	case YAML_SCALAR_EVENT:
		if (e->data.scalar.anchor)
			what = "an anchor (&name): expected a value without one";
		else if (e->data.scalar.tag)
			what = "a tag (!name): expected a value without one";
		break;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		/* Both have anchor and tag in the same place. */
		if (e->data.sequence_start.anchor)
			what = "an anchor (&name): expected a value without one";
		else if (e->data.sequence_start.tag)
			what = "a tag (!name): expected a value without one";
		else if (++*depth > MAX_DEPTH)
			what = "nested too deeply: no key is that deep";
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		--*depth;
		break;
	default:
		break;
	}
	if (what)
		config_file_error(errors, &e->start_mark, "%s", what);
	return what != NULL;
}

/* Goes through the text without keeping it; false with an error. */
static bool scan(const char *text, size_t len, struct config_errors *errors)
{
	unsigned depth = 0, documents = 0;
	yaml_parser_t parser;
	bool ok = true, end = false;

	if (!parser_open(&parser, text, len)) {
		config_file_error(errors, NULL, "out of memory");
		return false;
	}
	while (ok && !end) {
		yaml_event_t event;

		if (!yaml_parser_parse(&parser, &event)) {
			syntax_error(errors, &parser, text, len);
			ok = false;
			break;
		}
		end = event.type == YAML_STREAM_END_EVENT;
		ok = !refuse_event(errors, &event, &depth, &documents);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return ok;
}

static int by_place(const void *va, const void *vb)
{
	const struct config_error *a = va, *b = vb;

	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->column < b->column ? -1 : a->column > b->column;
}

static void walk(yaml_document_t *doc, const struct config *defaults, struct config *cfg,
	struct config_errors *errors)
{
	struct loader_mark marks[LOADER_MARKS];
	struct loader l = {
		.doc = doc,
		.defaults = defaults,
		.cfg = cfg,
		.errors = errors,
		.marks = marks,
		.marks_room = LOADER_MARKS,
	};
	const yaml_node_t *root = yaml_document_get_root_node(doc);

	if (!root) {
		config_file_error(
			errors, NULL, "empty: expected a mapping of keys, with `ports` at least");
		return;
	}
	if (loader_mapping(&l, config_schema, root, cfg))
		config_check(&l);
	qsort(errors->v, errors->count, sizeof(errors->v[0]), by_place);
}

void config_defaults(struct config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	config_apply_defaults(config_schema, cfg);
}

int config_parse(const char *text, size_t len, const char *name, struct config *cfg,
	struct config_errors *errors)
{
	struct config *defaults;
	yaml_document_t doc;
	yaml_parser_t parser;

	config_errors_init(errors, name);
	config_defaults(cfg);
	if (len > CONFIG_MAX_BYTES) {
		config_file_error(
			errors, NULL, "too long: expected at most %u bytes", CONFIG_MAX_BYTES);
		return -1;
	}
	if (!scan(text, len, errors))
		return -1;
	defaults = malloc(sizeof(*defaults));
	if (!defaults || !parser_open(&parser, text, len)) {
		config_file_error(errors, NULL, "out of memory");
		free(defaults);
		return -1;
	}
	memcpy(defaults, cfg, sizeof(*defaults));
	if (yaml_parser_load(&parser, &doc)) {
		walk(&doc, defaults, cfg, errors);
		yaml_document_delete(&doc);
	} else {
		syntax_error(errors, &parser, text, len);
	}
	yaml_parser_delete(&parser);
	free(defaults);
	return errors->count ? -1 : 0;
}
