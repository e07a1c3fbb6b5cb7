#include "control/gaps.h"

#include <string.h>

#include "dataplane/journal/state.h"

struct listing {
	struct text *t;
	const char *device;
	uint64_t listed, left_out;
};

static void add_gap(struct listing *l, const char *device, size_t len,
	const struct journal_state_stream *s, const struct journal_state_gap *g)
{
	struct text *t = l->t;

	text_str(t, l->listed++ ? ",{\"device\":" : "{\"device\":");
	text_json_string(t, device, len);
	text_printf(t, ",\"conn_id\":%u,\"epoch\":\"%016llx\",\"first\":%llu,\"last\":%llu",
		s->conn_id, (unsigned long long)s->epoch, (unsigned long long)g->first,
		(unsigned long long)g->last);
	text_str(t, ",\"after\":");
	text_json_time(t, g->before_ns);
	text_str(t, ",\"before\":");
	text_json_time(t, g->after_ns);
	text_char(t, '}');
}

/* With the journal's state locked. */
static void add_stream(
	void *ctx, const char *device, size_t len, const struct journal_state_stream *s)
{
	struct listing *l = ctx;

	if (l->device && (strlen(l->device) != len || memcmp(l->device, device, len) != 0))
		return;
	for (uint32_t i = 0; i < s->gap_count; i++) {
		if (l->listed == GAPS_LISTED) {
			l->left_out += s->gap_count - i;
			return;
		}
		add_gap(l, device, len, s, &s->gaps[i]);
	}
}

uint64_t gaps_list(struct text *t, struct journal *j, const char *device)
{
	struct listing l = {.t = t, .device = device};

	text_char(t, '[');
	journal_each_stream(j, add_stream, &l);
	text_char(t, ']');
	return l.left_out;
}
