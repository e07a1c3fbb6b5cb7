#include "control/metrics.h"

#include <stdio.h>
#include <string.h>

#include "control/shapes.h"

static void header(struct text *t, const char *name, const char *type, const char *help)
{
	text_printf(t, "# HELP sluice_%s ", name);
	for (; *help; help++) {
		if (*help == '\\')
			text_str(t, "\\\\");
		else if (*help == '\n')
			text_str(t, "\\n");
		else
			text_char(t, *help);
	}
	text_printf(t, "\n# TYPE sluice_%s %s\n", name, type);
}

static void label(struct text *t, const char *name, const char *value)
{
	text_printf(t, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			text_char(t, '\\');
		text_char(t, *value == '\n' ? ' ' : *value);
	}
	text_char(t, '"');
}

static void labelled(struct text *t, const char *metric, const char *name, const char *value)
{
	text_printf(t, "sluice_%s{", metric);
	label(t, name, value);
	text_str(t, "} ");
}

static void number(struct text *t, const char *name, const char *type, const char *help, uint64_t v)
{
	header(t, name, type, help);
	text_printf(t, "sluice_%s ", name);
	text_u64(t, v);
	text_char(t, '\n');
}

static void counter(struct text *t, const char *name, const char *help, uint64_t v)
{
	number(t, name, "counter", help, v);
}

static void gauge(struct text *t, const char *name, const char *help, uint64_t v)
{
	number(t, name, "gauge", help, v);
}

static void seconds(struct text *t, uint64_t ns)
{
	text_printf(t, "%llu.%09llu\n", (unsigned long long)(ns / 1000000000u),
		(unsigned long long)(ns % 1000000000u));
}

static void by_reason(struct text *t, const char *name, const char *help, const uint64_t *v,
	unsigned n, slug_fn slug)
{
	header(t, name, "counter", help);
	for (unsigned i = 0; i < n; i++) {
		labelled(t, name, "reason", slug(i));
		text_u64(t, v[i]);
		text_char(t, '\n');
	}
}

static void write_node(struct text *t, struct control *c)
{
	static const char *const states[] = {
		"starting", "ready", "degraded", "hold", "failed", "stopping"};
	const char *state = control_state(c);

	header(t, "build_info", "gauge", "Version of this sluiced; always 1.");
	labelled(t, "build_info", "version", SLUICE_VERSION);
	text_str(t, "1\n");
	header(t, "start_time_seconds", "gauge", "When it started, in seconds since 1970.");
	text_str(t, "sluice_start_time_seconds ");
	seconds(t, c->start_ns);
	header(t, "state", "gauge", "1 for the state it is in.");
	for (unsigned i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		labelled(t, "state", "state", states[i]);
		text_str(t, strcmp(state, states[i]) == 0 ? "1\n" : "0\n");
	}
	header(t, "alarm", "gauge", "1 for each alarm that stands.");
	for (unsigned i = 0; i < c->alarms.count; i++) {
		text_str(t, "sluice_alarm{");
		label(t, "alarm", c->alarms.v[i].name);
		text_char(t, ',');
		label(t, "subject", c->alarms.v[i].subject);
		text_str(t, "} 1\n");
	}
	counter(t, "alarms_raised_total", "Alarms raised since the start.", c->alarms.raised);
}

static void write_wire(struct text *t, struct control *c)
{
	struct dp_wire w;

	dp_wire(c->dp, &w);
	counter(t, "wire_packets_total", "Frames that ports gave.", w.packets);
	counter(t, "wire_bytes_total", "Bytes of these frames.", w.bytes);
	counter(t, "wire_accepted_total", "Frames accepted.", w.accepted);
	by_reason(t, "wire_rejected_total", "Frames not accepted, by reason.", w.rejected,
		WIRE_REASON_COUNT, wire_reason_slug);
	if (w.missed_known)
		counter(t, "wire_missed_total", "Frames that the ports lost before we saw them.",
			w.missed);
}

static void count_device(void *ctx, const struct dp_account *a)
{
	(void)a;
	++*(uint64_t *)ctx;
}

static void write_logs(struct text *t, struct control *c)
{
	struct dp_account a;
	uint64_t devices = 0;

	dp_account_total(c->dp, &a);
	dp_accounts(c->dp, count_device, &devices);
	counter(t, "logs_received_total", "Logs received.", a.received);
	counter(t, "logs_stored_total", "Logs durable in the journal.", a.stored);
	counter(t, "logs_duplicate_total", "Logs known already.", a.duplicate);
	gauge(t, "logs_pending", "Logs received and not yet durable.", a.pending);
	by_reason(t, "logs_dropped_total", "Logs received and not kept, by reason.", a.dropped,
		DROP_REASON_COUNT, drop_reason_slug);
	counter(t, "log_bytes_total", "Bytes of logs received.", a.bytes);
	counter(t, "logs_late_total", "Logs that closed a gap.", a.late);
	counter(t, "logs_conflict_total", "Logs of streams in conflict.", a.conflict);
	counter(t, "logs_client_dropped_total", "Logs that senders say they dropped.",
		a.client_dropped);
	counter(t, "logs_cut_total", "Logs stored cut to message-size.", a.cut);
	gauge(t, "devices", "Devices seen in this run.", devices);
}

static void write_journal(struct text *t, struct control *c)
{
	static const enum journal_state states[] = {
		JOURNAL_RUNNING, JOURNAL_HOLD_DISK_FULL, JOURNAL_FAILED, JOURNAL_STOPPED};
	struct journal_status s;

	journal_status(dp_journal(c->dp), &s);
	header(t, "journal_state", "gauge", "1 for the state the journal is in.");
	for (unsigned i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		labelled(t, "journal_state", "state", journal_state_name(states[i]));
		text_str(t, s.state == states[i] ? "1\n" : "0\n");
	}
	gauge(t, "journal_durable_block", "Number of the newest durable block.", s.durable_block);
	counter(t, "journal_durable_logs_total", "Logs durable since the journal began.",
		s.durable_logs);
	gauge(t, "journal_bytes", "Bytes of all segments on disk.", s.bytes);
	gauge(t, "journal_free_bytes", "Free bytes of its file system.", s.free_bytes);
	gauge(t, "journal_segments", "Segments on disk.", s.segments);
	counter(t, "journal_blocks_compressed_total", "Blocks written compressed.",
		s.blocks_compressed);
	counter(t, "journal_blocks_raw_total", "Blocks written raw, under pressure.", s.blocks_raw);
	counter(t, "journal_commits_total", "Group commits.", s.commits);
	counter(t, "journal_fsyncs_total", "fdatasync calls.", s.fsyncs);
	counter(t, "journal_raw_bytes_total", "Bytes of blocks before compression.", s.raw_bytes);
	counter(t, "journal_disk_bytes_total", "Bytes of blocks as written.", s.disk_bytes);
	gauge(t, "journal_pool_blocks", "Blocks in memory at the most.", s.pool_blocks);
	gauge(t, "journal_pool_free_blocks", "Blocks that are free.", s.pool_free);
	counter(t, "journal_no_block_total", "Times that no block was free.", s.no_block);
	header(t, "journal_commit_seconds", "gauge", "Time of recent commits, by quantile.");
	labelled(t, "journal_commit_seconds", "quantile", "0.5");
	seconds(t, s.commit_us_p50 * 1000u);
	labelled(t, "journal_commit_seconds", "quantile", "0.99");
	seconds(t, s.commit_us_p99 * 1000u);
	header(t, "journal_cpu_seconds_total", "counter", "CPU time of the journal's threads.");
	labelled(t, "journal_cpu_seconds_total", "thread", "committer");
	seconds(t, s.committer_cpu_ns);
	labelled(t, "journal_cpu_seconds_total", "thread", "compressor");
	seconds(t, s.compressor_cpu_ns);
	counter(t, "journal_retention_removed_segments_total", "Segments removed by retention.",
		s.retention_removed_segments);
	counter(t, "journal_streams_displaced_total",
		"Epochs forgotten to make room for newer ones (limits.device-streams).",
		journal_streams_displaced(dp_journal(c->dp)));
	counter(t, "journal_compacted_segments_total", "Finished segments rewritten.",
		s.compacted_segments);
	counter(t, "journal_compacted_from_bytes_total", "Their bytes before.",
		s.compacted_from_bytes);
	counter(t, "journal_compacted_to_bytes_total", "Their bytes after.", s.compacted_to_bytes);
	counter(t, "journal_write_errors_total", "Writes that failed.", s.write_errors);
	counter(t, "journal_sync_errors_total", "fdatasync calls that failed.", s.sync_errors);
}

static void lcore_name(struct text *t, const char *name, const struct dp_lcore_info *l)
{
	text_printf(t, "sluice_%s{lcore=\"%u\",cpu=\"%u\",role=\"%s\"} ", name, l->lcore, l->cpu,
		l->roles);
}

static void write_lcores(struct text *t, struct control *c)
{
	static const struct {
		const char *name, *type, *help;
		size_t offset;
	} numbers[] = {
		{"lcore_logs_total", "counter", "Logs taken in, by lcore.",
			offsetof(struct dp_lcore_info, logs)},
		{"lcore_packets_total", "counter", "Packets handled, by lcore.",
			offsetof(struct dp_lcore_info, packets)},
		{"lcore_sessions", "gauge", "Sessions owned, by lcore.",
			offsetof(struct dp_lcore_info, sessions)},
		{"lcore_ring_full_total", "counter", "Packets that found a ring full, by lcore.",
			offsetof(struct dp_lcore_info, ring_full)},
		{"lcore_crossed_total", "counter", "Packets passed to their owner, by lcore.",
			offsetof(struct dp_lcore_info, crossed)},
		{"lcore_rounds_total", "counter", "Rounds made (the heartbeat), by lcore.",
			offsetof(struct dp_lcore_info, heartbeat)},
	};
	struct dp_lcore_info l[DP_MAX_LCORES];
	unsigned n = dp_lcores(c->dp, l, DP_MAX_LCORES);

	n = n < DP_MAX_LCORES ? n : DP_MAX_LCORES;
	header(t, "lcore_busy_seconds_total", "counter", "Time in rounds that did something.");
	for (unsigned i = 0; i < n; i++) {
		lcore_name(t, "lcore_busy_seconds_total", &l[i]);
		seconds(t, l[i].busy_ns);
	}
	header(t, "lcore_seconds_total", "counter", "Time since the lcore started.");
	for (unsigned i = 0; i < n; i++) {
		lcore_name(t, "lcore_seconds_total", &l[i]);
		seconds(t, l[i].total_ns);
	}
	for (unsigned k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++) {
		header(t, numbers[k].name, numbers[k].type, numbers[k].help);
		for (unsigned i = 0; i < n; i++) {
			uint64_t v;

			memcpy(&v, (const char *)&l[i] + numbers[k].offset, sizeof(v));
			lcore_name(t, numbers[k].name, &l[i]);
			text_u64(t, v);
			text_char(t, '\n');
		}
	}
	gauge(t, "lcores_stuck", "Lcores that make no rounds any more.", c->stuck);
}

static void write_ports(struct text *t, struct control *c)
{
	static const struct {
		const char *name, *help;
		size_t offset;
	} numbers[] = {
		{"port_rx_packets_total", "Frames received, by port.",
			offsetof(struct dp_port_info, wire.packets)},
		{"port_rx_bytes_total", "Bytes received, by port.",
			offsetof(struct dp_port_info, wire.bytes)},
		{"port_tx_packets_total", "Frames sent, by port.",
			offsetof(struct dp_port_info, tx_packets)},
		{"port_tx_bytes_total", "Bytes sent, by port.",
			offsetof(struct dp_port_info, tx_bytes)},
		{"port_tx_dropped_total", "Frames that could not be sent, by port.",
			offsetof(struct dp_port_info, tx_dropped)},
	};
	struct dp_port_info p[DP_MAX_PORTS];
	unsigned n = dp_ports(c->dp, p, DP_MAX_PORTS);

	n = n < DP_MAX_PORTS ? n : DP_MAX_PORTS;
	header(t, "port_up", "gauge", "1 for a port that has a link.");
	for (unsigned i = 0; i < n; i++) {
		labelled(t, "port_up", "port", p[i].name);
		text_str(t, p[i].up ? "1\n" : "0\n");
	}
	for (unsigned k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++) {
		header(t, numbers[k].name, "counter", numbers[k].help);
		for (unsigned i = 0; i < n; i++) {
			uint64_t v;

			memcpy(&v, (const char *)&p[i] + numbers[k].offset, sizeof(v));
			labelled(t, numbers[k].name, "port", p[i].name);
			text_u64(t, v);
			text_char(t, '\n');
		}
	}
}

static void dp_number(void *ctx, const char *name, const char *help, bool is_gauge, uint64_t v)
{
	struct text *t = ctx;
	size_t n = strlen(name);
	bool total = n > 6 && strcmp(name + n - 6, "_total") == 0;
	char full[96];

	snprintf(full, sizeof(full), "%s%s", name, is_gauge || total ? "" : "_total");
	number(t, full, is_gauge ? "gauge" : "counter", help, v);
}

static void count_up(void *ctx, struct device *dev)
{
	*(uint64_t *)ctx += dev->lcores != 0;
}

/* Who may log, who is here, what lcores decide by. */
static void write_trust(struct text *t, struct control *c)
{
	const struct wire_events *w = &c->wire;
	uint64_t up = 0;

	header(t, "registry_devices", "gauge", "Devices in the registry, by state.");
	for (unsigned s = AUTH_PENDING; s <= AUTH_DENIED; s++) {
		labelled(t, "registry_devices", "state", auth_state_name(s));
		text_u64(t, c->devices.by_state[s]);
		text_char(t, '\n');
	}
	devices_each(&c->devices, count_up, &up);
	gauge(t, "registry_devices_up", "Registered devices that have a session.", up);
	counter(t, "registry_devices_left_out_total",
		"Unknown serials that were not registered: a bound was reached.",
		c->devices.refused_new);
	counter(t, "registry_batches_total", "Transactions of facts about devices.",
		c->devices.batches);
	counter(t, "registry_write_errors_total", "Those that failed.", c->devices.write_errors);
	counter(t, "auth_events_total", "Events that lcores told of devices and refusals.",
		w->events);
	counter(t, "auth_events_lost_total", "Those that found a queue full.", w->lost);
	counter(t, "auth_notes_left_out_total",
		"Kinds of refusals and pending devices that were not put into the audit.",
		w->notes_left_out);
	gauge(t, "refusal_entries", "Entries of the list of refusals.", w->refusals.count);
	counter(t, "refusals_forgotten_total", "Refusals whose entry made room for another.",
		w->refusals.evicted);
	gauge(t, "tls_enabled", "1: TLS is served.", c->trust.tls != NULL);
	gauge(t, "tls_generation", "The trust generation in effect.", c->trust.generation);
	counter(t, "tls_builds_total", "TLS contexts made anew.", c->trust.builds);
	gauge(t, "certificates", "Identities, anchors, CRLs and requests that are kept.",
		c->trust.certs.count);
}

static void write_control(struct text *t, struct control *c)
{
	static const struct server_counters none;
	const struct server_counters *s = c->server ? server_counters(c->server) : &none;

	gauge(t, "control_clients", "Clients of the control socket.",
		c->server ? server_clients(c->server) : 0);
	counter(t, "control_accepted_total", "Clients that connected.", s->accepted);
	counter(t, "control_refused_total", "Clients turned away, because there were too many.",
		s->refused_full);
	counter(t, "control_strangers_total", "Clients without any right.", s->strangers);
	counter(t, "control_requests_total", "Requests.", s->requests);
	counter(t, "control_errors_total", "Requests that were answered by an error.",
		c->counters.errors);
	counter(t, "control_lines_too_long_total", "Requests longer than a line may be.",
		s->too_long);
	counter(t, "control_stalled_total", "Clients closed because they did not read.",
		s->stalled);
	counter(t, "control_bytes_in_total", "Bytes from clients.", s->bytes_in);
	counter(t, "control_bytes_out_total", "Bytes to clients.", s->bytes_out);
	gauge(t, "control_readers", "Threads that read the journal for clients.",
		jobs_running(c->jobs));
	counter(t, "control_announced_total", "Announcements of what is durable.",
		c->counters.announced);
	counter(t, "control_announcements_lost_total", "Announcements lost to slow subscribers.",
		c->counters.announce_lost);
	counter(t, "control_reloads_total", "Reloads of the configuration.", c->counters.reloads);
	counter(t, "control_reloads_refused_total", "Reloads refused.",
		c->counters.reloads_refused);
	counter(t, "control_audit_failed_total", "Changes that are missing in the audit.",
		c->counters.audit_failed);
	counter(t, "own_events_total", "Own events.", c->events.written);
	counter(t, "own_events_lost_total", "Own events that found no place in the journal.",
		c->events.lost);
}

void metrics_write(struct text *t, struct control *c)
{
	uint64_t refusals[REFUSAL_REASON_COUNT] = {0};

	write_node(t, c);
	write_wire(t, c);
	write_logs(t, c);
	dp_refusals(c->dp, refusals);
	by_reason(t, "refusals_total", "Sessions refused or ended by us, by reason.", refusals,
		REFUSAL_REASON_COUNT, refusal_reason_slug);
	write_journal(t, c);
	write_lcores(t, c);
	write_ports(t, c);
	dp_counters(c->dp, dp_number, t);
	write_trust(t, c);
	write_control(t, c);
}
