#include "tests/unit/control/certs.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

json_t *certs_with(struct harness *h, const char *method, json_t *params, bool fine)
{
	char *text = json_dumps(params, 0);
	json_t *v = fine ? harness_result(h, method, text) : harness_error(h, method, text);

	free(text);
	json_decref(params);
	return v;
}

static json_t *import_params(const char *name, const void *data, size_t len)
{
	unsigned char *base64 = malloc(len * 2 + 8);
	json_t *params;

	EVP_EncodeBlock(base64, data, (int)len);
	params = json_pack(
		"{s:s,s:s,s:b}", "name", name, "data", (char *)base64, "sure", 0); /* as a person */
	free(base64);
	return params;
}

json_t *certs_import(struct harness *h, const char *name, const void *data, size_t len, bool fine)
{
	return certs_with(h, "cert.import", import_params(name, data, len), fine);
}

json_t *certs_import_surely(struct harness *h, const char *name, const void *data, size_t len)
{
	json_t *params = import_params(name, data, len);

	json_object_set_new(params, "sure", json_true());
	return certs_with(h, "cert.import", params, true);
}

json_t *certs_import_unasked(struct harness *h, const char *name, const void *data, size_t len)
{
	json_t *params = import_params(name, data, len);

	json_object_del(params, "sure");
	return certs_with(h, "cert.import", params, true);
}

struct ca_pair certs_make(const char *cn, bool authority, const struct ca_pair *by)
{
	const struct ca_order o = {.cn = cn,
		.kind = "p-256",
		.days = 90,
		.now_s = (int64_t)(clock_wall_ns() / 1000000000u),
		.server = true};
	struct ca_pair p;
	char err[200];

	assert_int_equal(authority ? ca_make(&o, &p, err, sizeof(err))
				   : ca_issue(by, &o, &p, err, sizeof(err)),
		0);
	return p;
}
