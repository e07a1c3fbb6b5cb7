/* settings.list|get|set, audit.list */
#include <string.h>

#include "control/config/nearest.h"
#include "control/method.h"

static json_t *setting_json(const struct control *c, unsigned id)
{
	const struct setting_spec *s = setting_spec(id);

	return json_pack("{s:s,s:s,s:s,s:s,s:b,s:o,s:s}", "name", s->name, "value",
		c->settings.v[id].value, "default", s->standard, "expected", s->expected,
		"available", s->available, "changed", time_json(c->settings.v[id].time_ns),
		"changed_by", c->settings.v[id].who);
}

void m_settings_list(struct call *call)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < SETTING_COUNT; i++)
		json_array_append_new(list, setting_json(call->c, i));
	call_result(call, json_pack("{s:i,s:o}", "schema", 1, "settings", list));
}

static int wanted(struct call *call)
{
	const char *name = call_string(call, "name", "");
	int id = setting_find(name);
	struct nearest n = {.word = name};
	const char *near;

	if (id >= 0)
		return id;
	for (unsigned i = 0; i < SETTING_COUNT; i++)
		nearest_offer(&n, setting_spec(i)->name);
	near = nearest_word(&n);
	if (near)
		call_fail(
			call, REASON_NOT_FOUND, "no setting \"%s\"; did you mean %s?", name, near);
	else
		call_fail(call, REASON_NOT_FOUND, "no setting \"%s\"", name);
	return -1;
}

static json_t *with_schema(json_t *o)
{
	if (o)
		json_object_set_new(o, "schema", json_integer(1));
	return o;
}

void m_settings_get(struct call *call)
{
	int id = wanted(call);

	if (id >= 0)
		call_result(call, with_schema(setting_json(call->c, (unsigned)id)));
}

static void set(struct call *call, unsigned id, const char *value)
{
	struct control *c = call->c;
	const char *name = setting_spec(id)->name;
	char who[SETTING_WHO];
	struct audit_row audit;

	control_audit_row(
		&audit, who, call->who, call->method->name, name, c->settings.v[id].value, value);
	if (registry_setting_set(c->registry, name, value, &audit) != REGISTRY_OK) {
		call_fail(call, REASON_FAILED, "nothing is changed: the registry: %s",
			registry_error(c->registry));
		return;
	}
	event_begin(&c->events, EVENT_NOTICE, "setting");
	event_add(&c->events, "name", "%s", name);
	event_add(&c->events, "before", "%s", audit.before);
	event_add(&c->events, "after", "%s", value);
	event_add(&c->events, "who", "%s", who);
	event_end(&c->events);
	setting_apply(&c->settings, id, value, who, audit.time_ns);
	c->events.least = (enum event_level)c->settings.v[SETTING_EVENT_LEVEL].number;
	if (id == SETTING_LEGACY_AUTH_MODE)
		trust_changed(c, TRUST_DEVICES);
	else if (id == SETTING_DEVICE_SILENT)
		c->next_silence_us = 0;
	else if (id == SETTING_SKEW_EVERY)
		c->next_skew_us = 0;
	call_result(call, with_schema(setting_json(c, id)));
}

void m_settings_set(struct call *call)
{
	const char *value = call_string(call, "value", "");
	int id = wanted(call);

	if (id < 0)
		return;
	switch (setting_check((unsigned)id, value)) {
	case SETTING_INVALID:
		call_invalid(call, "value", "%s must be %s", setting_spec((unsigned)id)->name,
			setting_spec((unsigned)id)->expected);
		break;
	case SETTING_NOT_AVAILABLE:
		call_fail(call, REASON_NOT_AVAILABLE, "%s %s: not available yet",
			setting_spec((unsigned)id)->name, value);
		break;
	case SETTING_OK:
	default:
		set(call, (unsigned)id, value);
	}
}

static json_t *string(const char *s)
{
	return text_json_value(s, strlen(s));
}

static void list_audit(void *ctx, const struct audit_row *row)
{
	json_array_append_new(
		ctx, json_pack("{s:I,s:o,s:o,s:I,s:I,s:s,s:o,s:o,s:o}", "id", (json_int_t)row->id,
			     "time", time_json(row->time_ns), "who", string(row->who), "uid",
			     (json_int_t)row->uid, "pid", (json_int_t)row->pid, "what", row->what,
			     "target", string(row->target), "before", string(row->before), "after",
			     string(row->after)));
}

void m_audit_list(struct call *call)
{
	unsigned limit = (unsigned)call_uint(call, "limit", 100);
	int64_t before = (int64_t)call_uint(call, "before_id", 0);
	json_t *list = json_array();

	if (registry_audit_list(call->c->registry, before, limit, list_audit, list) !=
		REGISTRY_OK) {
		json_decref(list);
		call_fail(
			call, REASON_FAILED, "the registry: %s", registry_error(call->c->registry));
		return;
	}
	call_result(call, json_pack("{s:i,s:o}", "schema", 1, "audit", list));
}
