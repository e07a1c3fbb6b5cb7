#include "send/legacy.h"

#include <string.h>

#include "send/world.h"
#include "tls/binding.h"

static size_t give(const struct scram_message *m, uint8_t *to, size_t size)
{
	if (m->len > size)
		return 0;
	memcpy(to, m->at, m->len);
	return m->len;
}

static size_t first(void *ctx, uint8_t *to, size_t size)
{
	struct legacy *l = ctx;
	uint8_t nonce[SCRAM_NONCE];

	world_random_bytes(nonce, sizeof(nonce));
	scram_client_first(&l->exchange, l->settings->legacy_user, nonce);
	return give(&l->exchange.first, to, size);
}

static size_t answer(void *ctx, const uint8_t *challenge, size_t len, uint8_t *to, size_t size)
{
	struct legacy *l = ctx;
	uint8_t binding[SCRAM_BINDING];
	struct scram_message final;

	if (!tls_binding(l->link->ssl, binding) ||
		!scram_client_final(&l->exchange, challenge, len, l->password, binding, &final))
		return 0;
	return give(&final, to, size);
}

static bool proven(void *ctx, const uint8_t *last, size_t len)
{
	const struct legacy *l = ctx;

	return scram_client_proven(&l->exchange, last, len);
}

int legacy_init(struct legacy *l, const struct settings *s, const struct link *link,
	const char *serial, struct client_config *cfg, char *err, size_t size)
{
	static const uint8_t any[SCRAM_NONCE];
	const char *file = s->legacy_password[0] ? s->legacy_password : NULL;

	if (!s->legacy_user[0])
		return 0;
	*l = (struct legacy){.settings = s,
		.link = link,
		.sasl = {.first = first,
			.answer = answer,
			.proven = proven,
			.ctx = l,
			/* And the server is known by its certificate. */
			.certified = s->certificate_verification && serial[0] &&
				     strcmp(serial, cfg->serial) == 0}};
	if (!scram_client_first(&l->exchange, s->legacy_user, any)) {
		snprintf(err, size, "legacy-user: no user has this name");
		return -1;
	}
	if (secret_read(file, "legacy-password", "Password", false, l->password, err, size) != 0)
		return -1;
	cfg->sasl = &l->sasl;
	return 0;
}

void legacy_fini(struct legacy *l)
{
	explicit_bzero(l->password, sizeof(l->password));
}
