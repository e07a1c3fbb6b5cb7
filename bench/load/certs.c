/*
 * sluice-load certs: an authority that exists for one test, with a certificate for the receiver and
 * one for each device. The authority's key is not kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench/load/load.h"
#include "tls/ca.h"

#define DAYS 30

/* `key` may be NULL. Never readable by others: most hold a key. */
static bool write_pem(const char *directory, const char *name, const char *cert, const char *key)
{
	char path[4096];
	int fd;
	FILE *f;
	bool good;

	snprintf(path, sizeof(path), "%s/%s.pem", directory, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	f = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (!f) {
		fprintf(stderr, "sluice-load: %s: %s\n", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	good = fputs(cert, f) >= 0 && (!key || fputs(key, f) >= 0);
	good = fclose(f) == 0 && good;
	if (!good)
		fprintf(stderr, "sluice-load: %s: cannot be written\n", path);
	return good;
}

static bool issue(const struct load_options *o, const struct ca_pair *ca, const char *cn,
	const char *name, bool server)
{
	struct ca_order order = {
		.cn = cn,
		.dns = server ? cn : NULL,
		.kind = o->key,
		.days = DAYS,
		.now_s = time(NULL),
		.client = !server,
		.server = server,
	};
	struct ca_pair pair = {0};
	char err[256];
	bool good;

	if (ca_issue(ca, &order, &pair, err, sizeof(err)) != 0) {
		fprintf(stderr, "sluice-load: %s: %s\n", cn, err);
		return false;
	}
	good = write_pem(o->directory, name, pair.cert_pem, pair.key_pem);
	ca_pair_free(&pair);
	return good;
}

int load_certs_main(int argc, char **argv)
{
	struct load_options o = load_defaults();
	struct ca_order order = {
		.cn = "sluice-load", .kind = "p-256", .days = DAYS, .now_s = time(NULL)};
	struct ca_pair ca = {0};
	char err[256];
	bool good;

	if (!load_options_parse(&o, argc, argv) || !o.directory)
		return load_usage();
	if (!ca_key_kind_known(o.key)) {
		fprintf(stderr, "sluice-load: --key is p-256, rsa-2048, rsa-3072 or rsa-4096\n");
		return 2;
	}
	if (mkdir(o.directory, 0700) != 0 && errno != EEXIST) {
		fprintf(stderr, "sluice-load: %s: %s\n", o.directory, strerror(errno));
		return 1;
	}
	order.kind = o.key;
	if (ca_make(&order, &ca, err, sizeof(err)) != 0) {
		fprintf(stderr, "sluice-load: %s\n", err);
		return 1;
	}
	good = write_pem(o.directory, "ca", ca.cert_pem, NULL) &&
	       issue(&o, &ca, "receiver.example", "receiver", true);
	for (uint32_t d = 0; d < o.plan.devices && good; d++) {
		char serial[17];

		lines_serial(d, serial);
		good = issue(&o, &ca, serial, serial, false);
	}
	ca_pair_free(&ca);
	return good ? 0 : 1;
}
