/*
 * Looking for a regular expression in many logs at once. Most expressions hold a piece of text that
 * every match must have (grep_text.h): a whole block is searched for that first, at the speed of
 * memory, and only logs that have it are given to PCRE2, compiled to machine code where the system
 * allows it. What an expression means is what grep -E says (grep_syntax.h); one that holds
 * characters beyond ASCII is about characters (UTF-8), else it is about bytes.
 *
 * An expression may ask for any amount of work ("(a+)+b"): one log is given GREP_STEPS steps and
 * GREP_KIB of memory, and counts as undecided where that does not do. Pure.
 */
#ifndef SLUICE_JOURNAL_GREP_H
#define SLUICE_JOURNAL_GREP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define GREP_STEPS     1000000u /* some milliseconds */
#define GREP_KIB       32768u
#define GREP_UNDECIDED 1000u /* logs, after which a search is given up */

struct grep {
	char *literal; /* NULL: none is known */
	size_t literal_len;
	pcre2_code *code; /* NULL: the literal is all of it; with neither everything matches */
	pcre2_match_data *match;
	pcre2_match_context *bounds;
	pcre2_jit_stack *stack;
	bool jit;
	uint64_t undecided; /* logs that took more than they are given */
};

/* `g` is all zeros. 0, -1: not an expression, `why` says so, -2: memory is out. grep_free() in any
 * case. */
int grep_compile(struct grep *g, const char *pattern, char why[200]);
void grep_free(struct grep *g);

/* The first place at or behind `from` where a match may be, or NULL. */
const uint8_t *grep_seek(const struct grep *g, const uint8_t *from, const uint8_t *end);

/* Does a log match in which the literal, if there is one, was found? An undecided one does not. */
bool grep_confirm(struct grep *g, const uint8_t *log, size_t len);

#endif
