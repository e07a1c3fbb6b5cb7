#include "tls/scram_message.h"

#include <string.h>

#include <openssl/evp.h>

bool scram_message_set(struct scram_message *m, const void *data, size_t len)
{
	m->len = 0;
	m->at[0] = '\0';
	if (len > SCRAM_MESSAGE || memchr(data, '\0', len))
		return false;
	memcpy(m->at, data, len);
	m->at[len] = '\0';
	m->len = len;
	return true;
}

bool scram_attribute(const char **at, char name, const char **value, size_t *len)
{
	const char *p = *at;

	if (p[0] != name || p[1] != '=')
		return false;
	*value = p + 2;
	*len = strcspn(*value, ",");
	*at = *value + *len;
	if (**at == ',')
		(*at)++;
	return *len > 0;
}

void scram_binding_text(const uint8_t binding[SCRAM_BINDING], char text[SCRAM_BINDING_TEXT])
{
	uint8_t both[sizeof(SCRAM_GS2) - 1 + SCRAM_BINDING];

	_Static_assert((sizeof(both) + 2) / 3 * 4 + 1 <= SCRAM_BINDING_TEXT, "it has room");
	memcpy(both, SCRAM_GS2, sizeof(SCRAM_GS2) - 1);
	memcpy(both + sizeof(SCRAM_GS2) - 1, binding, SCRAM_BINDING);
	EVP_EncodeBlock((unsigned char *)text, both, sizeof(both));
}
