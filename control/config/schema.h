/*
 * Inside of the configuration: a tree of tables names each key with its place in struct config, its
 * type, bounds and default (schema.c). Loading, defaults, printing and comparing all walk it, so
 * that a key stands in one place only.
 */
#ifndef SLUICE_CONFIG_SCHEMA_H
#define SLUICE_CONFIG_SCHEMA_H

#include <yaml.h>

#include "control/config/config.h"

struct config_key;
struct loader;

/* How a kind of value is read and written. */
struct config_type {
	/* Reads `n` into `dst`; false after loader_error(), and then *dst may be anything. */
	bool (*parse)(
		struct loader *l, const struct config_key *k, const yaml_node_t *n, void *dst);
	/* Writes YAML flow text that parse() reads back. */
	void (*print)(const struct config_key *k, const void *src, FILE *out);
};

struct config_word {
	const char *name;
	unsigned value; /* of a list of words: a bit */
	bool later;	/* known, not available yet */
};

enum {
	KEY_LIVE = 1,	  /* a reload applies it */
	KEY_LATER = 2,	  /* of a part not built yet: only the default is taken (never in a list) */
	KEY_REQUIRED = 4, /* must be in the file */
	KEY_NONEMPTY = 8, /* a list of at least one */
	KEY_SPLIT = 16,	  /* a list of mappings whose keys are printed and compared one by one */
};

struct config_key {
	const char *name;		/* NULL ends a table */
	const struct config_type *type; /* NULL: a section, whose keys are in `sub` */
	const struct config_key *sub;	/* keys of a section, or of a mapping in a list */
	size_t offset, size;  /* in struct config (keys of a mapping in a list: in its struct) */
	const char *fallback; /* the default, as YAML */
	unsigned flags;

	/* What the type makes use of. */
	const struct config_type *elem; /* of a list */
	size_t elem_size, count_offset; /* of a list: its count is an unsigned */
	uint64_t min, max;		/* of a number; of a string's length */
	uint64_t step;			/* a number must be a multiple of it; 0: any */
	const char *word;		/* stands for `word_value`: "auto", "none" */
	uint64_t word_value;
	const struct config_word *words; /* up to a NULL name */
	bool (*valid)(const char *text); /* of a string */
	const char *expect;		 /* of a string: "an absolute path" */
};

/* The whole configuration. */
extern const struct config_key config_schema[];

extern const struct config_type config_string, config_number, config_size, config_duration,
	config_rate, config_enum, config_words, config_list, config_map, config_cidr,
	config_gateway, config_prefix, config_endpoint, config_retention, config_only_default;

/* ---- loading (load.c) ------------------------------------------------------------------- */

#define LOADER_MARKS 1024

/* Where a value came from. */
struct loader_mark {
	const void *value;
	unsigned line, column;
};

struct loader {
	yaml_document_t *doc;
	const struct config *defaults;
	struct config *cfg;
	struct config_errors *errors; /* NULL: there must be none */
	char path[128];		      /* of the key at hand */
	size_t path_len;
	struct loader_mark *marks; /* for config_check(); those beyond the room are lost */
	unsigned marks_count, marks_room;
};

void config_errors_init(struct config_errors *errors, const char *name);
/* Notes an error outside of any key; `at` NULL: about the whole file. */
void config_file_error(struct config_errors *errors, const yaml_mark_t *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Notes an error about the key at hand, at the beginning of `n`. Always false. */
bool loader_error(struct loader *l, const yaml_node_t *n, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same about another value, wherever it came from: line 0 where the file does not name it. */
void loader_error_about(struct loader *l, const void *value, const char *path, const char *format,
	...) __attribute__((format(printf, 4, 5)));

/* "expected EXPECTED, found ..." with what is there. Always false. */
bool loader_unexpected(struct loader *l, const yaml_node_t *n, const char *expected);

/* The text of a scalar without NULs, else NULL; no error is noted. */
const char *loader_text(const yaml_node_t *n);
bool loader_is_plain(const yaml_node_t *n);
void loader_mark(struct loader *l, const yaml_node_t *n, const void *value);
/* Where a value stands in the file; NULL: the file does not name it. */
const struct loader_mark *loader_find_mark(const struct loader *l, const void *value);

/* Moves the path to `name`, or to element `index` where name is NULL; gives what path_pop() takes.
 */
size_t loader_path_push(struct loader *l, const char *name, unsigned index);
void loader_path_pop(struct loader *l, size_t mark);

/* Reads a mapping by `keys` into what is at `base`. */
bool loader_mapping(
	struct loader *l, const struct config_key *keys, const yaml_node_t *n, void *base);
/* Is the value of a key the same in both? `a` and `b` are what the key's offset counts from. */
bool config_key_equal(const struct config_key *k, const void *a, const void *b);
/* Puts the defaults of all `keys` there. */
void config_apply_defaults(const struct config_key *keys, void *base);

/* What is wrong between keys, each of which is right by itself (check.c). */
void config_check(struct loader *l);

/* Text as YAML: plain where that is safe in flow context, else double-quoted. */
void config_print_string(const char *text, FILE *out);

#endif
