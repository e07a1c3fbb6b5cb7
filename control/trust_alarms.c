#include "control/trust_alarms.h"

#include <stdio.h>
#include <string.h>

#include "control/control.h"
#include "control/roster.h"

#define NS_PER_S 1000000000u

/* Those that are gone must not leave their alarm behind. */
static void clear_gone(struct control *c, const char *name)
{
	for (unsigned i = 0; i < c->alarms.count;) {
		const struct alarm *a = &c->alarms.v[i];
		char subject[sizeof(a->subject)];

		if (strcmp(a->name, name) == 0 && !certstore_find(&c->trust.certs, a->subject)) {
			memcpy(subject, a->subject, sizeof(subject));
			alarm_clear(&c->alarms, name, subject);
		} else {
			i++;
		}
	}
}

static void check_ours(struct control *c, int64_t now_s)
{
	const struct certstore *s = &c->trust.certs;

	clear_gone(c, "certificate_expires");
	clear_gone(c, "crl_stale");
	for (unsigned i = 0; i < s->count; i++) {
		const struct stored *v = &s->v[i];
		const bool crl = v->kind == STORE_CRL;
		const int64_t limit = crl ? now_s : now_s + TRUST_ALARMS_DAYS * 86400;
		char text[400], when[TIME_TEXT], made[TIME_TEXT];

		time_format_s(v->ends_s, when);
		time_format_s(v->facts.not_before_s, made);
		if (crl)
			snprintf(text, sizeof(text),
				"CRL %s of %.100s%s%s, made %s, should have been replaced by %s: "
				"who was revoked since is not known",
				v->name, v->facts.issuer, v->facts.number[0] ? ", number " : "",
				v->facts.number, made, when);
		else
			snprintf(text, sizeof(text), "%s %s (%.120s) %s on %s",
				store_kind_name(v->kind), v->name, v->facts.subject,
				v->ends_s < now_s ? "has expired" : "expires", when);
		alarm_set(&c->alarms, v->ends_s && v->ends_s < limit,
			crl ? "crl_stale" : "certificate_expires", v->name, text);
	}
}

/* Some devices, the first few by name. */
struct some {
	struct control *c;
	uint64_t limit;
	unsigned count;
	char names[TRUST_ALARMS_NAMES * (AUTH_SERIAL + 2)];
};

static void add(struct some *s, const char *name)
{
	const size_t n = strlen(s->names);

	if (s->count++ < TRUST_ALARMS_NAMES)
		snprintf(s->names + n, sizeof(s->names) - n, "%s%s", n ? ", " : "", name);
}

static void look_at_end(void *ctx, struct device *dev)
{
	struct some *s = ctx;

	if (dev->state == AUTH_AUTHORIZED && dev->not_after_s &&
		(uint64_t)dev->not_after_s < s->limit)
		add(s, dev->serial);
}

static void check_theirs(struct control *c, int64_t now_s)
{
	struct some s = {.c = c, .limit = (uint64_t)now_s + TRUST_ALARMS_DAYS * 86400};
	char text[500];

	devices_each(&c->devices, look_at_end, &s);
	snprintf(text, sizeof(text),
		"certificates of %u device%s expire within %d days: %.200s%s; see `sluicectl cert "
		"expiring`",
		s.count, s.count == 1 ? "" : "s", TRUST_ALARMS_DAYS, s.names,
		s.count > TRUST_ALARMS_NAMES ? ", ..." : "");
	alarm_set(&c->alarms, s.count > 0, "device_certificate_expires", "", text);
}

/* An authorized device that has logged before, and is silent since. */
static void look_at_silence(struct some *s, const struct roster_entry *e)
{
	const struct device *dev = devices_find(&s->c->devices, e->device);
	uint64_t last = e->run.last_seen_ns > e->life.last_seen_ns ? e->run.last_seen_ns
								   : e->life.last_seen_ns;

	if (!dev || dev->state != AUTH_AUTHORIZED || last == 0)
		return;
	/* Nobody could log while we were not there. */
	if (last < s->c->start_ns)
		last = s->c->start_ns;
	if (last < s->limit)
		add(s, e->device);
}

/* Returns how many devices it looked at. */
static unsigned check_silence(struct control *c)
{
	const uint64_t after_s = (uint64_t)c->settings.v[SETTING_DEVICE_SILENT].number;
	struct some s = {.c = c, .limit = clock_wall_ns() - after_s * NS_PER_S};
	struct roster r = {0};
	unsigned looked_at;
	char text[500];

	if (after_s && c->devices.by_state[AUTH_AUTHORIZED] && roster_take(&r, c->dp) == 0)
		for (unsigned i = 0; i < r.count; i++)
			look_at_silence(&s, &r.v[i]);
	looked_at = r.count;
	roster_free(&r);
	snprintf(text, sizeof(text), "%u authorized device%s sent no log for %s: %.200s%s", s.count,
		s.count == 1 ? " has" : "s have", c->settings.v[SETTING_DEVICE_SILENT].value,
		s.names, s.count > TRUST_ALARMS_NAMES ? ", ..." : "");
	alarm_set(&c->alarms, s.count > 0, "device_silent", "", text);
	return looked_at;
}

static uint64_t silence_period_us(const struct control *c, unsigned devices)
{
	const uint64_t silent_us = (uint64_t)c->settings.v[SETTING_DEVICE_SILENT].number * 1000000u;
	const uint64_t us = silent_us && silent_us < TRUST_ALARMS_US ? silent_us : TRUST_ALARMS_US;
	const uint64_t least_us = (uint64_t)devices * TRUST_ALARMS_DEVICE_US;

	return us > least_us ? us : least_us;
}

void trust_alarms_tick(struct control *c, uint64_t now_us)
{
	const int64_t now_s = (int64_t)(clock_wall_ns() / NS_PER_S);

	if (now_us >= c->next_alarms_us || c->devices.ends_changed) {
		c->next_alarms_us = now_us + TRUST_ALARMS_US;
		c->devices.ends_changed = false;
		check_ours(c, now_s);
		check_theirs(c, now_s);
	}
	if (now_us >= c->next_silence_us) {
		c->next_silence_us = now_us + silence_period_us(c, check_silence(c));
	}
}
