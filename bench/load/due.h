/* When logs are due in the open loop: number n, of all flows, at start + n / rate. Pure. */
#ifndef SLUICE_LOAD_DUE_H
#define SLUICE_LOAD_DUE_H

#include <stdint.h>

static inline uint64_t due_ns(uint64_t start_ns, double rate, uint64_t n)
{
	return start_ns + (uint64_t)((double)n * 1e9 / rate);
}

/*
 * How many logs are due at `now_ns`, from number `n` on; 0: that one is not yet. Never 0 where it
 * is: in the very nanosecond in which it is due, time times rate may come out a hair below n, and
 * a batch of no logs is an empty datagram where the kernel cuts it.
 */
static inline uint64_t due_count(uint64_t start_ns, double rate, uint64_t n, uint64_t now_ns)
{
	uint64_t passed;

	if (due_ns(start_ns, rate, n) > now_ns)
		return 0;
	passed = (uint64_t)((double)(now_ns - start_ns) / 1e9 * rate);
	return passed < n ? 1 : passed + 1 - n;
}

#endif
