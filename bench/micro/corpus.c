#include "bench/micro/corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/lines.h"

#define OFFERS	  "relp_version=0\nrelp_software=bench\ncommands=syslog"
#define FRAME_MAX 32u

static uint32_t begin_frame(char *to, enum corpus_framing framing, uint32_t number, uint32_t len)
{
	if (framing == CORPUS_COUNTED)
		return (uint32_t)snprintf(to, FRAME_MAX, "%u ", len);
	if (framing == CORPUS_RELP)
		return (uint32_t)snprintf(to, FRAME_MAX, "%u syslog %u ", number + 2, len);
	return 0;
}

int corpus_make(struct corpus *c, uint32_t bytes, enum corpus_framing framing)
{
	const struct plan plan = {.devices = 100, .flows = 4};
	struct lines *l = lines_new(1, 4800, &plan);
	uint32_t most = bytes / LINES_MIN + 1;

	memset(c, 0, sizeof(*c));
	c->bytes = malloc(bytes + 2u * (LINES_MAX + FRAME_MAX));
	c->at = calloc(most, sizeof(*c->at));
	c->log_len = calloc(most, sizeof(*c->log_len));
	if (!l || !c->bytes || !c->at || !c->log_len) {
		lines_free(l);
		corpus_free(c);
		return -1;
	}
	if (framing == CORPUS_RELP)
		c->len = (uint32_t)snprintf(
			(char *)c->bytes, LINES_MAX, "1 open %zu %s\n", sizeof(OFFERS) - 1, OFFERS);
	while (c->len < bytes) {
		uint32_t n = c->logs++, run;
		uint32_t len = lines_len(l, n % plan.flows, n / plan.flows, &run);

		c->len += begin_frame((char *)c->bytes + c->len, framing, n, len);
		c->at[n] = c->len;
		c->log_len[n] = len;
		c->len += lines_write(l, n % plan.flows, n / plan.flows, (char *)c->bytes + c->len);
		if (framing == CORPUS_LINES || framing == CORPUS_RELP)
			c->bytes[c->len++] = '\n';
	}
	lines_free(l);
	return 0;
}

void corpus_free(struct corpus *c)
{
	free(c->bytes);
	free(c->at);
	free(c->log_len);
	memset(c, 0, sizeof(*c));
}
