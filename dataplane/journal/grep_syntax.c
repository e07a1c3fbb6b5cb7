#include "dataplane/journal/grep_syntax.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_GROUPS 200u /* one in another; PCRE2's own bound is 250 */
#define MOST_GROWTH 8u	 /* bytes out of one: "\<" */
#define NO_ATOM	    SIZE_MAX

struct translation {
	const char *p; /* what is next */
	char *out;
	size_t len;
	size_t atom; /* where in `out` begins what a repetition would be of */
	bool repeated;
	bool utf, refers;
	size_t group[MOST_GROUPS];
	unsigned depth;
	char *why;
};

static int bad(struct translation *t, const char *why)
{
	snprintf(t->why, 200, "%s", why);
	return -1;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void put(struct translation *t, const char *text, size_t len)
{
	memcpy(t->out + t->len, text, len);
	t->len += len;
}

static void put_text(struct translation *t, const char *text)
{
	put(t, text, strlen(text));
}

/* A repetition may follow. */
static void begin_atom(struct translation *t)
{
	t->atom = t->len;
	t->repeated = false;
}

/* One character that stands for itself. */
static void put_literal(struct translation *t, char c)
{
	if (c && strchr("\\^$.[]|()?*+{}", c))
		put(t, "\\", 1);
	put(t, &c, 1);
}

/* "a+?" repeats what "a+" is: PCRE2 would take the second sign for a manner of the first. */
static int before_repetition(struct translation *t)
{
	if (t->atom == NO_ATOM)
		return bad(t, "nothing in front of a repetition");
	if (t->repeated) {
		memmove(t->out + t->atom + 3, t->out + t->atom, t->len - t->atom);
		memcpy(t->out + t->atom, "(?:", 3);
		t->len += 3;
		put(t, ")", 1);
	}
	t->repeated = true;
	return 0;
}

size_t grep_interval(const char *p)
{
	size_t n = 1 + strspn(p + 1, "0123456789");
	bool some = n > 1;

	if (p[n] == ',') {
		n += 1 + strspn(p + n + 1, "0123456789");
		some = true;
	}
	return some && p[n] == '}' ? n + 1 : 0;
}

static int brace(struct translation *t)
{
	size_t n = grep_interval(t->p);

	if (n == 0) { /* it stands for itself */
		begin_atom(t);
		put_literal(t, *t->p++);
		return 0;
	}
	if (before_repetition(t) != 0)
		return -1;
	put_text(t, t->p[1] == ',' ? "{0" : "{");
	put(t, t->p + 1, n - 1);
	t->p += n;
	return 0;
}

/* Inside of brackets: "[:alpha:]", "[.-.]", "[=a=]". */
static int bracket_class(struct translation *t)
{
	char kind = t->p[1];
	const char close[] = {kind, ']', '\0'};
	const char *end = strstr(t->p + 2, close);

	if (!end)
		return bad(t, "a class in brackets has no end");
	if (kind == ':') {
		put(t, t->p, (size_t)(end + 2 - t->p));
	} else if (end - t->p == 3 && (uint8_t)t->p[2] < 0x80) {
		if (!is_alnum(t->p[2]))
			put(t, "\\", 1);
		put(t, t->p + 2, 1);
	} else {
		return bad(t, "no such character in brackets");
	}
	t->p = end + 2;
	return 0;
}

static int brackets(struct translation *t)
{
	const char *p = t->p;

	if (p[1] == ':' && strchr(p, ']') && strchr(p, ']')[-1] == ':' && strchr(p, ']') > p + 2)
		return bad(t, "a class is written [[:space:]], not [:space:]");
	begin_atom(t);
	put(t, "[", 1);
	t->p++;
	if (*t->p == '^')
		put(t, t->p++, 1);
	for (bool first = true; first || *t->p != ']'; first = false) {
		if (*t->p == 0)
			return bad(t, "a bracket has no end");
		if (t->p[0] == '[' && t->p[1] && strchr(":.=", t->p[1])) {
			if (bracket_class(t) != 0)
				return -1;
			continue;
		}
		/* What has no meaning in a POSIX bracket must not get one. */
		if (strchr("\\[]^&~", *t->p))
			put(t, "\\", 1);
		put(t, t->p++, 1);
	}
	put(t, t->p++, 1);
	return 0;
}

/* What a backslash makes of a letter; NULL: nothing. */
static const char *escape_of(char c, bool *is_atom)
{
	static const struct {
		char c;
		bool atom;
		const char *text;
	} escapes[] = {
		{'w', true, "\\w"},
		{'W', true, "\\W"},
		{'s', true, "\\s"},
		{'S', true, "\\S"},
		{'d', true, "\\d"},
		{'D', true, "\\D"},
		{'t', true, "\\t"},
		{'n', true, "\\n"},
		{'r', true, "\\r"},
		{'b', false, "\\b"},
		{'B', false, "\\B"},
		{'<', false, "\\b(?=\\w)"},
		{'>', false, "\\b(?<=\\w)"},
		{'`', false, "\\A"},
		{'\'', false, "\\z"},
	};

	for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++)
		if (escapes[i].c == c) {
			*is_atom = escapes[i].atom;
			return escapes[i].text;
		}
	return NULL;
}

static int backslash(struct translation *t)
{
	char c = t->p[1];
	bool is_atom = true;
	const char *text = escape_of(c, &is_atom);

	if (c == 0)
		return bad(t, "a backslash at the end");
	begin_atom(t);
	t->p += 2;
	if (text) {
		put_text(t, text);
		if (!is_atom)
			t->atom = NO_ATOM;
	} else if (c >= '1' && c <= '9') {
		t->refers = true;
		put(t, "\\g{", 3);
		put(t, &c, 1);
		put(t, "}", 1);
	} else if (is_alnum(c)) {
		snprintf(t->why, 200, "\\%c has no meaning", c);
		return -1;
	} else {
		put_literal(t, c);
	}
	return 0;
}

static int open_group(struct translation *t)
{
	if (t->depth == MOST_GROUPS)
		return bad(t, "too many groups one in another");
	t->group[t->depth++] = t->len;
	put(t, t->p++, 1);
	t->atom = NO_ATOM;
	return 0;
}

static int close_group(struct translation *t)
{
	if (t->depth == 0)
		return bad(t, "a ) without its (");
	put(t, t->p++, 1);
	t->atom = t->group[--t->depth];
	t->repeated = false;
	return 0;
}

static int step(struct translation *t)
{
	switch (*t->p) {
	case '(':
		return open_group(t);
	case ')':
		return close_group(t);
	case '[':
		return brackets(t);
	case '{':
		return brace(t);
	case '\\':
		return backslash(t);
	case '*':
	case '+':
	case '?':
		if (before_repetition(t) != 0)
			return -1;
		put(t, t->p++, 1);
		return 0;
	case '|':
	case '^':
	case '$':
		put(t, t->p++, 1);
		t->atom = NO_ATOM;
		return 0;
	case '.':
		begin_atom(t);
		put(t, t->p++, 1);
		return 0;
	default:
		/* The bytes of one character are one atom. */
		if (!t->utf || ((uint8_t)*t->p & 0xc0) != 0x80)
			begin_atom(t);
		put_literal(t, *t->p++);
		return 0;
	}
}

int grep_syntax(struct grep_syntax *s, const char *pattern, bool utf, char why[200])
{
	struct translation t = {
		.p = pattern,
		.out = malloc(strlen(pattern) * MOST_GROWTH + 1),
		.atom = NO_ATOM,
		.utf = utf,
		.why = why,
	};
	int rc = t.out ? 0 : -2;

	while (rc == 0 && *t.p)
		rc = step(&t);
	if (rc == 0 && t.depth > 0)
		rc = bad(&t, "a ( without its )");
	if (rc != 0) {
		free(t.out);
		return rc;
	}
	*s = (struct grep_syntax){.text = t.out, .len = t.len, .refers = t.refers};
	return 0;
}
