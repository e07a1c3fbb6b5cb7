#include "dataplane/auth.h"

#include <regex.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/siphash.h"
#include "tls/tls.h"

/* Serials come from a registry that an operator fills: no key is needed against collisions. */
static const struct siphash_key hash_key = {0x736c756963652d61, 0x7574682d74616231};

struct auth_snapshot {
	_Atomic unsigned refs;
	bool legacy_mode, legacy_any, pattern_set;
	regex_t pattern;
	uint32_t mask;	 /* of `slots` */
	uint32_t *slots; /* index + 1 into `v`; 0: empty */
	struct auth_device *v;
	uint64_t *passwords; /* sorted */
	unsigned passwords_count;
};

static uint32_t hash_of(const char *serial)
{
	return (uint32_t)siphash13(&hash_key, serial, strlen(serial));
}

static uint32_t *slot_of(const struct auth_snapshot *s, const char *serial)
{
	uint32_t at = hash_of(serial) & s->mask;

	while (s->slots[at] && strcmp(s->v[s->slots[at] - 1].serial, serial) != 0)
		at = (at + 1) & s->mask;
	return &s->slots[at];
}

static int compile(struct auth_snapshot *s, const char *pattern, char *err, unsigned err_size)
{
	/* The whole name: so whatever alternatives the expression has, they stand in brackets. */
	size_t size = strlen(pattern) + 5;
	char *whole = malloc(size);
	int rc;

	if (!whole) {
		snprintf(err, err_size, "out of memory");
		return -1;
	}
	snprintf(whole, size, "^(%s)$", pattern);
	rc = regcomp(&s->pattern, whole, REG_EXTENDED | REG_NOSUB);
	free(whole);
	if (rc != 0) {
		char why[128];

		regerror(rc, &s->pattern, why, sizeof(why));
		snprintf(err, err_size, "serial pattern \"%s\": %s", pattern, why);
		return -1;
	}
	s->pattern_set = true;
	return 0;
}

struct auth_snapshot *auth_snapshot_new(const struct auth_device *v, unsigned n,
	const char *pattern, bool legacy_mode, char *err, unsigned err_size)
{
	struct auth_snapshot *s = calloc(1, sizeof(*s));
	uint32_t slots = 8;

	if (!s) {
		snprintf(err, err_size, "out of memory");
		return NULL;
	}
	atomic_init(&s->refs, 1);
	s->legacy_mode = s->legacy_any = legacy_mode;
	while (slots / 2 < n)
		slots *= 2;
	s->mask = slots - 1;
	s->slots = calloc(slots, sizeof(*s->slots));
	s->v = calloc(n ? n : 1, sizeof(*s->v));
	if (!s->slots || !s->v) {
		snprintf(err, err_size, "out of memory for %u devices", n);
		auth_snapshot_unref(s);
		return NULL;
	}
	if (compile(s, pattern, err, err_size) != 0) {
		auth_snapshot_unref(s);
		return NULL;
	}
	for (unsigned i = 0; i < n; i++) {
		s->v[i] = v[i];
		s->v[i].serial[AUTH_SERIAL - 1] = '\0';
		s->legacy_any |= v[i].legacy;
		*slot_of(s, s->v[i].serial) = i + 1;
	}
	return s;
}

struct auth_snapshot *auth_snapshot_ref(struct auth_snapshot *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void auth_snapshot_unref(struct auth_snapshot *s)
{
	if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (s->pattern_set)
		regfree(&s->pattern);
	free(s->slots);
	free(s->v);
	free(s->passwords);
	free(s);
}

const struct auth_device *auth_find(const struct auth_snapshot *s, const char *serial)
{
	uint32_t at = *slot_of(s, serial);

	return at ? &s->v[at - 1] : NULL;
}

bool auth_serial_legal(const struct auth_snapshot *s, const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len < AUTH_SERIAL && regexec(&s->pattern, name, 0, NULL, 0) == 0;
}

const char *auth_name(
	const struct auth_snapshot *s, bool serial, bool dns, const struct tls_peer *peer)
{
	for (const char *name = peer->names; s && serial && *name; name += strlen(name) + 1)
		if (auth_serial_legal(s, name))
			return name;
	return dns && peer->dns[0] && strlen(peer->dns) < AUTH_SERIAL ? peer->dns : NULL;
}

const char *auth_legacy_denial(const struct auth_snapshot *s, const char *serial)
{
	const struct auth_device *d = auth_find(s, serial);

	if (d && d->certified)
		return AUTH_CERTIFIED;
	if (s->legacy_mode || (d && d->legacy))
		return NULL;
	return "neither legacy-auth-mode nor the device's legacy is enabled";
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *l = a, *r = b;

	return (*l > *r) - (*l < *r);
}

bool auth_snapshot_passwords(struct auth_snapshot *s, const uint64_t *v, unsigned n)
{
	if (n == 0)
		return true;
	s->passwords = malloc(n * sizeof(*v));
	if (!s->passwords)
		return false;
	memcpy(s->passwords, v, n * sizeof(*v));
	s->passwords_count = n;
	qsort(s->passwords, n, sizeof(*v), by_number);
	return true;
}

bool auth_password_stands(const struct auth_snapshot *s, uint64_t number)
{
	return s->passwords_count &&
	       bsearch(&number, s->passwords, s->passwords_count, sizeof(number), by_number);
}

bool auth_legacy_any(const struct auth_snapshot *s)
{
	return s->legacy_any;
}
