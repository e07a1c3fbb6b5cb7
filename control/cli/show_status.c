/* status, top, port list: what this node is doing. */
#include <string.h>

#include "control/cli/show.h"

static void put_span(uint64_t seconds, FILE *out)
{
	char text[HUMAN_TEXT];

	human_span(seconds, text);
	fputs(text, out);
}

static void put_count(const json_t *o, const char *path, FILE *out)
{
	char text[HUMAN_TEXT];

	human_count(get_uint(o, path), text);
	fputs(text, out);
}

static void put_bytes(const json_t *o, const char *path, FILE *out)
{
	char text[HUMAN_TEXT];

	human_bytes(get_uint(o, path), text);
	fputs(text, out);
}

static void put_rate(const json_t *o, const char *path, FILE *out)
{
	char text[HUMAN_TEXT];

	human_rate(get_number(o, path), text);
	fputs(text, out);
}

/* "192.0.2.2/24 192.0.2.3/24 (tentative)": a state is named unless it is the usual one. */
static void list_addresses(const json_t *addresses, char *text, size_t size)
{
	const json_t *a;
	size_t i, n = 0;

	text[0] = '\0';
	json_array_foreach(addresses, i, a)
	{
		const char *state = get_text(a, "state");
		bool usual = strcmp(state, "valid") == 0 || strcmp(state, "preferred") == 0;

		if (n < size)
			n += (size_t)snprintf(text + n, size - n, "%s%s%s%s%s", n ? " " : "",
				get_text(a, "address"), usual ? "" : " (", usual ? "" : state,
				usual ? "" : ")");
	}
}

static void cell_link(struct table *t, const json_t *port)
{
	uint64_t mbps = get_uint(port, "speed_mbps");

	if (!get_bool(port, "up"))
		table_cell(t, "down");
	else if (mbps >= 1000)
		table_cellf(t, "up %g Gb/s", (double)mbps / 1000);
	else if (mbps)
		table_cellf(t, "up %u Mb/s", (unsigned)mbps);
	else
		table_cell(t, "up");
}

static void status_ports(const json_t *ports, FILE *out)
{
	struct table *t = table_new("PORT|LINK|MAC|ADDRESSES");
	const json_t *p;
	size_t i;

	json_array_foreach(ports, i, p)
	{
		char addresses[1024];

		list_addresses(get(p, "addresses"), addresses, sizeof(addresses));
		cell_text(t, p, "name");
		cell_link(t, p);
		cell_text(t, p, "mac");
		table_cell(t, addresses);
	}
	if (table_rows(t)) {
		fputc('\n', out);
		table_print(t, out, 0);
	}
	table_free(t);
}

static void status_alarms(const json_t *alarms, FILE *out)
{
	const json_t *a;
	size_t i;

	if (json_array_size(alarms) == 0) {
		fputs("alarms    none\n", out);
		return;
	}
	json_array_foreach(alarms, i, a)
	{
		fputs(i ? "          " : "alarms    ", out);
		put_text(get_text(a, "name"), out);
		if (strcmp(get_text(a, "subject"), "-") != 0 && get_text(a, "subject")[0]) {
			fputc(' ', out);
			put_text(get_text(a, "subject"), out);
		}
		fputs(": ", out);
		put_text(get_text(a, "text"), out);
		fprintf(out, " (since %.19sZ)\n", get_text(a, "since"));
	}
}

static void status_settings(const json_t *settings, FILE *out)
{
	const char *name, *joint = "settings  ";
	json_t *value;

	json_object_foreach((json_t *)settings, name, value)
	{
		fputs(joint, out);
		put_text(name, out);
		fputc(' ', out);
		put_text(json_is_string(value) ? json_string_value(value) : "?", out);
		joint = ", ";
	}
	if (json_object_size(settings))
		fputc('\n', out);
}

void show_status(struct cli *cli, const json_t *r)
{
	FILE *out = cli->out;

	fputs("node      ", out);
	put_text(get_text(r, "node.name"), out);
	fputs(", serial ", out);
	put_text(get_text(r, "node.serial"), out);
	fputs(", sluice ", out);
	put_text(get_text(r, "version"), out);
	fputs("\nstate     ", out);
	put_text(get_text(r, "state"), out);
	fputs(", up ", out);
	put_span(get_uint(r, "uptime_s"), out);
	fputs("\njournal   ", out);
	put_text(get_text(r, "journal.state"), out);
	fputs(", ", out);
	if (get(r, "journal.logs")) {
		put_count(r, "journal.logs", out);
		fputs(" logs durable, ", out);
	}
	fputs("block ", out);
	put_count(r, "journal.durable_block", out);
	fputs(", ", out);
	put_bytes(r, "journal.bytes", out);
	fputs(" on disk, ", out);
	put_bytes(r, "journal.free_bytes", out);
	fputs(" free\nsessions  ", out);
	put_count(r, "sessions", out);
	fputs("\ndevices   ", out);
	if (get(r, "devices.accepted")) {
		put_count(r, "devices.accepted", out);
		fputs(" accepted, ", out);
	}
	put_count(r, "devices.authorized", out);
	fputs(" authorized, ", out);
	put_count(r, "devices.pending", out);
	fputs(" pending, ", out);
	put_count(r, "devices.denied", out);
	fputs(" denied\n", out);
	status_settings(get(r, "settings"), out);
	status_alarms(get(r, "alarms"), out);
	status_ports(get(r, "ports"), out);
}

/* ---- port list -------------------------------------------------------------------------- */

static void rejected_line(const json_t *wire, const char *name, FILE *out)
{
	char text[512];

	list_counts(get(wire, "rejected"), text, sizeof(text));
	if (!text[0])
		return;
	put_text(name, out);
	fprintf(out, " rejected: %s\n", text);
}

void show_ports(struct cli *cli, const json_t *r)
{
	const json_t *ports = get_list(cli, r, "ports"), *p;
	struct table *t;
	size_t i;

	if (!ports)
		return;
	t = table_new("PORT|LINK|DRIVER|>MTU|VLAN|>QUEUES|>PACKETS|>ACCEPTED|>"
		      "REJECTED|>MISSED|>SENT|ADDRESSES");
	json_array_foreach(ports, i, p)
	{
		char addresses[1024], rejected[HUMAN_TEXT];

		cell_text(t, p, "name");
		cell_link(t, p);
		cell_text(t, p, "driver");
		table_cellf(t, "%u", (unsigned)get_uint(p, "mtu"));
		cell_count(t, p, "vlan");
		table_cellf(t, "%u/%u", (unsigned)get_uint(p, "rx_queues"),
			(unsigned)get_uint(p, "tx_queues"));
		cell_count(t, p, "wire.packets");
		cell_count(t, p, "wire.accepted");
		human_count(sum_counts(get(p, "wire.rejected")), rejected);
		table_cell(t, rejected);
		cell_count(t, p, "wire.missed");
		cell_count(t, p, "tx_packets");
		list_addresses(get(p, "addresses"), addresses, sizeof(addresses));
		table_cell(t, addresses);
	}
	table_print(t, cli->out, 0);
	table_free(t);
	json_array_foreach(ports, i, p)
	{
		rejected_line(get(p, "wire"), get_text(p, "name"), cli->out);
	}
}

/* ---- top -------------------------------------------------------------------------------- */

static void top_lcores(const json_t *lcores, FILE *out)
{
	struct table *t =
		table_new(">LCORE|>CPU|ROLE|>BUSY|>LOGS|>PACKETS|>SESSIONS|>CROSSED|>RING FULL");
	const json_t *l;
	size_t i;

	json_array_foreach(lcores, i, l)
	{
		table_cellf(t, "%u", (unsigned)get_uint(l, "lcore"));
		table_cellf(t, "%u", (unsigned)get_uint(l, "cpu"));
		cell_text(t, l, "roles");
		table_cellf(t, "%.0f%%%s", 100 * get_number(l, "busy"),
			get_bool(l, "sleeping") ? " (asleep)" : "");
		cell_count(t, l, "logs");
		cell_count(t, l, "packets");
		cell_count(t, l, "sessions");
		cell_count(t, l, "crossed");
		cell_count(t, l, "ring_full");
	}
	table_print(t, out, 0);
	table_free(t);
}

static void top_devices(const json_t *devices, FILE *out)
{
	struct table *t = table_new("DEVICE|>LOGS/S|>BYTES/S|>RECEIVED|>STORED|>DROPPED|LAST SEEN");
	const json_t *d;
	size_t i;

	json_array_foreach(devices, i, d)
	{
		char bytes[HUMAN_TEXT];

		human_bytes((uint64_t)get_number(d, "bytes_per_s"), bytes);
		cell_text(t, d, "device");
		cell_rate(t, d, "logs_per_s");
		table_cell(t, bytes);
		cell_count(t, d, "received");
		cell_count(t, d, "stored");
		cell_count(t, d, "dropped");
		cell_time(t, d, "last_seen");
	}
	table_print(t, out, 0);
	table_free(t);
}

void show_top(struct cli *cli, const json_t *r)
{
	FILE *out = cli->out;
	char bytes[HUMAN_TEXT];

	fprintf(out, "%.19sZ  ", get_text(r, "time"));
	put_text(get_text(r, "state"), out);
	fputs(", up ", out);
	put_span(get_uint(r, "uptime_s"), out);
	fprintf(out, ", over %.1f s\nnow       ", get_number(r, "interval_s"));
	put_rate(r, "logs_per_s", out);
	human_bytes((uint64_t)get_number(r, "bytes_per_s"), bytes);
	fprintf(out, " logs/s, %s/s, ", bytes);
	put_rate(r, "packets_per_s", out);
	fputs(" packets/s, ", out);
	put_rate(r, "dropped_per_s", out);
	fputs(" dropped/s\ntotal     ", out);
	put_count(r, "total.received", out);
	fputs(" received = ", out);
	put_count(r, "total.stored", out);
	fputs(" stored + ", out);
	put_count(r, "total.pending", out);
	fputs(" pending + ", out);
	put_count(r, "total.dropped", out);
	fputs(" dropped\njournal   ", out);
	put_text(get_text(r, "journal.state"), out);
	fputs(", block ", out);
	put_count(r, "journal.durable_block", out);
	fputs(", ", out);
	put_count(r, "journal.pool_free", out);
	fputs(" of ", out);
	put_count(r, "journal.pool_blocks", out);
	fputs(" blocks free, commits ", out);
	put_count(r, "journal.commit_p50_us", out);
	fputs(" us (99 %: ", out);
	put_count(r, "journal.commit_p99_us", out);
	fputs(" us)\n\n", out);
	top_lcores(get(r, "lcores"), out);
	fputc('\n', out);
	top_devices(get(r, "devices"), out);
}
