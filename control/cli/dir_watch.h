/* Waiting until something in a journal's directory changes, whoever changes it. */
#ifndef SLUICE_CLI_DIR_WATCH_H
#define SLUICE_CLI_DIR_WATCH_H

#include <stdbool.h>

#define DIR_WATCH_FOREVER (-1)

/* A descriptor, or -errno. What changes from now on is noticed. */
int dir_watch_open(const char *dir);
void dir_watch_close(int watch);

/*
 * 1: something changed since the last call; 0: nothing within `ms` (DIR_WATCH_FOREVER: no bound);
 * -EPIPE: nobody reads `out` (a descriptor, -1: not asked) any more; else -errno. A file system of
 * another machine tells nothing of what is written there: give it a bound.
 */
int dir_watch_wait(int watch, int out, int ms);

#endif
