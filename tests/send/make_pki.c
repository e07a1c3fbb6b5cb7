/*
 * Certificates for the tests of sluice-send: make_pki DIRECTORY SERVER DEVICE...
 *
 * ca.pem; SERVER.pem and each DEVICE.pem with key and certificate, common name as called.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tls/ca.h"

static int save(const char *dir, const char *name, const char *first, const char *second)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.pem", dir, name);
	f = fopen(path, "we");
	if (!f)
		return -1;
	fputs(first, f);
	fputs(second, f);
	return fclose(f);
}

int main(int argc, char **argv)
{
	struct ca_order order = {.cn = "test authority",
		.kind = "p-256",
		.days = 30,
		.now_s = time(NULL),
		.client = true,
		.server = true};
	struct ca_pair ca, pair;
	char err[400] = "usage: make_pki DIRECTORY SERVER DEVICE...";
	int rc;

	if (argc < 4 || ca_make(&order, &ca, err, sizeof(err)) != 0) {
		fprintf(stderr, "%s\n", err);
		return 1;
	}
	rc = save(argv[1], "ca", ca.cert_pem, "");
	for (int i = 2; i < argc && rc == 0; i++) {
		order.cn = argv[i];
		order.client = i > 2;
		order.server = i == 2;
		rc = ca_issue(&ca, &order, &pair, err, sizeof(err));
		if (rc == 0) {
			rc = save(argv[1], argv[i], pair.key_pem, pair.cert_pem);
			ca_pair_free(&pair);
		}
	}
	ca_pair_free(&ca);
	return rc != 0;
}
