/* account.list|show, gap.list */
#include <string.h>

#include "control/gaps.h"
#include "control/method.h"
#include "control/roster.h"
#include "control/shapes.h"

static void add_total(struct text *t, struct control *c, const struct journal_state_device *life)
{
	struct dp_account total;

	dp_account_total(c->dp, &total);
	shape_account(t, &total, NULL, life, NULL, true);
}

void m_account_list(struct call *call)
{
	struct text *t = &call->text;
	struct dp_wire wire;
	struct roster r;
	json_t *w;

	if (roster_take(&r, call->c->dp) != 0) {
		call_fail(call, REASON_FAILED, "out of memory");
		return;
	}
	/* As text at once: as a tree of objects, 100,000 devices would take half a gigabyte. */
	text_str(t, "{\"schema\":1,\"accounts\":[");
	for (unsigned i = 0; i < r.count; i++) {
		const struct roster_entry *e = &r.v[i];

		text_str(t, i ? ",{" : "{");
		shape_account(t, &e->run, e->device, &e->life, NULL, false);
		text_char(t, '}');
	}
	text_str(t, "],\"total\":{");
	add_total(t, call->c, &r.life);
	text_str(t, "},\"wire\":");
	dp_wire(call->c->dp, &wire);
	w = shape_wire(&wire);
	text_json(t, w);
	text_char(t, '}');
	json_decref(w);
	roster_free(&r);
}

static bool find(struct call *call, const char *device, struct roster_entry *e)
{
	if (roster_find(call->c->dp, device, e))
		return true;
	call_fail(call, REASON_NOT_FOUND, "no device \"%s\" has been seen", device);
	return false;
}

void m_account_show(struct call *call)
{
	const char *device = call_string(call, "device", NULL);
	struct text *t = &call->text;
	struct roster_entry e;

	if (device && !find(call, device, &e))
		return;
	text_str(t, "{");
	text_json_key(t, "schema");
	text_u64(t, 1);
	if (device) {
		shape_account(t, &e.run, e.device, &e.life, dp_journal(call->c->dp), true);
	} else {
		struct journal_state_device life;

		roster_life(call->c->dp, &life);
		add_total(t, call->c, &life);
	}
	text_char(t, '}');
}

void m_gap_list(struct call *call)
{
	const char *device = call_string(call, "device", NULL);
	struct roster_entry e;
	uint64_t left_out;

	if (device && !find(call, device, &e))
		return;
	text_str(&call->text, "{\"schema\":1,\"gaps\":");
	left_out = gaps_list(&call->text, dp_journal(call->c->dp), device);
	text_printf(&call->text, ",\"left_out\":%llu}", (unsigned long long)left_out);
}
