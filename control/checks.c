#include "control/checks.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/method.h"

void checks_round(struct control *c)
{
	struct journal *j = dp_journal(c->dp);
	enum journal_state s = journal_state(j);
	struct journal_status st;

	if (s == JOURNAL_FAILED && !alarm_stands(&c->alarms, "journal_failed")) {
		journal_status(j, &st);
		alarm_raise(&c->alarms, "journal_failed", "",
			"%s; nothing is acknowledged any more: repair, then `sluicectl journal "
			"resume`",
			st.last_error);
	} else if (s != JOURNAL_FAILED) {
		alarm_clear(&c->alarms, "journal_failed", "");
	}
	if (s == JOURNAL_HOLD_DISK_FULL && !alarm_stands(&c->alarms, "journal_hold")) {
		journal_status(j, &st);
		alarm_raise(&c->alarms, "journal_hold", "",
			"%llu bytes are free, less than journal.min-free: nothing is taken in "
			"until "
			"there is room",
			(unsigned long long)st.free_bytes);
	} else if (s != JOURNAL_HOLD_DISK_FULL) {
		alarm_clear(&c->alarms, "journal_hold", "");
	}
}

static void lcore_changed(void *ctx, const struct dp_lcore_info *l, bool stuck, uint64_t still_us)
{
	struct control *c = ctx;
	char subject[32];

	snprintf(subject, sizeof(subject), "lcore %u", l->lcore);
	if (stuck)
		alarm_raise(&c->alarms, "lcore_stuck", subject,
			"lcore %u (%s) on cpu %u has made no round for %llu s", l->lcore, l->roles,
			l->cpu, (unsigned long long)(still_us / 1000000u));
	else
		alarm_clear(&c->alarms, "lcore_stuck", subject);
}

static void check_addresses(struct control *c, const struct dp_port_info *p)
{
	for (unsigned i = 0; i < p->addresses_count; i++) {
		char addr[IP_ADDR_TEXT], subject[64], text[256];
		bool duplicate = strcmp(p->addresses[i].state, "duplicate") == 0;

		ip_addr_format(&p->addresses[i].addr.addr, addr);
		snprintf(subject, sizeof(subject), "%s", addr);
		snprintf(text, sizeof(text),
			"another host on the network of port %.31s has %s: not used", p->name,
			addr);
		alarm_set(&c->alarms, duplicate, "address_duplicate", subject, text);
	}
}

static void check_ports(struct control *c)
{
	struct dp_port_info ports[DP_MAX_PORTS];
	unsigned n = dp_ports(c->dp, ports, DP_MAX_PORTS);

	for (unsigned i = 0; i < n && i < DP_MAX_PORTS; i++) {
		char text[128];

		snprintf(text, sizeof(text), "port %.31s has no link", ports[i].name);
		/* A port that is still coming up is no alarm. */
		if (c->ready)
			alarm_set(&c->alarms, !ports[i].up, "port_down", ports[i].name, text);
		check_addresses(c, &ports[i]);
	}
}

/* What a stream's device is told at its next login depends on it: so it is in the audit. */
static void check_streams(struct control *c)
{
	uint64_t expired = journal_streams_expired(dp_journal(c->dp));
	const struct peer self = {.pid = getpid(), .uid = getuid()};
	char before[64];
	char after[96];

	if (expired == c->streams_expired)
		return;
	snprintf(before, sizeof(before), "%llu streams",
		(unsigned long long)(expired - c->streams_expired));
	snprintf(after, sizeof(after), "forgotten: unseen for %llu days (journal.stream-retention)",
		(unsigned long long)(c->config.journal.stream_retention / 86400000000u));
	c->streams_expired = expired;
	control_audit(c, &self, "journal.streams-expired", c->config.journal.dir, before, after);
	event(&c->events, EVENT_NOTICE, "streams-expired", "%s %s", before, after);
}

void checks_tick(struct control *c, uint64_t now_us)
{
	struct dp_lcore_info lcores[DP_MAX_LCORES];
	unsigned n = dp_lcores(c->dp, lcores, DP_MAX_LCORES);
	uint64_t limit_us = (uint64_t)c->settings.v[SETTING_LCORE_WATCHDOG].number * 1000000u;

	c->stuck = watchdog_check(&c->watchdog, lcores, n, now_us, limit_us, lcore_changed, c);
	check_ports(c);
	check_streams(c);
	if (!c->ready)
		control_is_ready(c);
}

static bool all_works(struct control *c)
{
	struct dp_port_info ports[DP_MAX_PORTS];
	unsigned n = dp_ports(c->dp, ports, DP_MAX_PORTS);

	if (journal_state(dp_journal(c->dp)) != JOURNAL_RUNNING)
		return false;
	for (unsigned i = 0; i < n && i < DP_MAX_PORTS; i++) {
		bool works = ports[i].addresses_count == 0;

		for (unsigned a = 0; a < ports[i].addresses_count; a++) {
			if (strcmp(ports[i].addresses[a].state, "tentative") == 0)
				return false;
			works = works || strcmp(ports[i].addresses[a].state, "valid") == 0;
		}
		if (!ports[i].up || !works)
			return false;
	}
	return true;
}

bool control_is_ready(struct control *c)
{
	bool works = all_works(c);

	if (works && !c->ready) {
		c->ready = true;
		event(&c->events, EVENT_NOTICE, "ready", "ports are up, the journal is open");
	}
	return works;
}

const char *control_state(struct control *c)
{
	if (!c->dp || c->stop)
		return "stopping";
	switch (journal_state(dp_journal(c->dp))) {
	case JOURNAL_FAILED:
	case JOURNAL_STOPPED:
		return "failed";
	case JOURNAL_HOLD_DISK_FULL:
		return "hold";
	case JOURNAL_RUNNING:
	default:
		break;
	}
	if (!c->ready)
		return "starting";
	/* Other alarms are for people to look at; these mean that logs may not come in. */
	if (alarm_stands(&c->alarms, "port_down") || alarm_stands(&c->alarms, "lcore_stuck") ||
		alarm_stands(&c->alarms, "address_duplicate"))
		return "degraded";
	return "ready";
}
