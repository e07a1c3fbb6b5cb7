/* The options of sluice-load, the same for all commands. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/load.h"

static const char usage_text[] =
	"usage: sluice-load send --target ADDRESS [OPTION...]   sends, prints what it did\n"
	"       sluice-load check --sent REPORT ...            proves that all of it was stored\n"
	"       sluice-load evil MODE --target ADDRESS ...     does what no sender should\n"
	"       sluice-load handshakes --target ADDRESS ...    TLS connections of one log, again "
	"and again\n"
	"       sluice-load hold --target ADDRESS ...          idle TLS connections\n"
	"       sluice-load certs --directory DIR [--devices N] [--key KIND]\n"
	"                                                      certificates for these\n"
	"       sluice-load lines [--seed N] [--count N]       prints lines\n"
	"send:\n"
	"  --protocol udp|tcp|counted|relp|oftp  newline framing, octet counting, RELP over TCP,\n"
	"                              the OFTP profile (udp)\n"
	"  --tls --certs DIR           over TLS; certificates of `sluice-load certs`\n"
	"  --tls-version 1.2|1.3       this one only\n"
	"  --window N                  RELP, OFTP: logs that wait for their answer, a connection "
	"(128)\n"
	"  --item-logs N --lz4         OFTP: logs of an item, at most (16); compressed\n"
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
	"  --vhost SOCKET              past both kernels: by our own TCP (or UDP) through "
	"net_vhost\n"
	"                              to a net_virtio_user port\n"
	"  --huge                      DPDK's memory, 128 MiB, in hugepages\n"
	"  --target-mac MAC            of a receiver there that announces no address: testpmd\n"
	"  --json FILE --quiet         report; no progress\n"
	"handshakes, hold: --flows N clients, one after the other with the certificates of "
	"--devices N;\n"
	"  --at-once N                 handshakes under way at a time (64)\n"
	"  --resume                    with the ticket of the connection before\n";

int load_usage(void)
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
	OPT_HUGE,
	OPT_TARGET_MAC,
	OPT_WINDOW,
	OPT_ITEM_LOGS,
	OPT_LZ4,
	OPT_TLS,
	OPT_CERTS,
	OPT_TLS_VERSION,
	OPT_RESUME,
	OPT_AT_ONCE,
	OPT_KEY,
	OPT_DIRECTORY,
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
	{"huge", no_argument, NULL, OPT_HUGE},
	{"target-mac", required_argument, NULL, OPT_TARGET_MAC},
	{"window", required_argument, NULL, OPT_WINDOW},
	{"item-logs", required_argument, NULL, OPT_ITEM_LOGS},
	{"lz4", no_argument, NULL, OPT_LZ4},
	{"tls", no_argument, NULL, OPT_TLS},
	{"certs", required_argument, NULL, OPT_CERTS},
	{"tls-version", required_argument, NULL, OPT_TLS_VERSION},
	{"resume", no_argument, NULL, OPT_RESUME},
	{"at-once", required_argument, NULL, OPT_AT_ONCE},
	{"key", required_argument, NULL, OPT_KEY},
	{"directory", required_argument, NULL, OPT_DIRECTORY},
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
	case OPT_WINDOW:
		if (!number(name, text, 1, 65536, &v))
			return false;
		o->window = (uint32_t)v;
		return true;
	case OPT_ITEM_LOGS:
		if (!number(name, text, 1, LOAD_BATCH_MAX, &v))
			return false;
		o->item_logs = (uint32_t)v;
		return true;
	case OPT_AT_ONCE:
		if (!number(name, text, 1, 100000, &v))
			return false;
		o->at_once = (uint32_t)v;
		return true;
	default: /* OPT_CPU */
		if (!number(name, text, 0, 1023, &v))
			return false;
		o->cpu = (int)v;
		return true;
	}
}

bool load_options_parse(struct load_options *o, int argc, char **argv)
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
		case OPT_LZ4:
			o->lz4 = true;
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
		case OPT_HUGE:
			o->huge = true;
			break;
		case OPT_TARGET_MAC:
			o->target_mac = optarg;
			break;
		case OPT_QUIET:
			o->quiet = true;
			break;
		case OPT_TLS:
			o->tls = true;
			break;
		case OPT_CERTS:
			o->certs = optarg;
			o->tls = true;
			break;
		case OPT_TLS_VERSION:
			o->tls_version = optarg;
			o->tls = true;
			break;
		case OPT_RESUME:
			o->resume = true;
			break;
		case OPT_KEY:
			o->key = optarg;
			break;
		case OPT_DIRECTORY:
			o->directory = optarg;
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
	if (o->plan.devices < o->plan.flows) {
		fputs("sluice-load: each flow needs a device of its own\n", stderr);
		return false;
	}
	if (o->huge && !o->vhost) {
		fputs("sluice-load: --huge is DPDK's memory, so it needs --vhost\n", stderr);
		return false;
	}
	if (o->duration_s <= 0 && o->count == 0)
		o->duration_s = 10;
	return optind == argc;
}

struct load_options load_defaults(void)
{
	return (struct load_options){
		.protocol = "udp",
		.port = 514,
		.plan = {.flows = 1},
		.seed = 1,
		.templates = 65536,
		.batch = LOAD_BATCH_MAX,
		.write_bytes = 65536,
		.window = 128,
		.item_logs = 16,
		.at_once = 64,
		.key = "p-256",
		.gso = true,
		.cpu = -1,
	};
}
