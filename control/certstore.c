#include "control/certstore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_MAX 16384 /* bytes of a key's file */

static const char *const kind_names[STORE_KINDS] = {
	[STORE_IDENTITY] = "identity",
	[STORE_ANCHOR] = "anchor",
	[STORE_CRL] = "crl",
	[STORE_CA] = "ca",
	[STORE_REQUEST] = "request",
};

const char *store_kind_name(enum store_kind kind)
{
	return kind_names[kind];
}

static int fail(struct certstore *s, const char *what, const char *why)
{
	snprintf(s->error, sizeof(s->error), "%.150s: %.90s", what, why);
	return -1;
}

bool certstore_name_legal(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= CERTSTORE_NAME && name[0] != '.' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		       n;
}

struct stored *certstore_find(struct certstore *s, const char *name)
{
	for (unsigned i = 0; i < s->count; i++)
		if (strcmp(s->v[i].name, name) == 0)
			return &s->v[i];
	return NULL;
}

/* What its PEM says. */
static void look(struct stored *c)
{
	struct cert_bundle b;
	char err[64];

	if (c->kind == STORE_REQUEST ||
		cert_bundle_read(&b, c->pem, strlen(c->pem), NULL, err, sizeof(err)) != CERT_OK)
		return;
	c->count = c->kind == STORE_CRL ? b.crls_count : b.certs_count;
	for (unsigned i = 0; i < c->count; i++) {
		struct cert_facts f;

		if (c->kind == STORE_CRL)
			cert_crl_facts(&b, i, &f);
		else
			cert_bundle_facts(&b, i, &f);
		if (i == 0)
			c->facts = f;
		if (f.not_after_s && (c->ends_s == 0 || f.not_after_s < c->ends_s))
			c->ends_s = f.not_after_s;
	}
	cert_bundle_free(&b);
}

static void clear(struct stored *c)
{
	free(c->pem);
	free(c->report);
	memset(c, 0, sizeof(*c));
}

/* Fills a place of its own. */
static int fill(struct stored *c, const struct cert_row *row, enum store_kind kind)
{
	memset(c, 0, sizeof(*c));
	snprintf(c->name, sizeof(c->name), "%s", row->name);
	snprintf(c->key_file, sizeof(c->key_file), "%s", row->key_file);
	snprintf(c->who, sizeof(c->who), "%s", row->who);
	c->kind = kind;
	c->time_ns = row->time_ns;
	c->pem = strdup(row->pem);
	if (!c->pem)
		return -1;
	look(c);
	return 0;
}

static void load_one(void *ctx, const struct cert_row *row)
{
	struct certstore *s = ctx;

	if (s->count == CERTSTORE_MAX || !certstore_name_legal(row->name) ||
		strchr(row->key_file, '/'))
		return;
	for (enum store_kind k = 0; k < STORE_KINDS; k++)
		if (strcmp(kind_names[k], row->kind) == 0 && fill(&s->v[s->count], row, k) == 0)
			s->count++;
}

static int make_dir(struct certstore *s)
{
	struct stat st;

	if (mkdir(s->dir, 0700) != 0 && errno != EEXIST)
		return fail(s, s->dir, strerror(errno));
	if (lstat(s->dir, &st) != 0 || !S_ISDIR(st.st_mode))
		return fail(s, s->dir, "is no directory");
	if (geteuid() == 0 && s->owner != (uid_t)-1 && lchown(s->dir, s->owner, s->group) != 0)
		return fail(s, s->dir, strerror(errno));
	return 0;
}

int certstore_load(
	struct certstore *s, struct registry *r, const char *dir, uid_t owner, gid_t group)
{
	memset(s, 0, sizeof(*s));
	s->registry = r;
	s->owner = owner;
	s->group = group;
	s->changes = s->crl_changes = 1;
	snprintf(s->dir, sizeof(s->dir), "%s", dir ? dir : "");
	if (dir && make_dir(s) != 0)
		return -1;
	if (registry_certs(r, load_one, s) != REGISTRY_OK)
		return fail(s, "registry", registry_error(r));
	return 0;
}

void certstore_free(struct certstore *s)
{
	while (s->count)
		clear(&s->v[--s->count]);
}

static void path_of(const struct certstore *s, const char *file, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", s->dir, file);
}

static int sync_dir(const struct certstore *s)
{
	int fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 ? -1 : fsync(fd);

	if (fd >= 0)
		close(fd);
	return rc;
}

/* A file of another name each time: the old key stays until the row names the new one. */
static int write_key(struct certstore *s, const char *name, const char *pem, char file[128])
{
	char path[1300];
	uint64_t random;
	const size_t n = strlen(pem);
	int fd;

	if (s->dir[0] == '\0')
		return fail(s, "a private key cannot be kept", "the registry is in memory");
	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return fail(s, "getrandom", strerror(errno));
	snprintf(file, 128, "%s.%016llx.key", name, (unsigned long long)random);
	path_of(s, file, path, sizeof(path));
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(s, path, strerror(errno));
	if (write(fd, pem, n) != (ssize_t)n || fchmod(fd, 0600) != 0 || fsync(fd) != 0 ||
		(geteuid() == 0 && s->owner != (uid_t)-1 && fchown(fd, s->owner, s->group) != 0) ||
		sync_dir(s) != 0) {
		fail(s, path, strerror(errno));
		close(fd);
		unlink(path);
		return -1;
	}
	close(fd);
	return 0;
}

static void remove_key(const struct certstore *s, const char *file)
{
	char path[1300];

	if (file[0] == '\0')
		return;
	path_of(s, file, path, sizeof(path));
	unlink(path);
}

/* Its place among the names, made free; NULL: there is no room. */
static struct stored *place_for(struct certstore *s, const char *name)
{
	unsigned i = 0;

	while (i < s->count && strcmp(s->v[i].name, name) < 0)
		i++;
	if (i < s->count && strcmp(s->v[i].name, name) == 0) {
		clear(&s->v[i]);
		return &s->v[i];
	}
	memmove(&s->v[i + 1], &s->v[i], (s->count - i) * sizeof(s->v[0]));
	memset(&s->v[i], 0, sizeof(s->v[i]));
	s->count++;
	return &s->v[i];
}

static void count_change(struct certstore *s, enum store_kind kind)
{
	s->changes++;
	s->crl_changes += kind == STORE_CRL;
}

int certstore_room(struct certstore *s, const struct store_order *const *v, unsigned n)
{
	unsigned places = s->count;
	size_t crls = 0;
	bool more = false;

	for (unsigned i = 0; i < s->count; i++)
		if (s->v[i].kind == STORE_CRL)
			crls += strlen(s->v[i].pem);
	for (unsigned i = 0; i < n; i++) {
		const struct stored *old = certstore_find(s, v[i]->name);

		places += !old;
		if (old && old->kind == STORE_CRL)
			crls -= strlen(old->pem);
		if (v[i]->kind != STORE_CRL)
			continue;
		crls += strlen(v[i]->pem);
		more = true;
	}
	if (places > CERTSTORE_MAX)
		return fail(s, "certificates", "there would be more than 256");
	if (more && crls > CERTSTORE_CRLS)
		return fail(s, "CRLs", "they would have more than 4 MiB together, as PEM");
	return 0;
}

int certstore_put(struct certstore *s, const struct store_order *o)
{
	const struct stored *old = certstore_find(s, o->name);
	char file[128] = "", old_file[128] = "";
	const struct cert_row row = {
		.name = o->name,
		.kind = kind_names[o->kind],
		.pem = o->pem,
		.key_file = file,
		.time_ns = o->audit->time_ns,
		.who = o->who,
	};

	if (certstore_room(s, &o, 1) != 0)
		return -1;
	if (old)
		snprintf(old_file, sizeof(old_file), "%s", old->key_file);
	if (o->key_pem && write_key(s, o->name, o->key_pem, file) != 0)
		return -1;
	if (registry_cert_put(s->registry, &row, o->audit) != REGISTRY_OK) {
		remove_key(s, file);
		return fail(s, "registry", registry_error(s->registry));
	}
	remove_key(s, old_file);
	count_change(s, o->kind);
	if (fill(place_for(s, o->name), &row, o->kind) != 0)
		return fail(s, "certificates", "out of memory");
	return 0;
}

int certstore_delete(struct certstore *s, const char *name, const struct audit_row *audit)
{
	struct stored *c = certstore_find(s, name);
	unsigned i;

	if (!c)
		return fail(s, name, "there is none of this name");
	if (registry_cert_delete(s->registry, name, audit) != REGISTRY_OK)
		return fail(s, "registry", registry_error(s->registry));
	remove_key(s, c->key_file);
	count_change(s, c->kind);
	clear(c);
	i = (unsigned)(c - s->v);
	s->count--;
	memmove(c, c + 1, (s->count - i) * sizeof(*c));
	memset(&s->v[s->count], 0, sizeof(s->v[0]));
	return 0;
}

char *certstore_key(struct certstore *s, const struct stored *c)
{
	char path[1300];
	char *pem = calloc(1, KEY_MAX + 1);
	ssize_t n = -1;
	int fd;

	if (!pem || c->key_file[0] == '\0') {
		fail(s, c->name, pem ? "it has no private key" : "out of memory");
		free(pem);
		return NULL;
	}
	path_of(s, c->key_file, path, sizeof(path));
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, pem, KEY_MAX);
		close(fd);
	}
	if (n > 0)
		return pem;
	fail(s, path, n == 0 ? "is empty" : strerror(errno));
	free(pem);
	return NULL;
}

typedef bool (*wanted_fn)(const struct stored *c, const void *ctx);

static char *join(const struct certstore *s, wanted_fn wanted, const void *ctx)
{
	size_t n = 0;
	char *all;

	for (unsigned i = 0; i < s->count; i++)
		if (wanted(&s->v[i], ctx))
			n += strlen(s->v[i].pem) + 1;
	all = n ? malloc(n + 1) : NULL;
	if (!all)
		return NULL;
	n = 0;
	for (unsigned i = 0; i < s->count; i++)
		if (wanted(&s->v[i], ctx))
			n += (size_t)sprintf(all + n, "%s\n", s->v[i].pem);
	return all;
}

static bool of_kinds(const struct stored *c, const void *kinds)
{
	return *(const unsigned *)kinds & 1u << c->kind;
}

char *certstore_pem_of(const struct certstore *s, unsigned kinds)
{
	return join(s, of_kinds, &kinds);
}

/* Of several in one file the first one's issuer alone is known. */
static bool of_an_issuer(const struct stored *c, const void *bundle)
{
	const struct cert_bundle *b = bundle;
	char issuer[CERT_TEXT];

	for (unsigned i = 0; c->kind == STORE_CRL && i < b->crls_count; i++) {
		cert_crl_issuer(b, i, issuer, sizeof(issuer));
		if (c->count > 1 || strcmp(c->facts.issuer, issuer) == 0)
			return true;
	}
	return false;
}

char *certstore_crls_beside(const struct certstore *s, const struct cert_bundle *b)
{
	return join(s, of_an_issuer, b);
}
