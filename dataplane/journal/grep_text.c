#include "dataplane/journal/grep_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/journal/grep_syntax.h"

#define SPECIAL ".[]{}()*+?^$|\\"

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
	size_t n = *p == '{' ? grep_interval(p) : 0;

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
		drop_last(s);
		end_piece(s);
		return p + 1;
	case '{':
		if (n == 0)
			break;
		drop_last(s);
		end_piece(s);
		return p + n;
	case '+':
		/* "a+?" is "(a+)?". */
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
		if (!strchr(SPECIAL, p[1])) { /* more than itself */
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

int grep_text(const char *pattern, char **text, size_t *len)
{
	size_t room = strlen(pattern) + 1;
	struct pieces s = {.now = malloc(room), .best = malloc(room)};
	const char *p = pattern;
	int rc = -2;

	*text = NULL;
	*len = 0;
	if (s.now && s.best) {
		while (p && *p)
			p = step(&s, p);
		end_piece(&s);
		if (p && s.best_len > 0) {
			*text = s.best;
			*len = s.best_len;
			s.best = NULL;
		}
		rc = 0;
	}
	free(s.now);
	free(s.best);
	return rc;
}
