#include "dataplane/login.h"

#include <stdlib.h>
#include <string.h>

struct login *login_new(uint32_t n)
{
	struct login *g = calloc(1, sizeof(*g) + n * sizeof(g->streams[0]));

	if (g)
		g->n = n;
	return g;
}

void login_free(struct login *g)
{
	for (uint32_t i = 0; g && i < g->n; i++)
		free(g->streams[i].ranges);
	if (g)
		explicit_bzero(g->key, sizeof(g->key));
	free(g);
}
