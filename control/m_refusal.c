/* refusal.list: everything that was refused, with who it was as far as that is known. */
#include <string.h>

#include "control/method.h"

static json_t *string(const char *s)
{
	return s[0] ? text_json_value(s, strlen(s)) : json_null();
}

struct listing {
	json_t *list;
	uint64_t told[REFUSAL_REASON_COUNT];
};

static void list_one(void *ctx, const struct refusal *e)
{
	struct listing *l = ctx;
	char addr[IP_ADDR_TEXT];

	ip_addr_format(&e->addr, addr);
	if (e->reason < REFUSAL_REASON_COUNT)
		l->told[e->reason] += e->count;
	json_array_append_new(
		l->list, json_pack("{s:s,s:I,s:s,s:i,s:b,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "reason",
				 refusal_reason_slug(e->reason), "count", (json_int_t)e->count,
				 "address", addr, "port", (int)e->port, "others", e->others,
				 "device", string(e->serial), "subject", string(e->subject),
				 "issuer", string(e->issuer), "fingerprint", string(e->fingerprint),
				 "detail", string(e->detail), "first_seen", time_json(e->first_ns),
				 "last_seen", time_json(e->last_ns)));
}

/* What only counters know of, so that nothing that was refused is missing. */
static void list_rest(struct call *call, struct listing *l, json_t *totals)
{
	uint64_t counts[REFUSAL_REASON_COUNT] = {0};

	dp_refusals(call->c->dp, counts);
	for (unsigned i = 0; i < REFUSAL_REASON_COUNT; i++) {
		const char *slug = refusal_reason_slug(i);
		const uint64_t n = counts[i] > l->told[i] ? counts[i] : l->told[i];

		if (n)
			json_object_set_new(totals, slug, json_integer((json_int_t)n));
		if (counts[i] > l->told[i])
			json_array_append_new(l->list,
				json_pack("{s:s,s:I,s:n,s:n}", "reason", slug, "count",
					(json_int_t)(counts[i] - l->told[i]), "address", "device"));
	}
}

void m_refusal_list(struct call *call)
{
	struct listing l = {.list = json_array()};
	json_t *totals = json_object();

	refusals_each(&call->c->wire.refusals, list_one, &l);
	list_rest(call, &l, totals);
	call_result(call, json_pack("{s:i,s:o,s:o,s:I}", "schema", 1, "refusals", l.list, "totals",
				  totals, "forgotten", (json_int_t)call->c->wire.refusals.evicted));
}
