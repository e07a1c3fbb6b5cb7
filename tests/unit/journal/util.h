/* What the journal's tests share: a directory of their own, blocks with recognisable logs. */
#ifndef JOURNAL_TEST_UTIL_H
#define JOURNAL_TEST_UTIL_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "dataplane/journal/journal.h"
#include "dataplane/journal/reader.h"

/* A fresh directory, and its removal. */
void test_dir_make(char path[256]);
void test_dir_remove(const char *path);

/* Small blocks, no threads' help, no retention, no bound of free space. */
void test_config(struct journal_config *cfg, const char *dir);

/* Appends one log of `device` without stream; false: no room. */
bool test_log(struct block *b, const char *device, uint64_t time_ns, const char *log, uint32_t len);

/* A line as a FortiGate writes it, different for every `n`: about 500 bytes. Returns its length. */
uint32_t test_line(char line[1024], uint64_t n);

/* Steps a journal without threads until nothing happens any more. */
void test_settle(struct journal *j);

#endif
