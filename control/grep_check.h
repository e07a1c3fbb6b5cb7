/*
 * Which regular expressions are let near the C library. POSIX extended ones are, but its compiler
 * takes memory without bound for nested repetition ((a{1,255}){1,255}) and its matcher time without
 * bound for back-references; both are refused. Pure.
 */
#ifndef SLUICE_CONTROL_GREP_CHECK_H
#define SLUICE_CONTROL_GREP_CHECK_H

#define GREP_MAX_COPIES 100 /* product of all repetition bounds */

/* NULL, or what is wrong with it. */
const char *grep_check(const char *pattern);

#endif
