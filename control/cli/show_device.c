/* device, user, refusal: who may log, and who was refused. */
#include <string.h>

#include "control/cli/show.h"

void show_devices(struct cli *cli, const json_t *r)
{
	const json_t *list = get_list(cli, r, "devices");
	struct table *t;
	const json_t *d;
	size_t i;

	if (!list)
		return;
	t = table_new("DEVICE|STATE|IS|SINCE|ADDRESS|LAST SEEN|LAST REFUSAL");
	json_array_foreach(list, i, d)
	{
		cell_text(t, d, "device");
		cell_text(t, d, "state");
		table_cell(t, !get(d, "up") ? "-" : get_bool(d, "up") ? "Up" : "Down");
		cell_time(t, d, "since");
		cell_text(t, d, "address");
		cell_time(t, d, "last_seen");
		cell_text(t, d, "refusal.reason");
	}
	if (table_rows(t))
		table_print(t, cli->out, 0);
	else
		fputs("no devices\n", cli->out);
	table_free(t);
	if (get_bool(r, "preshared_key"))
		fputs("a preshared key for all devices is set\n", cli->out);
}

void put_member(const json_t *r, const char *name, const char *path, FILE *out)
{
	if (!json_is_string(get(r, path)))
		return;
	fprintf(out, "%-15s", name);
	put_text(get_text(r, path), out);
	fputc('\n', out);
}

void show_device(struct cli *cli, const json_t *r)
{
	put_member(r, "device", "device", cli->out);
	put_member(r, "state", "state", cli->out);
	if (get(r, "up"))
		fprintf(cli->out, "%-15s%s\n", "is", get_bool(r, "up") ? "Up" : "Down");
	put_member(r, "since", "since", cli->out);
	put_member(r, "address", "address", cli->out);
	put_member(r, "version", "version", cli->out);
	put_member(r, "certificate", "certificate.subject", cli->out);
	put_member(r, "issued by", "certificate.issuer", cli->out);
	put_member(r, "fingerprint", "certificate.fingerprint", cli->out);
	put_member(r, "valid until", "certificate.not_after", cli->out);
	put_member(r, "refused", "refusal.reason", cli->out);
	put_member(r, "refused at", "refusal.time", cli->out);
	put_member(r, "refused from", "refusal.address", cli->out);
	put_member(r, "because", "refusal.detail", cli->out);
	if (get(r, "legacy"))
		fprintf(cli->out, "%-15s%s\n", "legacy",
			get_bool(r, "legacy") ? "enable" : "disable");
	if (get_bool(r, "preshared_key"))
		fprintf(cli->out, "%-15s%s\n", "preshared key", "set");
	if (get_uint(r, "rate"))
		fprintf(cli->out, "%-15s%u/s\n", "rate", (unsigned)get_uint(r, "rate"));
	put_member(r, "registered", "registered", cli->out);
	put_member(r, "decided", "decided", cli->out);
	put_member(r, "decided by", "decided_by", cli->out);
	put_member(r, "first seen", "first_seen", cli->out);
	put_member(r, "last seen", "last_seen", cli->out);
	put_member(r, "note", "note", cli->out);
}

void show_forgotten(struct cli *cli, const json_t *r)
{
	put_text(get_text(r, "device"), cli->out);
	fputs(" is forgotten; what it has logged stays\n", cli->out);
}

void show_device_set(struct cli *cli, const json_t *r)
{
	if (strcmp(get_text(r, "device"), "*") != 0)
		show_device(cli, r);
	else
		fprintf(cli->out, "preshared key for all devices: %s\n",
			get_bool(r, "preshared_key") ? "set" : "none");
}

void show_user(struct cli *cli, const json_t *r)
{
	put_text(get_text(r, "user"), cli->out);
	fprintf(cli->out, ": ");
	put_text(get_text(r, "done"), cli->out);
	fputc('\n', cli->out);
}

void show_users(struct cli *cli, const json_t *r)
{
	const json_t *list = get_list(cli, r, "users");
	struct table *t;
	const json_t *u;
	size_t i;

	if (!list)
		return;
	t = table_new("USER|CHANGED|BY");
	json_array_foreach(list, i, u)
	{
		cell_text(t, u, "user");
		cell_time(t, u, "changed");
		cell_text(t, u, "changed_by");
	}
	if (table_rows(t))
		table_print(t, cli->out, 0);
	else
		fputs("no users\n", cli->out);
	table_free(t);
}

void show_refusals(struct cli *cli, const json_t *r)
{
	const json_t *list = get_list(cli, r, "refusals");
	struct table *t;
	const json_t *f;
	size_t i;

	if (!list)
		return;
	t = table_new("REASON|>COUNT|ADDRESS|DEVICE|LAST SEEN|SUBJECT|DETAIL");
	json_array_foreach(list, i, f)
	{
		cell_text(t, f, "reason");
		cell_count(t, f, "count");
		cell_text(t, f, "address");
		cell_text(t, f, "device");
		cell_time(t, f, "last_seen");
		cell_text(t, f, "subject");
		cell_text(t, f, "detail");
	}
	if (table_rows(t))
		table_print(t, cli->out, 0);
	else
		fputs("nothing was refused\n", cli->out);
	table_free(t);
}
