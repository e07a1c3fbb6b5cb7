/*
 * sluice-load check: compares what a receiver has stored with what a report says was sent. The logs
 * come from a journal directory, or one a line from files or standard input.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/check.h"
#include "bench/load/load.h"
#include "dataplane/journal/reader.h"

static int usage(void)
{
	fputs("usage: sluice-load check --sent REPORT [--json FILE] (--journal DIR | FILE... | "
	      "-)\n",
		stderr);
	return 2;
}

static int check_journal(struct check *c, const char *dir)
{
	struct journal_query q = {.until_ns = UINT64_MAX, .max_block = JOURNAL_UNBOUNDED};
	struct journal_reader *r = NULL;
	struct journal_fault fault = {0};
	struct journal_reader_stats st;
	struct journal_log log;
	int rc = journal_reader_open(dir, &q, &r, &fault);

	if (rc != JOURNAL_OK) {
		fprintf(stderr, "sluice-load: %s\n", fault.text);
		return -1;
	}
	while ((rc = journal_reader_next(r, &log)) == 1)
		if (log.transport != TRANSPORT_INTERNAL)
			check_log(c, (const char *)log.log, log.len);
	journal_reader_stats(r, &st);
	journal_reader_close(r);
	if (rc == 0 && st.corrupt_blocks == 0)
		return 0;
	fprintf(stderr, "sluice-load: %s: error %d, %llu corrupt blocks\n", dir, rc,
		(unsigned long long)st.corrupt_blocks);
	return -1;
}

static int check_file(struct check *c, const char *name)
{
	FILE *in = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	bool bad;

	if (!in) {
		fprintf(stderr, "sluice-load: %s: %s\n", name, strerror(errno));
		return -1;
	}
	while ((n = getline(&line, &size, in)) > 0)
		check_log(c, line, (size_t)n - (line[n - 1] == '\n'));
	free(line);
	bad = ferror(in);
	if (in != stdin)
		fclose(in);
	return bad ? -1 : 0;
}

static json_t *result_json(const struct check_result *r)
{
	return json_pack("{s:i,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "schema", 1, "equal",
		check_equal(r), "sent", (json_int_t)r->sent, "stored", (json_int_t)r->stored,
		"missing", (json_int_t)r->missing, "duplicate", (json_int_t)r->duplicate, "altered",
		(json_int_t)r->altered, "unsent", (json_int_t)r->unsent, "foreign",
		(json_int_t)r->foreign, "reordered", (json_int_t)r->reordered);
}

/* Lines and expectations as a report has them; NULL with a message. */
static struct check *expect(const char *report_file, struct lines **lines)
{
	json_error_t e;
	json_t *report = json_load_file(report_file, 0, &e);
	const json_t *flows = json_object_get(report, "sent_by_flow");
	struct plan plan = {
		.devices = (uint32_t)json_integer_value(json_object_get(report, "devices")),
		.flows = (uint32_t)json_array_size(flows),
	};
	uint64_t *sent = calloc(plan.flows + 1u, sizeof(*sent));
	struct check *c = NULL;

	*lines = NULL;
	if (!report || !sent || plan.flows == 0 || plan.devices < plan.flows) {
		fprintf(stderr, "sluice-load: %s is no report: %s\n", report_file,
			report ? "flows are missing" : e.text);
	} else {
		for (uint32_t f = 0; f < plan.flows; f++)
			sent[f] = (uint64_t)json_integer_value(json_array_get(flows, f));
		*lines = lines_new((uint64_t)json_integer_value(json_object_get(report, "seed")),
			(uint32_t)json_integer_value(json_object_get(report, "templates")), &plan);
		c = *lines ? check_new(*lines, &plan, sent) : NULL;
		if (!c)
			fputs("sluice-load: out of memory\n", stderr);
	}
	free(sent);
	json_decref(report);
	return c;
}

int load_check_main(int argc, char **argv)
{
	static const struct option options[] = {
		{"sent", required_argument, NULL, 's'},
		{"journal", required_argument, NULL, 'j'},
		{"json", required_argument, NULL, 'o'},
		{NULL, 0, NULL, 0},
	};
	const char *report = NULL, *journal = NULL, *out = NULL;
	struct check_result r;
	struct lines *lines = NULL;
	struct check *c;
	json_t *j;
	int o, bad = 0;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (o) {
		case 's':
			report = optarg;
			break;
		case 'j':
			journal = optarg;
			break;
		case 'o':
			out = optarg;
			break;
		default:
			return usage();
		}
	}
	if (!report || (!journal && optind == argc))
		return usage();
	c = expect(report, &lines);
	if (!c) {
		lines_free(lines);
		return 1;
	}
	if (journal)
		bad |= check_journal(c, journal);
	for (int i = optind; i < argc; i++)
		bad |= check_file(c, argv[i]);
	check_result(c, &r);
	check_free(c);
	lines_free(lines);
	j = result_json(&r);
	json_dumpf(j, stdout, 0);
	putchar('\n');
	if (out && json_dump_file(j, out, JSON_INDENT(1)) != 0)
		bad = 1;
	json_decref(j);
	return bad || !check_equal(&r) ? 1 : 0;
}
