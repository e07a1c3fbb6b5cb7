#include "dataplane/client/diag.h"

#include <inttypes.h>

#define MB(bytes) ((bytes) >> 20)
#define SIZE	  "%" PRIu64 "(%" PRIu64 "MB)"

static const char *state_of(const struct client_stats *st)
{
	switch (st->state) {
	case CLIENT_DOWN:
		break;
	case CLIENT_CONNECTING:
	case CLIENT_LOGIN:
		return "connecting";
	case CLIENT_PENDING:
		return "pending";
	case CLIENT_OPEN:
		return "connected";
	}
	return "disconnected";
}

/* What the server said of logging, or why there is no server. */
static const char *log_status(const struct client_stats *st, const struct client_server *v)
{
	if (st->state == CLIENT_OPEN && st->hold)
		return "Log is held back.";
	if (st->state >= CLIENT_PENDING)
		return v->status_text;
	return st->reason[0] ? st->reason : "Log is not sent.";
}

static void print_serials(const struct diag *d, const struct client_server *v, FILE *to)
{
	const uint64_t age = (d->now - v->serials_us) / 1000000;

	fprintf(to, "            SNs: last sn update:%" PRIu64 " seconds ago.\n", age);
	fprintf(to, "                Sn list:\n");
	for (uint32_t i = 0; i < v->n_serials; i++)
		fprintf(to, "               (%s,age=%" PRIu64 "s)\n", v->serials[i], age);
}

void diag_status(const struct diag *d, FILE *to)
{
	const struct client_server *v = client_server(d->client);
	struct client_stats st;

	client_stats(d->client, &st);
	fprintf(to, "vdom-admin=0\nmgmt=root\n\nfortilog:\nfaz: global , enabled \n");
	fprintf(to, "        server=%s, realtime=%d, ssl=1, state=%s\n", d->server, d->realtime,
		state_of(&st));
	fprintf(to, "        server_log_status=%s,\n", log_status(&st, v));
	fprintf(to,
		"        src=%s, mgmt_name=FGh_Log_root_%s, reliable=%d, sni_prefix_type=none,\n",
		d->source_ip, d->server, d->reliable);
	fprintf(to, "        required_entitlement=none, region=,\n");
	fprintf(to, "        logsync_enabled:%d, logsync_conn_id:%u, seq_no:%" PRIu64 "\n",
		d->reliable, d->conn_id, st.confirmed);
	if (v->serials_us) {
		fprintf(to,
			"            status: ver=%u, used_disk=%" PRIu64 ", total_disk=%" PRIu64
			", global=0, vfid=0 conn_verified=%c\n",
			v->version, v->disk_used, v->disk_total, d->verified ? 'Y' : 'N');
		print_serials(d, v, to);
	}
	fprintf(to, "            queue: qlen=%" PRIu64 ".\n", st.memory.items);
	/* Beyond what the device prints. */
	fprintf(to,
		"        logs: added=%" PRIu64 ", confirmed=%" PRIu64 ", dropped=%" PRIu64
		", epoch=%016" PRIx64 ", epochs=%" PRIu64,
		st.added, st.confirmed_logs, st.dropped, st.epoch, st.epochs);
	if (d->spill_bytes != UINT64_MAX)
		fprintf(to, ", spill=%" PRIu64, d->spill_bytes);
	fprintf(to, "\n");
}

static void print_queue(
	const struct diag *d, const struct client_queue *q, const char *name, bool logs, FILE *to)
{
	struct client_stats st;
	uint64_t both;

	client_stats(d->client, &st);
	both = st.memory.bytes + st.confirm.bytes;
	fprintf(to, "%s queue for: global-faz\n        queue:\n", name);
	fprintf(to, "                num:%" PRIu64 " size:" SIZE " total size:" SIZE " max:" SIZE,
		q->items, q->bytes, MB(q->bytes), both, MB(both), d->max, MB(d->max));
	if (logs)
		fprintf(to, " logs:%" PRIu64, q->logs);
	fprintf(to, "\n");
}

static void print_entries(
	const struct diag *d, const struct client_queue *q, bool confirm, FILE *to)
{
	struct client_entry e;
	uint64_t cursor = 0, n = 0, data = 0;

	while (client_entry(d->client, confirm, &cursor, &e)) {
		n++;
		data += e.data_len;
		if (n > DIAG_ENTRIES / 2 && n + DIAG_ENTRIES / 2 <= q->items) {
			if (n == DIAG_ENTRIES / 2 + 1)
				fprintf(to, "                        ......\n");
			continue;
		}
		fprintf(to,
			"                        type:%u, cat=%u, log_count=%u, seq_no=%" PRIu64
			", data len=%u size:%u\n",
			e.type, e.category, e.log_count, e.seq_no, e.data_len, e.size);
	}
	fprintf(to,
		"                'total log count':%" PRIu64 ",  'total data len':%" PRIu64 "\n",
		q->logs, data);
}

void diag_items(const struct diag *d, FILE *to)
{
	struct client_stats st;

	client_stats(d->client, &st);
	fprintf(to, "VDOM:root\n");
	print_queue(d, &st.memory, "Memory", false, to);
	print_entries(d, &st.memory, false, to);
	fprintf(to, "\n");
	print_queue(d, &st.confirm, "Confirm", false, to);
	print_entries(d, &st.confirm, true, to);
}

void diag_queues(const struct diag *d, FILE *to)
{
	struct client_stats st;
	uint64_t used;

	client_stats(d->client, &st);
	used = st.memory.bytes + st.confirm.bytes;
	fprintf(to,
		"cache maximum: " SIZE " objects: %" PRIu64 " used: " SIZE " allocated: " SIZE
		"\n\nVDOM:root\n",
		d->max, MB(d->max), st.memory.items + st.confirm.items, used, MB(used), st.occupied,
		MB(st.occupied));
	print_queue(d, &st.memory, "Memory", true, to);
	print_queue(d, &st.confirm, "Confirm", true, to);
}
