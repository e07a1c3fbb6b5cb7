#include "dataplane/journal/grep.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_A_STATE (1u << 20) /* bytes, over the expression's length */
#define SPECIAL	     ".[]{}()*+?^$|\\"

/* Behind a bracket expression that begins at `p`. NULL: it has no end. */
static const char *skip_bracket(const char *p)
{
	p++;
	p += *p == '^';
	p += *p == ']';
	for (; *p && *p != ']'; p++) {
		if (p[0] == '[' && p[1] && strchr(":.=", p[1])) {
			char close[3] = {p[1], ']', 0};

			p = strstr(p + 2, close);
			if (!p)
				return NULL;
			p++;
		}
	}
	return *p ? p + 1 : NULL;
}

/* Behind a group that begins at `p`. NULL: it has no end. */
static const char *skip_group(const char *p)
{
	unsigned depth = 0;

	while (p && *p) {
		if (*p == '[') {
			p = skip_bracket(p);
			continue;
		}
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '(')
			depth++;
		else if (*p == ')' && --depth == 0)
			return p + 1;
		p++;
	}
	return NULL;
}

/* The text that every match has in one piece, as it is found piece by piece. */
struct pieces {
	char *now, *best;
	size_t now_len, best_len;
};

static void end_piece(struct pieces *s)
{
	if (s->now_len > s->best_len) {
		memcpy(s->best, s->now, s->now_len);
		s->best_len = s->now_len;
	}
	s->now_len = 0;
}

/* The last character need not be there: all bytes of it, if it has several. */
static void drop_last(struct pieces *s)
{
	bool high = s->now_len > 0 && (uint8_t)s->now[s->now_len - 1] >= 0x80;

	if (s->now_len > 0)
		s->now_len--;
	while (high && s->now_len > 0 && (uint8_t)s->now[s->now_len - 1] >= 0x80)
		s->now_len--;
}

/* One step of the expression; behind it, or NULL where nothing can be said of all matches. */
static const char *step(struct pieces *s, const char *p)
{
	switch (*p) {
	case '|':
		return NULL;
	case '[':
		end_piece(s);
		return skip_bracket(p);
	case '(':
		end_piece(s);
		return skip_group(p);
	case '*':
	case '?':
	case '{':
		drop_last(s);
		end_piece(s);
		/* The bounds of a repetition are no text. */
		return *p == '{' ? (strchr(p, '}') ? strchr(p, '}') + 1 : NULL) : p + 1;
	case '+':
		/* The C library takes "a+?" for "(a+)?". */
		if (p[1] && strchr("*?{+", p[1]))
			drop_last(s);
		end_piece(s);
		return p + 1;
	case '.':
	case '^':
	case '$':
	case ')':
		end_piece(s);
		return p + 1;
	case '\\':
		if (p[1] == 0)
			return NULL;
		if (!strchr(SPECIAL, p[1])) { /* an extension of the C library's */
			end_piece(s);
			return p + 2;
		}
		p++;
		break;
	default:
		break;
	}
	s->now[s->now_len++] = *p;
	return p + 1;
}

/* 0 or -2. */
static int find_literal(struct grep *g, const char *pattern)
{
	size_t len = strlen(pattern);
	struct pieces s = {.now = malloc(len + 1), .best = malloc(len + 1)};
	const char *p = pattern;
	int rc = -2;

	if (s.now && s.best) {
		while (p && *p)
			p = step(&s, p);
		end_piece(&s);
		if (p && s.best_len > 0) {
			g->literal = s.best;
			g->literal_len = s.best_len;
			s.best = NULL;
		}
		rc = 0;
	}
	free(s.now);
	free(s.best);
	return rc;
}

int grep_compile(struct grep *g, const char *pattern, char why[200])
{
	int rc;

	if (strpbrk(pattern, SPECIAL) == NULL) {
		g->literal = strdup(pattern);
		g->literal_len = strlen(pattern);
		return g->literal ? 0 : -2;
	}
	rc = regcomp(&g->regex, pattern, REG_EXTENDED | REG_NOSUB);
	if (rc != 0) {
		regerror(rc, &g->regex, why, 200);
		return rc == REG_ESPACE ? -2 : -1;
	}
	g->has_regex = true;
	g->pattern = strdup(pattern);
	g->budget = TEXT_A_STATE / (strlen(pattern) + 1);
	return g->pattern ? find_literal(g, pattern) : -2;
}

void grep_free(struct grep *g)
{
	if (g->has_regex)
		regfree(&g->regex);
	free(g->literal);
	free(g->pattern);
	memset(g, 0, sizeof(*g));
}

const uint8_t *grep_seek(const struct grep *g, const uint8_t *from, const uint8_t *end)
{
	if (!g->literal)
		return from;
	return memmem(from, (size_t)(end - from), g->literal, g->literal_len);
}

/* false: memory is out; nothing matches any more then. */
static bool renew(struct grep *g)
{
	g->spent = 0;
	regfree(&g->regex);
	g->has_regex = regcomp(&g->regex, g->pattern, REG_EXTENDED | REG_NOSUB) == 0;
	return g->has_regex;
}

bool grep_confirm(struct grep *g, const uint8_t *log, size_t len)
{
	regmatch_t m = {.rm_so = 0, .rm_eo = (regoff_t)len};

	if (!g->pattern)
		return true;
	if (!g->has_regex || (g->spent > g->budget && !renew(g)))
		return false;
	g->spent += len;
	return regexec(&g->regex, (const char *)log, 1, &m, REG_STARTEND) == 0;
}
