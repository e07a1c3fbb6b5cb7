/* sluice-load: a fleet of log senders, and the check of what became of their logs. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/load.h"
#include "dataplane/base/addr.h"

static const char usage_text[] =
	"usage: sluice-load send --target ADDRESS [OPTION...]   sends, prints what it did\n"
	"       sluice-load check --sent REPORT ...            proves that all of it was stored\n"
	"       sluice-load evil MODE --target ADDRESS ...     does what no sender should\n"
	"       sluice-load lines [--seed N] [--count N]       prints lines\n"
	"send:\n"
	"  --protocol udp|tcp|counted  newline framing or octet counting over TCP (udp)\n"
	"  --port N                    (514)\n"
	"  --flows N --devices N       connections or sockets; devices that share them (1, as "
	"many)\n"
	"  --source-net PREFIX         flow f sends from the f-th address of it\n"
	"  --rate N                    open loop, logs a second in all; without: as fast as it "
	"goes\n"
	"  --duration S --count N      when to stop (10 s)\n"
	"  --seed N --templates N      which lines (1, 65536)\n"
	"  --batch N --no-gso          UDP: logs a call (48), sendmmsg instead of GSO\n"
	"  --write-bytes N             TCP: bytes a call (65536)\n"
	"  --cpu N                     run on this CPU\n"
	"  --durable SOCKET            sluiced's control socket: time until durable (open loop)\n"
	"  --vhost SOCKET              UDP through net_vhost, to a net_virtio_user port\n"
	"  --json FILE --quiet         report; no progress\n";

static int usage(void)
{
	fputs(usage_text, stderr);
	return 2;
}

enum {
	OPT_PROTOCOL = 256,
	OPT_TARGET,
	OPT_PORT,
	OPT_FLOWS,
	OPT_DEVICES,
	OPT_SOURCE_NET,
	OPT_RATE,
	OPT_DURATION,
	OPT_COUNT,
	OPT_SEED,
	OPT_TEMPLATES,
	OPT_BATCH,
	OPT_NO_GSO,
	OPT_WRITE_BYTES,
	OPT_CPU,
	OPT_DURABLE,
	OPT_JSON,
	OPT_QUIET,
	OPT_VHOST,
};
static const struct option options[] = {
	{"protocol", required_argument, NULL, OPT_PROTOCOL},
	{"target", required_argument, NULL, OPT_TARGET},
	{"port", required_argument, NULL, OPT_PORT},
	{"flows", required_argument, NULL, OPT_FLOWS},
	{"devices", required_argument, NULL, OPT_DEVICES},
	{"source-net", required_argument, NULL, OPT_SOURCE_NET},
	{"rate", required_argument, NULL, OPT_RATE},
	{"duration", required_argument, NULL, OPT_DURATION},
	{"count", required_argument, NULL, OPT_COUNT},
	{"seed", required_argument, NULL, OPT_SEED},
	{"templates", required_argument, NULL, OPT_TEMPLATES},
	{"batch", required_argument, NULL, OPT_BATCH},
	{"no-gso", no_argument, NULL, OPT_NO_GSO},
	{"write-bytes", required_argument, NULL, OPT_WRITE_BYTES},
	{"cpu", required_argument, NULL, OPT_CPU},
	{"durable", required_argument, NULL, OPT_DURABLE},
	{"json", required_argument, NULL, OPT_JSON},
	{"quiet", no_argument, NULL, OPT_QUIET},
	{"vhost", required_argument, NULL, OPT_VHOST},
	{NULL, 0, NULL, 0},
};

/* A number of [lo, hi]; false with a message. */
static bool number(const char *what, const char *text, double lo, double hi, double *v)
{
	char *end;

	errno = 0;
	*v = strtod(text, &end);
	if (end != text && *end == '\0' && errno == 0 && *v >= lo && *v <= hi)
		return true;
	fprintf(stderr, "sluice-load: --%s: %s is not between %.0f and %.0f\n", what, text, lo, hi);
	return false;
}

static bool take_number(struct load_options *o, int opt, const char *name, const char *text)
{
	double v = 0;

	switch (opt) {
	case OPT_PORT:
		if (!number(name, text, 1, 65535, &v))
			return false;
		o->port = (uint16_t)v;
		return true;
	case OPT_FLOWS:
		if (!number(name, text, 1, 100000, &v))
			return false;
		o->plan.flows = (uint32_t)v;
		return true;
	case OPT_DEVICES:
		if (!number(name, text, 1, LINES_MAX_DEVICES, &v))
			return false;
		o->plan.devices = (uint32_t)v;
		return true;
	case OPT_RATE:
		return number(name, text, 0.001, 1e9, &o->rate);
	case OPT_DURATION:
		return number(name, text, 0.001, 1e6, &o->duration_s);
	case OPT_COUNT:
		if (!number(name, text, 1, (double)LINES_MAX_NUMBER, &v))
			return false;
		o->count = (uint64_t)v;
		return true;
	case OPT_SEED:
		if (!number(name, text, 0, 9007199254740992.0, &v))
			return false;
		o->seed = (uint64_t)v;
		return true;
	case OPT_TEMPLATES:
		if (!number(name, text, 1, 4194304, &v))
			return false;
		o->templates = (uint32_t)v;
		return true;
	case OPT_BATCH:
		if (!number(name, text, 1, LOAD_BATCH_MAX, &v))
			return false;
		o->batch = (uint32_t)v;
		return true;
	case OPT_WRITE_BYTES:
		if (!number(name, text, 1, 1 << 20, &v))
			return false;
		o->write_bytes = (uint32_t)v;
		return true;
	default: /* OPT_CPU */
		if (!number(name, text, 0, 1023, &v))
			return false;
		o->cpu = (int)v;
		return true;
	}
}

static bool parse(struct load_options *o, int argc, char **argv)
{
	int opt, at = 0;

	while ((opt = getopt_long(argc, argv, "", options, &at)) != -1) {
		switch (opt) {
		case OPT_PROTOCOL:
			o->protocol = optarg;
			break;
		case OPT_TARGET:
			o->target = optarg;
			break;
		case OPT_SOURCE_NET:
			o->source_net = optarg;
			break;
		case OPT_NO_GSO:
			o->gso = false;
			break;
		case OPT_DURABLE:
			o->durable = optarg;
			break;
		case OPT_JSON:
			o->json = optarg;
			break;
		case OPT_VHOST:
			o->vhost = optarg;
			break;
		case OPT_QUIET:
			o->quiet = true;
			break;
		case '?':
			return false;
		default:
			if (!take_number(o, opt, options[at].name, optarg))
				return false;
		}
	}
	if (o->plan.devices == 0)
		o->plan.devices = o->plan.flows;
	if (o->duration_s <= 0 && o->count == 0)
		o->duration_s = 10;
	return optind == argc;
}

static struct load_options defaults(void)
{
	return (struct load_options){
		.protocol = "udp",
		.port = 514,
		.plan = {.flows = 1},
		.seed = 1,
		.templates = 65536,
		.batch = LOAD_BATCH_MAX,
		.write_bytes = 65536,
		.gso = true,
		.cpu = -1,
	};
}

static int send_main(int argc, char **argv)
{
	struct load_options o = defaults();
	json_t *report = NULL;
	int status;

	if (!parse(&o, argc, argv) || !o.target)
		return usage();
	if (o.plan.devices < o.plan.flows) {
		fputs("sluice-load: each flow needs a device of its own\n", stderr);
		return 2;
	}
	if (o.vhost && strcmp(o.protocol, "udp") != 0) {
		fputs("sluice-load: --vhost sends UDP only\n", stderr);
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
	struct load_options o = defaults();
	struct lines *l;

	o.count = 1000;
	if (!parse(&o, argc, argv) || o.plan.devices < o.plan.flows)
		return usage();
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
	};

	for (unsigned i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	return usage();
}
