#include <stdio.h>

#include "control/control.h"

void control_audit_row(struct audit_row *row, char name[64], const struct peer *who,
	const char *what, const char *target, const char *before, const char *after)
{
	*row = (struct audit_row){
		.time_ns = clock_wall_ns(),
		.who = name,
		.uid = who->uid,
		.pid = who->pid,
		.what = what,
		.target = target,
		.before = before,
		.after = after,
	};
	peer_user_name(who->uid, name, 64);
}

void control_audit(struct control *c, const struct peer *who, const char *what, const char *target,
	const char *before, const char *after)
{
	char name[64];
	struct audit_row row;

	control_audit_row(&row, name, who, what, target, before, after);
	if (registry_audit_add(c->registry, &row) == REGISTRY_OK) {
		alarm_clear(&c->alarms, "audit_failed", "");
		return;
	}
	/* The change is made, and a repair must not depend on the registry: say it where one can.
	 */
	c->counters.audit_failed++;
	alarm_raise(&c->alarms, "audit_failed", "", "cannot write the audit: %s",
		registry_error(c->registry));
	event_begin(&c->events, EVENT_ERROR, "audit-failed");
	event_add(&c->events, "who", "%s", name);
	event_add(&c->events, "what", "%s", what);
	event_add(&c->events, "target", "%s", target);
	event_add(&c->events, "before", "%s", before);
	event_add(&c->events, "after", "%s", after);
	event_end(&c->events);
}
