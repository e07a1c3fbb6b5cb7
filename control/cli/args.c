/* From a command line to a command with its operands and options. */
#include <assert.h>
#include <string.h>

#include "control/cli/cli.h"
#include "control/config/nearest.h"

static const struct option_spec global_options[] = {{"socket", "PATH", NULL}, {"json", NULL, NULL},
	{"help", NULL, NULL}, {"version", NULL, NULL}, {NULL, NULL, NULL}};

struct line {
	struct args *a;
	int argc, at;
	char **argv;
	FILE *err;
};

static int unknown(
	const struct line *l, const char *what, const char *word, const struct nearest *n)
{
	const char *meant = nearest_word(n);

	fprintf(l->err, "sluicectl: no %s \"%s\"", what, word);
	if (meant)
		fprintf(l->err, "; is \"%s\" meant?", meant);
	fprintf(l->err, "\nsluicectl --help names all there are\n");
	return CLI_USAGE;
}

static const struct option_spec *find_option(
	const struct option_spec *list, const char *name, size_t len)
{
	for (const struct option_spec *o = list; o && o->name; o++)
		if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
			return o;
	return NULL;
}

static int unknown_option(const struct line *l, const char *word)
{
	const struct command *c = l->a->command;
	struct nearest n = {.word = word + strspn(word, "-")};

	for (const struct option_spec *o = global_options; o->name; o++)
		nearest_offer(&n, o->name);
	for (const struct option_spec *o = c ? c->options : NULL; o && o->name; o++)
		nearest_offer(&n, o->name);
	fprintf(l->err, "sluicectl: no option \"%s\"", word);
	if (nearest_word(&n))
		fprintf(l->err, "; is \"--%s\" meant?", nearest_word(&n));
	fprintf(l->err, "\n");
	return CLI_USAGE;
}

/* Options that every command has. */
static void take_global(struct args *a, const struct option_spec *o, const char *value)
{
	if (strcmp(o->name, "socket") == 0)
		a->socket = value;
	else if (strcmp(o->name, "json") == 0)
		a->json = true;
	else if (strcmp(o->name, "help") == 0)
		a->help = true;
	else
		a->version = true;
}

/* `--name`, `--name VALUE` or `--name=VALUE`, at l->at. */
static int take_option(struct line *l, const char *word)
{
	struct args *a = l->a;
	const char *name = word + 2;
	const size_t len = strcspn(name, "=");
	const struct option_spec *global = find_option(global_options, name, len);
	const struct option_spec *o = global;
	const char *value = "";

	if (!o && a->command)
		o = find_option(a->command->options, name, len);
	if (!o)
		return unknown_option(l, word);
	if (!o->value && name[len] == '=') {
		fprintf(l->err, "sluicectl: --%s takes no value\n", o->name);
		return CLI_USAGE;
	}
	if (o->value && name[len] == '=') {
		value = name + len + 1;
	} else if (o->value) {
		if (l->at + 1 >= l->argc) {
			fprintf(l->err, "sluicectl: --%s needs a value: %s\n", o->name, o->value);
			return CLI_USAGE;
		}
		value = l->argv[++l->at];
	}
	if (global) {
		take_global(a, o, value);
		return 0;
	}
	for (unsigned i = 0; i < a->options_count; i++)
		if (a->options[i].spec == o) {
			fprintf(l->err, "sluicectl: --%s is given twice\n", o->name);
			return CLI_USAGE;
		}
	assert(a->options_count < CLI_MAX_OPTIONS); /* no command has as many */
	a->options[a->options_count].spec = o;
	a->options[a->options_count++].value = value;
	return 0;
}

static int take_noun(struct line *l, const char *word)
{
	struct nearest n = {.word = word};

	for (const struct command *c = commands; c->noun; c++) {
		if (strcmp(c->noun, word) == 0) {
			l->a->noun = c->noun;
			if (!c->verb)
				l->a->command = c;
			return 0;
		}
		nearest_offer(&n, c->noun);
	}
	return unknown(l, "command", word, &n);
}

static int take_verb(struct line *l, const char *word)
{
	struct nearest n = {.word = word};
	char what[64];

	for (const struct command *c = commands; c->noun; c++) {
		if (strcmp(c->noun, l->a->noun) != 0)
			continue;
		if (strcmp(c->verb, word) == 0) {
			l->a->command = c;
			return 0;
		}
		nearest_offer(&n, c->verb);
	}
	snprintf(what, sizeof(what), "command \"%s\" with", l->a->noun);
	return unknown(l, what, word, &n);
}

static int take_word(struct line *l, const char *word)
{
	struct args *a = l->a;

	if (!a->noun && strcmp(word, "help") == 0) {
		a->help = true;
		return 0;
	}
	if (!a->noun)
		return take_noun(l, word);
	if (!a->command)
		return take_verb(l, word);
	if (a->operands_count == a->command->most) {
		fprintf(l->err, "sluicectl: \"%s\" is too much for %s%s%s%s%s\n", word,
			a->command->noun, a->command->verb ? " " : "",
			a->command->verb ? a->command->verb : "",
			a->command->operands ? ", which takes " : "",
			a->command->operands ? a->command->operands : "");
		return CLI_USAGE;
	}
	assert(a->operands_count < CLI_MAX_OPERANDS);
	a->operands[a->operands_count++] = word;
	return 0;
}

static int complete(const struct line *l)
{
	const struct args *a = l->a;
	const struct command *c = a->command;

	if (a->help || a->version)
		return 0;
	if (!a->noun) {
		help_all(l->err);
		return CLI_USAGE;
	}
	if (!c) {
		help_noun(a->noun, l->err);
		return CLI_USAGE;
	}
	if (a->operands_count < c->least) {
		fprintf(l->err, "sluicectl: %s%s%s needs %s\n", c->noun, c->verb ? " " : "",
			c->verb ? c->verb : "", c->operands);
		return CLI_USAGE;
	}
	return 0;
}

int args_parse(struct args *a, int argc, char **argv, FILE *err)
{
	struct line l = {.a = a, .argc = argc, .argv = argv, .err = err};
	bool words_only = false;

	memset(a, 0, sizeof(*a));
	for (l.at = 1; l.at < argc; l.at++) {
		const char *word = argv[l.at];
		int rc;

		if (words_only || word[0] != '-' || word[1] == '\0')
			rc = take_word(&l, word);
		else if (strcmp(word, "--") == 0)
			rc = 0, words_only = true;
		else if (strcmp(word, "-h") == 0)
			rc = 0, a->help = true;
		else if (word[1] == '-')
			rc = take_option(&l, word);
		else
			rc = unknown_option(&l, word);
		if (rc != 0)
			return rc;
	}
	return complete(&l);
}

const char *args_option(const struct args *a, const char *name)
{
	for (unsigned i = a->options_count; i > 0; i--)
		if (strcmp(a->options[i - 1].spec->name, name) == 0)
			return a->options[i - 1].value;
	return NULL;
}

const char *args_operand(const struct args *a, unsigned i)
{
	return i < a->operands_count ? a->operands[i] : NULL;
}
