/* device.list|show */
#include <stdio.h>
#include <string.h>

#include "control/m_device.h"
#include "control/roster.h"
#include "tls/scram.h"
#include "control/trust.h"

#define OTHERS "(other)" /* as the data plane calls them: DEVICE_OTHER_NAME */

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

static bool is_allowed(const struct config_prefixes *allow, const struct ip_addr *a)
{
	for (unsigned i = 0; i < allow->count; i++)
		if (ip_prefix_has(&allow->v[i].addr, allow->v[i].len, a))
			return true;
	return false;
}

bool device_is_accepted(const struct control *c, const char *device)
{
	const struct config *cfg = &c->config;
	struct ip_addr addr;

	/* Our own, and the pot of those for whom there is no account. */
	if (strcmp(device, cfg->node.name) == 0 || strcmp(device, OTHERS) == 0)
		return true;
	if (cfg->listen.unknown_source != DP_UNKNOWN_ACCEPT ||
		(!cfg->listen.cleartext &&
			cfg->listen.tls_client_certificate == CONFIG_CLIENT_CERT_REQUIRE))
		return false;
	if (ip_addr_parse(&addr, device) == 0)
		return is_allowed(&cfg->listen.allow, &addr);
	return cfg->listen.trust_devid.count > 0;
}

static const char *unregistered_state(const struct control *c, const char *device)
{
	return device_is_accepted(c, device) ? "accepted" : auth_state_name(AUTH_UNKNOWN);
}

struct listing {
	struct text *t;
	const struct control *c;
	const struct roster *roster;
	unsigned at; /* in the roster */
	const char *joint;
};

static void list_unregistered(struct listing *l)
{
	const struct roster_entry *e = &l->roster->v[l->at++];

	text_str(l->t, l->joint);
	add_seen(l->t, e->device, unregistered_state(l->c, e->device), e);
	text_char(l->t, '}');
	l->joint = ",{";
}

/* Both lists are sorted by name. */
static void list_registered(void *ctx, const struct device_row *row)
{
	struct listing *l = ctx;
	const struct roster_entry *e = NULL;

	while (l->at < l->roster->count && strcmp(l->roster->v[l->at].device, row->serial) < 0)
		list_unregistered(l);
	if (l->at < l->roster->count && strcmp(l->roster->v[l->at].device, row->serial) == 0)
		e = &l->roster->v[l->at++];
	text_str(l->t, l->joint);
	add_registered(l->t, l->c, row, e);
	text_char(l->t, '}');
	l->joint = ",{";
}

bool device_registry_works(struct call *call, enum registry_status rc)
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
	if (device_registry_works(call, registry_devices(call->c->registry, list_registered, &l))) {
		while (l.at < r.count)
			list_unregistered(&l);
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
	if (seen && !dev && !device_is_accepted(c, device))
		return "it is not registered, and as things are configured nothing takes its logs: "
		       "it was forgotten, or the configuration was another one. What it has logged "
		       "stays; when it comes again it is told as any new one";
	if (dev && dev->legacy && dev->certified)
		return "it has used a certificate, so it may not log in by user and password "
		       "whatever legacy says; to go back for good: take the certificate off the "
		       "device first (else it shows it again at once), then device forget, device "
		       "authorize and device set";
	return NULL;
}

bool device_show_as(struct call *call, const char *device)
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
		return device_registry_works(call, REGISTRY_E_IO);
	if (!found && !seen)
		return false;
	if (!found)
		add_seen(&call->text, device, unregistered_state(call->c, device), &e);
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

	if (!device_show_as(call, device))
		not_known(call, device);
}
