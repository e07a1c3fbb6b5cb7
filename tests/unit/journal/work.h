/*
 * A workload on a disk in memory, stepped without threads, that knows what it was promised: every
 * log has a sender and a number, and its text follows from both.
 */
#ifndef JOURNAL_TEST_WORK_H
#define JOURNAL_TEST_WORK_H

#include "dataplane/journal/journal.h"
#include "tests/unit/journal/memfs.h"

#define WORK_PORTS   2u
#define WORK_SENDERS 16u

struct work {
	struct memfs *fs;
	struct journal_config cfg;
	struct journal *j; /* NULL: not open */
	struct journal_recovery recovery;
	bool retires;  /* retention removes what is old: the first logs of a sender may be gone */
	unsigned life; /* senders of this life: life * WORK_PORTS + port */
	uint64_t sent[WORK_SENDERS], acked[WORK_SENDERS], refused[WORK_SENDERS];
	uint64_t last_durable;
};

void work_init(struct work *w, struct memfs *fs);
/* Opens the journal as a new life of the senders; JOURNAL_OK or its error. */
int work_open(struct work *w);
/* Sends one block of `logs` logs from a port (false: no block was free), steps once. */
bool work_send(struct work *w, unsigned port, unsigned logs);
/* Steps until nothing moves, at most a bounded number of rounds; takes completions. */
void work_settle(struct work *w);
void work_close(struct work *w);

/*
 * Reads everything that the disk of `fs` holds and compares: each sender's logs are there once, in
 * order, unaltered, from the first on, at least those acknowledged and at most those sent. Returns
 * their number.
 */
uint64_t work_check(const struct work *w, struct memfs *fs);
/* What an open journal's accounts say must be what can be read. */
void work_check_accounts(const struct work *w, struct journal *j, struct memfs *fs);
/* No finding at all, or (torn_allowed) none but a torn tail. Returns the logs that were verified.
 */
uint64_t work_verify(struct memfs *fs, bool torn_allowed);

/*
 * The disk as the end of `before` left it, by a power cut or otherwise: it reads well as it is,
 * opens, goes on as another life of the senders, closes, reads well again.
 */
void work_recovers(const struct work *before, struct memfs *disk);

#endif
