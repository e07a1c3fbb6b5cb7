#include "tls/binding.h"

bool tls_binding(SSL *ssl, uint8_t to[TLS_BINDING])
{
	static const char label[] = "EXPORTER-Channel-Binding";

	if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1)
		return false;
	return SSL_export_keying_material(ssl, to, TLS_BINDING, label, sizeof(label) - 1,
		       (const uint8_t *)"", 0, 1) == 1;
}
