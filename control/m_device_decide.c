/* device.authorize|deny|forget|set */
#include <stdio.h>
#include <string.h>

#include "control/config/units.h"
#include "control/m_device.h"
#include "control/trust.h"
#include "tls/scram.h"

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
	return device_registry_works(call, found < 0 ? REGISTRY_E_IO : REGISTRY_OK) ? found : -1;
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
	if (!device_registry_works(call, devices_decide(&c->devices, &after->row, &audit)))
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
	device_show_as(call, after->row.serial);
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
	if (!device_registry_works(call, devices_forget(&c->devices, device, &audit)))
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
	if (!device_registry_works(
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
