#include "control/shapes.h"

#include "control/gaps.h"

#include <stdio.h>
#include <string.h>

void shape_reasons(struct text *t, const uint64_t *counts, unsigned n, slug_fn slug, bool zeros)
{
	text_char(t, '{');
	for (unsigned i = 0; i < n; i++) {
		if (!counts[i] && !zeros)
			continue;
		text_json_key(t, slug(i));
		text_u64(t, counts[i]);
	}
	text_char(t, '}');
}

json_t *shape_reasons_json(const uint64_t *counts, unsigned n, slug_fn slug)
{
	json_t *o = json_object();

	for (unsigned i = 0; i < n; i++)
		json_object_set_new(o, slug(i), json_integer((json_int_t)counts[i]));
	return o;
}

static void number(struct text *t, const char *key, uint64_t v)
{
	text_json_key(t, key);
	text_u64(t, v);
}

static void add_life(struct text *t, const struct journal_state_device *life, bool zeros)
{
	static const struct journal_state_device nothing;

	if (!life)
		life = &nothing;
	text_json_key(t, "life");
	text_char(t, '{');
	number(t, "stored", life->stored);
	number(t, "duplicate", life->duplicate);
	text_json_key(t, "dropped");
	shape_reasons(t, life->dropped, DROP_REASON_COUNT, drop_reason_slug, zeros);
	number(t, "bytes", life->bytes);
	number(t, "late", life->late);
	number(t, "conflict", life->conflict);
	number(t, "client_dropped", life->client_dropped);
	text_json_key(t, "first_seen");
	text_json_time(t, life->first_seen_ns);
	text_json_key(t, "last_seen");
	text_json_time(t, life->last_seen_ns);
	text_char(t, '}');
}

void shape_account(struct text *t, const struct dp_account *a, const char *device,
	const struct journal_state_device *life, struct journal *j, bool zeros)
{
	static const struct dp_account nothing;

	if (!a)
		a = &nothing;
	text_json_key(t, "device");
	if (device)
		text_json_string(t, device, strlen(device));
	else
		text_str(t, "null");
	number(t, "received", a->received);
	number(t, "stored", a->stored);
	number(t, "duplicate", a->duplicate);
	number(t, "pending", a->pending);
	text_json_key(t, "dropped");
	shape_reasons(t, a->dropped, DROP_REASON_COUNT, drop_reason_slug, zeros);
	text_json_key(t, "gaps");
	if (j && device)
		gaps_list(t, j, device);
	else
		text_str(t, "[]");
	number(t, "late", a->late);
	number(t, "conflict", a->conflict);
	number(t, "client_dropped", a->client_dropped);
	number(t, "cut", a->cut);
	number(t, "bytes", a->bytes);
	text_json_key(t, "first_seen");
	text_json_time(t, a->first_seen_ns);
	text_json_key(t, "last_seen");
	text_json_time(t, a->last_seen_ns);
	add_life(t, life, zeros);
}

json_t *shape_wire(const struct dp_wire *w)
{
	return json_pack("{s:I,s:I,s:I,s:o,s:o}", "packets", (json_int_t)w->packets, "bytes",
		(json_int_t)w->bytes, "accepted", (json_int_t)w->accepted, "rejected",
		shape_reasons_json(w->rejected, WIRE_REASON_COUNT, wire_reason_slug), "missed",
		w->missed_known ? json_integer((json_int_t)w->missed) : json_null());
}

json_t *shape_addr(const struct ip_addr *a)
{
	char text[IP_ADDR_TEXT];

	ip_addr_format(a, text);
	return json_string(text);
}

json_t *shape_prefix(const struct ip_addr *a, unsigned prefix_len)
{
	char addr[IP_ADDR_TEXT], text[IP_ADDR_TEXT + 8];

	ip_addr_format(a, addr);
	snprintf(
		text, sizeof(text), "%s/%u", addr, ip_addr_is_v4(a) ? prefix_len - 96 : prefix_len);
	return json_string(text);
}
