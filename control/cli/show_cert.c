/* cert and tls: who we are, and whom we believe. */
#include <string.h>
#include <unistd.h>

#include "control/cli/show.h"

/* Identities have a chain, which is one thing; anchors and CRLs may be many. */
static uint64_t how_many(const json_t *c)
{
	return strcmp(get_text(c, "kind"), "identity") == 0 ? 1 : get_uint(c, "certificates");
}

/* Of the first, and that there are more. */
static void cell_name(struct table *t, const json_t *c, const char *path)
{
	if (how_many(c) > 1)
		table_cellf(t, "%s and %llu more", get_text(c, path),
			(unsigned long long)how_many(c) - 1);
	else
		cell_text(t, c, path);
}

/* The earliest of all, which is the first one's but by chance. */
static void cell_end(struct table *t, const json_t *c)
{
	if (how_many(c) > 1 && json_is_string(get(c, "not_after")))
		table_cellf(t, "%.19sZ, first of %llu", get_text(c, "not_after"),
			(unsigned long long)how_many(c));
	else
		cell_time(t, c, "not_after");
}

void show_certs(struct cli *cli, const json_t *r)
{
	const json_t *list = get_list(cli, r, "certificates");
	struct table *t;
	const json_t *c;
	size_t i;

	if (!list)
		return;
	t = table_new("NAME|KIND|SUBJECT|KEY|NOT AFTER|USED BY");
	json_array_foreach(list, i, c)
	{
		cell_text(t, c, "name");
		cell_text(t, c, "kind");
		/* A CRL is nobody's: whose list it is. */
		cell_name(t, c, json_is_string(get(c, "subject")) ? "subject" : "issuer");
		cell_text(t, c, "key");
		cell_end(t, c);
		table_cell(t, json_string_value(json_array_get(get(c, "used_by"), 0))
				      ? json_string_value(json_array_get(get(c, "used_by"), 0))
				      : "-");
	}
	if (table_rows(t))
		table_print(t, cli->out, 0);
	else
		fputs("no certificates\n", cli->out);
	table_free(t);
}

static void put_findings(const json_t *list, FILE *out)
{
	const json_t *f;
	size_t i;

	json_array_foreach(list, i, f)
	{
		fputs(get_text(f, "level"), out);
		fputs(": ", out);
		put_text(get_text(f, "reason"), out);
		fputs(": ", out);
		put_text(get_text(f, "text"), out);
		fputc('\n', out);
	}
}

/* PEM is text of many lines, which put_text() would make one. */
static void put_pem(const char *text, FILE *out)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		print_safe(text, n, out);
		fputc('\n', out);
		text += n + (text[n] == '\n');
	}
}

/* It is done, and something beside it is not. */
static void put_problem(const struct cli *cli, const json_t *r)
{
	if (!json_is_string(get(r, "problem")))
		return;
	fputs("warning: ", cli->err);
	put_text(get_text(r, "problem"), cli->err);
	fputc('\n', cli->err);
}

/* What was asked for is in a file. */
static bool put_file(struct cli *cli, const json_t *r, const char *what)
{
	if (!json_is_string(get(r, "file")))
		return false;
	put_text(get_text(r, "file"), cli->out);
	fprintf(cli->out, ": %s\n", what);
	return true;
}

void show_cert(struct cli *cli, const json_t *r)
{
	static const char *const lines[][2] = {{"name", "name"}, {"kind", "kind"},
		{"subject", "subject"}, {"issuer", "issuer"}, {"names", "names"}, {"key", "key"},
		{"signature", "signature"}, {"number", "number"}, {"fingerprint", "fingerprint"},
		{"not before", "not_before"}, {"not after", "not_after"}, {"changed", "changed"},
		{"changed by", "changed_by"}};

	/* Into a file or a pipe goes the PEM alone: what people read beside it goes to stderr. */
	const bool pem = json_is_string(get(r, "pem"));
	FILE *words = pem && !isatty(fileno(cli->out)) ? cli->err : cli->out;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		put_member(r, lines[i][0], lines[i][1], words);
	if (how_many(r) > 1)
		fprintf(words,
			"%-15s%llu: subject, key and fingerprint are of the first, not after is "
			"the earliest\n",
			"entries", (unsigned long long)how_many(r));
	put_findings(get(r, "findings"), words);
	put_problem(cli, r);
	put_file(cli, r, "the certificate, without a key");
	if (pem)
		put_pem(get_text(r, "pem"), cli->out);
}

void show_cert_check(struct cli *cli, const json_t *r)
{
	/* A key alone has neither, a CRL but an issuer. */
	if (get_text(r, "subject")[0])
		put_member(r, "subject", "subject", cli->out);
	if (get_text(r, "issuer")[0])
		put_member(r, "issuer", "issuer", cli->out);
	put_findings(get(r, "findings"), cli->out);
	if (strcmp(get_text(r, "kind"), "crl") == 0)
		fputs(get_bool(r, "usable") ? "this CRL can be imported\n"
					    : "this CRL must not be imported\n",
			cli->out);
	else
		fputs(get_bool(r, "usable") ? "a device could use it here\n"
					    : "a device could not use it here\n",
			cli->out);
}

void show_cert_request(struct cli *cli, const json_t *r)
{
	if (!put_file(cli, r, "the request, to be signed by an authority"))
		put_pem(get_text(r, "request"), cli->out);
	if (json_is_string(get(r, "open_since"))) {
		fputs("the same as before, for the same key: it is open since ", cli->err);
		put_text(get_text(r, "open_since"), cli->err);
		fputc('\n', cli->err);
	}
}

void show_pkcs12(struct cli *cli, const json_t *r)
{
	const char *kind = get_text(r, "kind");

	if (strcmp(kind, "ca") == 0)
		put_file(cli, r,
			"certificate and key of the authority. Keep it offline: who has it can "
			"make "
			"a certificate for\nany device. It belongs into no device; those need the "
			"certificate alone (`sluicectl cert show ca`).");
	else if (strcmp(kind, "identity") == 0)
		put_file(cli, r,
			"certificate and key by which this node is known. For a copy, or a node "
			"that takes its\nplace; it belongs into no device: who has it can pass for "
			"this node.");
	else
		put_file(cli, r,
			"certificate and key of this device, for it alone: import it there, then "
			"delete the file");
}

void show_cert_deleted(struct cli *cli, const json_t *r)
{
	put_text(get_text(r, "name"), cli->out);
	fputs(" is deleted\n", cli->out);
	if (get_bool(r, "made_anew"))
		fputs("this node has a certificate of its own making again\n", cli->out);
	put_problem(cli, r);
}

void show_cert_use(struct cli *cli, const json_t *r)
{
	put_text(get_text(r, "sni"), cli->out);
	fputs(": ", cli->out);
	put_text(get_text(r, "identities"), cli->out);
	fputc('\n', cli->out);
}

void show_cert_expiring(struct cli *cli, const json_t *r)
{
	const json_t *list = get_list(cli, r, "expiring");
	struct table *t;
	const json_t *e;
	size_t i;

	if (!list)
		return;
	t = table_new("NAME|KIND|NOT AFTER|SUBJECT");
	json_array_foreach(list, i, e)
	{
		cell_text(t, e, get(e, "device") ? "device" : "name");
		cell_text(t, e, "kind");
		cell_time(t, e, "not_after");
		cell_text(t, e, "subject");
	}
	if (table_rows(t))
		table_print(t, cli->out, 0);
	else
		fputs("nothing expires within this time\n", cli->out);
	table_free(t);
}

static void put_list(const char *name, const json_t *list, FILE *out)
{
	const json_t *v;
	size_t i;

	fprintf(out, "%-14s ", name);
	json_array_foreach(list, i, v)
	{
		fputs(i ? ", " : "", out);
		put_text(json_string_value(v) ? json_string_value(v) : "?", out);
	}
	fputs(json_array_size(list) ? "\n" : "none\n", out);
}

void show_tls(struct cli *cli, const json_t *r)
{
	const json_t *e;
	struct table *t;
	size_t i;

	fprintf(cli->out, "%-15s%s\n", "TLS", get_bool(r, "enabled") ? "on" : "off");
	fprintf(cli->out, "%-15s%llu\n", "generation",
		(unsigned long long)get_uint(r, "generation"));
	put_member(r, "at least", "min_proto_version", cli->out);
	put_member(r, "algorithms", "enc_algorithm", cli->out);
	put_member(r, "client must", "client_certificate", cli->out);
	put_list("anchors", get(r, "anchors"), cli->out);
	put_list("CRLs", get(r, "crls"), cli->out);
	json_array_foreach(get(r, "contexts"), i, e)
	{
		fprintf(cli->out, "context %-7u", (unsigned)i);
		put_list(get_text(e, "sni"), get(e, "identities"), cli->out);
	}
	t = table_new(">GENERATION||>SESSIONS");
	json_array_foreach(get(r, "sessions"), i, e)
	{
		table_cellf(t, "%llu", (unsigned long long)get_uint(e, "generation"));
		table_cell(t, get_bool(e, "current") ? "current" : "of before");
		cell_count(t, e, "sessions");
	}
	table_print(t, cli->out, 0);
	table_free(t);
}
