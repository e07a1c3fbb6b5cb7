/* sluice-load: a fleet of log senders, and the check of what became of their logs. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "bench/load/load.h"

static int send_main(int argc, char **argv)
{
	struct load_options o = load_defaults();
	json_t *report = NULL;
	int status;

	if (!load_options_parse(&o, argc, argv) || !o.target)
		return load_usage();
	if (o.tls && strcmp(o.protocol, "udp") == 0) {
		fputs("sluice-load: TLS is for --protocol tcp, counted, relp and oftp\n", stderr);
		return 2;
	}
	if (strcmp(o.protocol, "oftp") == 0 && !o.certs) {
		fputs("sluice-load: --protocol oftp is in TLS, with --certs\n", stderr);
		return 2;
	}
	if (o.durable && o.rate <= 0) {
		fputs("sluice-load: --durable needs a --rate\n", stderr);
		return 2;
	}
	status = load_run(&o, &report);
	if (report) {
		load_table(report);
		if (o.json && json_dump_file(report, o.json, JSON_INDENT(1)) != 0) {
			fprintf(stderr, "sluice-load: %s: cannot be written\n", o.json);
			status = 1;
		}
	}
	json_decref(report);
	return status;
}

static int lines_main(int argc, char **argv)
{
	struct load_options o = load_defaults();
	struct lines *l;

	o.count = 1000;
	if (!load_options_parse(&o, argc, argv))
		return load_usage();
	l = lines_new(o.seed, o.templates, &o.plan);
	if (!l)
		return 1;
	for (uint64_t n = 0; n < o.count; n++) {
		char line[LINES_MAX + 1];
		uint32_t len = lines_write(l, (uint32_t)(n % o.plan.flows), n / o.plan.flows, line);

		line[len] = '\n';
		fwrite(line, 1, len + 1, stdout);
	}
	lines_free(l);
	return ferror(stdout) ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} commands[] = {
		{"send", send_main},
		{"check", load_check_main},
		{"evil", load_evil_main},
		{"lines", lines_main},
		{"handshakes", load_handshakes_main},
		{"hold", load_hold_main},
		{"certs", load_certs_main},
	};

	/* A receiver that ends a connection is told of, as any other failure is. */
	signal(SIGPIPE, SIG_IGN);
	for (unsigned i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	return load_usage();
}
