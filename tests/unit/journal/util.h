/* What the journal's tests share: a directory of their own, blocks with recognisable logs. */
#ifndef JOURNAL_TEST_UTIL_H
#define JOURNAL_TEST_UTIL_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "dataplane/journal/fs.h"
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

/* The journal in `dir` reads as test_line() of 0, 1, ... logs - 1, and nothing else. */
void test_lines_are(const struct journal_fs *fs, const char *dir, uint64_t logs);

/*
 * Fills a block with something of everything: devices, IPv4 and IPv6 sources, vdoms, streams with
 * gaps opened and closed, deltas of all kinds, flags, an empty log, one with a newline inside. Log
 * number i of block k begins with "rich K I ".
 */
#define TEST_RICH_LOGS 8u
void test_rich_block(struct block *b, unsigned k);
/* Is this what log `i` of rich block `k` must read as? */
void test_rich_check(const struct journal_log *log, unsigned k, unsigned i);

/* Steps a journal without threads until nothing happens any more. */
void test_settle(struct journal *j);

#endif
