/*
 * The counted cases of micro.h, for callgrind: `micro-count --list` names them, `micro-count NAME
 * [CALLS]` runs one of them, of which callgrind counts what happens below micro_counted(). Prints
 * how many items were done.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/micro/micro.h"

static const struct micro_list *const lists[] = {
	&micro_wire, &micro_text, &micro_secure, &micro_handshake, &micro_ledger, &micro_store};

void micro_counted(const struct micro *m, struct micro_ctx *ctx, unsigned calls);

__attribute__((noinline)) void micro_counted(
	const struct micro *m, struct micro_ctx *ctx, unsigned calls)
{
	micro_counts = true;
	for (unsigned i = 0; i < calls; i++)
		m->once(ctx);
	micro_counts = false;
}

static void name_of(const struct micro *m, unsigned arg, char *to, size_t size)
{
	if (m->args_count)
		snprintf(to, size, "%s/%s:%lld", m->name, m->arg_name, (long long)m->args[arg]);
	else
		snprintf(to, size, "%s", m->name);
}

static int count(const struct micro *m, int64_t arg, unsigned calls)
{
	struct micro_ctx *ctx = m->setup(arg);

	if (!ctx) {
		fputs("micro-count: out of memory\n", stderr);
		return 1;
	}
	m->once(ctx); /* what is done once only */
	micro_counted(m, ctx, calls);
	printf("%" PRIu64 "\n", ctx->items * calls);
	m->teardown(ctx);
	return 0;
}

int main(int argc, char **argv)
{
	bool list = argc == 2 && strcmp(argv[1], "--list") == 0;
	unsigned calls = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 20;

	for (unsigned l = 0; argc > 1 && l < sizeof(lists) / sizeof(lists[0]); l++)
		for (unsigned i = 0; i < lists[l]->count; i++) {
			const struct micro *m = &lists[l]->cases[i];

			for (unsigned a = 0; a == 0 || a < m->args_count; a++) {
				char name[96];

				name_of(m, a, name, sizeof(name));
				if (list && m->counted)
					puts(name);
				else if (!list && strcmp(argv[1], name) == 0)
					return count(m, m->args[a], calls);
			}
		}
	if (!list)
		fputs("usage: micro-count --list | NAME [CALLS]\n", stderr);
	return list ? 0 : 2;
}
