/*
 * The device registry in memory: who may log, who is here. The truth about decisions is in
 * registry.db and is written there first; facts that come from the wire are gathered here and
 * written in batches, so that a flood of events costs a transaction a second and not one each.
 * Control thread only.
 */
#ifndef SLUICE_CONTROL_DEVICES_H
#define SLUICE_CONTROL_DEVICES_H

#include <stdbool.h>
#include <stdint.h>

#include "control/registry_devices.h"
#include "dataplane/base/addr.h"
#include "dataplane/base/siphash.h"

#define DEVICES_DIRTY_MAX 1024 /* with facts not yet written; past it they are written at once */
#define DEVICES_PENDING_MAX                                                                        \
	10000 /* unknown serials that wait; past it new ones are counted only                      \
	       */

/* What has happened to a device since its facts were written last. */
struct device_facts {
	bool contact, refused;
	uint64_t contact_ns, refusal_ns;
	struct ip_addr addr, refusal_addr;
	uint16_t refusal; /* enum refusal_reason */
	int64_t not_after_s;
	char version[64], fingerprint[65], anchor[33];
	char subject[AUTH_TEXT], issuer[AUTH_TEXT], detail[AUTH_TEXT];
};

struct device {
	char serial[AUTH_SERIAL];
	uint8_t state; /* enum auth_state */
	bool legacy, was_up;
	bool certified; /* it has used a certificate */
	uint32_t rate;
	uint64_t lcores; /* a bit for each that has a session of it; 0: Down */
	uint64_t first_ns, since_ns;
	int64_t not_after_s;
	struct device_facts *facts;	  /* NULL: all is written */
	struct device *next_dirty, *next; /* in its chain */
};

struct devices {
	struct registry *registry;
	struct siphash_key key;
	struct device **chains;
	unsigned chains_count, count, max;
	unsigned by_state[AUTH_DENIED + 1];
	struct device *dirty;
	unsigned dirty_count;
	bool newly_certified; /* one has used a certificate for the first time */
	bool ends_changed; /* one has shown a certificate that ends at another time than its last */
	uint64_t refused_new; /* unknown serials not registered: a bound was reached */
	uint64_t batches, write_errors;
};

/* Reads the registry; who was Up when sluiced ended is Down since then. `max`: limits.devices. */
enum registry_status devices_load(struct devices *d, struct registry *r, unsigned max);
void devices_free(struct devices *d);

/* NULL: not registered. */
struct device *devices_find(const struct devices *d, const char *serial);
typedef void (*devices_fn)(void *ctx, struct device *dev);
void devices_each(const struct devices *d, devices_fn fn, void *ctx);

/* Decisions, on disk first. A device that is not known yet is added. */
enum registry_status devices_decide(
	struct devices *d, const struct device_row *row, const struct audit_row *audit);
enum registry_status devices_forget(
	struct devices *d, const char *serial, const struct audit_row *audit);

/* What an lcore tells. True: a device was registered as pending, or forgotten meanwhile, so that
 * the snapshot of lcores is not up to date. */
bool devices_event(struct devices *d, const struct auth_event *ev);
/* Before `devices_up()` for each session there is: everybody is Down. Then who is not called is
 * Down since `now_ns`. For when events were lost. */
void devices_resync_begin(struct devices *d);
void devices_up(struct devices *d, const char *serial, unsigned lcore, uint64_t now_ns);
void devices_resync_end(struct devices *d, uint64_t now_ns);
/* It has a session that its certificate proves, and what told so may have been lost: where no
 * certificate of its is known, it has this fingerprint until it shows the next one. */
#define DEVICES_FINGERPRINT_LOST "lost"
void devices_certified(struct devices *d, const char *serial);

/* Writes what is not written yet. */
enum registry_status devices_flush(struct devices *d);

/* For auth_snapshot_new(): all devices; the caller frees. NULL: out of memory, or there are none
 * (*n is 0). */
struct auth_device *devices_snapshot(const struct devices *d, unsigned *n);

#endif
