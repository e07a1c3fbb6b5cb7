/* Values that are one word: strings, numbers, sizes, durations, names out of a set. */
#include <inttypes.h>
#include <string.h>

#include "control/config/schema.h"
#include "control/config/units.h"

void config_print_string(const char *text, FILE *out)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.-%";

	if (text[0] != '\0' && text[0] != '-' && text[0] != '%' &&
		text[strspn(text, plain)] == '\0') {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static bool string_parse(
	struct loader *l, const struct config_key *k, const yaml_node_t *n, void *dst)
{
	const char *text = loader_text(n);

	if (!text || (text[0] == '\0' && loader_is_plain(n)))
		return loader_unexpected(l, n, k->expect);
	if (strlen(text) >= k->size)
		return loader_error(l, n, "too long: expected %s of at most %zu bytes, found %zu",
			k->expect, k->size - 1, strlen(text));
	if (strlen(text) < k->min || !k->valid(text))
		return loader_unexpected(l, n, k->expect);
	memset(dst, 0, k->size);
	memcpy(dst, text, strlen(text));
	return true;
}

static void string_print(const struct config_key *k, const void *src, FILE *out)
{
	(void)k;
	config_print_string(src, out);
}

const struct config_type config_string = {string_parse, string_print};

/* ---- numbers ---------------------------------------------------------------------------- */

static void store(const struct config_key *k, void *dst, uint64_t value)
{
	uint16_t v16 = (uint16_t)value;
	uint32_t v32 = (uint32_t)value;

	if (k->size == sizeof(v16))
		memcpy(dst, &v16, sizeof(v16));
	else if (k->size == sizeof(v32))
		memcpy(dst, &v32, sizeof(v32));
	else
		memcpy(dst, &value, sizeof(value));
}

static uint64_t fetch(const struct config_key *k, const void *src)
{
	uint64_t value = 0;

	memcpy(&value, src, k->size); /* little-endian: see base/bytes.h */
	return value;
}

static bool is_word(const struct config_key *k, const char *text)
{
	return k->word && strcmp(text, k->word) == 0;
}

/* A number of one kind: how it is parsed, printed and called. */
struct measure {
	int (*parse)(const char *text, uint64_t *value);
	void (*format)(uint64_t value, char text[UNIT_TEXT]);
	const char *what;
	const char *units; /* NULL: none */
};

static void format_number(uint64_t value, char text[UNIT_TEXT])
{
	snprintf(text, UNIT_TEXT, "%" PRIu64, value);
}

static int parse_rate(const char *text, uint64_t *value)
{
	char digits[UNIT_TEXT];
	size_t n = strspn(text, "0123456789");

	if (n == 0 || n >= sizeof(digits))
		return n ? UNIT_E_RANGE : UNIT_E_NUMBER;
	if (text[n] == '\0')
		return UNIT_E_MISSING;
	if (strcmp(text + n, "/s") != 0)
		return UNIT_E_UNKNOWN;
	memcpy(digits, text, n);
	digits[n] = '\0';
	return unit_parse_number(digits, value);
}

static void format_rate(uint64_t value, char text[UNIT_TEXT])
{
	snprintf(text, UNIT_TEXT, "%" PRIu64 "/s", value);
}

static const struct measure numbers = {unit_parse_number, format_number, "a whole number", NULL};
static const struct measure sizes = {unit_parse_size, unit_format_size, "a size", UNIT_SIZES};
static const struct measure durations = {
	unit_parse_duration, unit_format_duration, "a duration", UNIT_DURATIONS};
static const struct measure rates = {parse_rate, format_rate, "a rate", "/s"};

/* "a size from 64KiB to 16MiB, or `none`" */
static void describe(const struct config_key *k, const struct measure *m, char *text, size_t size)
{
	char min[UNIT_TEXT], max[UNIT_TEXT];
	int n;

	m->format(k->min, min);
	m->format(k->max, max);
	if (k->max == UINT64_MAX)
		n = snprintf(text, size, "%s of at least %s", m->what, min);
	else
		n = snprintf(text, size, "%s from %s to %s", m->what, min, max);
	if (k->word)
		snprintf(text + n, size - (size_t)n, ", or `%s`", k->word);
}

static bool measure_parse(struct loader *l, const struct config_key *k, const yaml_node_t *n,
	void *dst, const struct measure *m)
{
	const char *text = loader_text(n);
	char expected[160];
	uint64_t value;

	describe(k, m, expected, sizeof(expected));
	if (!text || text[0] == '\0')
		return loader_unexpected(l, n, expected);
	if (is_word(k, text)) {
		store(k, dst, k->word_value);
		return true;
	}
	/* A quoted number is a string; a quoted size is as good as a plain one. */
	if (!m->units && !loader_is_plain(n))
		return loader_unexpected(l, n, expected);
	switch (m->parse(text, &value)) {
	case UNIT_OK:
		break;
	case UNIT_E_MISSING:
		return loader_error(l, n,
			"no unit: expected %s, with one of the units %s; found %s", expected,
			m->units, text);
	case UNIT_E_UNKNOWN:
		return loader_error(l, n,
			"bad unit: expected %s, with one of the units %s; found \"%.40s\"",
			expected, m->units, text);
	case UNIT_E_RANGE:
		return loader_error(l, n, "out of range: expected %s, found %.40s", expected, text);
	default:
		return loader_unexpected(l, n, expected);
	}
	if (value < k->min || value > k->max)
		return loader_error(l, n, "out of range: expected %s, found %.40s", expected, text);
	if (k->step && value % k->step != 0) {
		char step[UNIT_TEXT];

		m->format(k->step, step);
		return loader_error(l, n, "expected a multiple of %s, found %.40s", step, text);
	}
	store(k, dst, value);
	return true;
}

static void measure_print(
	const struct config_key *k, const void *src, FILE *out, const struct measure *m)
{
	char text[UNIT_TEXT];
	uint64_t value = fetch(k, src);

	if (k->word && value == k->word_value) {
		fputs(k->word, out);
		return;
	}
	m->format(value, text);
	fputs(text, out);
}

static bool number_parse(
	struct loader *l, const struct config_key *k, const yaml_node_t *n, void *dst)
{
	return measure_parse(l, k, n, dst, &numbers);
}

static void number_print(const struct config_key *k, const void *src, FILE *out)
{
	measure_print(k, src, out, &numbers);
}

static bool size_parse(
	struct loader *l, const struct config_key *k, const yaml_node_t *n, void *dst)
{
	return measure_parse(l, k, n, dst, &sizes);
}

static void size_print(const struct config_key *k, const void *src, FILE *out)
{
	measure_print(k, src, out, &sizes);
}

static bool duration_parse(
	struct loader *l, const struct config_key *k, const yaml_node_t *n, void *dst)
{
	return measure_parse(l, k, n, dst, &durations);
}

static void duration_print(const struct config_key *k, const void *src, FILE *out)
{
	measure_print(k, src, out, &durations);
}

static bool rate_parse(
	struct loader *l, const struct config_key *k, const yaml_node_t *n, void *dst)
{
	return measure_parse(l, k, n, dst, &rates);
}

static void rate_print(const struct config_key *k, const void *src, FILE *out)
{
	measure_print(k, src, out, &rates);
}

const struct config_type config_number = {number_parse, number_print};
const struct config_type config_size = {size_parse, size_print};
const struct config_type config_duration = {duration_parse, duration_print};
const struct config_type config_rate = {rate_parse, rate_print};

/* ---- retention.size: a size, a percentage of the file system, or none -------------------- */

static bool retention_parse(
	struct loader *l, const struct config_key *k, const yaml_node_t *n, void *dst)
{
	static const char expected[] =
		"1% to 100%, a size of at least 1MiB (units " UNIT_SIZES "), or `none`";
	struct config_retention_size *size = dst;
	const char *text = loader_text(n);
	char digits[4];
	size_t len;

	if (!text)
		return loader_unexpected(l, n, expected);
	memset(size, 0, sizeof(*size));
	if (strcmp(text, "none") == 0)
		return true;
	len = strspn(text, "0123456789");
	if (len > 0 && strcmp(text + len, "%") == 0) {
		if (len < sizeof(digits)) {
			memcpy(digits, text, len);
			digits[len] = '\0';
			unit_parse_number(digits, &size->percent);
		}
		if (size->percent >= 1 && size->percent <= 100)
			return true;
		return loader_error(l, n, "out of range: expected %s, found %.40s", expected, text);
	}
	switch (unit_parse_size(text, &size->bytes)) {
	case UNIT_OK:
		if (size->bytes >= k->min)
			return true;
		return loader_error(l, n, "out of range: expected %s, found %.40s", expected, text);
	case UNIT_E_MISSING:
		return loader_error(l, n, "no unit: expected %s, found %s", expected, text);
	case UNIT_E_UNKNOWN:
		return loader_error(l, n, "bad unit: expected %s, found \"%.40s\"", expected, text);
	case UNIT_E_RANGE:
		return loader_error(l, n, "out of range: expected %s, found %.40s", expected, text);
	default:
		return loader_unexpected(l, n, expected);
	}
}

static void retention_print(const struct config_key *k, const void *src, FILE *out)
{
	const struct config_retention_size *size = src;
	char text[UNIT_TEXT];

	(void)k;
	if (size->percent) {
		fprintf(out, "%" PRIu64 "%%", size->percent);
	} else if (size->bytes) {
		unit_format_size(size->bytes, text);
		fputs(text, out);
	} else {
		fputs("none", out);
	}
}

const struct config_type config_retention = {retention_parse, retention_print};

/* ---- words ------------------------------------------------------------------------------ */

/* "`a`, `b` or `c`" */
static void describe_words(const struct config_word *w, const char *before, char *text, size_t size)
{
	size_t n = (size_t)snprintf(text, size, "%s", before);

	for (unsigned i = 0; w[i].name && n < size; i++) {
		const char *joint = i == 0 ? "" : w[i + 1].name ? ", " : " or ";

		n += (size_t)snprintf(text + n, size - n, "%s`%s`", joint, w[i].name);
	}
}

static const struct config_word *find_word(const struct config_word *w, const char *text)
{
	for (; w->name; w++)
		if (strcmp(w->name, text) == 0)
			return w;
	return NULL;
}

/* The value named by `n`, one of k->words. */
static bool word_parse(
	struct loader *l, const struct config_key *k, const yaml_node_t *n, unsigned *value)
{
	const char *text = loader_text(n);
	const struct config_word *w = text ? find_word(k->words, text) : NULL;
	char expected[160];

	describe_words(k->words, "", expected, sizeof(expected));
	if (!w)
		return loader_unexpected(l, n, expected);
	if (w->later)
		return loader_error(
			l, n, "`%s` is not available yet; the default is %s", w->name, k->fallback);
	*value = w->value;
	return true;
}

static bool enum_parse(
	struct loader *l, const struct config_key *k, const yaml_node_t *n, void *dst)
{
	unsigned value = 0;

	if (!word_parse(l, k, n, &value))
		return false;
	store(k, dst, value);
	return true;
}

static void enum_print(const struct config_key *k, const void *src, FILE *out)
{
	const struct config_word *w = k->words;

	while (w->value != fetch(k, src))
		w++;
	fputs(w->name, out);
}

const struct config_type config_enum = {enum_parse, enum_print};

/* A list of words: a set of bits. */
static bool words_parse(
	struct loader *l, const struct config_key *k, const yaml_node_t *n, void *dst)
{
	char expected[200];
	unsigned all = 0;
	bool ok = true;

	describe_words(k->words, "a list of ", expected, sizeof(expected));
	if (n->type != YAML_SEQUENCE_NODE)
		return loader_unexpected(l, n, expected);
	for (const yaml_node_item_t *i = n->data.sequence.items.start;
		i < n->data.sequence.items.top; i++) {
		const yaml_node_t *item = yaml_document_get_node(l->doc, *i);
		size_t mark =
			loader_path_push(l, NULL, (unsigned)(i - n->data.sequence.items.start));
		unsigned bit = 0;

		if (!word_parse(l, k, item, &bit))
			ok = false;
		else if (all & bit)
			ok = loader_error(l, item, "listed twice: \"%s\"", loader_text(item));
		all |= bit;
		loader_path_pop(l, mark);
	}
	store(k, dst, all);
	return ok;
}

static void words_print(const struct config_key *k, const void *src, FILE *out)
{
	const char *joint = "";

	fputc('[', out);
	for (const struct config_word *w = k->words; w->name; w++) {
		if (!(fetch(k, src) & w->value))
			continue;
		fprintf(out, "%s%s", joint, w->name);
		joint = ", ";
	}
	fputc(']', out);
}

const struct config_type config_words = {words_parse, words_print};

/* ---- keys of parts that do not exist yet: nothing but the default, and nowhere to keep it -- */

static bool only_default_parse(
	struct loader *l, const struct config_key *k, const yaml_node_t *n, void *dst)
{
	const char *text = loader_text(n);

	(void)dst;
	if (k->fallback[0] == '[') {
		if (n->type != YAML_SEQUENCE_NODE)
			return loader_unexpected(l, n, "a list");
		if (n->data.sequence.items.start == n->data.sequence.items.top)
			return true;
	} else {
		if (!text || text[0] == '\0')
			return loader_unexpected(l, n, "a word");
		if (strcmp(text, k->fallback) == 0)
			return true;
	}
	return loader_error(l, n, "not available yet: only the default %s is taken", k->fallback);
}

static void only_default_print(const struct config_key *k, const void *src, FILE *out)
{
	(void)src;
	fputs(k->fallback, out);
}

const struct config_type config_only_default = {only_default_parse, only_default_print};
