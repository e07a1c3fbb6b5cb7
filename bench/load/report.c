#include <stdio.h>
#include <string.h>

#include "bench/load/load.h"

json_t *histogram_json(const struct histogram *h)
{
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:f}", "count", (json_int_t)h->count, "p50",
		(json_int_t)histogram_quantile(h, 0.5), "p90",
		(json_int_t)histogram_quantile(h, 0.9), "p99",
		(json_int_t)histogram_quantile(h, 0.99), "p999",
		(json_int_t)histogram_quantile(h, 0.999), "max", (json_int_t)h->max, "mean",
		histogram_mean(h));
}

json_t *load_report(const struct load *l, double elapsed_s, double cpu_s)
{
	const struct load_options *o = l->o;
	uint64_t sent = atomic_load(&l->sent), bytes = atomic_load(&l->bytes);
	json_t *flows = json_array();
	json_t *report;

	for (uint32_t f = 0; f < o->plan.flows; f++)
		json_array_append_new(flows, json_integer((json_int_t)l->flows[f].next));
	report = json_pack("{s:i,s:s,s:s,s:i,s:I,s:I,s:I,s:I,s:f,s:s}", "schema", 1, "protocol",
		o->protocol, "target", o->target, "port", o->port, "seed", (json_int_t)o->seed,
		"templates", (json_int_t)lines_count(l->lines), "devices",
		(json_int_t)o->plan.devices, "flows", (json_int_t)o->plan.flows, "rate", o->rate,
		"loop", o->rate > 0 ? "open" : "closed");
	json_object_update_new(report,
		json_pack("{s:I,s:b,s:i,s:I,s:I,s:f,s:f,s:f,s:f,s:I,s:I,s:o}", "batch",
			(json_int_t)o->batch, "gso", o->gso, "cpu", o->cpu, "sent",
			(json_int_t)sent, "bytes", (json_int_t)bytes, "elapsed_s", elapsed_s,
			"logs_per_s", elapsed_s > 0 ? (double)sent / elapsed_s : 0, "bytes_per_s",
			elapsed_s > 0 ? (double)bytes / elapsed_s : 0, "sender_cpu_us_per_log",
			sent ? cpu_s * 1e6 / (double)sent : 0, "blocked",
			(json_int_t)atomic_load(&l->blocked), "errors",
			(json_int_t)atomic_load(&l->errors), "sent_by_flow", flows));
	json_object_set_new(report, "start_monotonic_s", json_real((double)l->start_ns / 1e9));
	json_object_set_new(report, "sender_idle_s", json_real((double)l->idle_ns / 1e9));
	json_object_set_new(report, "tls", json_boolean(o->tls));
	if (strcmp(o->protocol, "oftp") == 0) {
		json_object_set_new(report, "item_logs", json_integer((json_int_t)o->item_logs));
		json_object_set_new(report, "lz4", json_boolean(o->lz4));
	}
	if (l->acks.count) {
		json_object_set_new(report, "window", json_integer((json_int_t)o->window));
		json_object_set_new(report, "acked", json_integer((json_int_t)l->acked));
		json_object_set_new(report, "ack_latency_us", histogram_json(&l->acks));
	}
	if (o->rate > 0)
		json_object_set_new(report, "lag_us", histogram_json(&l->lag));
	return report;
}

static void times_row(const json_t *report, const char *key, const char *what)
{
	const json_t *h = json_object_get(report, key);

	if (!h)
		return;
	printf("%-16s", what);
	for (unsigned i = 0; i < 4; i++) {
		static const char *const q[] = {"p50", "p99", "p999", "max"};

		printf(" %8lld", (long long)json_integer_value(json_object_get(h, q[i])));
	}
	printf("  us (p50 p99 p99.9 max)\n");
}

void load_table(const json_t *report)
{
	static const struct {
		const char *key, *unit;
		double scale;
	} rows[] = {
		{"sent", "logs", 1},
		{"elapsed_s", "s", 1},
		{"logs_per_s", "logs/s", 1},
		{"bytes_per_s", "MB/s", 1e6},
		{"sender_cpu_us_per_log", "us", 1},
		{"blocked", "times", 1},
		{"errors", "", 1},
		{"acked", "logs", 1},
		{"durable", "logs", 1},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const json_t *v = json_object_get(report, rows[i].key);

		if (v)
			printf("%-22s %16.*f %s\n", rows[i].key, json_is_integer(v) ? 0 : 3,
				json_number_value(v) / rows[i].scale, rows[i].unit);
	}
	times_row(report, "lag_us", "sent late by");
	times_row(report, "ack_latency_us", "acked after");
	times_row(report, "durable_latency_us", "durable after");
}
