/* account, gap, session: who sends, and what became of it. */
#include <stdlib.h>
#include <string.h>

#include "control/cli/show.h"

static void account_row(struct table *t, const json_t *a, const char *name)
{
	char dropped[HUMAN_TEXT];

	human_count(sum_counts(get(a, "dropped")), dropped);
	table_cell(t, name);
	cell_count(t, a, "received");
	cell_count(t, a, "stored");
	cell_count(t, a, "duplicate");
	cell_count(t, a, "pending");
	table_cell(t, dropped);
	cell_bytes(t, a, "bytes");
	cell_time(t, a, "last_seen");
}

/* "wire: 12 packets = 10 accepted + 2 rejected (bad_checksum 2), missed 0" */
static void put_wire(const json_t *wire, FILE *out)
{
	char packets[HUMAN_TEXT], accepted[HUMAN_TEXT], rejected[HUMAN_TEXT],
		missed[HUMAN_TEXT] = "unknown";
	char reasons[512];

	if (!wire)
		return;
	human_count(get_uint(wire, "packets"), packets);
	human_count(get_uint(wire, "accepted"), accepted);
	human_count(sum_counts(get(wire, "rejected")), rejected);
	if (json_is_integer(get(wire, "missed")))
		human_count(get_uint(wire, "missed"), missed);
	list_counts(get(wire, "rejected"), reasons, sizeof(reasons));
	fprintf(out, "wire: %s packets = %s accepted + %s rejected%s%s%s, missed by the port: %s\n",
		packets, accepted, rejected, reasons[0] ? " (" : "", reasons, reasons[0] ? ")" : "",
		missed);
}

void show_accounts(struct cli *cli, const json_t *r)
{
	const json_t *list = get_list(cli, r, "accounts");
	struct table *t;
	const json_t *total = get(r, "total"), *a;
	char reasons[512];
	size_t i;

	if (!list)
		return;
	t = table_new("DEVICE|>RECEIVED|>STORED|>DUPLICATE|>PENDING|>DROPPED|>BYTES|LAST SEEN");
	json_array_foreach(list, i, a)
	{
		account_row(t, a, get_text(a, "device"));
	}
	account_row(t, total, "(total)");
	table_print(t, cli->out, 0);
	table_free(t);
	list_counts(get(total, "dropped"), reasons, sizeof(reasons));
	if (reasons[0])
		fprintf(cli->out, "dropped: %s\n", reasons);
	put_wire(get(r, "wire"), cli->out);
}

static void put_line(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%-15s ", name);
	put_text(value, out);
	fputc('\n', out);
}

static void put_number(FILE *out, const json_t *o, const char *path, const char *name)
{
	char text[HUMAN_TEXT];

	human_count(get_uint(o, path), text);
	put_line(out, name, text);
}

static void put_dropped(FILE *out, const json_t *counts)
{
	char text[512], number[HUMAN_TEXT];

	human_count(sum_counts(counts), number);
	list_counts(counts, text, sizeof(text));
	fprintf(out, "%-15s %s%s%s%s\n", "dropped", number, text[0] ? " (" : "", text,
		text[0] ? ")" : "");
}

static void put_gaps(FILE *out, const json_t *gaps)
{
	const json_t *g;
	size_t i;

	json_array_foreach(gaps, i, g)
	{
		char *text = json_dumps(g, JSON_COMPACT | JSON_ENCODE_ANY);

		put_line(out, i ? "" : "gaps", text ? text : "?");
		free(text);
	}
}

void show_account(struct cli *cli, const json_t *r)
{
	FILE *out = cli->out;

	put_line(out, "device", json_is_string(get(r, "device")) ? get_text(r, "device") : "(all)");
	put_number(out, r, "received", "received");
	put_number(out, r, "stored", "stored");
	put_number(out, r, "duplicate", "duplicate");
	put_number(out, r, "pending", "pending");
	put_dropped(out, get(r, "dropped"));
	put_gaps(out, get(r, "gaps"));
	put_number(out, r, "late", "late");
	put_number(out, r, "conflict", "conflict");
	put_number(out, r, "client_dropped", "client dropped");
	put_number(out, r, "cut", "cut");
	put_number(out, r, "bytes", "bytes");
	put_line(out, "first seen", get_text(r, "first_seen"));
	put_line(out, "last seen", get_text(r, "last_seen"));
	if (!get(r, "life"))
		return;
	fputs("\nfor life, durable\n", out);
	put_number(out, r, "life.stored", "stored");
	put_number(out, r, "life.duplicate", "duplicate");
	put_dropped(out, get(r, "life.dropped"));
	put_number(out, r, "life.bytes", "bytes");
	put_line(out, "first seen", get_text(r, "life.first_seen"));
	put_line(out, "last seen", get_text(r, "life.last_seen"));
}

void show_gaps(struct cli *cli, const json_t *r)
{
	const json_t *list = get_list(cli, r, "gaps");
	struct table *t;
	const json_t *g;
	size_t i;

	if (!list)
		return;
	t = table_new("DEVICE|CONNECTION|EPOCH|>FROM|>TO|BETWEEN|AND");
	json_array_foreach(list, i, g)
	{
		cell_text(t, g, "device");
		cell_count(t, g, "conn_id");
		cell_text(t, g, "epoch");
		table_cellf(t, "%llu", (unsigned long long)get_uint(g, "first"));
		table_cellf(t, "%llu", (unsigned long long)get_uint(g, "last"));
		cell_time(t, g, "after");
		cell_time(t, g, "before");
	}
	if (table_rows(t))
		table_print(t, cli->out, 0);
	else
		fputs("no gaps\n", cli->out);
	table_free(t);
}

static void cell_peer(struct table *t, const json_t *s)
{
	const char *peer = get_text(s, "peer");

	table_cellf(t, strchr(peer, ':') ? "[%s]:%u" : "%s:%u", peer,
		(unsigned)get_uint(s, "peer_port"));
}

void show_sessions(struct cli *cli, const json_t *r)
{
	const json_t *list = get_list(cli, r, "sessions");
	struct table *t;
	const json_t *s;
	size_t i;

	if (!list)
		return;
	t = table_new(">ID|DEVICE|PEER|KIND|TCP|>LOGS|>BYTES|>UNREAD|>LCORE|OPENED|LAST LOG");
	json_array_foreach(list, i, s)
	{
		table_cellf(t, "%llu", (unsigned long long)get_uint(s, "id"));
		cell_text(t, s, "device");
		cell_peer(t, s);
		cell_text(t, s, "kind");
		cell_text(t, s, "tcp_state");
		cell_count(t, s, "logs");
		cell_bytes(t, s, "bytes");
		cell_bytes(t, s, "unread_bytes");
		table_cellf(t, "%u", (unsigned)get_uint(s, "lcore"));
		cell_time(t, s, "opened");
		cell_time(t, s, "last_log");
	}
	if (table_rows(t))
		table_print(t, cli->out, 0);
	else
		fputs("no sessions\n", cli->out);
	if (get_uint(r, "skipped"))
		fprintf(cli->out, "%llu more\n", (unsigned long long)get_uint(r, "skipped"));
	table_free(t);
}

void show_killed(struct cli *cli, const json_t *r)
{
	fprintf(cli->out, "session %llu ended\n", (unsigned long long)get_uint(r, "id"));
}
