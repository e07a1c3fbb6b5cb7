#include "control/wire_events.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/control.h"

/* A row for the audit and an own event, as far as there is allowance. */
static void note(
	struct control *c, const struct auth_event *ev, const char *what, const char *after)
{
	struct wire_events *w = &c->wire;
	char addr[IP_ADDR_TEXT];
	struct wire_note *n;

	if (w->allowance == 0 || w->notes_count == WIRE_AUDIT_BURST) {
		w->notes_left_out++;
		return;
	}
	w->allowance--;
	n = &w->notes[w->notes_count++];
	ip_addr_format(&ev->addr, addr);
	n->time_ns = ev->time_ns;
	snprintf(n->what, sizeof(n->what), "%s", what);
	snprintf(
		n->target, sizeof(n->target), "%s%s%s", ev->serial, ev->serial[0] ? " " : "", addr);
	snprintf(n->after, sizeof(n->after), "%s", after);
	event_begin(&c->events, EVENT_NOTICE, what);
	event_add(&c->events, "reason", "%s", after);
	if (ev->serial[0])
		event_add(&c->events, "device", "%s", ev->serial);
	event_add(&c->events, "address", "%s", addr);
	if (ev->detail[0])
		event_add(&c->events, "msg", "%s", ev->detail);
	event_end(&c->events);
}

static void note_duplicate(struct control *c, const char *serial, uint64_t now_us)
{
	struct wire_duplicate *at = c->wire.duplicates;

	for (struct wire_duplicate *d = at; d < c->wire.duplicates + WIRE_DUPLICATES; d++) {
		if (strcmp(d->serial, serial) == 0) {
			at = d;
			break;
		}
		if (d->last_us < at->last_us)
			at = d;
	}
	if (at->last_us && strcmp(at->serial, serial) != 0)
		alarm_clear(&c->alarms, "duplicate_serial", at->serial);
	snprintf(at->serial, sizeof(at->serial), "%s", serial);
	at->last_us = now_us;
	alarm_raise(&c->alarms, "duplicate_serial", serial,
		"two sources take turns to log in as %s: see `sluicectl refusal list`", serial);
}

/* Where this journal was restored all devices are told so, one after the other: one alarm. */
static void note_conflict(struct control *c, const char *serial, uint64_t now_us)
{
	c->wire.conflict_us = now_us;
	alarm_raise(&c->alarms, "conflict", "",
		"devices know of logs that are not here, and begin anew (%u times; the last one: "
		"%s): was the journal restored from a copy? see `sluicectl refusal list`",
		++c->wire.conflicts, serial);
}

/* Nobody says that they are over; they have not been told of again for so long. */
static void end_alarms(struct control *c, uint64_t now_us)
{
	const uint64_t stands_us =
		(uint64_t)c->settings.v[SETTING_DUPLICATE_STANDS].number * 1000000u;

	if (c->wire.conflicts && c->wire.conflict_us + WIRE_CONFLICT_US < now_us) {
		alarm_clear(&c->alarms, "conflict", "");
		c->wire.conflicts = 0;
	}
	for (unsigned i = 0; i < WIRE_DUPLICATES; i++) {
		const uint64_t last_us = c->wire.duplicates[i].last_us;

		if (last_us && last_us + stands_us < now_us) {
			alarm_clear(&c->alarms, "duplicate_serial", c->wire.duplicates[i].serial);
			c->wire.duplicates[i].last_us = 0;
		}
	}
}

static void refused(struct control *c, const struct auth_event *ev)
{
	const uint64_t entries = c->wire.refusals.count + c->wire.refusals.evictions;

	refusals_add(&c->wire.refusals, ev);
	/* Only the first of its kind is news. */
	if (c->wire.refusals.count + c->wire.refusals.evictions != entries)
		note(c, ev, "auth.refused", refusal_reason_slug(ev->reason));
	if (ev->reason == REFUSAL_duplicate_serial && ev->serial[0])
		note_duplicate(c, ev->serial, clock_mono_us());
	else if (ev->reason == REFUSAL_conflict)
		note_conflict(c, ev->serial, clock_mono_us());
}

static void on_event(void *ctx, const struct auth_event *ev)
{
	struct control *c = ctx;

	c->wire.events++;
	switch (ev->kind) {
	case AUTH_EV_LOST:
		c->wire.lost += ev->count;
		c->wire.resync = true;
		return;
	case AUTH_EV_REFUSED:
		refused(c, ev);
		break;
	case AUTH_EV_WARNING:
		note(c, ev, "auth.warning", ev->detail);
		break;
	default:
		break;
	}
	if (devices_event(&c->devices, ev)) {
		c->trust.devices_stale = true;
		note(c, ev, "auth.pending", "pending");
	}
}

uint64_t wire_events_round(struct control *c, uint64_t now_us)
{
	struct wire_events *w = &c->wire;

	if (w->allowance_us == 0) {
		w->allowance = WIRE_AUDIT_BURST;
		w->allowance_us = now_us;
	}
	while (w->allowance < WIRE_AUDIT_BURST && now_us - w->allowance_us >= WIRE_AUDIT_US) {
		w->allowance++;
		w->allowance_us += WIRE_AUDIT_US;
	}
	if (w->allowance == WIRE_AUDIT_BURST)
		w->allowance_us = now_us;
	return dp_auth_events(c->dp, WIRE_EVENTS_A_ROUND, on_event, c) == WIRE_EVENTS_A_ROUND
		       ? now_us
		       : UINT64_MAX;
}

static void still_up(void *ctx, const struct dp_session_info *s)
{
	struct control *c = ctx;

	if (s->certified)
		devices_certified(&c->devices, s->device);
	/* Who has shown a certificate is Up before anything was said; of the others it must be
	 * known what they speak. */
	if ((s->tls_verified || strcmp(s->kind, "detecting") != 0) &&
		strcmp(s->kind, "pending") != 0 && strcmp(s->kind, "handshake") != 0)
		devices_up(&c->devices, s->device, s->lcore, clock_wall_ns());
}

static void resync(struct control *c)
{
	devices_resync_begin(&c->devices);
	/* A worker that does not answer now is asked again the next time. */
	c->wire.resync = dp_sessions(c->dp, still_up, c) < 0;
	devices_resync_end(&c->devices, clock_wall_ns());
}

/* All that waits, in one transaction. */
static void write_notes(struct control *c)
{
	struct audit_row rows[WIRE_AUDIT_BURST];
	const unsigned n = c->wire.notes_count;

	for (unsigned i = 0; i < n; i++)
		rows[i] = (struct audit_row){
			.time_ns = c->wire.notes[i].time_ns,
			.who = CERTSTORE_OWN,
			.uid = geteuid(),
			.pid = getpid(),
			.what = c->wire.notes[i].what,
			.target = c->wire.notes[i].target,
			.after = c->wire.notes[i].after,
		};
	if (n && registry_audit_add_many(c->registry, rows, n) != REGISTRY_OK)
		c->counters.audit_failed++;
	c->wire.notes_count = 0;
}

void wire_events_flush(struct control *c)
{
	write_notes(c);
	devices_flush(&c->devices);
}

void wire_events_tick(struct control *c, uint64_t now_us)
{
	if (c->wire.resync)
		resync(c);
	wire_events_flush(c);
	/* Lcores have to know where somebody could be it for a password. */
	if (c->devices.newly_certified && auth_legacy_any(c->trust.auth))
		c->trust.devices_stale = true;
	c->devices.newly_certified = false;
	if (c->trust.devices_stale)
		trust_changed(c, TRUST_DEVICES);
	end_alarms(c, now_us);
}
