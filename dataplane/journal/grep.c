#include "dataplane/journal/grep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/journal/grep_syntax.h"
#include "dataplane/journal/grep_text.h"

#define SPECIAL		".[]{}()*+?^$|\\"
#define JIT_STACK_BYTES (4u << 20)

static int make_code(struct grep *g, const char *pattern, bool utf, char why[200])
{
	/* A log is one text, whatever is in it: newlines are no ends of lines. */
	uint32_t options = PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY;
	struct grep_syntax s;
	int error;
	size_t where;
	int rc = grep_syntax(&s, pattern, utf, why);

	if (rc != 0)
		return rc;
	options |= s.refers ? 0 : PCRE2_NO_AUTO_CAPTURE;
	options |= utf ? PCRE2_UTF | PCRE2_MATCH_INVALID_UTF : 0;
	g->code = pcre2_compile((PCRE2_SPTR)s.text, s.len, options, &error, &where, NULL);
	free(s.text);
	if (g->code)
		return 0;
	if (utf && error <= PCRE2_ERROR_UTF8_ERR1 && error >= PCRE2_ERROR_UTF8_ERR21)
		return make_code(g, pattern, false, why);
	if (error == PCRE2_ERROR_HEAP_FAILED)
		return -2;
	if (pcre2_get_error_message(error, (PCRE2_UCHAR *)why, 200) < 0)
		snprintf(why, 200, "not understood");
	return -1;
}

static int make_matcher(struct grep *g)
{
	g->match = pcre2_match_data_create(1, NULL);
	g->bounds = pcre2_match_context_create(NULL);
	if (!g->match || !g->bounds)
		return -2;
	pcre2_set_match_limit(g->bounds, GREP_STEPS);
	pcre2_set_depth_limit(g->bounds, GREP_STEPS);
	pcre2_set_heap_limit(g->bounds, GREP_KIB);
	/* Not where executable memory may not be made, as the service's unit has it. */
	g->jit = pcre2_jit_compile(g->code, PCRE2_JIT_COMPLETE) == 0;
	if (!g->jit)
		return 0;
	g->stack = pcre2_jit_stack_create(32u << 10, JIT_STACK_BYTES, NULL);
	if (!g->stack)
		return -2;
	pcre2_jit_stack_assign(g->bounds, NULL, g->stack);
	return 0;
}

static bool beyond_ascii(const char *s)
{
	while (*s && (uint8_t)*s < 0x80)
		s++;
	return *s;
}

int grep_compile(struct grep *g, const char *pattern, char why[200])
{
	int rc;

	if (strpbrk(pattern, SPECIAL) == NULL) {
		g->literal = strdup(pattern);
		g->literal_len = strlen(pattern);
		return g->literal ? 0 : -2;
	}
	rc = make_code(g, pattern, beyond_ascii(pattern), why);
	if (rc == 0)
		rc = make_matcher(g);
	return rc == 0 ? grep_text(pattern, &g->literal, &g->literal_len) : rc;
}

void grep_free(struct grep *g)
{
	pcre2_code_free(g->code);
	pcre2_match_data_free(g->match);
	pcre2_match_context_free(g->bounds);
	pcre2_jit_stack_free(g->stack);
	free(g->literal);
	memset(g, 0, sizeof(*g));
}

const uint8_t *grep_seek(const struct grep *g, const uint8_t *from, const uint8_t *end)
{
	if (!g->literal)
		return from;
	return memmem(from, (size_t)(end - from), g->literal, g->literal_len);
}

bool grep_confirm(struct grep *g, const uint8_t *log, size_t len)
{
	int rc;

	if (!g->code)
		return true;
	rc = pcre2_match(g->code, log, len, 0, g->jit ? 0 : PCRE2_NO_JIT, g->match, g->bounds);
	/* What machine code has too small a stack for may do without. */
	if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
		rc = pcre2_match(g->code, log, len, 0, PCRE2_NO_JIT, g->match, g->bounds);
	if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
		g->undecided++;
	return rc >= 0;
}
