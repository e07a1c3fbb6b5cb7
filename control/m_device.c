/* device.list|show|authorize|deny|forget|set */
#include <stdio.h>
#include <string.h>

#include "control/config/units.h"
#include "control/method.h"
#include "control/roster.h"
#include "tls/scram.h"
#include "control/trust.h"

/* ---- looking ------------------------------------------------------------------------------ */

static uint64_t first_seen(const struct roster_entry *e)
{
	return e->in_life && e->life.first_seen_ns ? e->life.first_seen_ns : e->run.first_seen_ns;
}

static uint64_t last_seen(const struct roster_entry *e)
{
	return e->run.last_seen_ns > e->life.last_seen_ns ? e->run.last_seen_ns
							  : e->life.last_seen_ns;
}

static void add_string(struct text *t, const char *key, const char *value)
{
	text_json_key(t, key);
	if (value[0])
		text_json_string(t, value, strlen(value));
	else
		text_str(t, "null");
}

static void add_time(struct text *t, const char *key, uint64_t ns)
{
	text_json_key(t, key);
	text_json_time(t, ns);
}

static void add_bool(struct text *t, const char *key, bool on)
{
	text_json_key(t, key);
	text_str(t, on ? "true" : "false");
}

/* What everybody has; the object stays open. */
static void add_seen(
	struct text *t, const char *device, const char *state, const struct roster_entry *e)
{
	text_json_key(t, "device");
	text_json_string(t, device, strlen(device));
	add_string(t, "state", state);
	add_time(t, "first_seen", e ? first_seen(e) : 0);
	add_time(t, "last_seen", e ? last_seen(e) : 0);
}

static void add_certificate(struct text *t, const struct device_row *row)
{
	text_json_key(t, "certificate");
	if (!row->fingerprint[0]) {
		text_str(t, "null");
		return;
	}
	text_char(t, '{');
	add_string(t, "subject", row->subject);
	add_string(t, "issuer", row->issuer);
	add_string(t, "fingerprint", row->fingerprint);
	add_time(t, "not_after",
		row->not_after_s > 0 ? (uint64_t)row->not_after_s * 1000000000u : 0);
	text_char(t, '}');
}

static void add_refusal(struct text *t, const struct device_row *row)
{
	text_json_key(t, "refusal");
	if (!row->refusal[0]) {
		text_str(t, "null");
		return;
	}
	text_char(t, '{');
	add_string(t, "reason", row->refusal);
	add_time(t, "time", row->refusal_ns);
	add_string(t, "address", row->refusal_address);
	add_string(t, "detail", row->refusal_detail);
	text_char(t, '}');
}

static void add_registered(struct text *t, const struct control *c, const struct device_row *row,
	const struct roster_entry *e)
{
	const struct device *dev = devices_find(&c->devices, row->serial);

	add_seen(t, row->serial, auth_state_name(row->state), e);
	add_bool(t, "up", dev && dev->lcores);
	add_time(t, "since", dev ? dev->since_ns : row->since_ns);
	add_string(t, "address", row->address);
	add_string(t, "version", row->version);
	add_certificate(t, row);
	add_refusal(t, row);
	add_bool(t, "legacy", row->legacy);
	add_bool(t, "preshared_key", row->psk[0] != '\0');
	text_json_key(t, "rate");
	if (row->rate)
		text_u64(t, row->rate);
	else
		text_str(t, "null");
	add_time(t, "registered", row->first_ns);
	add_time(t, "contact", row->contact_ns);
	add_time(t, "decided", row->decided_ns);
	add_string(t, "decided_by", row->decided_by);
}

struct listing {
	struct text *t;
	const struct control *c;
	const struct roster *roster;
	unsigned at; /* in the roster */
	const char *joint;
};

static void list_accepted(struct listing *l)
{
	const struct roster_entry *e = &l->roster->v[l->at++];

	text_str(l->t, l->joint);
	add_seen(l->t, e->device, "accepted", e);
	text_char(l->t, '}');
	l->joint = ",{";
}

/* Both lists are sorted by name. */
static void list_registered(void *ctx, const struct device_row *row)
{
	struct listing *l = ctx;
	const struct roster_entry *e = NULL;

	while (l->at < l->roster->count && strcmp(l->roster->v[l->at].device, row->serial) < 0)
		list_accepted(l);
	if (l->at < l->roster->count && strcmp(l->roster->v[l->at].device, row->serial) == 0)
		e = &l->roster->v[l->at++];
	text_str(l->t, l->joint);
	add_registered(l->t, l->c, row, e);
	text_char(l->t, '}');
	l->joint = ",{";
}

static bool registry_works(struct call *call, enum registry_status rc)
{
	if (rc == REGISTRY_OK)
		return true;
	text_clear(&call->text);
	call_fail(call, REASON_FAILED, "the registry: %s", registry_error(call->c->registry));
	return false;
}

void m_device_list(struct call *call)
{
	char psk[SCRAM_TEXT] = "";
	struct roster r;
	struct listing l = {.t = &call->text, .c = call->c, .roster = &r, .joint = "{"};

	if (roster_take(&r, call->c->dp) != 0) {
		call_fail(call, REASON_FAILED, "out of memory");
		return;
	}
	devices_flush(&call->c->devices);
	text_str(l.t, "{\"schema\":1,\"devices\":[");
	if (registry_works(call, registry_devices(call->c->registry, list_registered, &l))) {
		while (l.at < r.count)
			list_accepted(&l);
		text_char(l.t, ']');
		registry_meta_get(call->c->registry, TRUST_PSK_FOR_ALL, psk, sizeof(psk));
		add_bool(l.t, "preshared_key", psk[0] != '\0');
		text_char(l.t, '}');
	}
	roster_free(&r);
}

struct showing {
	struct call *call;
	const struct roster_entry *e;
};

static void show_registered(void *ctx, const struct device_row *row)
{
	struct showing *s = ctx;

	add_registered(&s->call->text, s->call->c, row, s->e);
}

/* Neither certificate, login, datagram nor address can give this name, as things are configured. */
static bool can_be_nobody(struct control *c, const char *device)
{
	struct ip_addr addr;

	return !trust_serial_legal(c, device) && ip_addr_parse(&addr, device) != 0 &&
	       !(c->config.listen.tls_names & CONFIG_TLS_NAME_DNS) &&
	       c->config.listen.trust_devid.count == 0 && strcmp(device, c->config.node.name) != 0;
}

static bool looks_like_a_host(const char *device)
{
	return strchr(device, '.') && strpbrk(device, "abcdefghijklmnopqrstuvwxyz");
}

/* What an operator may not expect of it; NULL: nothing. */
static const char *note_on(struct control *c, const char *device, bool seen)
{
	const struct device *dev = devices_find(&c->devices, device);

	if (!seen && can_be_nobody(c, device))
		return looks_like_a_host(device)
			       ? "no device can be called so: it is no serial number by "
				 "auth.serial-pattern, and no address. With listen.tls-names: "
				 "[serial, dns] a host without a serial number is called by the "
				 "first DNS name of its certificate"
			       : "no device can be called so: it is no serial number by "
				 "auth.serial-pattern, and no address";
	if (dev && dev->legacy && dev->certified)
		return "it has used a certificate, so it may not log in by user and password "
		       "whatever legacy says; to go back for good: device forget, then device "
		       "authorize and device set";
	return NULL;
}

/* As device.show answers; false: neither registered nor seen. */
static bool show(struct call *call, const char *device)
{
	struct roster_entry e;
	const bool seen = roster_find(call->c->dp, device, &e);
	struct showing s = {call, seen ? &e : NULL};
	const char *note;
	int found;

	devices_flush(&call->c->devices);
	text_str(&call->text, "{\"schema\":1");
	found = registry_device(call->c->registry, device, show_registered, &s);
	if (found < 0)
		return registry_works(call, REGISTRY_E_IO);
	if (!found && !seen)
		return false;
	if (!found)
		add_seen(&call->text, device, "accepted", &e);
	note = note_on(call->c, device, seen);
	if (note)
		add_string(&call->text, "note", note);
	text_char(&call->text, '}');
	return true;
}

static void not_known(struct call *call, const char *device)
{
	text_clear(&call->text);
	if (!call->error.code)
		call_fail(call, REASON_NOT_FOUND, "no device \"%s\" is registered or was seen",
			device);
}

void m_device_show(struct call *call)
{
	const char *device = call_string(call, "device", "");

	if (!show(call, device))
		not_known(call, device);
}

/* ---- deciding ----------------------------------------------------------------------------- */

/* The decisions that stand, in memory of their own. */
struct decisions {
	struct device_row row;
	char psk[SCRAM_TEXT];
};

static void take_decisions(void *ctx, const struct device_row *row)
{
	struct decisions *d = ctx;

	snprintf(d->psk, sizeof(d->psk), "%s", row->psk);
	d->row.state = row->state;
	d->row.legacy = row->legacy;
	d->row.rate = row->rate;
}

/* 1: it is registered; 0: it is not, and all is as for a new one; -1: refused. */
static int load(struct call *call, const char *device, struct decisions *d)
{
	int found;

	*d = (struct decisions){.row = {.serial = device, .state = AUTH_UNKNOWN}};
	d->row.psk = d->psk;
	found = registry_device(call->c->registry, device, take_decisions, d);
	return registry_works(call, found < 0 ? REGISTRY_E_IO : REGISTRY_OK) ? found : -1;
}

static void describe(const struct decisions *d, char *text, size_t size)
{
	if (d->row.state == AUTH_UNKNOWN) {
		snprintf(text, size, "%s", "");
		return;
	}
	snprintf(text, size, "%s legacy=%s rate=%u preshared-key=%s", auth_state_name(d->row.state),
		d->row.legacy ? "enable" : "disable", d->row.rate, d->psk[0] ? "set" : "none");
}

/* Writes it with its audit, tells lcores, answers. */
static void decide(struct call *call, const struct decisions *before, const struct decisions *after,
	const char *note)
{
	struct control *c = call->c;
	char was[160], is[200], who[64];
	struct audit_row audit;
	size_t n;

	describe(before, was, sizeof(was));
	describe(after, is, sizeof(is));
	n = strlen(is);
	snprintf(is + n, sizeof(is) - n, "%s", note);
	control_audit_row(&audit, who, call->who, call->method->name, after->row.serial, was, is);
	if (!registry_works(call, devices_decide(&c->devices, &after->row, &audit)))
		return;
	event_begin(&c->events, EVENT_NOTICE, "device");
	event_add(&c->events, "device", "%s", after->row.serial);
	event_add(&c->events, "before", "%s", was);
	event_add(&c->events, "after", "%s", is);
	event_add(&c->events, "who", "%s", who);
	event_end(&c->events);
	/* Tickets of before a denial are void. */
	trust_changed(c, after->row.state == AUTH_DENIED && before->row.state != AUTH_DENIED
				 ? TRUST_GENERATION
				 : TRUST_DEVICES);
	show(call, after->row.serial);
}

/* A name that a certificate, a login or a source can have. */
static bool legal(struct call *call, const char *device)
{
	size_t n = strlen(device);

	if (n > 0 && n < AUTH_SERIAL &&
		strspn(device,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-") == n)
		return true;
	call_invalid(call, "device",
		"expected 1 to %d letters, digits, '.', ':', '_' and '-': a serial number, an "
		"address, or a host's name where listen.tls-names has dns",
		AUTH_SERIAL - 1);
	return false;
}

static void set_state(struct call *call, enum auth_state state)
{
	const char *device = call_string(call, "device", "");
	struct decisions before, after;

	if (!legal(call, device) || load(call, device, &before) < 0)
		return;
	after = before;
	after.row.psk = after.psk;
	after.row.state = state;
	if (before.row.state == AUTH_UNKNOWN && call->c->devices.count >= call->c->devices.max) {
		call_fail(call, REASON_BUSY, "limits.devices: %u are registered",
			call->c->devices.count);
		return;
	}
	decide(call, &before, &after, "");
}

void m_device_authorize(struct call *call)
{
	set_state(call, AUTH_AUTHORIZED);
}

void m_device_deny(struct call *call)
{
	set_state(call, AUTH_DENIED);
}

void m_device_forget(struct call *call)
{
	const char *device = call_string(call, "device", "");
	struct control *c = call->c;
	struct decisions before;
	struct audit_row audit;
	char was[160], who[64];
	int found = load(call, device, &before);

	if (found == 0)
		call_fail(call, REASON_NOT_FOUND, "no device \"%s\" is registered", device);
	if (found != 1)
		return;
	describe(&before, was, sizeof(was));
	control_audit_row(&audit, who, call->who, call->method->name, device, was, "");
	if (!registry_works(call, devices_forget(&c->devices, device, &audit)))
		return;
	event_begin(&c->events, EVENT_NOTICE, "device");
	event_add(&c->events, "device", "%s", device);
	event_add(&c->events, "before", "%s", was);
	event_add(&c->events, "after", "%s", "forgotten");
	event_add(&c->events, "who", "%s", who);
	event_end(&c->events);
	trust_changed(c, before.row.state == AUTH_AUTHORIZED ? TRUST_GENERATION : TRUST_DEVICES);
	call_result(
		call, json_pack("{s:i,s:s,s:b}", "schema", 1, "device", device, "forgotten", 1));
}

/* ---- device.set --------------------------------------------------------------------------- */

static bool set_legacy(struct call *call, const char *value, struct decisions *d)
{
	d->row.legacy = strcmp(value, "enable") == 0;
	if (d->row.legacy || strcmp(value, "disable") == 0)
		return true;
	call_invalid(call, "value", "legacy must be enable or disable");
	return false;
}

static bool set_rate(struct call *call, const char *value, struct decisions *d)
{
	char number[16];
	size_t n = strlen(value);
	uint64_t rate = 0;

	if (n > 2 && n < sizeof(number) && strcmp(value + n - 2, "/s") == 0) {
		memcpy(number, value, n - 2);
		number[n - 2] = '\0';
		if (unit_parse_number(number, &rate) != UNIT_OK || rate > 100000000u)
			rate = 0;
	}
	if (rate == 0 && strcmp(value, "none") != 0) {
		call_invalid(call, "value", "rate must be none, or 1/s to 100000000/s");
		return false;
	}
	d->row.rate = (uint32_t)rate;
	return true;
}

static bool set_psk(struct call *call, const char *value, struct decisions *d)
{
	const char *problem;

	d->psk[0] = '\0';
	if (value[0] == '\0')
		return true;
	problem = scram_password_problem(value);
	if (problem)
		call_invalid(call, "value", "a preshared key: %s", problem);
	else if (scram_verifier_new(value, d->psk) != 0)
		call_fail(call, REASON_FAILED, "libcrypto made no verifier");
	return call->error.code == 0;
}

/* One that authorizes any legal serial by itself. */
static void set_psk_for_all(struct call *call)
{
	struct control *c = call->c;
	struct decisions d = {.row = {.psk = ""}};
	char kept[SCRAM_TEXT] = "", who[64];
	struct audit_row audit;

	if (!set_psk(call, call_string(call, "value", ""), &d))
		return;
	registry_meta_get(c->registry, TRUST_PSK_FOR_ALL, kept, sizeof(kept));
	control_audit_row(&audit, who, call->who, call->method->name, "*",
		kept[0] ? "preshared-key=set" : "preshared-key=none",
		d.psk[0] ? "preshared-key=set (another key)" : "preshared-key=none");
	if (!registry_works(
		    call, registry_meta_decide(c->registry, TRUST_PSK_FOR_ALL, d.psk, &audit)))
		return;
	event_begin(&c->events, EVENT_NOTICE, "device");
	event_add(&c->events, "device", "%s", "*");
	event_add(&c->events, "after", "%s", audit.after);
	event_add(&c->events, "who", "%s", who);
	event_end(&c->events);
	call_result(call, json_pack("{s:i,s:s,s:b}", "schema", 1, "device", "*", "preshared_key",
				  d.psk[0] != '\0'));
}

void m_device_set(struct call *call)
{
	static const struct {
		const char *name;
		bool (*set)(struct call *call, const char *value, struct decisions *d);
		bool new_too; /* of a device that is not registered yet */
	} keys[] = {
		{"legacy", set_legacy, false},
		{"rate", set_rate, false},
		{"preshared-key", set_psk, true},
	};
	const char *device = call_string(call, "device", "");
	const char *key = call_string(call, "key", "");
	struct decisions before, after;
	int found;

	if (strcmp(device, "*") == 0 && strcmp(key, "preshared-key") == 0) {
		set_psk_for_all(call);
		return;
	}
	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].name, key) != 0)
			continue;
		found = legal(call, device) ? load(call, device, &before) : -1;
		if (found < 0)
			return;
		if (!found && !keys[i].new_too) {
			call_fail(call, REASON_NOT_FOUND,
				"no device \"%s\" is registered: authorize it first", device);
			return;
		}
		after = before;
		after.row.psk = after.psk;
		if (after.row.state == AUTH_UNKNOWN)
			after.row.state = AUTH_PENDING;
		if (keys[i].set(call, call_string(call, "value", ""), &after))
			decide(call, &before, &after,
				strcmp(before.psk, after.psk) != 0 ? " (another key)" : "");
		return;
	}
	call_invalid(call, "key", "expected legacy, rate or preshared-key");
}
