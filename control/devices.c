#include "control/devices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "control/loop.h"

static struct device **place(const struct devices *d, const char *serial)
{
	const uint64_t hash = siphash13(&d->key, serial, strlen(serial));
	struct device **at = &d->chains[hash & (d->chains_count - 1)];

	while (*at && strcmp((*at)->serial, serial) != 0)
		at = &(*at)->next;
	return at;
}

struct device *devices_find(const struct devices *d, const char *serial)
{
	return *place(d, serial);
}

void devices_each(const struct devices *d, devices_fn fn, void *ctx)
{
	for (unsigned i = 0; i < d->chains_count; i++)
		for (struct device *dev = d->chains[i]; dev; dev = dev->next)
			fn(ctx, dev);
}

/* It must not be there. NULL: out of memory. */
static struct device *add(struct devices *d, const char *serial, enum auth_state state)
{
	struct device *dev = calloc(1, sizeof(*dev));

	if (!dev)
		return NULL;
	snprintf(dev->serial, sizeof(dev->serial), "%s", serial);
	dev->state = (uint8_t)state;
	*place(d, serial) = dev;
	d->count++;
	d->by_state[state]++;
	return dev;
}

static void load_one(void *ctx, const struct device_row *row)
{
	struct devices *d = ctx;
	struct device *dev = NULL;

	if (strlen(row->serial) < AUTH_SERIAL && !devices_find(d, row->serial))
		dev = add(d, row->serial, row->state);
	if (!dev)
		return;
	dev->legacy = row->legacy;
	dev->rate = row->rate;
	dev->first_ns = row->first_ns;
	dev->since_ns = row->up ? clock_wall_ns() : row->since_ns;
	dev->not_after_s = row->not_after_s;
	dev->certified = row->fingerprint[0] != '\0';
}

enum registry_status devices_load(struct devices *d, struct registry *r, unsigned max)
{
	*d = (struct devices){.registry = r, .max = max, .chains_count = 1};
	while (d->chains_count < max)
		d->chains_count *= 2;
	if (getrandom(&d->key, sizeof(d->key), 0) != (ssize_t)sizeof(d->key))
		return REGISTRY_E_IO;
	d->chains = calloc(d->chains_count, sizeof(struct device *));
	return d->chains ? registry_devices(r, load_one, d) : REGISTRY_E_IO;
}

void devices_free(struct devices *d)
{
	for (unsigned i = 0; i < d->chains_count; i++) {
		struct device *dev = d->chains[i];

		while (dev) {
			struct device *next = dev->next;

			free(dev->facts);
			free(dev);
			dev = next;
		}
	}
	free(d->chains);
	*d = (struct devices){0};
}

enum registry_status devices_decide(
	struct devices *d, const struct device_row *row, const struct audit_row *audit)
{
	struct device *dev = devices_find(d, row->serial);
	enum registry_status rc = registry_device_decide(d->registry, row, audit);

	if (rc != REGISTRY_OK)
		return rc;
	if (!dev) {
		dev = add(d, row->serial, row->state);
		if (!dev)
			return REGISTRY_E_IO;
		dev->first_ns = audit->time_ns;
	}
	d->by_state[dev->state]--;
	d->by_state[row->state]++;
	dev->state = (uint8_t)row->state;
	dev->legacy = row->legacy;
	dev->rate = row->rate;
	return REGISTRY_OK;
}

static void forget_dirty(struct devices *d, const struct device *dev)
{
	struct device **at = &d->dirty;

	if (!dev->facts)
		return;
	while (*at != dev)
		at = &(*at)->next_dirty;
	*at = dev->next_dirty;
	d->dirty_count--;
}

enum registry_status devices_forget(
	struct devices *d, const char *serial, const struct audit_row *audit)
{
	enum registry_status rc = registry_device_forget(d->registry, serial, audit);
	struct device **at = place(d, serial);
	struct device *dev = *at;

	if (rc != REGISTRY_OK || !dev)
		return rc;
	*at = dev->next;
	forget_dirty(d, dev);
	d->by_state[dev->state]--;
	d->count--;
	free(dev->facts);
	free(dev);
	return REGISTRY_OK;
}

/* Its facts, to be changed; NULL: there is no room for them now. */
static struct device_facts *touch(struct devices *d, struct device *dev)
{
	if (dev->facts)
		return dev->facts;
	if (d->dirty_count >= DEVICES_DIRTY_MAX)
		devices_flush(d);
	if (d->dirty_count < DEVICES_DIRTY_MAX)
		dev->facts = calloc(1, sizeof(*dev->facts));
	if (!dev->facts)
		return NULL;
	dev->next_dirty = d->dirty;
	d->dirty = dev;
	d->dirty_count++;
	return dev->facts;
}

/* `f` may be NULL. */
static void note_certificate(
	struct devices *d, struct device *dev, struct device_facts *f, const struct auth_event *ev)
{
	if (ev->not_after_s && ev->not_after_s != dev->not_after_s) {
		dev->not_after_s = ev->not_after_s;
		d->ends_changed = true;
	}
	if (ev->fingerprint[0] && !dev->certified)
		dev->certified = d->newly_certified = true;
	if (!f)
		return;
	if (ev->not_after_s)
		f->not_after_s = ev->not_after_s;
	/* A login tells more than the handshake before it, or less. */
	if (!ev->fingerprint[0])
		return;
	snprintf(f->fingerprint, sizeof(f->fingerprint), "%s", ev->fingerprint);
	snprintf(f->anchor, sizeof(f->anchor), "%s", ev->anchor);
	snprintf(f->subject, sizeof(f->subject), "%s", ev->subject);
	snprintf(f->issuer, sizeof(f->issuer), "%s", ev->issuer);
}

static void note_contact(struct devices *d, struct device *dev, const struct auth_event *ev)
{
	struct device_facts *f = touch(d, dev);

	note_certificate(d, dev, f, ev);
	if (!f)
		return;
	f->contact = true;
	f->contact_ns = ev->time_ns;
	f->addr = ev->addr;
	if (ev->version[0])
		snprintf(f->version, sizeof(f->version), "%s", ev->version);
}

static void note_refusal(struct devices *d, struct device *dev, const struct auth_event *ev)
{
	struct device_facts *f = touch(d, dev);

	/* Else it is anybody's, who says that it is this serial. */
	if (ev->certified)
		note_certificate(d, dev, f, ev);
	if (!f)
		return;
	f->refused = true;
	f->refusal = ev->reason;
	f->refusal_ns = ev->time_ns;
	f->refusal_addr = ev->addr;
	snprintf(f->detail, sizeof(f->detail), "%s", ev->detail);
}

/* A bit for each lcore; numbers past 63 share one. */
static uint64_t lcore_bit(unsigned lcore)
{
	return 1ull << (lcore < 63 ? lcore : 63);
}

void devices_up(struct devices *d, const char *serial, unsigned lcore, uint64_t now_ns)
{
	struct device *dev = devices_find(d, serial);

	if (!dev)
		return;
	if (!dev->lcores && !dev->was_up) {
		dev->since_ns = now_ns;
		touch(d, dev);
	}
	dev->lcores |= lcore_bit(lcore);
}

void devices_certified(struct devices *d, const char *serial)
{
	struct device *dev = devices_find(d, serial);
	struct device_facts *f;

	if (!dev || dev->certified)
		return;
	dev->certified = d->newly_certified = true;
	f = touch(d, dev);
	if (f) /* so that it is known after a restart, too */
		snprintf(f->fingerprint, sizeof(f->fingerprint), "%s", DEVICES_FINGERPRINT_LOST);
}

static void down(struct devices *d, struct device *dev, unsigned lcore, uint64_t now_ns)
{
	const bool was = dev->lcores != 0;

	dev->lcores &= ~lcore_bit(lcore);
	if (was && !dev->lcores) {
		dev->since_ns = now_ns;
		touch(d, dev);
	}
}

/* Registers who was not known. NULL: a bound is reached. */
static struct device *discover(struct devices *d, const struct auth_event *ev)
{
	struct device *dev = NULL;

	if (d->count < d->max && d->by_state[AUTH_PENDING] < DEVICES_PENDING_MAX)
		dev = add(d, ev->serial, AUTH_PENDING);
	if (!dev) {
		d->refused_new++;
		return NULL;
	}
	dev->first_ns = ev->time_ns;
	return dev;
}

bool devices_event(struct devices *d, const struct auth_event *ev)
{
	struct device *dev = ev->serial[0] ? devices_find(d, ev->serial) : NULL;
	bool stale = false;

	if (!dev && ev->kind == AUTH_EV_PENDING && ev->serial[0]) {
		dev = discover(d, ev);
		stale = dev != NULL;
	}
	if (!dev)
		return false;
	switch (ev->kind) {
	case AUTH_EV_UP:
		devices_up(d, ev->serial, ev->lcore, ev->time_ns);
		note_contact(d, dev, ev);
		break;
	case AUTH_EV_PENDING:
		note_contact(d, dev, ev);
		break;
	case AUTH_EV_DOWN:
		down(d, dev, ev->lcore, ev->time_ns);
		break;
	case AUTH_EV_REFUSED:
		note_refusal(d, dev, ev);
		break;
	default:
		break;
	}
	return stale;
}

static void set_down(void *ctx, struct device *dev)
{
	(void)ctx;
	dev->was_up = dev->lcores != 0;
	dev->lcores = 0;
}

void devices_resync_begin(struct devices *d)
{
	devices_each(d, set_down, NULL);
}

struct resync {
	struct devices *d;
	uint64_t now_ns;
};

static void settle(void *ctx, struct device *dev)
{
	const struct resync *rs = ctx;

	if (dev->was_up && !dev->lcores) {
		dev->since_ns = rs->now_ns;
		touch(rs->d, dev);
	}
	dev->was_up = false;
}

void devices_resync_end(struct devices *d, uint64_t now_ns)
{
	struct resync rs = {d, now_ns};

	devices_each(d, settle, &rs);
}

static enum registry_status write_one(struct devices *d, const struct device *dev)
{
	const struct device_facts *f = dev->facts;
	char addr[IP_ADDR_TEXT] = "", refusal_addr[IP_ADDR_TEXT] = "";
	const struct device_row row = {
		.serial = dev->serial,
		.state = dev->state,
		.first_ns = dev->first_ns,
		.up = dev->lcores != 0,
		.since_ns = dev->since_ns,
		.contact_ns = f->contact_ns,
		.address = addr,
		.version = f->version,
		.subject = f->subject,
		.issuer = f->issuer,
		.fingerprint = f->fingerprint,
		.anchor = f->anchor,
		.not_after_s = f->not_after_s,
		.refusal = f->refused ? refusal_reason_slug(f->refusal) : "",
		.refusal_ns = f->refusal_ns,
		.refusal_address = refusal_addr,
		.refusal_detail = f->detail,
	};

	if (f->contact)
		ip_addr_format(&f->addr, addr);
	if (f->refused)
		ip_addr_format(&f->refusal_addr, refusal_addr);
	return registry_facts_put(d->registry, &row);
}

enum registry_status devices_flush(struct devices *d)
{
	enum registry_status rc;

	if (!d->dirty)
		return REGISTRY_OK;
	rc = registry_facts_begin(d->registry);
	if (rc == REGISTRY_OK) {
		for (const struct device *dev = d->dirty; dev && rc == REGISTRY_OK;
			dev = dev->next_dirty)
			rc = write_one(d, dev);
		rc = registry_facts_end(d->registry, rc);
	}
	if (rc != REGISTRY_OK) {
		d->write_errors++;
		return rc;
	}
	d->batches++;
	while (d->dirty) {
		struct device *dev = d->dirty;

		d->dirty = dev->next_dirty;
		free(dev->facts);
		dev->facts = NULL;
	}
	d->dirty_count = 0;
	return REGISTRY_OK;
}

struct copy {
	struct auth_device *v;
	unsigned n;
};

static void copy_one(void *ctx, struct device *dev)
{
	struct copy *c = ctx;
	struct auth_device *to = &c->v[c->n++];

	memcpy(to->serial, dev->serial, sizeof(to->serial));
	to->state = dev->state;
	to->legacy = dev->legacy;
	to->certified = dev->certified;
	to->rate = dev->rate;
}

struct auth_device *devices_snapshot(const struct devices *d, unsigned *n)
{
	struct copy c = {.v = calloc(d->count ? d->count : 1, sizeof(*c.v))};

	*n = 0;
	if (!c.v)
		return NULL;
	devices_each(d, copy_one, &c);
	*n = c.n;
	return c.v;
}
