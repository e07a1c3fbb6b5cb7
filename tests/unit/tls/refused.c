#include "tests/unit/tls/refused.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

const char *issued_by;

void refused(const struct world *w, const struct tls_client_options *o, enum refusal_reason reason,
	int alert12, int alert13)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

	for (unsigned i = 0; i < 2; i++) {
		struct tls_client_options once = *o;
		struct tls_set *set = world_set(w);
		struct tls_failure f;

		if (!o->max_version)
			once.min_version = once.max_version = versions[i];
		link_open(&wire, set, &once, false);
		assert_false(link_handshake(&wire));
		assert_int_equal(wire.status, TLS_FAILED);
		tls_conn_failure(wire.server, &f);
		assert_string_equal(refusal_reason_slug(f.reason), refusal_reason_slug(reason));
		assert_true(f.detail[0] != '\0');
		if (issued_by)
			assert_non_null(strstr(f.detail, issued_by));
		assert_int_equal(wire.client.alert, i ? alert13 : alert12);
		link_close(&wire);
		tls_set_unref(set);
	}
}

void let_in(const struct world *w, const struct tls_client_options *o, const char *warning)
{
	struct tls_set *set = world_set(w);

	for (unsigned traced = 0; traced < 2; traced++) {
		link_open(&wire, set, o, traced);
		assert_true(link_handshake(&wire));
		if (traced && warning)
			assert_non_null(strstr(wire.trace, warning));
		else
			assert_null(strstr(wire.trace, "WARNING"));
		link_close(&wire);
	}
	tls_set_unref(set);
}
