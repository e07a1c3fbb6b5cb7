/* The text that every match of an expression has, in one piece: what a search begins with. Pure. */
#ifndef SLUICE_JOURNAL_GREP_TEXT_H
#define SLUICE_JOURNAL_GREP_TEXT_H

#include <stddef.h>

/* *text: the longest such, the caller's to free; NULL: none is known. 0, or -2: memory is out. */
int grep_text(const char *pattern, char **text, size_t *len);

#endif
