/*
 * How often a source may guess keys and passwords: so many at once, and after some wrong ones only
 * after a while that doubles with each further one. A table of fixed size; who has been right or
 * quiet for longest makes room. Pure, one thread.
 */
#ifndef SLUICE_CONTROL_GUESSES_H
#define SLUICE_CONTROL_GUESSES_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/addr.h"
#include "dataplane/base/siphash.h"

#define GUESSES_AT_ONCE	  2u /* of a source */
#define GUESSES_FREE	  5u /* wrong ones that cost no time */
#define GUESSES_WAIT_S	  1u /* after the next one; then 2, 4, ... */
#define GUESSES_WAIT_MAX  64u
#define GUESSES_WAIT_SITE 1u /* of an address, behind which there may be many who are right */
#define GUESSES_FORGET_US 600000000u /* without a wrong one: all is forgotten */
#define GUESSES_SLOTS	  4096u

struct guesser {
	uint64_t who; /* 0: nobody */
	uint64_t wrong_us, until_us;
	uint32_t wrong, under_way;
};

struct guesses {
	struct siphash_key key;
	struct guesser v[GUESSES_SLOTS];
};

void guesses_init(struct guesses *g, const struct siphash_key *key);

/* An IPv4 address or an IPv6 /64, and for whom it guesses ("" : whoever). */
uint64_t guesses_source(const struct guesses *g, const struct ip_addr *addr, const char *user);

/*
 * May it be judged now? 0: yes, and guesses_done() follows. Else for how many seconds it is not,
 * 1 or more.
 */
uint32_t guesses_begin(struct guesses *g, uint64_t who, uint64_t now_us);
/* After a wrong one it waits for `most_s` seconds at most. */
void guesses_done(struct guesses *g, uint64_t who, bool right, uint32_t most_s, uint64_t now_us);

#endif
