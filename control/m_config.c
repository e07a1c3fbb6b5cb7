/* config.show|check|reload */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config_json.h"
#include "control/method.h"

static json_t *string(const char *s)
{
	return text_json_value(s, strlen(s));
}

json_t *config_errors_json(const struct config_errors *errors)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < errors->count; i++) {
		const struct config_error *e = &errors->v[i];

		json_array_append_new(list,
			json_pack("{s:i,s:i,s:o,s:o}", "line", (int)e->line, "column",
				(int)e->column, "path", string(e->path), "text", string(e->text)));
	}
	return list;
}

json_t *config_change_json(const struct config_change *change)
{
	return json_pack("{s:s,s:o,s:o,s:b}", "path", change->path, "before",
		string(change->before), "after", string(change->after), "live", change->live);
}

static void add_item(void *ctx, const struct config_item *item)
{
	json_array_append_new(ctx,
		json_pack("{s:s,s:o,s:b,s:b}", "path", item->path, "value", string(item->value),
			"live", item->live, "available", item->available));
}

static void add_change(void *ctx, const struct config_change *change)
{
	json_array_append_new(ctx, config_change_json(change));
}

/* What the file says and what runs may differ: since the file was changed, or the reload refused.
 */
static json_t *waiting(struct control *c, json_t **errors)
{
	struct config *next = calloc(1, sizeof(*next));
	struct config_errors *e = calloc(1, sizeof(*e));
	json_t *list = json_array();

	if (next && e && c->options.config_file) {
		if (config_load(c->config_file, next, e) == 0)
			config_diff(&c->config, next, add_change, list);
		*errors = config_errors_json(e);
	} else {
		*errors = json_array();
	}
	free(next);
	free(e);
	return list;
}

void m_config_show(struct call *call)
{
	struct control *c = call->c;
	json_t *items = json_array(), *errors, *changes = waiting(c, &errors);
	char *yaml = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&yaml, &len);

	if (f) {
		config_print(&c->config, f);
		fclose(f);
	}
	config_each(&c->config, add_item, items);
	call_result(call, json_pack("{s:i,s:s,s:o,s:o,s:o,s:o}", "schema", 1, "file",
				  c->config_file, "yaml", text_json_value(yaml ? yaml : "", len),
				  "keys", items, "changes", changes, "errors", errors));
	free(yaml);
}

void m_config_check(struct call *call)
{
	struct control *c = call->c;
	const char *text = call_string(call, "text", NULL);
	struct config *next = calloc(1, sizeof(*next));
	struct config_errors *e = calloc(1, sizeof(*e));
	json_t *changes = json_array();
	int rc = -1;

	if (!next || !e) {
		call_fail(call, REASON_FAILED, "out of memory");
	} else if (!text && !c->options.config_file) {
		call_fail(call, REASON_NOT_FOUND, "there is no configuration file");
	} else {
		rc = text ? config_parse(text, strlen(text), "text", next, e)
			  : config_load(c->config_file, next, e);
		if (rc == 0)
			config_diff(&c->config, next, add_change, changes);
		call_result(call, json_pack("{s:i,s:s,s:b,s:o,s:i,s:O}", "schema", 1, "file",
					  text ? "" : c->config_file, "valid", rc == 0, "errors",
					  config_errors_json(e), "omitted", (int)e->omitted,
					  "changes", changes));
	}
	json_decref(changes);
	free(next);
	free(e);
}

void m_config_reload(struct call *call)
{
	json_t *result = NULL;
	char why[600];

	switch (control_reload(call->c, call->who, &result, why, sizeof(why))) {
	case RELOAD_DONE:
		json_object_set_new(result, "schema", json_integer(1));
		json_object_set_new(result, "reloaded", json_true());
		call_result(call, result);
		return;
	case RELOAD_NEEDS_RESTART:
		call_fail(call, REASON_NEEDS_RESTART, "%s", why);
		break;
	case RELOAD_INVALID:
		call_fail(call, REASON_INVALID, "%s", why);
		break;
	case RELOAD_FAILED:
	default:
		call_fail(call, REASON_FAILED, "%s", why);
	}
	call->error.data = result;
}
