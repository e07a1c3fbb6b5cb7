/*
 * A reload: the file is read and checked whole, compared with what runs, and applied only if all
 * that differs can be changed while running. What can fail is done before what cannot.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config_json.h"
#include "control/control.h"

struct plan {
	struct config next;
	struct config_errors errors;
	json_t *changes;
	struct text before, after, restart; /* "key=value key=value" */
};

static void note(struct text *t, const char *path, const char *value)
{
	if (t->len)
		text_str(t, ", ");
	text_str(t, path);
	if (value) {
		text_str(t, ": ");
		text_str(t, value);
	}
}

static void on_change(void *ctx, const struct config_change *ch)
{
	struct plan *p = ctx;

	json_array_append_new(p->changes, config_change_json(ch));
	note(&p->before, ch->path, ch->before);
	note(&p->after, ch->path, ch->after);
	if (!ch->live)
		note(&p->restart, ch->path, NULL);
}

static char *ended(struct text *t)
{
	text_char(t, '\0');
	return t->failed ? "" : t->data;
}

/* Not 0 with `why` where the file is wrong or asks for what a reload cannot do. */
static enum reload_result make_plan(struct control *c, struct plan *p, char *why, size_t size)
{
	if (!c->options.config_file) {
		snprintf(why, size, "there is no configuration file");
		return RELOAD_INVALID;
	}
	if (config_load(c->config_file, &p->next, &p->errors) != 0) {
		char first[512];

		config_error_format(&p->errors, 0, first, sizeof(first));
		if (p->errors.count + p->errors.omitted > 1)
			snprintf(why, size, "%s (and %u more)", first,
				p->errors.count + p->errors.omitted - 1);
		else
			snprintf(why, size, "%s", first);
		return RELOAD_INVALID;
	}
	config_diff(&c->config, &p->next, on_change, p);
	if (p->restart.len) {
		snprintf(why, size, "nothing is changed: these need a restart: %s",
			ended(&p->restart));
		return RELOAD_NEEDS_RESTART;
	}
	return RELOAD_DONE;
}

static enum reload_result apply(struct control *c, const struct plan *p, char *why, size_t size)
{
	struct dp_config dp;
	struct trust_next next;
	char err[400];
	struct journal_fault fault = {0};

	dp_config_defaults(&dp);
	journal_config_defaults(&dp.journal);
	config_to_dp(&p->next, &dp);
	if (trust_prepare(c, &p->next, &next, err, sizeof(err)) != 0) {
		snprintf(why, size, "nothing is changed: %s", err);
		return RELOAD_FAILED;
	}
	if (journal_reconfigure(dp_journal(c->dp), &dp.journal, &fault) != JOURNAL_OK) {
		trust_drop(&next);
		snprintf(why, size, "nothing is changed: %s", fault.text);
		return RELOAD_FAILED;
	}
	config_take_live(&c->config, &p->next);
	trust_take(c, &next);
	return RELOAD_DONE;
}

static void tell(struct control *c, const struct peer *who, struct plan *p, enum reload_result rc,
	const char *why)
{
	char text[600];

	if (rc == RELOAD_DONE) {
		c->counters.reloads++;
		event_begin(&c->events, EVENT_NOTICE, "reload");
		event_add(&c->events, "changed", "%s", ended(&p->after));
		event_add(&c->events, "msg", "the configuration was read again");
		event_end(&c->events);
		control_audit(c, who, "config.reload", c->config_file, ended(&p->before),
			ended(&p->after));
		return;
	}
	c->counters.reloads_refused++;
	event(&c->events, EVENT_ERROR, "reload-refused", "%s", why);
	snprintf(text, sizeof(text), "refused: %s", why);
	control_audit(c, who, "config.reload", c->config_file, "", text);
}

enum reload_result control_reload(
	struct control *c, const struct peer *who, json_t **result, char *why, size_t size)
{
	struct plan *p = calloc(1, sizeof(*p));
	enum reload_result rc;

	if (result)
		*result = NULL;
	if (!p) {
		snprintf(why, size, "out of memory");
		return RELOAD_FAILED;
	}
	p->changes = json_array();
	notify_reloading(&c->notify);
	rc = make_plan(c, p, why, size);
	if (rc == RELOAD_DONE)
		rc = apply(c, p, why, size);
	/* Groups may have been made since the start. */
	peer_rules_load(&c->rules);
	tell(c, who, p, rc, why);
	notify_ready(
		&c->notify, rc == RELOAD_DONE ? "running" : "running; the last reload was refused");
	if (result)
		*result = json_pack("{s:O,s:o}", "changes", p->changes, "errors",
			config_errors_json(&p->errors));
	json_decref(p->changes);
	text_free(&p->before);
	text_free(&p->after);
	text_free(&p->restart);
	free(p);
	return rc;
}
