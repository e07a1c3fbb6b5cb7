#include "control/method.h"

#include <string.h>

#include "control/config/nearest.h"
#include "tls/ca.h"

#define DEVICE_PARAM(required)                                                                     \
	{                                                                                          \
		"device", PARAM_STRING, required, DP_DEVICE_NAME,                                  \
			"the name of a device, of 63 bytes at most"                                \
	}

static const struct param resume_params[] = {
	{"dir", PARAM_STRING, false, CONFIG_MAX_PATH, "a directory"}, {0}};
static const struct param device_needed[] = {DEVICE_PARAM(true), {0}};
static const struct param device_optional[] = {DEVICE_PARAM(false), {0}};
static const struct param timeout[] = {
	{"timeout_s", PARAM_NUMBER, false, 86400, "seconds, from 0 to 86400"}, {0}};
static const struct param check[] = {
	{"text", PARAM_STRING, false, CONFIG_MAX_BYTES, "a configuration in YAML"}, {0}};
static const struct param top[] = {
	{"limit", PARAM_UINT, false, 1000, "a number of devices, from 0 to 1000"}, {0}};
static const struct param sessions[] = {DEVICE_PARAM(false),
	{"limit", PARAM_UINT, false, 1000000, "a number of sessions, from 0 to 1000000"}, {0}};
static const struct param session[] = {
	{"id", PARAM_UINT, true, INT64_MAX, "the number of a session, from session.list"}, {0}};
static const struct param logs[] = {DEVICE_PARAM(false),
	{"since_ns", PARAM_UINT, false, INT64_MAX, "nanoseconds since 1970"},
	{"until_ns", PARAM_UINT, false, INT64_MAX, "nanoseconds since 1970"},
	{"grep", PARAM_STRING, false, 512, "a regular expression as grep -E has them"},
	{"follow", PARAM_BOOL, false, 0, "true or false"}, {0}};
static const struct param subscription[] = {
	{"subscription", PARAM_UINT, true, INT64_MAX, "the number that journal.subscribe gave"},
	{0}};
static const struct param audit[] = {
	{"limit", PARAM_UINT, false, 10000, "a number of entries, from 0 to 10000"},
	{"before_id", PARAM_UINT, false, INT64_MAX, "the id of an entry"}, {0}};
static const struct param setting[] = {
	{"name", PARAM_STRING, true, 64, "the name of a setting"}, {0}};
static const struct param setting_value[] = {
	{"name", PARAM_STRING, true, 64, "the name of a setting"},
	{"value", PARAM_STRING, true, SETTING_VALUE - 1, "its value, as text"}, {0}};
static const struct param device_set[] = {DEVICE_PARAM(true),
	{"key", PARAM_STRING, true, 32, "legacy, rate or preshared-key"},
	{"value", PARAM_STRING, true, 1024, "its value, as text"}, {0}};
static const struct param user[] = {{"user", PARAM_STRING, true, 1024, "the name of a user"}, {0}};
static const struct param user_add[] = {{"user", PARAM_STRING, true, 1024, "the name of a user"},
	{"password", PARAM_STRING, true, 1024, "a password"}, {0}};
#define CERT_NAME                                                                                  \
	{                                                                                          \
		"name", PARAM_STRING, true, 1024, "the name of a certificate"                      \
	}
#define CERT_DATA                                                                                  \
	{                                                                                          \
		"data", PARAM_STRING, true, (CERT_MAX_CRL_FILE + 2) / 3 * 4,                       \
			"a file in base64: of at most 2 MiB if it is a CRL, else 128 KiB"          \
	}
#define CERT_PASSWORD(required)                                                                    \
	{                                                                                          \
		"password", PARAM_STRING, required, 1024, "a password"                             \
	}
#define CERT_KEY                                                                                   \
	{                                                                                          \
		"key", PARAM_STRING, false, 16, "p-256, rsa-2048, rsa-3072 or rsa-4096"            \
	}
#define CERT_DAYS                                                                                  \
	{                                                                                          \
		"days", PARAM_UINT, false, CA_MAX_DAYS, "a number of days"                         \
	}
#define CERT_CN                                                                                    \
	{                                                                                          \
		"common_name", PARAM_STRING, false, 1024, "a common name"                          \
	}
#define CERT_SURE                                                                                  \
	{                                                                                          \
		"sure", PARAM_BOOL, false, 0, "true or false"                                      \
	}
#define CERT_LEAVES                                                                                \
	{"old", PARAM_BOOL, false, 0, "true or false"},                                            \
	{                                                                                          \
		"check", PARAM_BOOL, false, 0, "true or false"                                     \
	}
static const struct param cert_name[] = {CERT_NAME, {0}};
static const struct param cert_delete[] = {CERT_NAME, CERT_SURE, {0}};
static const struct param cert_check[] = {CERT_DATA, CERT_PASSWORD(false), {0}};
static const struct param cert_import[] = {
	CERT_NAME, CERT_DATA, CERT_PASSWORD(false), CERT_SURE, {0}};
static const struct param cert_expiring[] = {CERT_DAYS, {0}};
static const struct param cert_export[] = {CERT_NAME, CERT_PASSWORD(false), CERT_LEAVES, {0}};
static const struct param cert_make[] = {CERT_CN, CERT_KEY, CERT_DAYS, {0}};
static const struct param cert_request[] = {
	CERT_NAME, CERT_CN, CERT_KEY, {"dns", PARAM_STRING, false, 1024, "a host name"}, {0}};
static const struct param cert_issue[] = {
	DEVICE_PARAM(true), CERT_PASSWORD(false), CERT_KEY, CERT_DAYS, CERT_LEAVES, {0}};
static const struct param cert_use[] = {
	{"name", PARAM_STRING, true, 1024, "names of identities, or \"configured\""},
	{"sni", PARAM_STRING, false, 255, "\"default\" or a server name"}, {0}};
static const struct param debug[] = {{"what", PARAM_STRING, true, 32, "oftpd"},
	{"level", PARAM_UINT, true, 255, "a level from 1 to 255"},
	{"address", PARAM_STRING, false, IP_ADDR_TEXT, "an address"}, {0}};
static const struct param cancel[] = {
	{"id", PARAM_ID, true, 0, "the id of a request of this connection"}, {0}};

const struct method methods[] = {
	{"account.list", ROLE_READ, m_account_list, NULL},
	{"account.show", ROLE_READ, m_account_show, device_optional},
	{"audit.list", ROLE_READ, m_audit_list, audit},
	{"cert.ca-init", ROLE_WRITE, m_cert_ca_init, cert_make},
	{"cert.check", ROLE_WRITE, m_cert_check, cert_check},
	{"cert.delete", ROLE_WRITE, m_cert_delete, cert_delete},
	{"cert.expiring", ROLE_READ, m_cert_expiring, cert_expiring},
	{"cert.export", ROLE_WRITE, m_cert_export, cert_export},
	{"cert.import", ROLE_WRITE, m_cert_import, cert_import},
	{"cert.issue", ROLE_WRITE, m_cert_issue, cert_issue},
	{"cert.list", ROLE_READ, m_cert_list, NULL},
	{"cert.request", ROLE_WRITE, m_cert_request, cert_request},
	{"cert.show", ROLE_READ, m_cert_show, cert_name},
	{"cert.use", ROLE_WRITE, m_cert_use, cert_use},
	{"config.check", ROLE_READ, m_config_check, check},
	{"config.reload", ROLE_WRITE, m_config_reload, NULL},
	{"config.show", ROLE_READ, m_config_show, NULL},
	{"debug.start", ROLE_WRITE, m_debug_start, debug},
	{"debug.stop", ROLE_WRITE, m_debug_stop, NULL},
	{"device.authorize", ROLE_WRITE, m_device_authorize, device_needed},
	{"device.deny", ROLE_WRITE, m_device_deny, device_needed},
	{"device.forget", ROLE_WRITE, m_device_forget, device_needed},
	{"device.list", ROLE_READ, m_device_list, NULL},
	{"device.set", ROLE_WRITE, m_device_set, device_set},
	{"device.show", ROLE_READ, m_device_show, device_needed},
	{"gap.list", ROLE_READ, m_gap_list, device_optional},
	{"journal.list", ROLE_READ, m_journal_list, NULL},
	{"journal.resume", ROLE_WRITE, m_journal_resume, resume_params},
	{"journal.status", ROLE_READ, m_journal_status, NULL},
	{"journal.subscribe", ROLE_READ, m_journal_subscribe, NULL},
	{"journal.unsubscribe", ROLE_READ, m_journal_unsubscribe, subscription},
	{"journal.verify", ROLE_READ, m_journal_verify, NULL},
	{"log.show", ROLE_READ, m_log_show, logs},
	{"method.list", ROLE_READ, m_method_list, NULL},
	{"port.list", ROLE_READ, m_port_list, NULL},
	{"refusal.list", ROLE_READ, m_refusal_list, NULL},
	{"request.cancel", ROLE_READ, m_request_cancel, cancel},
	{"session.kill", ROLE_WRITE, m_session_kill, session},
	{"session.list", ROLE_READ, m_session_list, sessions},
	{"settings.get", ROLE_READ, m_settings_get, setting},
	{"settings.list", ROLE_READ, m_settings_list, NULL},
	{"settings.set", ROLE_WRITE, m_settings_set, setting_value},
	{"status", ROLE_READ, m_status, NULL},
	{"tls.show", ROLE_READ, m_tls_show, NULL},
	{"top", ROLE_READ, m_top, top},
	{"user.add", ROLE_WRITE, m_user_add, user_add},
	{"user.delete", ROLE_WRITE, m_user_delete, user},
	{"user.list", ROLE_READ, m_user_list, NULL},
	{"version", ROLE_READ, m_version, NULL},
	{"wait.ready", ROLE_READ, m_wait_ready, timeout},
	{0},
};

/* The single words of sluicectl have no verb; a client may add the one that suggests itself. */
static const char *const aliases[][2] = {
	{"status.show", "status"}, {"top.show", "top"}, {"version.show", "version"}};

const struct method *method_find(const char *name)
{
	for (unsigned i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcmp(name, aliases[i][0]) == 0)
			name = aliases[i][1];
	for (const struct method *m = methods; m->name; m++)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

const char *method_nearest(const char *name)
{
	struct nearest n = {.word = name};

	for (const struct method *m = methods; m->name; m++)
		nearest_offer(&n, m->name);
	return nearest_word(&n);
}

void m_request_cancel(struct call *call)
{
	struct pending *p = call->client ? client_find_pending(call->client,
						   json_object_get(call->params, "id"))
					 : NULL;

	if (!p) {
		call_fail(call, REASON_NOT_FOUND,
			"no request with this id waits for its answer on this connection");
		return;
	}
	call_result(call, json_pack("{s:i,s:b}", "schema", 1, "cancelled", 1));
	p->abandon(p);
}

static const char *type_word(enum param_type type)
{
	static const char *const words[] = {
		[PARAM_STRING] = "string",
		[PARAM_UINT] = "integer",
		[PARAM_NUMBER] = "number",
		[PARAM_BOOL] = "boolean",
		[PARAM_ID] = "string or number",
	};

	return words[type];
}

void m_method_list(struct call *call)
{
	json_t *list = json_array();

	for (const struct method *m = methods; m->name; m++) {
		json_t *params = json_array();

		for (const struct param *p = m->params; p && p->name; p++)
			json_array_append_new(
				params, json_pack("{s:s,s:s,s:b,s:s}", "name", p->name, "type",
						type_word(p->type), "required", p->required,
						"expected", p->expected));
		json_array_append_new(list,
			json_pack("{s:s,s:s,s:b,s:o}", "name", m->name, "role", role_name(m->role),
				"available", m->fn != NULL, "params", params));
	}
	call_result(call, json_pack("{s:i,s:o}", "schema", 1, "methods", list));
}
