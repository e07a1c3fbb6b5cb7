/*
 * A micro-benchmark: a piece of the per-log path on lines that bench/load makes, with nothing
 * around it. The same cases run under Google Benchmark (shim.cc), which tells their time, and under
 * callgrind (count.c), which tells their instructions.
 */
#ifndef SLUICE_MICRO_H
#define SLUICE_MICRO_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Every context begins with this. */
struct micro_ctx {
	uint64_t items; /* done by one call, e.g. logs */
	uint64_t bytes; /* handled by one call; 0: says nothing */
	char label[32]; /* something to show beside it, e.g. a ratio */
};

#define MICRO_ARGS 7

struct micro {
	const char *name; /* "room/what" */
	const char *arg_name;
	int64_t args[MICRO_ARGS]; /* each is a case */
	unsigned args_count;	  /* 0: one case without */
	/* NULL: it cannot be (out of memory). */
	struct micro_ctx *(*setup)(int64_t arg);
	void (*once)(struct micro_ctx *ctx);
	void (*teardown)(struct micro_ctx *ctx);
	bool counted; /* takes the same instructions every time: part of the regression check */
};

/* All of them, ends with an empty one. */
struct micro_list {
	const struct micro *cases;
	unsigned count;
};
extern const struct micro_list micro_wire, micro_text, micro_secure, micro_handshake, micro_store,
	micro_ledger;

/* What callgrind leaves out of a case that it counts: the other end's part, say. It turns its
 * counting over by the name of this function, so that is called only while it counts. */
extern bool micro_counts;
void micro_uncounted(void (*what)(struct micro_ctx *), struct micro_ctx *ctx);

/* A result that the compiler must not see through. */
static inline void micro_keep(uint64_t v)
{
	__asm__ volatile("" : : "r"(v) : "memory");
}

#ifdef __cplusplus
}
#endif

#endif
